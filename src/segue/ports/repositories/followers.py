"""Flow triggers, the transitions of executions they follow, and what has been met so far (flow language 12.6)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec

from segue.domain.execution.creation import NewExecution
from segue.domain.execution.logs import LogEntry
from segue.domain.execution.model import FlowKey
from segue.domain.execution.state import State
from segue.domain.trigger.followers import Interest
from segue.domain.trigger.gathering import Gathered


class FollowerNews(NamedTuple):
    """The flow triggers of the flows that changed, at their newest revision, and how far that goes."""

    epoch: int
    flows: dict[FlowKey, tuple[Interest, ...]]


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """An execution entered a state that a flow trigger waits for. ``number`` is its place in the history."""

    execution_id: str
    number: int
    flow: FlowKey
    state: State
    at: datetime

    @property
    def id(self) -> str:
        """Always the same for the same step of the same execution."""
        return f"{self.execution_id}:{self.number}"


class GatheringKey(NamedTuple):
    """Whose gathering it is."""

    tenant: str
    namespace: str
    flow_id: str
    id: str


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of transitions: written whole, or not at all.

    ``gathered`` holds the new values by key, None for those that are to be met anew; ``before`` the versions on which
    that was decided, 0 for those that did not exist.
    """

    transitions: Sequence[Transition]
    gathered: Mapping[GatheringKey, Gathered | None] = {}
    before: Mapping[GatheringKey, int] = {}
    executions: Sequence[NewExecution] = ()
    logs: Sequence[LogEntry] = ()


class FollowerRepository(Protocol):
    """What schedulers need to start flows after others."""

    async def news(self, since: int) -> FollowerNews:
        """The flows whose flow triggers changed after an epoch; without any flow the epoch is as it was."""
        ...

    async def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> list[Transition]:
        """Take transitions that nobody works on, oldest first; they are ``owner``'s until they are settled or the
        time is over. Each is given to one owner at a time."""
        ...

    async def gathered(self, keys: Collection[GatheringKey]) -> dict[GatheringKey, Gathered]:
        """What has been met; keys without anything are left out."""
        ...

    async def settle(self, owner: str, settlement: Settlement) -> bool:
        """Write a settlement in one transaction; False, and nothing is written, when a transition is not the owner's
        any more or something was met meanwhile. Executions that exist are left as they are."""
        ...

    async def next_at(self) -> datetime | None:
        """When the claim of the longest claimed transition ends, or when the oldest unclaimed one happened."""
        ...

    async def purge(self, now: datetime) -> int:
        """Remove what was met in windows that are over; how many."""
        ...
