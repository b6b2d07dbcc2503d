"""Slots of flows that limit how many of their executions run at a time (design D8).

A slot is a row that belongs to an execution, never a counter: what nobody owns is free. Facts go into the inboxes
of those who get one in the same transaction; their ids are returned to be woken up.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from segue.domain.execution.slots import SlotRequest


class Taken(msgspec.Struct, frozen=True):
    """The outcome of a request: whether the execution holds a slot, or waits for one; neither: it was denied.

    ``woken`` are others whose wait is over.
    """

    held: bool
    waits: bool = False
    woken: list[str] = []


class SlotUsage(msgspec.Struct, frozen=True):
    """How many executions of a scope hold a slot and wait for one; ``limit`` None: there is no limit any more."""

    scope: str
    limit: int | None
    running: int
    queued: int


class Mended(msgspec.Struct, frozen=True):
    """What should never have to be: executions without a right to their slots, and those who got one late."""

    removed: list[str] = []
    woken: list[str] = []


class SlotRepository(Protocol):
    """Slots and the queues for them."""

    async def take(self, request: SlotRequest) -> Taken:
        """Give the execution a slot, or a place in the queue if it ``queues``, in one transaction.

        Asking again gives the same slot, or the same place. An execution whose version is not the one in the
        request, or that is gone, is told to wait and gets neither.
        """
        ...

    async def change_limit(self, scope: str, revision: int, limit: int | None) -> list[str]:
        """A revision of the flow says so; an older one than known changes nothing. None: no limit, everybody who
        waits may run. Nothing happens for a scope that never had a limit. The ids of those who got a slot."""
        ...

    async def woken(self, scopes: Sequence[str]) -> list[str]:
        """Executions of these scopes that hold a slot and have not read so yet."""
        ...

    async def usage(self, prefix: str) -> list[SlotUsage]:
        """Usage of all scopes whose name begins with ``prefix``, by name."""
        ...

    async def mend(self) -> Mended:
        """Make true what must be true: no slot and no place of an execution that is finished or gone, no free
        slot beside one who waits, no slot whose owner was not told."""
        ...
