"""The executor's side of the database: facts in, decisions out (design D1, D3)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import InboxFact, OutgoingFact
from segue.domain.execution.jobs import Job, Timer
from segue.domain.execution.logs import LogEntry
from segue.domain.execution.model import Execution
from segue.domain.execution.task_run import TaskRun
from segue.domain.trigger.state import TriggerKey
from segue.ports.repositories.followers import Transition


class Snapshot(msgspec.Struct, frozen=True):
    """An execution with all of its task runs, in the order they were created."""

    execution: Execution
    task_runs: list[TaskRun]


class Loaded(msgspec.Struct, frozen=True):
    """What a batch of wake-ups found."""

    facts: dict[str, list[InboxFact]]
    """Unread facts by execution id, in order; executions without any are left out."""
    snapshots: dict[str, Snapshot]
    """Executions that have facts and were not in the caller's cache; one that does not exist at all is
    in ``facts`` but not here."""
    follower_epoch: int = 0
    """How often flow triggers have changed, 0 when there has never been one."""


class InlineOutputs(msgspec.Struct, frozen=True):
    """Outputs to store in the database: ``owner_id`` is a task run's id, or the execution's own."""

    owner_id: str
    execution_id: str
    payload: bytes
    digest: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one execution's step writes. Applied whole or, if the version moved, not at all."""

    execution: Execution
    """The new row; its ``version`` is still the one that was read and is counted up by the write."""
    execution_changed: bool = True
    new_task_runs: Sequence[TaskRun] = ()
    changed_task_runs: Sequence[TaskRun] = ()
    removed_task_runs: Sequence[str] = ()
    """Ids of task runs that are taken back; their outputs go with them."""
    outputs: Sequence[InlineOutputs] = ()
    jobs: Sequence[Job] = ()
    dropped_jobs: Sequence[str] = ()
    """Task run ids whose jobs are removed, so that a late result of them is refused."""
    timers: Sequence[Timer] = ()
    dropped_timers: Sequence[str] = ()
    logs: Sequence[LogEntry] = ()
    executions: Sequence[NewExecution] = ()
    """Executions to start; one whose id exists already is left as it is."""
    facts: Sequence[OutgoingFact] = ()
    """Facts for the inboxes of other executions."""
    transitions: Sequence[Transition] = ()
    """States it entered that flow triggers may wait for."""
    frees_slot: bool = False
    """The execution's slot goes to the one that has waited longest, which gets a ``SlotGranted`` fact; its place in
    the queue, if it has only that, is removed."""
    frees_trigger: datetime | None = None
    """When the execution has ended: the trigger that waits for that, if there is one, may be evaluated again."""
    stops_trigger: TriggerKey | None = None
    """With it: this trigger is disabled (flow language 12.1, ``stopAfter``)."""
    consumed: Sequence[int] = ()
    """``seq`` of the facts that are now part of the state."""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that could not be processed, parked with the reason (design D10)."""

    id: int
    execution_id: str
    kind: str
    payload: bytes
    error: str
    parked_at: datetime


class Journal(Protocol):
    """Inbox, executions, task runs, jobs and timers of the executor."""

    async def load(self, execution_ids: Sequence[str], cached: Collection[str]) -> Loaded:
        """Unread facts of these executions, and the rows of those not ``cached``."""
        ...

    async def apply(self, changes: Sequence[Change]) -> frozenset[str]:
        """Write all changes in one transaction and return the ids of the executions that were *not*
        written because their row's version is not the one in the change (or the row is gone).

        Nothing of a loser is written, not even its consumed facts. The version of a written row is the
        change's plus one.
        """
        ...

    async def outputs(self, owner_ids: Sequence[str]) -> dict[str, bytes]:
        """Inline outputs (JSON) by owner; owners without any are left out."""
        ...

    async def open_children(self, execution_id: str) -> list[str]:
        """Ids of the executions that this one has started and that have not ended for good."""
        ...

    async def failed_children(self, execution_id: str) -> list[tuple[str, str]]:
        """The executions that this one has started and that are FAILED: their ids, with that of their task run."""
        ...

    async def executions(self, execution_ids: Sequence[str]) -> dict[str, Execution]:
        """Executions by id, without anything that belongs to them; those that do not exist are left out."""
        ...

    async def waiting(self, older_than: datetime, limit: int) -> list[str]:
        """Ids of executions with a fact that has lain unread since before ``older_than``."""
        ...

    async def forget(self, seqs: Sequence[int]) -> None:
        """Remove facts without an effect: their execution does not exist any more."""
        ...

    async def park(self, facts: Sequence[InboxFact], error: str, at: datetime) -> None:
        """Move facts to the dead letters."""
        ...

    async def parked(self, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first."""
        ...

    async def revive(self, dead_letter_id: int) -> str | None:
        """Move a dead letter back to its inbox; the execution to wake up, None if there is no such one."""
        ...

    async def due(self, now: datetime, limit: int) -> list[str]:
        """Turn timers due at ``now`` into ``TimerDue`` facts and remove them, in one transaction and
        never twice (``SKIP LOCKED`` where there is one); the ids of executions to wake up."""
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest timer is due."""
        ...
