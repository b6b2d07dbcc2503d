import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConnectRequest(_message.Message):
    __slots__ = ("protocol", "features", "worker_id", "name", "version", "slots", "worker_queues", "registration_token")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    WORKER_QUEUES_FIELD_NUMBER: _ClassVar[int]
    REGISTRATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    features: _containers.RepeatedScalarFieldContainer[str]
    worker_id: str
    name: str
    version: str
    slots: int
    worker_queues: _containers.RepeatedScalarFieldContainer[str]
    registration_token: str
    def __init__(self, protocol: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., worker_id: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., slots: _Optional[int] = ..., worker_queues: _Optional[_Iterable[str]] = ..., registration_token: _Optional[str] = ...) -> None: ...

class ConnectResponse(_message.Message):
    __slots__ = ("protocol", "features", "session_id", "heartbeat_ms", "lease_ms", "inline_output_bytes", "chunk_bytes", "globals", "expression_dialect")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_MS_FIELD_NUMBER: _ClassVar[int]
    LEASE_MS_FIELD_NUMBER: _ClassVar[int]
    INLINE_OUTPUT_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    GLOBALS_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_DIALECT_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    features: _containers.RepeatedScalarFieldContainer[str]
    session_id: str
    heartbeat_ms: int
    lease_ms: int
    inline_output_bytes: int
    chunk_bytes: int
    globals: bytes
    expression_dialect: str
    def __init__(self, protocol: _Optional[int] = ..., features: _Optional[_Iterable[str]] = ..., session_id: _Optional[str] = ..., heartbeat_ms: _Optional[int] = ..., lease_ms: _Optional[int] = ..., inline_output_bytes: _Optional[int] = ..., chunk_bytes: _Optional[int] = ..., globals: _Optional[bytes] = ..., expression_dialect: _Optional[str] = ...) -> None: ...

