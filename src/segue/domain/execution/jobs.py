"""Work for workers and dates to wake up at: what a decision asks the outside to do (design D5, D7)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from segue.domain.execution.model import FlowKey
from segue.domain.execution.task_run import OutputNeed

DEFAULT_WORKER_QUEUE = "default"
POLLING_SUFFIX = "#polling"
REALTIME_SUFFIX = "#realtime"
"""Beside each worker queue there is one for its polls, and one for its streams, which take no slots of tasks."""


class InnerTask(msgspec.Struct, frozen=True, array_like=True):
    """A task inside a WorkingDirectory, and the id that its task run will have."""

    task_id: str
    task_run_id: str


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt of a task run that is ready to run. There is at most one per task run."""

    task_run_id: str
    execution_id: str
    flow: FlowKey
    task_id: str
    attempt: int
    """Counts from 1, as in all facts about it; log lines and plugins count from 0."""
    created_at: datetime
    worker_queue: str = DEFAULT_WORKER_QUEUE
    priority: int = 0
    context: bytes = b"{}"
    """JSON object: the expression roots that only the engine knows (``taskrun``, ``parents``,
    ``tasks``), those the task names."""
    outputs: tuple[OutputNeed, ...] = ()
    """Outputs of other task runs that the task's expressions name."""
    inner: tuple[InnerTask, ...] = ()
    """The tasks of a WorkingDirectory, which its worker runs one after the other (flow language 7.15)."""
    values: tuple[str, ...] = ()
    """The iteration values that lead to a WorkingDirectory: where outputs inside it appear."""
    trigger_uid: str | None = None
    """Of an evaluation: the trigger. ``task_id`` is its id, ``execution_id`` that of the execution it may start."""
    is_stream: bool = False
    """Of an evaluation: whether it goes on until it is stopped."""
    memory: dict[str, Any] | None = None
    """Of an evaluation: what the last one remembered."""


class TimerKind(StrEnum):
    """What a timer is for."""

    RETRY = "RETRY"
    SCHEDULED_START = "SCHEDULED_START"
    SLA = "SLA"
    """The end of the time an SLA allows."""
    TASK = "TASK"
    """One that a task of the engine has set for itself: the end of a pause, a timeout."""


class Timer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A date at which the execution wants a ``TimerDue`` fact. ``id`` is unique."""

    id: str
    execution_id: str
    kind: TimerKind
    due_at: datetime
    task_run_id: str | None = None
