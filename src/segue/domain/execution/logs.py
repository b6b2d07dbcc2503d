"""Log lines of executions (REST API 6.6)."""

from datetime import datetime
from enum import StrEnum

import msgspec

MASK = "******"
"""In place of a secret."""


class LogLevel(StrEnum):
    """Levels, most urgent first."""

    ERROR = "ERROR"
    WARN = "WARN"
    INFO = "INFO"
    DEBUG = "DEBUG"
    TRACE = "TRACE"

    @property
    def severity(self) -> int:
        """40 for ERROR down to 0 for TRACE; "at least INFO" is ``severity >= 20``."""
        return _SEVERITY[self]


_SEVERITY = {
    LogLevel.ERROR: 40,
    LogLevel.WARN: 30,
    LogLevel.INFO: 20,
    LogLevel.DEBUG: 10,
    LogLevel.TRACE: 0,
}


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. ``id`` is unique: a line that is sent twice is stored once."""

    id: str
    tenant: str
    namespace: str
    flow_id: str
    at: datetime
    level: LogLevel
    message: str
    execution_id: str | None = None
    task_id: str | None = None
    task_run_id: str | None = None
    attempt: int | None = None
    """Which of the task run's attempts, from 0 (REST API 6.6, ``attemptNumber``)."""
    trigger_id: str | None = None
    thread: str | None = None