class WorkRequest(_message.Message):
    __slots__ = ("resume", "credits", "heartbeat", "goodbye")
    RESUME_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    resume: Resume
    credits: Credits
    heartbeat: Heartbeat
    goodbye: Goodbye
    def __init__(self, resume: _Optional[_Union[Resume, _Mapping]] = ..., credits: _Optional[_Union[Credits, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ...) -> None: ...

class Resume(_message.Message):
    __slots__ = ("tokens", "task_run_ids")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    TASK_RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedScalarFieldContainer[str]
    task_run_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tokens: _Optional[_Iterable[str]] = ..., task_run_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Credits(_message.Message):
    __slots__ = ("slots", "streams")
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    slots: int
    streams: int
    def __init__(self, slots: _Optional[int] = ..., streams: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WorkResponse(_message.Message):
    __slots__ = ("jobs", "kill", "invalidate", "heartbeat")
    JOBS_FIELD_NUMBER: _ClassVar[int]
    KILL_FIELD_NUMBER: _ClassVar[int]
    INVALIDATE_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    jobs: JobBatch
    kill: Kill
    invalidate: Invalidate
    heartbeat: HeartbeatAck
    def __init__(self, jobs: _Optional[_Union[JobBatch, _Mapping]] = ..., kill: _Optional[_Union[Kill, _Mapping]] = ..., invalidate: _Optional[_Union[Invalidate, _Mapping]] = ..., heartbeat: _Optional[_Union[HeartbeatAck, _Mapping]] = ...) -> None: ...

class JobBatch(_message.Message):
    __slots__ = ("jobs",)
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ...) -> None: ...

class FlowKey(_message.Message):
    __slots__ = ("tenant", "namespace", "flow_id", "revision", "settings")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    namespace: str
    flow_id: str
    revision: int
    settings: str
    def __init__(self, tenant: _Optional[str] = ..., namespace: _Optional[str] = ..., flow_id: _Optional[str] = ..., revision: _Optional[int] = ..., settings: _Optional[str] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("task_run_id", "attempt", "token", "execution_id", "flow", "task_id", "context", "outputs", "inner", "values", "trigger", "memory")
    TASK_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    INNER_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    task_run_id: str
    attempt: int
    token: str
    execution_id: str
    flow: FlowKey
    task_id: str
    context: bytes
    outputs: _containers.RepeatedCompositeFieldContainer[OutputEntry]
    inner: _containers.RepeatedCompositeFieldContainer[InnerTask]
    values: _containers.RepeatedScalarFieldContainer[str]
    trigger: str
    memory: bytes
    def __init__(self, task_run_id: _Optional[str] = ..., attempt: _Optional[int] = ..., token: _Optional[str] = ..., execution_id: _Optional[str] = ..., flow: _Optional[_Union[FlowKey, _Mapping]] = ..., task_id: _Optional[str] = ..., context: _Optional[bytes] = ..., outputs: _Optional[_Iterable[_Union[OutputEntry, _Mapping]]] = ..., inner: _Optional[_Iterable[_Union[InnerTask, _Mapping]]] = ..., values: _Optional[_Iterable[str]] = ..., trigger: _Optional[str] = ..., memory: _Optional[bytes] = ...) -> None: ...

class InnerTask(_message.Message):
    __slots__ = ("task_id", "task_run_id")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    task_run_id: str
    def __init__(self, task_id: _Optional[str] = ..., task_run_id: _Optional[str] = ...) -> None: ...

class OutputEntry(_message.Message):
    __slots__ = ("task_run_id", "task_id", "values", "inline", "size")
    TASK_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    task_run_id: str
    task_id: str
    values: _containers.RepeatedScalarFieldContainer[str]
    inline: bytes
    size: int
    def __init__(self, task_run_id: _Optional[str] = ..., task_id: _Optional[str] = ..., values: _Optional[_Iterable[str]] = ..., inline: _Optional[bytes] = ..., size: _Optional[int] = ...) -> None: ...

class Kill(_message.Message):
    __slots__ = ("tokens", "task_run_ids")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    TASK_RUN_IDS_FIELD_NUMBER: _ClassVar[int]
    tokens: _containers.RepeatedScalarFieldContainer[str]
    task_run_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tokens: _Optional[_Iterable[str]] = ..., task_run_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Invalidate(_message.Message):
    __slots__ = ("flows",)
    FLOWS_FIELD_NUMBER: _ClassVar[int]
    flows: _containers.RepeatedCompositeFieldContainer[FlowKey]
    def __init__(self, flows: _Optional[_Iterable[_Union[FlowKey, _Mapping]]] = ...) -> None: ...

class HeartbeatAck(_message.Message):
    __slots__ = ("at",)
    AT_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReportBatch(_message.Message):
    __slots__ = ("number", "logs", "started", "results", "metrics", "inner", "insights", "events")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    INNER_FIELD_NUMBER: _ClassVar[int]
    INSIGHTS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    number: int
    logs: _containers.RepeatedCompositeFieldContainer[LogLine]
    started: _containers.RepeatedCompositeFieldContainer[Started]
    results: _containers.RepeatedCompositeFieldContainer[Result]
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    inner: _containers.RepeatedCompositeFieldContainer[InnerReport]
    insights: _containers.RepeatedCompositeFieldContainer[Insight]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, number: _Optional[int] = ..., logs: _Optional[_Iterable[_Union[LogLine, _Mapping]]] = ..., started: _Optional[_Iterable[_Union[Started, _Mapping]]] = ..., results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., inner: _Optional[_Iterable[_Union[InnerReport, _Mapping]]] = ..., insights: _Optional[_Iterable[_Union[Insight, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class ReportAck(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class TaskRunKey(_message.Message):
    __slots__ = ("execution_id", "task_run_id", "attempt", "token", "task_id", "flow")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    task_run_id: str
    attempt: int
    token: str
    task_id: str
    flow: FlowKey
    def __init__(self, execution_id: _Optional[str] = ..., task_run_id: _Optional[str] = ..., attempt: _Optional[int] = ..., token: _Optional[str] = ..., task_id: _Optional[str] = ..., flow: _Optional[_Union[FlowKey, _Mapping]] = ...) -> None: ...

class LogLine(_message.Message):
    __slots__ = ("id", "run", "at", "level", "message", "thread")
    ID_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    THREAD_FIELD_NUMBER: _ClassVar[int]
    id: str
    run: TaskRunKey
    at: _timestamp_pb2.Timestamp
    level: str
    message: str
    thread: str
    def __init__(self, id: _Optional[str] = ..., run: _Optional[_Union[TaskRunKey, _Mapping]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., level: _Optional[str] = ..., message: _Optional[str] = ..., thread: _Optional[str] = ...) -> None: ...

class Started(_message.Message):
    __slots__ = ("run", "at")
    RUN_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    run: TaskRunKey
    at: _timestamp_pb2.Timestamp
    def __init__(self, run: _Optional[_Union[TaskRunKey, _Mapping]] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("run", "state", "started_at", "ended_at", "message", "outputs", "stored_outputs", "log_file")
    RUN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    STORED_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    LOG_FILE_FIELD_NUMBER: _ClassVar[int]
    run: TaskRunKey
    state: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    message: str
    outputs: bytes
    stored_outputs: StoredOutputs
    log_file: str
    def __init__(self, run: _Optional[_Union[TaskRunKey, _Mapping]] = ..., state: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., message: _Optional[str] = ..., outputs: _Optional[bytes] = ..., stored_outputs: _Optional[_Union[StoredOutputs, _Mapping]] = ..., log_file: _Optional[str] = ...) -> None: ...

class InnerReport(_message.Message):
    __slots__ = ("run", "block_id", "state", "started_at", "ended_at", "message", "outputs", "stored_outputs", "is_retried", "log_file")
    RUN_FIELD_NUMBER: _ClassVar[int]
    BLOCK_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    STORED_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    IS_RETRIED_FIELD_NUMBER: _ClassVar[int]
    LOG_FILE_FIELD_NUMBER: _ClassVar[int]
    run: TaskRunKey
    block_id: str
    state: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    message: str
    outputs: bytes
    stored_outputs: StoredOutputs
    is_retried: bool
    log_file: str
    def __init__(self, run: _Optional[_Union[TaskRunKey, _Mapping]] = ..., block_id: _Optional[str] = ..., state: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., message: _Optional[str] = ..., outputs: _Optional[bytes] = ..., stored_outputs: _Optional[_Union[StoredOutputs, _Mapping]] = ..., is_retried: _Optional[bool] = ..., log_file: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("run", "number", "at", "variables")
    RUN_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    run: TaskRunKey
    number: int
    at: _timestamp_pb2.Timestamp
    variables: bytes
    def __init__(self, run: _Optional[_Union[TaskRunKey, _Mapping]] = ..., number: _Optional[int] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., variables: _Optional[bytes] = ...) -> None: ...

class StoredOutputs(_message.Message):
    __slots__ = ("uri", "size", "digest")
    URI_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    uri: str
    size: int
    digest: str
    def __init__(self, uri: _Optional[str] = ..., size: _Optional[int] = ..., digest: _Optional[str] = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("run", "type", "name", "value", "at", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    RUN_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    run: TaskRunKey
    type: str
    name: str
    value: float
    at: _timestamp_pb2.Timestamp
    tags: _containers.ScalarMap[str, str]
    def __init__(self, run: _Optional[_Union[TaskRunKey, _Mapping]] = ..., type: _Optional[str] = ..., name: _Optional[str] = ..., value: _Optional[float] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Insight(_message.Message):
    __slots__ = ("run", "number", "revision", "kind", "name", "parent", "state", "at", "ended_at", "content")
    RUN_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    run: TaskRunKey
    number: int
    revision: int
    kind: str
    name: str
    parent: int
    state: str
    at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    content: bytes
    def __init__(self, run: _Optional[_Union[TaskRunKey, _Mapping]] = ..., number: _Optional[int] = ..., revision: _Optional[int] = ..., kind: _Optional[str] = ..., name: _Optional[str] = ..., parent: _Optional[int] = ..., state: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., content: _Optional[bytes] = ...) -> None: ...

class FetchFlowRequest(_message.Message):
    __slots__ = ("flow",)
    FLOW_FIELD_NUMBER: _ClassVar[int]
    flow: FlowKey
    def __init__(self, flow: _Optional[_Union[FlowKey, _Mapping]] = ...) -> None: ...

class FetchFlowResponse(_message.Message):
    __slots__ = ("source", "namespace_variables")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    source: str
    namespace_variables: bytes
    def __init__(self, source: _Optional[str] = ..., namespace_variables: _Optional[bytes] = ...) -> None: ...

class FetchOutputsRequest(_message.Message):
    __slots__ = ("execution_id", "task_run_id", "token")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    task_run_id: str
    token: str
    def __init__(self, execution_id: _Optional[str] = ..., task_run_id: _Optional[str] = ..., token: _Optional[str] = ...) -> None: ...

class FetchValuesRequest(_message.Message):
    __slots__ = ("execution_id", "token", "needs")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NEEDS_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    token: str
    needs: _containers.RepeatedCompositeFieldContainer[ValueNeed]
    def __init__(self, execution_id: _Optional[str] = ..., token: _Optional[str] = ..., needs: _Optional[_Iterable[_Union[ValueNeed, _Mapping]]] = ...) -> None: ...

class ValueNeed(_message.Message):
    __slots__ = ("kind", "key", "namespace", "revision")
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    kind: str
    key: str
    namespace: str
    revision: int
    def __init__(self, kind: _Optional[str] = ..., key: _Optional[str] = ..., namespace: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class FetchValuesResponse(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[FetchedValue]
    def __init__(self, values: _Optional[_Iterable[_Union[FetchedValue, _Mapping]]] = ...) -> None: ...

class FetchedValue(_message.Message):
    __slots__ = ("need", "refused", "secret", "kv", "file", "logs", "plain")
    NEED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    KV_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    PLAIN_FIELD_NUMBER: _ClassVar[int]
    need: ValueNeed
    refused: str
    secret: SecretText
    kv: KvContent
    file: FileFacts
    logs: bytes
    plain: str
    def __init__(self, need: _Optional[_Union[ValueNeed, _Mapping]] = ..., refused: _Optional[str] = ..., secret: _Optional[_Union[SecretText, _Mapping]] = ..., kv: _Optional[_Union[KvContent, _Mapping]] = ..., file: _Optional[_Union[FileFacts, _Mapping]] = ..., logs: _Optional[bytes] = ..., plain: _Optional[str] = ...) -> None: ...

class SecretText(_message.Message):
    __slots__ = ("value", "metadata")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    value: str
    metadata: bytes
    def __init__(self, value: _Optional[str] = ..., metadata: _Optional[bytes] = ...) -> None: ...

class KvContent(_message.Message):
    __slots__ = ("type", "value", "expired")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    type: str
    value: bytes
    expired: bool
    def __init__(self, type: _Optional[str] = ..., value: _Optional[bytes] = ..., expired: _Optional[bool] = ...) -> None: ...

class FileFacts(_message.Message):
    __slots__ = ("uri", "size")
    URI_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    uri: str
    size: int
    def __init__(self, uri: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class CallKvRequest(_message.Message):
    __slots__ = ("execution_id", "token", "namespace", "set", "delete", "list")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    token: str
    namespace: str
    set: KvSet
    delete: KvDelete
    list: KvList
    def __init__(self, execution_id: _Optional[str] = ..., token: _Optional[str] = ..., namespace: _Optional[str] = ..., set: _Optional[_Union[KvSet, _Mapping]] = ..., delete: _Optional[_Union[KvDelete, _Mapping]] = ..., list: _Optional[_Union[KvList, _Mapping]] = ...) -> None: ...

class KvSet(_message.Message):
    __slots__ = ("key", "type", "value", "overwrite", "at", "lives_us", "description")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    LIVES_US_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    key: str
    type: str
    value: bytes
    overwrite: bool
    at: _timestamp_pb2.Timestamp
    lives_us: int
    description: str
    def __init__(self, key: _Optional[str] = ..., type: _Optional[str] = ..., value: _Optional[bytes] = ..., overwrite: _Optional[bool] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lives_us: _Optional[int] = ..., description: _Optional[str] = ...) -> None: ...

class KvDelete(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class KvList(_message.Message):
    __slots__ = ("prefix",)
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    def __init__(self, prefix: _Optional[str] = ...) -> None: ...

class CallKvResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, keys: _Optional[_Iterable[str]] = ...) -> None: ...

class FetchLogsRequest(_message.Message):
    __slots__ = ("execution_id", "token", "of_execution_id", "namespace", "flow_id", "task_ids", "minimum_level", "after")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    OF_EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_IDS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_LEVEL_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    token: str
    of_execution_id: str
    namespace: str
    flow_id: str
    task_ids: _containers.RepeatedScalarFieldContainer[str]
    minimum_level: str
    after: int
    def __init__(self, execution_id: _Optional[str] = ..., token: _Optional[str] = ..., of_execution_id: _Optional[str] = ..., namespace: _Optional[str] = ..., flow_id: _Optional[str] = ..., task_ids: _Optional[_Iterable[str]] = ..., minimum_level: _Optional[str] = ..., after: _Optional[int] = ...) -> None: ...

class LogsPart(_message.Message):
    __slots__ = ("lines", "cursor")
    LINES_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    lines: bytes
    cursor: int
    def __init__(self, lines: _Optional[bytes] = ..., cursor: _Optional[int] = ...) -> None: ...

class AskRequest(_message.Message):
    __slots__ = ("execution_id", "token", "verb", "arguments")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    token: str
    verb: str
    arguments: bytes
    def __init__(self, execution_id: _Optional[str] = ..., token: _Optional[str] = ..., verb: _Optional[str] = ..., arguments: _Optional[bytes] = ...) -> None: ...

class ListFilesRequest(_message.Message):
    __slots__ = ("execution_id", "token", "namespace")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    token: str
    namespace: str
    def __init__(self, execution_id: _Optional[str] = ..., token: _Optional[str] = ..., namespace: _Optional[str] = ...) -> None: ...

class FilesPage(_message.Message):
    __slots__ = ("files",)
    FILES_FIELD_NUMBER: _ClassVar[int]
    files: _containers.RepeatedCompositeFieldContainer[FileEntry]
    def __init__(self, files: _Optional[_Iterable[_Union[FileEntry, _Mapping]]] = ...) -> None: ...

class FileEntry(_message.Message):
    __slots__ = ("path", "uri", "size", "revision")
    PATH_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    path: str
    uri: str
    size: int
    revision: int
    def __init__(self, path: _Optional[str] = ..., uri: _Optional[str] = ..., size: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class ReadFileRequest(_message.Message):
    __slots__ = ("execution_id", "token", "tenant", "uri", "offset", "cache")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    token: str
    tenant: str
    uri: str
    offset: int
    cache: CacheKey
    def __init__(self, execution_id: _Optional[str] = ..., token: _Optional[str] = ..., tenant: _Optional[str] = ..., uri: _Optional[str] = ..., offset: _Optional[int] = ..., cache: _Optional[_Union[CacheKey, _Mapping]] = ...) -> None: ...

class CacheKey(_message.Message):
    __slots__ = ("name", "object_id", "task_run_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_RUN_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    object_id: str
    task_run_id: str
    def __init__(self, name: _Optional[str] = ..., object_id: _Optional[str] = ..., task_run_id: _Optional[str] = ...) -> None: ...

class WriteFileRequest(_message.Message):
    __slots__ = ("target", "data")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    target: WriteTarget
    data: bytes
    def __init__(self, target: _Optional[_Union[WriteTarget, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class WriteTarget(_message.Message):
    __slots__ = ("run", "name", "cache", "namespace_file")
    RUN_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FILE_FIELD_NUMBER: _ClassVar[int]
    run: TaskRunKey
    name: str
    cache: CacheKey
    namespace_file: NamespaceTarget
    def __init__(self, run: _Optional[_Union[TaskRunKey, _Mapping]] = ..., name: _Optional[str] = ..., cache: _Optional[_Union[CacheKey, _Mapping]] = ..., namespace_file: _Optional[_Union[NamespaceTarget, _Mapping]] = ...) -> None: ...

class NamespaceTarget(_message.Message):
    __slots__ = ("namespace", "path", "overwrite", "write_id")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    WRITE_ID_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    path: str
    overwrite: bool
    write_id: str
    def __init__(self, namespace: _Optional[str] = ..., path: _Optional[str] = ..., overwrite: _Optional[bool] = ..., write_id: _Optional[str] = ...) -> None: ...

class WriteFileResponse(_message.Message):
    __slots__ = ("file", "revision")
    FILE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    file: StoredOutputs
    revision: int
    def __init__(self, file: _Optional[_Union[StoredOutputs, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class DeleteFilesRequest(_message.Message):
    __slots__ = ("execution_id", "token", "uris", "namespace", "paths", "with_folders")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    URIS_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PATHS_FIELD_NUMBER: _ClassVar[int]
    WITH_FOLDERS_FIELD_NUMBER: _ClassVar[int]
    execution_id: str
    token: str
    uris: _containers.RepeatedScalarFieldContainer[str]
    namespace: str
    paths: _containers.RepeatedScalarFieldContainer[str]
    with_folders: bool
    def __init__(self, execution_id: _Optional[str] = ..., token: _Optional[str] = ..., uris: _Optional[_Iterable[str]] = ..., namespace: _Optional[str] = ..., paths: _Optional[_Iterable[str]] = ..., with_folders: _Optional[bool] = ...) -> None: ...

class DeleteFilesResponse(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deleted: _Optional[_Iterable[str]] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...
