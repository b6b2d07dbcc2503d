"""Another flow as a task (flow language 7.12)."""

from typing import Any

from segue.domain.durations import parse_duration
from segue.domain.engine.calling import Call, as_map, child_outputs, end_state, log_end
from segue.domain.engine.flowables.base import EngineRun
from segue.domain.engine.joining import final_state, try_again
from segue.domain.engine.rendering import outputs_of
from segue.domain.execution.facts import ChildChanged, KillRequested
from segue.domain.execution.jobs import Timer, TimerKind
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.requests import RestartRequested, ResumeRequested
from segue.domain.execution.state import State
from segue.domain.flow.flowables import RestartBehavior, Subflow

_TIMEOUT = "timeout:"


class SubflowRun(EngineRun[Subflow]):
    """One execution of the flow for each attempt of the task run."""

    def begin(self) -> None:
        """Start the execution; without ``wait`` that is all."""
        progress, task = self.progress, self.task
        number = len(self.run.attempts) + 1
        asked = as_map(task.outputs, "outputs") or None if task.wait else None
        execution_id = Call(progress, task, self.run).start(number, asked_outputs=asked)
        self.remember({"executionId": execution_id})
        self.run = progress.begin_attempt(self.run, progress.now)
        self.run = progress.move(self.run, State.RUNNING)
        if not task.wait:
            self.end(State.SUCCESS)
        elif task.timeout is not None:
            self._limit_time(number)

    def child_changed(self, fact: ChildChanged) -> None:
        """Follow a pause, take up a successor, or end as the execution has ended."""
        known = outputs_of(self.progress.state, self.run)
        if fact.child_id != known.get("executionId"):
            return
        if fact.successor_id is not None:
            self.remember({"executionId": fact.successor_id})
        elif fact.is_finished:
            self._ended(fact)
        elif self.task.transmit_failed or self.run.state is State.PAUSED:
            self.progress.move(self.run, State.PAUSED if fact.state is State.PAUSED else State.RUNNING)

    def _ended(self, fact: ChildChanged) -> None:
        outputs: dict[str, Any] = {"executionId": fact.child_id, "state": fact.state.value}
        found = child_outputs(self.progress, fact)
        if found is not None:
            outputs["outputs"] = found
        self.remember(outputs)
        log_end(self.progress, fact, self.run)
        state = end_state(fact, transmit_failed=self.task.transmit_failed)
        if fact.error is not None:
            self.progress.log(LogLevel.ERROR, f"Failed to extract outputs with the error: {fact.error}", self.run)
            state = State.KILLED if state is State.KILLED else State.FAILED
        self._close(state)

    def _close(self, state: State) -> None:
        """End the attempt, and the task run unless it is tried again."""
        progress = self.progress
        if self.task.timeout is not None:
            progress.drop_timer(f"{self.run.id}:{_TIMEOUT}{len(self.run.attempts)}")
        self.run = progress.move(self.run, State.RUNNING)
        self.run = progress.end_attempt(self.run, state, progress.now)
        if state is State.FAILED and try_again(progress, self.run, progress.now):
            return
        progress.move(self.run, final_state(progress, self.run, state))

    def _limit_time(self, number: int) -> None:
        progress, timeout = self.progress, self.task.timeout
        if isinstance(timeout, str):
            timeout = parse_duration(progress.render(timeout, self.run))
        assert timeout is not None
        timer = Timer(
            id=f"{self.run.id}:{_TIMEOUT}{number}",
            execution_id=self.run.execution_id,
            kind=TimerKind.TASK,
            due_at=progress.now + timeout,
            task_run_id=self.run.id,
        )
        progress.decision.timers[timer.id] = timer

    def timer_due(self, purpose: str) -> None:
        """The attempt takes too long: its execution is killed."""
        if purpose != f"{_TIMEOUT}{len(self.run.attempts)}" or self.run.state is State.RETRYING:
            return
        known = outputs_of(self.progress.state, self.run)
        self.progress.tell(known["executionId"], KillRequested(self.progress.now), "kill")
        self.progress.log(LogLevel.ERROR, "The timeout of the task is over: its execution is killed", self.run)
        self._close(State.FAILED)

    def prepare_restart(self) -> None:
        """Have the outputs loaded that name the execution."""
        outputs_of(self.progress.state, self.run)

    def restart(self) -> None:
        """Restart the execution that failed, unless a new one is wanted or there is none."""
        progress = self.progress
        known = outputs_of(progress.state, self.run)
        if self.task.restart_behavior is RestartBehavior.NEW_EXECUTION or "executionId" not in known:
            super().restart()
            return
        progress.tell(known["executionId"], RestartRequested(is_by_caller=True), "restart")
        self.run = progress.begin_attempt(self.run, progress.now)
        self.run = progress.move(self.run, State.RUNNING)

    def resume(self, fact: ResumeRequested) -> None:
        """Hand the wish on to the execution that is paused."""
        known = outputs_of(self.progress.state, self.run)
        forwarded = ResumeRequested(fact.requested_at, inputs=fact.inputs, by=fact.by)
        self.progress.tell(known["executionId"], forwarded)
