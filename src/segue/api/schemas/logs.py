"""Log lines on the wire (REST API 6.6)."""

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from segue.domain.execution.logs import LogEntry, LogLevel


class ApiLogEntry(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One line."""

    namespace: str
    flow_id: str
    timestamp: datetime
    level: LogLevel
    message: str
    execution_id: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET
    task_run_id: str | UnsetType = UNSET
    attempt_number: int | UnsetType = UNSET
    trigger_id: str | UnsetType = UNSET
    thread: str | UnsetType = UNSET
    tenant_id: str | UnsetType = UNSET


class LogPage(msgspec.Struct, frozen=True):
    """A page of lines; ``type`` tells clients that pages are numbered, not followed by a cursor."""

    results: list[ApiLogEntry]
    total: int
    type: str = "OFFSET"


def wire_log(entry: LogEntry) -> ApiLogEntry:
    """A line as clients read it."""
    return ApiLogEntry(
        namespace=entry.namespace,
        flow_id=entry.flow_id,
        timestamp=entry.at,
        level=entry.level,
        message=entry.message,
        execution_id=entry.execution_id or UNSET,
        task_id=entry.task_id or UNSET,
        task_run_id=entry.task_run_id or UNSET,
        attempt_number=UNSET if entry.attempt is None else entry.attempt,
        trigger_id=entry.trigger_id or UNSET,
        thread=entry.thread or UNSET,
        tenant_id=entry.tenant,
    )


def text_line(entry: LogEntry) -> str:
    """A line of a downloaded log."""
    return f"{entry.at.isoformat().replace('+00:00', 'Z')} {entry.level.value} {entry.message}\n"
