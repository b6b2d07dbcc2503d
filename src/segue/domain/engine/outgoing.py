"""What one step sends out: log lines, facts and executions, the end of jobs and timers."""

from datetime import datetime

from segue.domain.engine.decision import Decision
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import Fact, OutgoingFact
from segue.domain.execution.logs import LogEntry, LogLevel
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

    def drop_job(self, run: TaskRun) -> None:
        """Remove the job of a task run: a result that comes for it is refused from now on."""
        if self.decision.jobs.pop(run.id, None) is None:
            self.decision.dropped_jobs.add(run.id)

    def drop_timer(self, timer_id: str) -> None:
        """Forget a timer."""
        if self.decision.timers.pop(timer_id, None) is None:
            self.decision.dropped_timers.add(timer_id)

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
