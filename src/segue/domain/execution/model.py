"""An execution: one run of one revision of a flow, without its task runs and outputs (design D4).

Facts: flow language 2.4 (labels), 9.3 (state), REST API 6.2 (fields).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from segue.domain.execution.fixtures import Fixture
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import OutputNeed, OutputReference
from segue.domain.ids import slugify
from segue.domain.labels import CORRELATION_ID, Label


class FlowKey(msgspec.Struct, frozen=True, array_like=True):
    """The exact revision of a flow. Hashable; the key of every flow cache.

    ``settings`` names the settings of namespaces that hold for it (``NamespaceSettings.pin``).
    """

    tenant: str
    namespace: str
    flow_id: str
    revision: int
    settings: str = ""


class ExecutionKind(StrEnum):
    """Why an execution exists; LOOP and the others are hidden from ordinary lists."""

    NORMAL = "NORMAL"
    TEST = "TEST"
    PLAYGROUND = "PLAYGROUND"
    LOOP = "LOOP"


class ExecutionTrigger(msgspec.Struct, frozen=True, omit_defaults=True):
    """What started an execution: the trigger (or parent task) and its variables."""

    id: str
    type: str
    variables: dict[str, Any] = {}


class Caller(msgspec.Struct, frozen=True, array_like=True):
    """The execution and the task run that started this one: a Subflow, a ForEachItem, a Loop.

    ``is_waiting``: the task run wants to hear how it ends. ``index``: the number of this one among many; then it
    also wants to hear when it has begun.
    """

    execution_id: str
    task_run_id: str
    is_waiting: bool = True
    index: int | None = None


class LoopItem(msgspec.Struct, frozen=True, array_like=True):
    """One value of a Loop: ``index`` from 0, ``key`` for maps only (flow language 7.10)."""

    index: int
    value: str
    key: str | None = None


class LoopPosition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which iteration of which Loop an execution is.

    ``parents`` are the items of the loops around it, nearest first. ``outputs`` are those of earlier task runs
    of the executions around it, as far as expressions inside the loop name them: they are read as its own.
    Where they are many they are kept once, in the private outputs of ``outputs_owner``.
    """

    task_id: str
    item: LoopItem
    execution_id: str
    """The execution in which the outermost loop runs: expressions see it as theirs."""
    parents: tuple[LoopItem, ...] = ()
    outputs: tuple[OutputNeed, ...] = ()
    outputs_owner: str | None = None


class Breakpoint(msgspec.Struct, frozen=True, array_like=True):
    """Where an execution is to be suspended: before this task, in a loop for this value (flow language 11.8)."""

    task_id: str
    value: str | None = None


def parse_breakpoints(text: str) -> tuple[Breakpoint, ...]:
    """Breakpoints as clients write them: ``taskId`` or ``taskId.value``, with commas between."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    pairs = [part.partition(".") for part in parts]
    return tuple(Breakpoint(task_id, value if dot else None) for task_id, dot, value in pairs)


class Execution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The execution row. ``version`` counts the writes and guards each of them (design D3)."""

    id: str
    flow: FlowKey
    status: Status
    created_at: datetime
    version: int = 0
    labels: tuple[Label, ...] = ()
    inputs: dict[str, Any] = {}
    variables: dict[str, Any] | None = None
    """What tasks have made of the flow's variables; None as long as none has changed them."""
    trigger: ExecutionTrigger | None = None
    parent_id: str | None = None
    """The execution this one was replayed from."""
    caller: Caller | None = None
    loop: LoopPosition | None = None
    breakpoints: tuple[Breakpoint, ...] = ()
    fixtures: tuple[Fixture, ...] = ()
    """What replaces task runs, in a TEST execution and the iterations of its loops."""
    original_id: str | None = None
    kind: ExecutionKind = ExecutionKind.NORMAL
    scheduled_at: datetime | None = None
    attempt_number: int = 1
    task_run_count: int = 0
    """Task runs made so far; the next one's id is derived from it, so none is made twice."""
    outputs: OutputReference | None = None
    """Where the flow outputs lie; in the database under the execution's own id as owner."""
    concurrency_scopes: tuple[str, ...] = ()
    """Where it took or waited for a slot; its slots are freed when it is finished (flow language 2.7)."""
    is_finished: bool = False
    """Whether everything is over, ``afterExecution`` included (flow language 2.6)."""
    depth: int = 0
    """How many executions called one another to come here; bounded, so that no flow calls itself for ever."""
    chain: int = 0
    """How many flow triggers started one after the other to come here; bounded as well."""
    asked_outputs: dict[str, Any] | None = None
    """Expressions that the caller wants evaluated at the end (``outputs`` of a Subflow of 1.x)."""
    original_created_at: datetime | None = None
    """When the first execution of a chain of retries was created, None for the first."""

    @property
    def state(self) -> State:
        """The current state."""
        return self.status.current

    @property
    def has_outputs(self) -> bool:
        """Whether there are flow outputs."""
        return self.outputs is not None

    @property
    def origin_id(self) -> str:
        """The execution this one repeats, itself when it repeats none."""
        return self.original_id or self.id

    @property
    def first_created_at(self) -> datetime:
        """When the first of a chain of retries was created."""
        return self.original_created_at or self.created_at

    @property
    def correlation_id(self) -> str:
        """Shared by every execution of a chain (label ``system.correlationId``)."""
        for label in self.labels:
            if label.key == CORRELATION_ID:
                return label.value
        return self.id


def execution_folder(execution: Execution) -> str:
    """The ``kestra:///`` URI of the execution's folder in internal storage (server document 4)."""
    flow = execution.flow
    return folder_of(flow.namespace, flow.flow_id, execution.id)


def folder_of(namespace: str, flow_id: str, execution_id: str) -> str:
    """The same for an execution that is about to be created: its files are stored before it.

    The iterations of a Loop lie inside the folder of the execution around them (their ids begin with its id and
    a hyphen), so that they are removed with it.
    """
    around, hyphen, _ = execution_id.partition("-")
    folder = f"kestra:///{namespace.replace('.', '/')}/{slugify(flow_id)}/executions/{around}"
    return f"{folder}/iterations/{execution_id}" if hyphen else folder
