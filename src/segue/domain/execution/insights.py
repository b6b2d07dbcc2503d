"""What a task shows of the inside of one of its attempts: steps, tables, links, texts, progress."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

MAX_CONTENT = 65_536
"""Bytes of the content of one insight, as JSON."""
MAX_PER_ATTEMPT = 10_000
"""Insights that one attempt can have, whatever its worker allows it."""
LINK_SCHEMES = ("http://", "https://", "kestra://")
"""How the address of a link begins: whatever else a browser might do when it is followed is shut out."""


class InsightKind(StrEnum):
    """What is shown. ``content`` holds for each what is named here, and nothing else is sure to be there."""

    STEP = "STEP"
    """A part of the work, with a beginning and an end: any names and values."""
    TABLE = "TABLE"
    """``columns``, ``rows``, and ``truncated`` when there were more rows."""
    LINK = "LINK"
    """``url``."""
    TEXT = "TEXT"
    """``markdown``."""
    PROGRESS = "PROGRESS"
    """``done``, ``total`` where it is known, ``message``. One of its name in an attempt."""


class InsightState(StrEnum):
    """How far a step is. The steps of an attempt that was lost with its worker stay RUNNING."""

    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"


class Insight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of them. It is told again when more is known: the highest ``revision`` counts."""

    tenant: str
    namespace: str
    flow_id: str
    execution_id: str
    task_id: str
    task_run_id: str
    attempt: int
    """Which of the task run's attempts, from 0."""
    number: int
    """0, 1, 2 ... within the attempt, in the order they began."""
    revision: int
    kind: InsightKind
    name: str
    at: datetime
    parent: int | None = None
    """The number of the step around."""
    state: InsightState | None = None
    """Of a step only."""
    ended_at: datetime | None = None
    content: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """Unique."""
        return f"{self.task_run_id}:{self.attempt}:{self.number}"
