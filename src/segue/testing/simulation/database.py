"""A database that is asked by several processes: versions, inboxes, and jobs with tokens, all in dictionaries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from segue.domain.engine.decision import Decision
from segue.domain.engine.needs import SlotNeed
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.facts import (
    Fact,
    InboxFact,
    InnerTaskReported,
    JobLost,
    TaskFinished,
    TaskStarted,
    TimerDue,
)
from segue.domain.execution.jobs import Job
from segue.domain.execution.slots import SlotAnswer
from segue.domain.execution.state import State
from segue.testing.world import World


@dataclass(frozen=True)
class Claim:
    """A job in the hands of a worker."""

    job: Job
    token: int


_WITH_JOBS = frozenset({State.SUBMITTED, State.RUNNING})


def _nobody(execution_id: str) -> None:
    """Wake nobody up."""


@dataclass
class Database(World):
    """``World`` with what a database does that is shared: a stale write is refused, and so is a stale result.

    ``wake`` is called with the id of an execution that got a fact.
    """

    wake: Callable[[str], None] = _nobody
    facts: dict[int, InboxFact] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)
    born: set[str] = field(default_factory=set)
    results: dict[tuple[str, int], int] = field(default_factory=dict)
    forced: bool = False
    """Whether somebody has asked for a slot above the limit."""
    _seq: int = 0
    _token: int = 0

    # Facts

    def tell(self, execution_id: str, fact: Fact) -> None:
        """Put a fact into an inbox."""
        self._seq += 1
        self.facts[self._seq] = InboxFact(self._seq, execution_id, fact)
        self.wake(execution_id)

    def unread(self, execution_id: str) -> list[InboxFact]:
        """The facts of an execution, in order."""
        return [fact for fact in self.facts.values() if fact.execution_id == execution_id]

    def waiting(self) -> list[str]:
        """Executions with unread facts."""
        return list(dict.fromkeys(fact.execution_id for fact in self.facts.values()))

    # Executors

    def take_slot(self, state: ExecutionState, need: SlotNeed) -> SlotAnswer:
        """See ``Rows.take_slot``."""
        self.forced = self.forced or need.is_forced
        return super().take_slot(state, need)

    def write_decision(self, state: ExecutionState, decision: Decision, facts: Sequence[InboxFact]) -> bool:
        """Apply a decision, if the execution is as it was when that was made; whether it was."""
        row = self.executions.get(state.execution.id)
        if row is None or row.version != state.execution.version:
            return False
        for run in decision.new_runs.values():
            assert run.id not in self.born, f"task run {run.id} was made before"
            self.born.add(run.id)
        for fact in facts:
            self.facts.pop(fact.seq, None)
        for run_id in (*decision.dropped_jobs, *decision.jobs):
            self.tokens.pop(run_id, None)
        self.apply(state, decision)
        self._check_jobs(state.execution.id)
        return True

    def _check_jobs(self, execution_id: str) -> None:
        runs = self.task_runs[execution_id]
        for run_id, job in self.jobs.items():
            if job.execution_id == execution_id:
                assert run_id in runs, f"{run_id} is gone and has a job"
                assert runs[run_id].state in _WITH_JOBS, f"{run_id} is {runs[run_id].state} and has a job"

    # Workers

    def ready(self) -> list[Job]:
        """Jobs that nobody has claimed."""
        return [job for run_id, job in self.jobs.items() if run_id not in self.tokens]

    def claim(self, job: Job) -> Claim:
        """Give a job to a worker."""
        self._token += 1
        self.tokens[job.task_run_id] = self._token
        return Claim(job, self._token)

    def holds(self, claim: Claim) -> bool:
        """Whether the claim is still the right one."""
        return self.tokens.get(claim.job.task_run_id) == claim.token

    def begin(self, claim: Claim) -> None:
        """The worker says that it has begun."""
        if self.holds(claim) and claim.token not in self.begun:
            self.begun.add(claim.token)
            job = claim.job
            self.tell(job.execution_id, TaskStarted(job.task_run_id, job.attempt, "w", self.now))

    def accept(self, claim: Claim, fact: TaskFinished, payload: bytes | None) -> bool:
        """The worker says how it ended; whether it was heard."""
        if not self.holds(claim):
            return False
        key = (fact.task_run_id, fact.attempt)
        self.results[key] = self.results.get(key, 0) + 1
        assert self.results[key] == 1, f"attempt {key} was accepted twice"
        if payload is not None:
            self.outputs[fact.task_run_id] = payload
        self._forget_job(claim)
        self.tell(claim.job.execution_id, fact)
        return True

    def accept_inside(self, claim: Claim, fact: InnerTaskReported) -> None:
        """The worker of a WorkingDirectory that holds its job tells of a task inside."""
        self.results[fact.task_run_id, fact.attempt] = 1
        self.tell(claim.job.execution_id, fact)

    def lose(self, claim: Claim) -> None:
        """The lease of the worker has run out."""
        if self.holds(claim):
            job = claim.job
            began = self.now if claim.token in self.begun else None
            self._forget_job(claim)
            self.tell(job.execution_id, JobLost(job.task_run_id, job.attempt, "w", began, self.now))

    def _forget_job(self, claim: Claim) -> None:
        del self.tokens[claim.job.task_run_id]
        del self.jobs[claim.job.task_run_id]

    # Time

    def come_due(self, timer_id: str) -> None:
        """Let one timer come due, at its date or after it."""
        timer = self.timers.pop(timer_id)
        self.now = max(self.now, timer.due_at)
        self.tell(timer.execution_id, TimerDue(timer.id))
