"""What a flowable task run does: begin, create its next children, end."""

from abc import ABC
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from segue.domain.engine.block import absorb, advance_sides, enabled, guess_state, restart_run
from segue.domain.engine.progress import Progress
from segue.domain.engine.state import MAIN
from segue.domain.errors import SegueError
from segue.domain.execution.facts import ChildChanged, Reviewed
from segue.domain.execution.requests import ResumeRequested
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import Flowable
from segue.domain.flow.tasks import Task

AnyTask = TypeVar("AnyTask", bound=Task)
AnyFlowable = TypeVar("AnyFlowable", bound=Flowable)


class EngineRun(ABC, Generic[AnyTask]):
    """The behaviour of one kind of task that the engine runs itself, for one task run in one step.

    Every method may raise ``ExpressionError``, ``SegueError`` (the task run then fails with its message) and
    ``Needed`` (the step comes again once that is loaded; nothing may be changed before it is raised).
    """

    __slots__ = ("progress", "run", "task")

    advanced_in: ClassVar[frozenset[State]] = frozenset({State.RUNNING})
    """The states of the task run in which ``advance`` is asked."""

    def __init__(self, progress: Progress, task: AnyTask, run: TaskRun) -> None:
        self.progress = progress
        self.task = task
        self.run = run

    def begin(self) -> None:
        """Work out what is decided once. The task run is RUNNING afterwards, unless it was moved on here."""

    def advance(self) -> None:
        """Go on as far as possible; asked in every step while the task run is in one of ``advanced_in``."""

    def child_changed(self, fact: ChildChanged) -> None:
        """An execution that this task run started and waits for has changed. Not asked after the end."""

    def late_child_changed(self, fact: ChildChanged) -> None:
        """The same after the end of this task run: there is nothing to do but to take note."""

    def timer_due(self, purpose: str) -> None:
        """The timer ``<task run id>:<purpose>`` has come due. Not asked after the end."""

    def resume(self, fact: ResumeRequested) -> None:  # noqa: ARG002  for those that can
        """Somebody wants the task run, which is PAUSED, to go on."""
        raise SegueError(f"The task '{self.task.id}' cannot be resumed by hand")

    def reviewed(self, fact: Reviewed) -> None:  # noqa: ARG002  for those that can
        """Somebody has answered the task run, which is PAUSED."""
        raise SegueError(f"The task '{self.task.id}' waits for no review")

    def prepare_restart(self) -> None:
        """Raise ``Needed`` for what ``restart`` reads; nothing is changed here."""

    def restart(self) -> None:
        """Go on after an end that is taken back (flow language 11.3): with the children there are, or anew.

        Called on a task run that has failed or pauses while none inside it did. Leaves it RESTARTED (it will
        begin anew) or RUNNING with an attempt open.
        """
        if not self.progress.state.child_ids(self.run.id):
            self.run = restart_run(self.progress, self.run)
            return
        self.run = self.progress.begin_attempt(self.run, self.progress.now)
        self.run = self.progress.move(self.run, State.RUNNING)

    def end(self, state: State) -> None:
        """Enter the final state that ``state`` is for this task; the attempt keeps ``state``."""
        self.progress.end(self.progress.state.runs[self.run.id], absorb(self.task, state), attempt=state)

    def remember(self, outputs: dict[str, Any]) -> None:
        """Set the outputs that others can read."""
        self.run = self.progress.store_outputs(self.run, outputs)


class FlowableRun(EngineRun[AnyFlowable]):
    """The behaviour of one kind of flowable.

    Subclasses say what happens at the beginning (``begin``) and which children come next (``main``);
    branches for errors and finally, and the end, are the same for all.
    """

    __slots__ = ()

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
            self.end(self.final_state())

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
