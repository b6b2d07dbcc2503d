"""What a flowable task run does: begin, create its next children, end."""

from abc import ABC
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from segue.domain.engine.block import absorb, advance_sides, enabled, guess_state
from segue.domain.engine.progress import Progress
from segue.domain.engine.state import MAIN
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import Flowable
from segue.domain.flow.tasks import Task

AnyFlowable = TypeVar("AnyFlowable", bound=Flowable)


class FlowableRun(ABC, Generic[AnyFlowable]):
    """The behaviour of one kind of flowable, for one task run in one step.

    Subclasses say what happens at the beginning (``begin``) and which children come next (``main``);
    branches for errors and finally, and the end, are the same for all.
    """

    __slots__ = ("progress", "run", "task")

    def __init__(self, progress: Progress, task: AnyFlowable, run: TaskRun) -> None:
        self.progress = progress
        self.task = task
        self.run = run

    def begin(self) -> None:
        """Work out what is decided once. May raise ``ExpressionError``, ``Needed``, ``SegueError``."""

    def main(self) -> bool:
        """Create the next children of the main part; whether it is over. Not asked after a failure."""
        return self.sequence(self.section("tasks"))

    def final_state(self) -> State:
        """The state that follows from the children, before absorption."""
        return guess_state(self.progress.state.tally(self.run.id, MAIN))

    def advance(self) -> None:
        """Create what comes next, or end."""
        tally = self.progress.state.tally(self.run.id, MAIN)
        if tally.has_failed or self.main():
            if not advance_sides(self.progress, self.run):
                return
            self.end()

    def end(self) -> None:
        """Enter the final state."""
        state = self.final_state()
        self.progress.end(self.run, absorb(self.task, state), attempt=state)

    def section(self, name: str) -> tuple[Task, ...]:
        """The enabled tasks of one of the flowable's lists."""
        return enabled(self.progress.state.flow.children(self.task.id, name))

    def sequence(self, tasks: Sequence[Task]) -> bool:
        """Run ``tasks`` one after the other as the main part; whether they are over."""
        tally = self.progress.state.tally(self.run.id, MAIN)
        if tally.open:
            return False
        if len(tally.ids) >= len(tasks):
            return True
        self.progress.create_run(tasks[len(tally.ids)], self.run)
        return False

    def remember(self, outputs: dict[str, Any]) -> None:
        """Set the outputs that others can read."""
        self.run = self.progress.store_outputs(self.run, outputs)
