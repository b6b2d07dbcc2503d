"""A task run: one instance of a task in an execution, with its attempts (flow language 0, 9)."""

from datetime import datetime

import msgspec

from segue.domain.execution.state import State, Status


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try of a task run."""

    status: Status
    worker_id: str | None = None
    log_file: str | None = None


class OutputReference(msgspec.Struct, frozen=True, array_like=True):
    """Where the outputs of a task run lie: in the database, or in internal storage when large.

    ``size`` is in bytes of JSON, ``digest`` the hex SHA-256 of it, ``uri`` a ``kestra:///`` URI or
    None for outputs kept in the database.
    """

    size: int
    digest: str
    uri: str | None = None


class OutputNeed(msgspec.Struct, frozen=True, array_like=True):
    """One task run's outputs that an expression names: they appear at ``outputs[task_id][*values]``."""

    task_run_id: str
    task_id: str
    values: tuple[str, ...]
    reference: OutputReference


class TaskRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The task run row. ``value`` is the iteration's value inside the loops of 1.x."""

    id: str
    execution_id: str
    task_id: str
    status: Status
    parent_id: str | None = None
    value: str | None = None
    iteration: int | None = None
    attempts: tuple[Attempt, ...] = ()
    outputs: OutputReference | None = None
    settled_attempts: int = 0
    """How many attempts there were at the last restart: they do not count for a retry any more."""
    first_inner: int | None = None
    """Of a WorkingDirectory: the ordinal of the first of the ids kept for the task runs inside it."""
    inner_end: State | None = None
    """Of a WorkingDirectory: how its worker's part ended; None until then."""
    is_inner: bool = False
    """Whether it runs inside a WorkingDirectory, whose value it shows."""

    @property
    def state(self) -> State:
        """The current state."""
        return self.status.current


def task_run_id(execution_id: str, ordinal: int) -> str:
    """The id of the ``ordinal``-th task run of an execution: the same history gives the same ids."""
    return f"{execution_id}-{ordinal}"


def began_at(run: TaskRun) -> datetime | None:
    """When the newest attempt began, None before the first."""
    return run.attempts[-1].status.started_at if run.attempts else None
