"""What one step sends out: log lines, facts and executions, the end of jobs and timers."""

from datetime import datetime
from typing import Any

from segue.domain.engine.decision import Decision
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import ChildChanged, Fact, OutgoingFact
from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun


def closed_attempts(run: TaskRun) -> int:
    """How many attempts of a task run have ended; the one under way has the next number."""
    return sum(1 for attempt in run.attempts if attempt.status.current.is_terminated)


class Outgoing:
    """The part of a step's record that concerns others than the execution itself."""

    __slots__ = ("_log_count", "decision", "now", "state")

    def __init__(self, state: ExecutionState, now: datetime, decision: Decision) -> None:
        self.state = state
        self.now = now
        self.decision = decision
        self._log_count = len(decision.logs)

    def start_execution(self, new: NewExecution) -> None:
        """Start another execution; one with this id that was started before is not started twice."""
        self.decision.executions[new.execution.id] = new

    def tell(self, execution_id: str, fact: Fact, key: str | None = None) -> None:
        """Put a fact into the inbox of another execution; ``key``: at most one of them lies there unread."""
        self.decision.facts.append(OutgoingFact(execution_id, fact, key))

    def tell_change(self, before: State) -> None:
        """Let the caller know that this execution has paused or goes on, and one of many that it has begun."""
        caller, now = self.state.execution.caller, self.state.execution.state
        if caller is None or not caller.is_waiting:
            return
        has_begun = now is State.RUNNING and before in {State.CREATED, State.QUEUED}
        is_restarted = now is State.RESTARTED and before.is_terminated
        if is_restarted or State.PAUSED in {before, now} or (caller.index is not None and has_begun):
            self.tell_caller(previous=before)

    def tell_caller(self, **details: Any) -> None:
        """Put the present state into the inbox of the task run that started this execution, if it waits."""
        execution = self.state.execution
        caller = execution.caller
        if caller is None or not caller.is_waiting:
            return
        fact = ChildChanged(
            child_id=execution.id,
            task_run_id=caller.task_run_id,
            state=execution.state,
            at=self.now,
            is_finished=execution.is_finished,
            outputs=execution.outputs,
            index=caller.index,
            **details,
        )
        self.tell(caller.execution_id, fact)

    def drop_job(self, run: TaskRun) -> None:
        """Remove the job of a task run: a result that comes for it is refused from now on."""
        if self.decision.jobs.pop(run.id, None) is None:
            self.decision.dropped_jobs.add(run.id)

    def drop_timer(self, timer_id: str) -> None:
        """Forget a timer."""
        if self.decision.timers.pop(timer_id, None) is None:
            self.decision.dropped_timers.add(timer_id)

    def free_slot(self) -> None:
        """Give back the execution's slot or its place in the queue, if it may have one.

        A step that asked for it and was never written has left no trace in the execution.
        """
        if self.state.execution.concurrency_scopes or self.state.flow.flow.concurrency is not None:
            self.decision.frees_slot = True

    def log(self, level: LogLevel, message: str, run: TaskRun | None = None) -> None:
        """Add a line to the execution's log."""
        self._log_count += 1
        flow = self.state.execution.flow
        self.decision.logs.append(
            LogEntry(
                id=f"{self.state.execution.id}:{self.state.execution.version}:{self._log_count}",
                tenant=flow.tenant,
                namespace=flow.namespace,
                flow_id=flow.flow_id,
                execution_id=self.state.execution.id,
                at=self.now,
                level=level,
                message=message,
                task_id=None if run is None else run.task_id,
                task_run_id=None if run is None else run.id,
                attempt=None if run is None else closed_attempts(run),
            )
        )
