"""What tasks show of the inside of their attempts, on the wire: an addition of our own to the REST API."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from segue.domain.execution.insights import Insight, InsightKind, InsightState


class ApiInsight(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A step, table, link, text or progress.

    ``number`` counts within the attempt, ``parent`` is that of the step around. ``content`` has for a TABLE
    ``columns``, ``rows`` and ``truncated``; for a LINK ``url``; for a TEXT ``markdown``; for PROGRESS ``done``,
    ``total`` and ``message``; for a STEP what its task says of it.
    """

    id: str
    task_id: str
    task_run_id: str
    attempt_number: int
    number: int
    kind: InsightKind
    name: str
    start_date: datetime
    content: dict[str, Any]
    parent: int | UnsetType = UNSET
    state: InsightState | UnsetType = UNSET
    end_date: datetime | UnsetType = UNSET
    duration: float | UnsetType = UNSET
    """Seconds, once it has ended."""


def wire_insight(given: Insight) -> ApiInsight:
    """An insight as clients read it."""
    ended = given.ended_at
    return ApiInsight(
        id=given.id,
        task_id=given.task_id,
        task_run_id=given.task_run_id,
        attempt_number=given.attempt,
        number=given.number,
        kind=given.kind,
        name=given.name,
        start_date=given.at,
        content=given.content,
        parent=UNSET if given.parent is None else given.parent,
        state=given.state or UNSET,
        end_date=ended or UNSET,
        duration=UNSET if ended is None else (ended - given.at).total_seconds(),
    )
