"""The task runs of an execution that have not ended, by what they wait for."""

from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun


class OpenRuns:
    """The task runs of an execution, and which of them are open; ``note`` keeps that true."""

    __slots__ = ("_active", "_open", "_paused", "runs")

    def __init__(self) -> None:
        self.runs: dict[str, TaskRun] = {}
        self._open: dict[str, None] = {}
        self._active: dict[str, None] = {}
        self._paused: dict[str, None] = {}

    def open_runs(self) -> list[TaskRun]:
        """Task runs that have not ended."""
        return [self.runs[run_id] for run_id in self._open]

    def active_runs(self) -> list[TaskRun]:
        """Task runs that have not ended and do not wait for a worker."""
        return [self.runs[run_id] for run_id in self._active]

    def paused_runs(self) -> list[TaskRun]:
        """Task runs that wait in PAUSED, the one that was paused first at the beginning."""
        return [self.runs[run_id] for run_id in self._paused]

    @property
    def has_paused_runs(self) -> bool:
        """Whether any task run waits in PAUSED."""
        return bool(self._paused)

    def note(self, run: TaskRun) -> None:
        """Keep the task run in the indexes its state belongs to."""
        is_open = not run.state.is_terminated
        for index, belongs in (
            (self._open, is_open),
            (self._active, is_open and run.state is not State.SUBMITTED),
            (self._paused, run.state is State.PAUSED),
        ):
            if belongs:
                index.setdefault(run.id)
            else:
                index.pop(run.id, None)

    def forget(self, run_id: str) -> None:
        """A task run is no more."""
        del self.runs[run_id]
        for index in (self._open, self._active, self._paused):
            index.pop(run_id, None)
