"""What can be set about a worker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from segue.domain.execution.jobs import DEFAULT_WORKER_QUEUE


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """Settings of a worker. Times are in seconds, sizes in bytes."""

    endpoints: tuple[str, ...]
    """Controllers as ``host:port``; the next one is tried when one cannot be reached."""
    name: str = "worker"
    slots: int = 64
    """How many jobs it runs at once."""
    worker_queues: tuple[str, ...] = (DEFAULT_WORKER_QUEUE,)
    registration_token: str = field(default="", repr=False)
    connect_timeout: float = 5.0
    reconnect_delay: float = 0.1
    reconnect_delay_limit: float = 3.0
    max_message_bytes: int = 16 << 20
    flow_cache: int = 500
    report_window: int = 2
    """Batches of reports on the way at once; the rest gathers meanwhile."""
    report_items: int = 2_000
    report_bytes: int = 1 << 20
    spool_bytes: int = 64 << 20
    """No new jobs are asked for, and threads that log wait, while more than this is not acknowledged."""
    started_after: float = 0.1
    """Attempts that end sooner are not announced as started."""
    kill_grace: float = 2.0
    """What code in a thread, or code that refuses to be cancelled, has to end when it is stopped."""
    stop_grace: float = 30.0
    """What running tasks have to end when the worker stops."""
    streams: int = 1_000
    """How many realtime triggers it listens to at once; they take no slots."""
    stream_window: int = 500
    """Events of one stream that are not acknowledged; no more are asked for meanwhile."""
    log_lines: int = 100_000
    log_bytes: int = 32 << 20
    """Limits for one attempt's log; what comes after is dropped, with a line that says so."""
    insights: int = 1_000
    insight_bytes: int = 4 << 20
    """Limits for what one attempt shows; what comes after is dropped, with a note that says so."""
    plugin_configurations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is set about types of plugins, for them to read."""
