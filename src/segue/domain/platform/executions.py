"""Calls about executions (core plugins 3 and 18)."""

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from segue.domain.execution.state import State
from segue.domain.labels import Label
from segue.domain.platform.call import Call

MOST_COUNTS = 500
"""Flows and namespaces whose executions are counted with one call."""
LARGEST_PAGE = 1000
"""Executions in one page."""
LARGEST_SLICE = 500
"""Executions that one call removes."""


class FlowName(msgspec.Struct, frozen=True, rename="camel"):
    """A flow by its names."""

    namespace: str
    flow_id: str


class ExecutionCount(msgspec.Struct, frozen=True):
    """How many executions a flow has, or all flows of a namespace when there is no ``flow_id``."""

    namespace: str
    flow_id: str | None
    count: int


class ExecutionCounts(msgspec.Struct, frozen=True):
    """A count for each flow, then one for each namespace, in the order they were asked for."""

    counts: list[ExecutionCount]


class CountExecutions(Call[ExecutionCounts], frozen=True, kw_only=True):
    """How many executions began within a time; at most ``MOST_COUNTS`` flows and namespaces (exact names)."""

    verb: ClassVar[str] = "executions.count"
    answer: ClassVar[type] = ExecutionCounts

    flows: tuple[FlowName, ...] = ()
    namespaces: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    started_after: datetime | None = None
    started_before: datetime | None = None


class Done(msgspec.Struct, frozen=True):
    """The request was taken; executors see to it."""


class KillExecution(Call[Done], frozen=True, kw_only=True):
    """End an execution, with ``cascade`` those it has started too."""

    verb: ClassVar[str] = "executions.kill"
    answer: ClassVar[type] = Done

    execution_id: str
    cascade: bool = True


class ResumeExecution(Call[Done], frozen=True, kw_only=True):
    """Let a paused execution go on. ``namespace`` and ``flow_id``, when given, must be its own."""

    verb: ClassVar[str] = "executions.resume"
    answer: ClassVar[type] = Done

    execution_id: str
    namespace: str = ""
    flow_id: str = ""
    inputs: dict[str, Any] = msgspec.field(default_factory=dict)
    """Values of ``onResume``."""


class DeleteExecution(Call[Done], frozen=True, kw_only=True):
    """Remove an execution with the parts chosen, whatever state it is in; not the one that asks."""

    verb: ClassVar[str] = "executions.delete"
    answer: ClassVar[type] = Done

    execution_id: str
    logs: bool = True
    metrics: bool = True
    files: bool = True


class ExecutionsPurged(msgspec.Struct, frozen=True):
    """What one call removed, and where to go on: nowhere when ``after`` is None."""

    executions: int
    logs: int
    metrics: int
    outputs: int
    files: int
    after: str | None


class PurgeExecutions(Call[ExecutionsPurged], frozen=True, kw_only=True):
    """Remove the next ``limit`` (at most ``LARGEST_SLICE``) executions that began within a time.

    ``namespace`` means those below it too, unless there is a ``flow_id``; empty: all. Whatever state they are in,
    without ``states``; the chain of executions the task itself belongs to stays as far as it still runs.
    """

    verb: ClassVar[str] = "executions.purge"
    answer: ClassVar[type] = ExecutionsPurged

    namespace: str = ""
    flow_id: str = ""
    states: tuple[State, ...] = ()
    started_after: datetime | None = None
    started_before: datetime
    rows: bool = True
    logs: bool = True
    metrics: bool = True
    files: bool = True
    after: str = ""
    limit: int = 100


class Scope(StrEnum):
    """Whose flows: those of users, or those of the system namespace."""

    USER = "USER"
    SYSTEM = "SYSTEM"


class ChildFilter(StrEnum):
    """Only executions that another one has started, or only those that none has."""

    CHILD = "CHILD"
    MAIN = "MAIN"


class ExecutionsPage(msgspec.Struct, frozen=True):
    """Executions as the REST API shows them in search results (6.2), and how many there are in all."""

    results: list[dict[str, Any]]
    total: int


class SearchExecutions(Call[ExecutionsPage], frozen=True, kw_only=True):
    """One page of executions, newest first, of at most ``LARGEST_PAGE``.

    ``namespace`` means those below it too, ``namespaces`` are exact; without both all there are.
    """

    verb: ClassVar[str] = "executions.search"
    answer: ClassVar[type] = ExecutionsPage

    namespace: str = ""
    namespaces: tuple[str, ...] = ()
    flow_id: str = ""
    scopes: tuple[Scope, ...] = ()
    states: tuple[State, ...] = ()
    labels: tuple[Label, ...] = ()
    started_after: datetime | None = None
    started_before: datetime | None = None
    caller_id: str = ""
    """The execution that started them."""
    child_filter: ChildFilter | None = None
    page: int = 1
    size: int = 10
