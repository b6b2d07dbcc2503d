"""Calls about log lines (core plugins 4). They are read page by page with ``Platform.read_logs``."""

from datetime import datetime
from typing import ClassVar

import msgspec

from segue.domain.execution.logs import LogLevel
from segue.domain.platform.call import Call

LARGEST_SLICE = 5000
"""Lines that one call removes."""


class LogsPurged(msgspec.Struct, frozen=True):
    """How many lines one call removed, and whether there may be more."""

    count: int
    has_more: bool


class PurgeLogs(Call[LogsPurged], frozen=True, kw_only=True):
    """Remove the oldest lines that match, ``limit`` at most. ``namespace`` as in ``PurgeExecutions``."""

    verb: ClassVar[str] = "logs.purge"
    answer: ClassVar[type] = LogsPurged

    namespace: str = ""
    flow_id: str = ""
    execution_id: str = ""
    levels: tuple[LogLevel, ...] = ()
    after: datetime | None = None
    before: datetime
    of_executions: bool = True
    """Lines of executions, or the others."""
    limit: int = LARGEST_SLICE
