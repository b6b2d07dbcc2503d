"""LoopUntil: its tasks again and again until a condition holds (flow language 7.11)."""

from datetime import datetime, timedelta

import msgspec

from segue.domain.durations import parse_duration
from segue.domain.engine.block import advance_sequence, guess_state, restart_run, side_branches
from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.engine.flowables.parallel import whole_number
from segue.domain.engine.rendering import outputs_of, private_outputs
from segue.domain.engine.state import ERRORS, FINALLY, MAIN
from segue.domain.engine.value_rows import row_owner
from segue.domain.errors import SegueError
from segue.domain.execution.jobs import Timer, TimerKind
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State, Status
from segue.domain.flow.flowables import LoopUntil
from segue.expr import is_truthy

_FIRST = 1
_PURPOSE = "again:"


class LoopUntilRun(FlowableRun[LoopUntil]):
    """One iteration after the other, PAUSED in between; the task runs of the last one are kept."""

    __slots__ = ()

    def begin(self) -> None:
        """Count the first iteration."""
        self.remember({"iterationCount": _FIRST})

    def advance(self) -> None:
        """Go on with the iteration, and after it decide once: the next one, or the end."""
        state = self.progress.state
        main = state.tally(self.run.id, MAIN)
        if not main.has_failed and not self.main():
            return
        if not self._is_leaving():
            if not main.has_failed and not self._decide():
                return
            if main.has_failed:
                self._leave(State.FAILED)
        self._close()

    # The decision after an iteration

    def _decide(self) -> bool:
        """Whether the loop is over; otherwise its next iteration is under way."""
        if is_truthy(self.progress.render(self.task.condition, self.run)):
            self._leave(None)
            return True
        count = self._count() + 1
        maximum = self._maximum(count)
        interval = self._duration(self.task.check_frequency.interval, "checkFrequency.interval")
        fails = maximum is not None and is_truthy(self._text(self.task.fail_on_max_reached))
        self.remember({"iterationCount": count})
        if maximum is None:
            self._pause(count, interval)
            return False
        self.progress.log(LogLevel.WARN, f"{maximum} reached", self.run)
        self._leave(State.FAILED if fails else None)
        return True

    def _maximum(self, count: int) -> str | None:
        """Which maximum forbids the iteration with this number."""
        frequency = self.task.check_frequency
        if frequency.max_iterations is not None:
            most = whole_number(self._text(frequency.max_iterations), "checkFrequency.maxIterations")
            if count > most:
                return "Max iterations"
        if frequency.max_duration is not None:
            longest = self._duration(frequency.max_duration, "checkFrequency.maxDuration")
            if self.progress.now >= self._began_at() + longest:
                return "Max duration"
        return None

    def _pause(self, count: int, interval: timedelta) -> None:
        timer = Timer(
            id=self._timer_id(count),
            execution_id=self.run.execution_id,
            kind=TimerKind.TASK,
            due_at=self.progress.now + interval,
            task_run_id=self.run.id,
        )
        self.progress.decision.timers[timer.id] = timer
        self.run = self.progress.move(self.run, State.PAUSED)

    def timer_due(self, purpose: str) -> None:
        """Begin the next iteration: without what the last one left, and without its history."""
        if self.run.state is not State.PAUSED or purpose != f"{_PURPOSE}{self._count()}":
            return
        self._remove_children()
        first, *later = self.run.status.histories
        kept = Status((first, *(moment for moment in later if moment.state is State.RESTARTED)))
        self.run = self.progress.update(msgspec.structs.replace(self.run, status=kept))
        self.run = self.progress.move(self.run, State.RUNNING)

    def _timer_id(self, count: int) -> str:
        return f"{self.run.id}:{_PURPOSE}{count}"

    def _remove_children(self) -> None:
        for child_id in self.progress.state.child_ids(self.run.id):
            self.progress.remove(self.progress.state.runs[child_id])

    def prepare_restart(self) -> None:
        """Have the count loaded."""
        outputs_of(self.progress.state, self.run)

    def restart(self) -> None:
        """Begin to count anew."""
        if self.run.outputs is not None:
            self.progress.drop_timer(self._timer_id(self._count()))
        self._remove_children()
        self.run = restart_run(self.progress, self.run)

    def main(self) -> bool:
        """The tasks in order, numbered with their iteration."""
        tasks = self.section("tasks")
        tally = self.progress.state.tally(self.run.id, MAIN)
        if tally.open:
            return False
        if len(tally.ids) >= len(tasks):
            return True
        self.progress.create_run(tasks[len(tally.ids)], self.run, iteration=self._count() - _FIRST)
        return False

    # The end

    def _is_leaving(self) -> bool:
        """Whether the decision to end was made in an earlier step: then a side branch has begun."""
        state = self.progress.state
        return bool(state.tally(self.run.id, ERRORS).ids or state.tally(self.run.id, FINALLY).ids)

    def _leave(self, state: State | None) -> None:
        self.progress.store_private(self._outcome, {"state": None if state is None else state.value})

    @property
    def _outcome(self) -> str:
        return row_owner(self.run.id, "outcome")

    def _close(self) -> None:
        """Move the side branches; after them end as was decided, or as the tasks have ended."""
        forced = private_outputs(self.progress.state, self._outcome)["state"]
        branches = side_branches(self.progress, self.run)
        if forced and branches.errors and not advance_sequence(self.progress, branches.errors, self.run, ERRORS):
            return
        if branches.finally_ and not advance_sequence(self.progress, branches.finally_, self.run, FINALLY):
            return
        ended = guess_state(self.progress.state.tally(self.run.id, MAIN))
        self.end(ended if ended in {State.FAILED, State.KILLED} or not forced else State(forced))

    # Reading

    def _count(self) -> int:
        found: int = outputs_of(self.progress.state, self.run)["iterationCount"]
        return found

    def _began_at(self) -> datetime:
        """When the task run was created, or restarted after its end."""
        began = self.run.status.started_at
        for moment in self.run.status.histories:
            if moment.state is State.RESTARTED:
                began = moment.at
        return began

    def _text(self, value: object) -> str:
        return self.progress.render(value, self.run) if isinstance(value, str) else str(value).lower()

    def _duration(self, value: timedelta | str, name: str) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(self.progress.render(value, self.run).strip())
        except ValueError as error:
            raise SegueError(f"'{name}': {error}") from error
