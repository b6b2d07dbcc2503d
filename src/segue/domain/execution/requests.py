"""What users ask of an execution, as facts of its inbox (flow language 11; design D1).

``by`` is the name of who asked, None where nobody signs in. Each is joined by one function of
``segue.domain.engine.operations``; asking twice changes nothing more.
"""

from datetime import datetime
from typing import Any

import msgspec

from segue.domain.execution.model import Breakpoint
from segue.domain.execution.state import State
from segue.domain.labels import Label


class RestartRequested(msgspec.Struct, frozen=True, tag="restart", omit_defaults=True):
    """Try again what failed, in the same execution (11.3).

    ``is_by_caller``: the execution that called this one asks, and waits to hear how it ends.
    """

    by: str | None = None
    is_by_caller: bool = False


class ReplayRequested(msgspec.Struct, frozen=True, tag="replay", omit_defaults=True, kw_only=True):
    """Make another execution out of this one (11.4).

    ``new_id`` is its id, so that asking twice makes one. Without ``task_run_id`` and ``is_restart`` it starts
    from scratch; from a task run it takes over the task runs before that one; with ``is_restart`` it goes on
    where this one failed (11.3, restart on another revision). ``inputs`` replace those there are.
    """

    new_id: str
    task_run_id: str | None = None
    revision: int | None = None
    is_restart: bool = False
    inputs: dict[str, Any] | None = None
    breakpoints: tuple[Breakpoint, ...] = ()
    by: str | None = None


class PauseRequested(msgspec.Struct, frozen=True, tag="pause", omit_defaults=True):
    """Let what runs finish and start nothing new (11.5)."""

    by: str | None = None


class ResumeRequested(msgspec.Struct, frozen=True, tag="resume", omit_defaults=True):
    """Go on after a pause; ``inputs`` are values of ``onResume``, for one task run or for the first that pauses."""

    requested_at: datetime
    task_run_id: str | None = None
    inputs: dict[str, Any] = {}
    is_resolved: bool = False
    by: str | None = None


class BreakpointResumed(msgspec.Struct, frozen=True, tag="resume-from-breakpoint", omit_defaults=True):
    """Go on after a breakpoint; ``breakpoints`` replace those there are, None leaves them (11.8)."""

    breakpoints: tuple[Breakpoint, ...] | None = None
    by: str | None = None


class ForceRunRequested(msgspec.Struct, frozen=True, tag="force-run", omit_defaults=True):
    """Do not wait any more: for a date, for a slot, in a pause (11.5)."""

    by: str | None = None


class UnqueueRequested(msgspec.Struct, frozen=True, tag="unqueue", omit_defaults=True):
    """Leave the queue for one of ``UNQUEUED_STATES``; RUNNING ignores the limit (11.5)."""

    state: State = State.RUNNING
    by: str | None = None


class StatusRequested(msgspec.Struct, frozen=True, tag="status", omit_defaults=True):
    """Give a terminated execution another terminated state; no task runs again (11.6)."""

    state: State
    by: str | None = None


class TaskStateRequested(msgspec.Struct, frozen=True, tag="task-state", omit_defaults=True):
    """Mark a task run as ended in a state and go on from there (11.6)."""

    task_run_id: str
    state: State
    by: str | None = None


class LabelsRequested(msgspec.Struct, frozen=True, tag="labels", omit_defaults=True):
    """Set labels of a terminated execution, merged by key or in place of those there are (11.6)."""

    labels: tuple[Label, ...]
    is_merge: bool = True
    by: str | None = None


Request = (
    RestartRequested
    | ReplayRequested
    | PauseRequested
    | ResumeRequested
    | BreakpointResumed
    | ForceRunRequested
    | UnqueueRequested
    | StatusRequested
    | TaskStateRequested
    | LabelsRequested
)
