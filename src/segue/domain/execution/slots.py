"""Slots of flows that limit how many of their executions run at a time (flow language 2.7; design D8)."""

from datetime import datetime
from enum import StrEnum

import msgspec

from segue.domain.execution.model import FlowKey


class SlotAnswer(StrEnum):
    """What an execution that wants to run is told."""

    FREE = "FREE"
    """No limit applies to it: it runs and holds no slot."""
    HELD = "HELD"
    """It holds a slot."""
    WAITING = "WAITING"
    """It has a place in the queue; a ``SlotGranted`` fact will come."""
    CANCEL = "CANCEL"
    """There is no slot, and the flow wants it CANCELLED."""
    FAIL = "FAIL"
    """There is no slot, and the flow wants it FAILED."""


class SlotRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An execution asks for a slot. Asking again changes nothing: the slot belongs to its id.

    ``version`` is that of the execution as the asker knows it: who is out of date gets no slot. ``revision`` is the
    flow's that says ``limit``; the highest one heard of rules for all executions of the flow. ``created_at`` gives
    the place in the queue. ``queues``: wait when there is none; ``is_forced``: take one above the limit.
    """

    execution_id: str
    version: int
    scope: str
    revision: int
    limit: int
    created_at: datetime
    queues: bool = True
    is_forced: bool = False


def slot_scope(flow: FlowKey) -> str:
    """What executions share a limit: those of one flow. No part of the name can hold a slash."""
    return f"{flow.tenant}/{flow.namespace}/{flow.flow_id}"
