"""States of triggers: who is due, what was decided, what users change (design D7).

They come and go with the flows that define them (``FlowRepository.save``), and lose their lock in the transaction
that ends the execution they wait for (``Change.frees_trigger``).
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from segue.domain.execution.creation import NewExecution
from segue.domain.execution.jobs import Job
from segue.domain.execution.logs import LogEntry
from segue.domain.trigger.evaluation import Outcome
from segue.domain.trigger.state import TriggerKey, TriggerKind, TriggerState
from segue.ports.repositories.paging import Page, PageRequest
from segue.ports.repositories.trigger_filters import TriggerFilter


class TriggerTurn(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a trigger writes. Applied whole or, if the version moved, not at all.

    ``state`` has the version that was read. Of the executions, those whose ids exist already are left as they are.
    """

    state: TriggerState
    executions: Sequence[NewExecution] = ()
    logs: Sequence[LogEntry] = ()
    jobs: Sequence[Job] = ()
    """Evaluations for workers; their ``trigger_uid`` is the state's."""
    outcomes: Sequence[str] = ()
    """Ids of what is settled by this turn."""


class TriggerQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which triggers to list; every condition given must hold."""

    tenant: str
    text: str | None = None
    """Part of the trigger id, flow id or namespace, whatever the case."""
    namespace: str | None = None
    flow_id: str | None = None
    where: TriggerFilter | None = None
    page: PageRequest = PageRequest()


TRIGGER_SORTS = frozenset(
    {
        "triggerId", "flowId", "namespace", "kind", "disabled", "executionId", "workerId",
        "nextExecutionDate", "nextEvaluationDate", "lastTriggeredDate",
    }
)  # fmt: skip
"""What a search can be sorted by: both names of the next date mean the same."""


class TriggerRepository(Protocol):
    """States of triggers by their key."""

    async def get(self, key: TriggerKey) -> TriggerState | None:
        """One state."""
        ...

    async def of_flow(self, tenant: str, namespace: str, flow_id: str) -> list[TriggerState]:
        """The states of a flow's triggers, by id."""
        ...

    async def known(self, keys: Sequence[TriggerKey]) -> frozenset[TriggerKey]:
        """Which of some hundred triggers there are."""
        ...

    async def search(self, query: TriggerQuery) -> Page[TriggerState]:
        """Matches. Sortable: ``TRIGGER_SORTS``; a trigger without the value comes last."""
        ...

    async def count(self, query: TriggerQuery) -> int:
        """How many match."""
        ...

    async def scan(self, query: TriggerQuery, after: str, limit: int) -> list[TriggerState]:
        """Up to ``limit`` matches whose ``uid`` is greater than ``after``, in order of their ``uid``; no page."""
        ...

    async def claim(
        self, now: datetime, until: datetime, limit: int, kinds: Collection[TriggerKind]
    ) -> list[TriggerState]:
        """Up to ``limit`` triggers due at ``now``, the longest overdue first, which nobody else gets before ``until``.

        Two who ask at once get different ones, without waiting for each other where the database can do that. Who
        claims decides and calls ``apply``; when it dies they are due again at ``until``.
        """
        ...

    async def apply(self, turns: Sequence[TriggerTurn]) -> frozenset[str]:
        """Write all turns in one transaction: states, executions with their ``Created`` facts, log lines.

        Returns the ``uid`` of those that were *not* written because the version is not the one in the turn, or the
        trigger is gone. The version of a written state is the turn's plus one; it is due at its ``due_at``.
        """
        ...

    async def next_due(self, kinds: Collection[TriggerKind]) -> datetime | None:
        """When the first trigger of these kinds is due."""
        ...

    async def upcoming(self, before: datetime, limit: int, kinds: Collection[TriggerKind]) -> list[TriggerState]:
        """Up to ``limit`` triggers that will be due before ``before``, the first ones first. Claims nothing."""
        ...

    async def outcomes(self, limit: int) -> list[tuple[TriggerState, list[Outcome]]]:
        """Up to ``limit`` of the oldest outcomes that are not settled, in their order, with the triggers' states.

        Claims nothing: of two who settle the same one, the version of the trigger lets one through.
        """
        ...

    async def change(self, key: TriggerKey, change: Callable[[TriggerState], TriggerState]) -> TriggerState | None:
        """Replace a state by what ``change`` makes of it, in one transaction; the new state, None without a trigger.

        ``change`` may be called more than once, from another thread; what it raises comes back, and nothing is
        written. The same state is not written.
        """
        ...

    async def change_many(
        self, keys: Sequence[TriggerKey], change: Callable[[TriggerState], TriggerState]
    ) -> list[TriggerState]:
        """The same for some hundred triggers in one transaction; the new states of those that were written."""
        ...

    async def remove(self, keys: Sequence[TriggerKey]) -> int:
        """Forget states; how many there were."""
        ...

    async def mend(self, now: datetime) -> list[str]:
        """Take away locks of executions that are over or gone, and let evaluations be lost that no worker can have,
        which should never be; the ``uid`` of the triggers."""
        ...
