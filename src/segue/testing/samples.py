"""Executions, jobs and lines to write tests with."""

import itertools
from datetime import UTC, datetime
from typing import Any

import msgspec

from segue.domain.execution.jobs import Job
from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import TaskRun
from segue.domain.labels import Label
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.journal import InlineOutputs

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
"""A time with microseconds."""

HOSTILE = (
    "'; DROP TABLE executions; --",
    '" OR 1=1 --',
    "%",
    "_",
    "\\",
    '{"a","b"}',
    '\\"}',
    ":ids",
    "%(ids)s",
    "$1",
    "a\nb\tc",
    "NULL",
    "",
    "Ünïcödé \N{SNOWMAN} \N{GRINNING FACE}",
    "nul\0inside",
)
"""Texts that mean something to a database when they are put into a statement."""

_numbers = itertools.count(1)


def new_id(prefix: str = "id") -> str:
    """An id that no other call gets."""
    return f"{prefix}{next(_numbers):06d}"


def flow_key(tenant: str = "main", namespace: str = "company.team", flow_id: str = "hello") -> FlowKey:
    """The first revision of a flow."""
    return FlowKey(tenant, namespace, flow_id, 1)


def execution(key: FlowKey | None = None, *, at: datetime = NOW, **fields: Any) -> Execution:
    """An execution in CREATED, with a new id unless ``fields`` has one."""
    given: dict[str, Any] = {"id": new_id("e"), "flow": key or flow_key(), "status": Status.begin(at), "created_at": at}
    return Execution(**(given | fields))


def ended(given: Execution, state: State = State.SUCCESS) -> Execution:
    """The execution moved to its end."""
    return msgspec.structs.replace(given, status=given.status.to(state, NOW), is_finished=True)


def task_run(owner: Execution, ordinal: int = 0, **fields: Any) -> TaskRun:
    """A task run of ``owner``."""
    given: dict[str, Any] = {
        "id": f"{owner.id}-{ordinal}",
        "execution_id": owner.id,
        "task_id": f"task{ordinal}",
        "status": Status.begin(NOW),
    }
    return TaskRun(**(given | fields))


def job(run: TaskRun, key: FlowKey | None = None, **fields: Any) -> Job:
    """A job of a task run."""
    given: dict[str, Any] = {
        "task_run_id": run.id,
        "execution_id": run.execution_id,
        "flow": key or flow_key(),
        "task_id": run.task_id,
        "attempt": 1,
        "created_at": NOW,
    }
    return Job(**(given | fields))


def line(message: str = "hello", execution_id: str | None = None, **fields: Any) -> LogEntry:
    """A log line with a new id."""
    given: dict[str, Any] = {
        "id": new_id("l"),
        "tenant": "main",
        "namespace": "company.team",
        "flow_id": "hello",
        "at": NOW,
        "level": LogLevel.INFO,
        "message": message,
        "execution_id": execution_id,
    }
    return LogEntry(**(given | fields))


def outputs(run: TaskRun, payload: bytes = b'{"value":1}') -> InlineOutputs:
    """Outputs of a task run."""
    return InlineOutputs(run.id, run.execution_id, payload, "0" * 64)


def stored_flow(flow_id: str = "hello", source: str = "id: hello", **fields: Any) -> StoredFlow:
    """A flow to save."""
    given: dict[str, Any] = {
        "tenant": "main",
        "namespace": "company.team",
        "id": flow_id,
        "revision": 0,
        "source": source,
        "updated_at": NOW,
    }
    return StoredFlow(**(given | fields))


def label(key: str, value: str) -> Label:
    """A label."""
    return Label(key, value)
