"""Executions as their users see them. What moves them is in ``journal``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from segue.domain.execution.facts import Fact
from segue.domain.execution.model import Execution, ExecutionKind
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.labels import Label
from segue.ports.repositories.filters import ExecutionField, Filter
from segue.ports.repositories.paging import Page, PageRequest


class ExecutionQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions to list; every condition given must hold."""

    tenant: str
    text: str | None = None
    """Part of the id, flow id or namespace, whatever the case."""
    namespaces: tuple[str, ...] = ()
    namespace_prefix: str | None = None
    flow_id: str | None = None
    states: tuple[State, ...] = ()
    kinds: tuple[ExecutionKind, ...] = (ExecutionKind.NORMAL,)
    labels: tuple[Label, ...] = ()
    parent_id: str | None = None
    caller_id: str | None = None
    """The execution that started it."""
    trigger_id: str | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    where: Filter | None = None
    page: PageRequest = PageRequest()


class Purge(msgspec.Struct, frozen=True):
    """What of executions is to be removed. ``rows``: they themselves with all that moves them."""

    rows: bool = True
    logs: bool = True
    metrics: bool = True


class Purged(msgspec.Struct, frozen=True):
    """The executions that there were, and how many rows went beside them."""

    executions: list[Execution]
    logs: int = 0
    metrics: int = 0
    outputs: int = 0


class ExecutionRepository(Protocol):
    """Executions and their task runs, read; facts, written."""

    async def create(self, executions: Sequence[Execution]) -> None:
        """Insert the rows and a ``Created`` fact for each, in one transaction. The caller then
        publishes the ids. Raises ``AlreadyExistsError`` when an id is taken; then nothing is written."""
        ...

    async def submit(self, facts: Sequence[tuple[str, Fact, str | None]]) -> None:
        """Insert facts ``(execution id, fact, dedup key)``; one whose key already lies in the inbox of
        its execution is dropped. The caller then publishes the ids."""
        ...

    async def get(self, tenant: str, execution_id: str) -> Execution | None:
        """One execution."""
        ...

    async def get_many(self, execution_ids: Sequence[str]) -> dict[str, Execution]:
        """Executions by id, of any tenant: for the controller, in one statement."""
        ...

    async def task_runs(self, execution_id: str) -> list[TaskRun]:
        """All task runs of an execution in the order they were created."""
        ...

    async def search(self, query: ExecutionQuery) -> Page[Execution]:
        """Matches, newest first unless sorted by ``id``, ``namespace``, ``flowId``, ``state.current``,
        ``state.startDate``, ``state.endDate``."""
        ...

    async def scan(self, query: ExecutionQuery, after_id: str, limit: int) -> list[Execution]:
        """Matches with ids greater than ``after_id``, in the order of their ids; ``page`` is not looked at."""
        ...

    async def count(self, query: ExecutionQuery) -> int:
        """How many match."""
        ...

    async def distinct(self, query: ExecutionQuery, field: ExecutionField, limit: int) -> list[str]:
        """Different values of a field (not LABELS, not TEXT) among the matches, sorted."""
        ...

    async def is_unread(self, execution_id: str, key: str) -> bool:
        """Whether a fact with this dedup key still lies in the inbox of the execution."""
        ...

    async def delete(
        self, tenant: str, execution_ids: Sequence[str], *, logs: bool = True, metrics: bool = True
    ) -> list[Execution]:
        """Remove executions with their task runs, outputs, facts, jobs, timers (``logs``, ``metrics``), in one
        transaction; those that there were. Iterations of loops (``loop_children``) are the caller's to remove."""
        ...

    async def purge(self, tenant: str, execution_ids: Sequence[str], purge: Purge) -> Purged:
        """The same for the parts chosen, counted. What comes later for an execution that is gone is refused."""
        ...

    async def loop_children(self, execution_ids: Sequence[str], limit: int) -> list[Execution]:
        """Up to ``limit`` executions of kind LOOP that these have started."""
        ...

    async def backlog(self) -> int:
        """How many facts wait in all inboxes (design D10)."""
        ...
