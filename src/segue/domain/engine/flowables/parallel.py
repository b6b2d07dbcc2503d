"""Tasks side by side (flow language 7.4, 7.5; `onChildFailure`: core plugins 2.2)."""

from collections.abc import Sequence
from typing import TypeVar

from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.engine.interrupting import interrupt_inside
from segue.domain.engine.state import MAIN
from segue.domain.errors import SegueError
from segue.domain.execution.state import State
from segue.domain.flow.flowables import Dag, Parallel
from segue.domain.flow.tasks import Task

SideBySide = TypeVar("SideBySide", Parallel, Dag)

_INTERRUPTED = {
    "FAIL": State.FAILED,
    "FAILED": State.FAILED,
    "CANCEL": State.CANCELLED,
    "CANCELLED": State.CANCELLED,
}
"""What the siblings of a task that has failed become; they go on with any other `onChildFailure`."""


def whole_number(text: object, name: str) -> int:
    """A rendered number that must not be negative. Raises ``SegueError`` naming the property."""
    try:
        number = int(str(text).strip())
    except ValueError:
        number = -1
    if number < 0:
        raise SegueError(f"'{name}' must be a whole number of at least 0, not {text!r}")
    return number


class SideBySideRun(FlowableRun[SideBySide]):
    """What the two have in common."""

    def advance(self) -> None:
        """Once a child has failed for good, end the others as ``onChildFailure`` says; then as any flowable."""
        tally = self.progress.state.tally(self.run.id, MAIN)
        if tally.open and tally.has_failed and self.task.on_child_failure is not None:
            wish = self.progress.render(self.task.on_child_failure, self.run).strip().upper()
            if wish in _INTERRUPTED:
                interrupt_inside(self.progress, self.run, _INTERRUPTED[wish], self._failed_task())
        super().advance()

    def _failed_task(self) -> str:
        state = self.progress.state
        runs = (state.runs[run_id] for run_id in state.tally(self.run.id, MAIN).ids)
        return next(run.task_id for run in runs if run.state in {State.FAILED, State.KILLED})


class ParallelRun(SideBySideRun[Parallel]):
    """All tasks at once, or at most ``concurrent`` of them."""

    def main(self) -> bool:
        """Start as many as there is room for, in order."""
        tasks = self.section("tasks")
        tally = self.progress.state.tally(self.run.id, MAIN)
        limit = whole_number(self.progress.render_value(self.task.concurrent, self.run), "concurrent")
        waiting = tasks[len(tally.ids) :]
        for task in waiting[: limit - tally.open] if limit else waiting:
            self.progress.create_run(task, self.run)
        return not tally.open and len(tally.ids) == len(tasks)


class DagRun(SideBySideRun[Dag]):
    """Each task once those it depends on have ended."""

    def main(self) -> bool:
        """Start what waits for nothing any more."""
        state = self.progress.state
        tally = state.tally(self.run.id, MAIN)
        ended = {state.runs[run_id].task_id for run_id in tally.ids if state.runs[run_id].state.is_terminated}
        started = {state.runs[run_id].task_id for run_id in tally.ids}
        limit = whole_number(self.progress.render_value(self.task.concurrent, self.run), "concurrent")
        ready = self._ready(started, ended)
        for task in ready[: max(0, limit - tally.open)] if limit else ready:
            self.progress.create_run(task, self.run)
        tally = state.tally(self.run.id, MAIN)
        return not tally.open and len(tally.ids) >= len(self.section("tasks"))

    def _ready(self, started: set[str], ended: set[str]) -> Sequence[Task]:
        disabled = {node.task.id for node in self.task.tasks if node.task.disabled}
        return [
            node.task
            for node in self.task.tasks
            if node.task.id not in started | disabled and set(node.depends_on) <= ended | disabled
        ]
