"""Executors, workers, a broker, a clock and users around one database: what happens next is up to the dice."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from segue.domain.execution.facts import InnerTaskReported, KillRequested, SlotGranted, TaskFinished, TimerDue
from segue.domain.execution.jobs import Job
from segue.domain.execution.requests import (
    ForceRunRequested,
    LabelsRequested,
    PauseRequested,
    ReplayRequested,
    Request,
    RestartRequested,
    ResumeRequested,
    StatusRequested,
    TaskStateRequested,
    UnqueueRequested,
)
from segue.domain.execution.state import State
from segue.domain.execution.task_run import OutputReference
from segue.domain.labels import Label
from segue.testing.inside import next_inside
from segue.testing.simulation import verdict
from segue.testing.simulation.database import Claim, Database
from segue.testing.simulation.executor import Node
from segue.testing.world import Outcome, World

_LONGEST = 30_000


def outcome_of(job: Job, world: World) -> Outcome:
    """How an attempt ends: by the task's type, and for Flaky by the tries so far, those of lost workers left out."""
    run = world.task_runs[job.execution_id][job.task_run_id]
    tries = sum(1 for attempt in run.attempts if attempt.status.current not in {State.RESUBMITTED, State.RUNNING})
    task = world.state(job.execution_id).flow.get_task(job.task_id)
    match task.type.rsplit(".", 1)[-1]:
        case "Fail":
            return State.FAILED
        case "Warn":
            return State.WARNING
        case "Flaky":
            return State.SUCCESS if tries >= 2 else State.FAILED
        case "ForEachItem$ForEachItemSplit":
            return State.SUCCESS, {"splits": "kestra:///splits.ion", "numberOfBatches": 2}
        case "Return":
            return State.SUCCESS, {"value": world.render(job, getattr(task, "properties", {}).get("format"))}
    return State.SUCCESS


@dataclass(frozen=True)
class Chances:
    """How often things go wrong, of each time they could."""

    lost_wake: float = 0.15
    doubled_wake: float = 0.1
    crash: float = 0.08
    lost_worker: float = 0.1
    late_report: float = 0.5
    request: float = 0.0


class Cluster:
    """One history. ``story`` has a line for each thing that happened."""

    def __init__(self, database: Database, dice: random.Random, chances: Chances) -> None:
        self.database = database
        self.dice = dice
        self.chances = chances
        self.story: list[str] = []
        self._wakes: list[str] = []
        skews = (timedelta(0), timedelta(milliseconds=300))
        self.nodes = [Node(f"executor {number}", database, skew) for number, skew in enumerate(skews)]
        self._claims: list[Claim] = []
        self._ghosts: list[Claim] = []
        self._requests = 0
        database.wake = self._wake

    def run(self) -> None:
        """Go on until nothing can happen any more. Raises ``AssertionError`` when something is not as it must be."""
        for _ in range(_LONGEST):
            actions = self._actions()
            if actions:
                self.dice.choice(actions)()
            elif not self._recover():
                return
        raise AssertionError(f"still moving after {_LONGEST} events")

    def tell(self, line: str) -> None:
        """Add to the story."""
        self.story.append(line)

    def _actions(self) -> list[Callable[[], None]]:
        database = self.database
        actions: list[Callable[[], None]] = []
        for node in self.nodes:
            if node.pending:
                actions += [lambda node=node: self._write(node)] * 3  # type: ignore[misc]  # bound now
            elif self._wakes:
                actions += [lambda node=node: self._decide(node)] * 3  # type: ignore[misc]  # bound now
        if database.ready():
            actions += [self._claim] * 2
        if self._claims:
            actions += [self._begin, self._report, self._report]
        if self._ghosts:
            actions.append(self._report_late)
        if database.timers:
            actions.append(self._come_due)
        if self.chances.request and self._requests < 6:
            actions.append(self._request)
        return actions

    # The broker

    def _wake(self, execution_id: str) -> None:
        roll = self.dice.random()
        if roll < self.chances.lost_wake:
            self.tell(f"a wake-up of {execution_id} is lost")
            return
        self._wakes.append(execution_id)
        if roll > 1 - self.chances.doubled_wake:
            self._wakes.append(execution_id)

    # Executors

    def _decide(self, node: Node) -> None:
        count = self.dice.randint(1, min(3, len(self._wakes)))
        taken = [self._wakes.pop(self.dice.randrange(len(self._wakes))) for _ in range(count)]
        self.tell(f"{node.name} decides for {', '.join(taken)}")
        self._wakes += node.decide(taken)

    def _write(self, node: Node) -> None:
        if self.dice.random() < self.chances.crash:
            self.tell(f"{node.name} crashes before it writes {', '.join(p.state.execution.id for p in node.pending)}")
            node.crash()
            return
        written = [f"{pending.state.execution.id} {pending.state.execution.state}" for pending in node.pending]
        losers = node.write()
        self.tell(f"{node.name} writes {', '.join(written)}" + (f", but not {', '.join(losers)}" if losers else ""))
        self._wakes += losers
        verdict.check_slots(self.database)

    # Workers

    def _claim(self) -> None:
        claim = self.database.claim(self.dice.choice(self.database.ready()))
        self._claims.append(claim)
        self.tell(f"a worker claims {claim.job.task_run_id} ({claim.job.task_id}), attempt {claim.job.attempt}")

    def _begin(self) -> None:
        claim = self.dice.choice(self._claims)
        self.database.begin(claim)

    def _report(self) -> None:
        claim = self._claims.pop(self.dice.randrange(len(self._claims)))
        if self.dice.random() < self.chances.lost_worker:
            self.tell(f"the worker of {claim.job.task_run_id} is lost")
            self.database.lose(claim)
            if self.dice.random() < self.chances.late_report:
                self._ghosts.append(claim)
            return
        self._send(claim)
        if self.dice.random() < self.chances.doubled_wake and not self.database.holds(claim):
            self._ghosts.append(claim)

    def _report_late(self) -> None:
        claim = self._ghosts.pop(self.dice.randrange(len(self._ghosts)))
        assert not self.database.holds(claim)
        self._send(claim)

    def _send(self, claim: Claim) -> None:
        job, database = claim.job, self.database
        inside = next_inside(job, database, outcome_of) if job.inner and database.holds(claim) else None
        if isinstance(inside, InnerTaskReported):
            database.accept_inside(claim, inside)
            self._claims.append(claim)
            self.tell(f"a worker tells of {inside.task_run_id} {inside.state} inside {job.task_run_id}")
            return
        outcome: Outcome = State.FAILED
        if database.holds(claim):
            outcome = inside or outcome_of(job, database)
        state, outputs = outcome if isinstance(outcome, tuple) else (outcome, None)
        assert state is not None
        payload, reference = _encode(outputs)
        now = database.now
        fact = TaskFinished(job.task_run_id, job.attempt, "w", state, now, now, reference)
        heard = database.accept(claim, fact, payload)
        self.tell(f"a worker reports {job.task_run_id} ({job.task_id}) {state}" + ("" if heard else ", too late"))

    # Time, users, repairs

    def _come_due(self) -> None:
        timers = sorted(self.database.timers.values(), key=lambda timer: (timer.due_at, timer.id))
        timer = self.dice.choice(timers[:2])
        self.tell(f"timer {timer.id} comes due")
        self.database.come_due(timer.id)
        if self.dice.random() < self.chances.doubled_wake:
            self.tell(f"timer {timer.id} comes due once more")
            self.database.tell(timer.execution_id, TimerDue(timer.id))
            self.database.tell(timer.execution_id, SlotGranted())

    def _request(self) -> None:
        self._requests += 1
        if self.dice.random() > self.chances.request:
            return
        execution_id = self.dice.choice(sorted(self.database.executions))
        now = self.database.now
        runs = sorted(self.database.task_runs[execution_id])
        asked: list[Request | KillRequested] = [
            ReplayRequested(new_id=f"replay{self._requests}", task_run_id=self.dice.choice([None, *runs])),
            StatusRequested(self.dice.choice((State.SUCCESS, State.FAILED))),
            LabelsRequested((Label("a", "b"),)),
            *[TaskStateRequested(run, State.SUCCESS) for run in runs[:1]],
            KillRequested(now, self.dice.random() < 0.8),
            PauseRequested(),
            ResumeRequested(now),
            RestartRequested(),
            RestartRequested(),
            ForceRunRequested(),
            UnqueueRequested(self.dice.choice((State.RUNNING, State.CANCELLED, State.FAILED))),
        ]
        fact = self.dice.choice(asked)
        self.tell(f"a user asks {execution_id}: {fact}")
        for _ in range(self.dice.randint(1, 2)):
            self.database.tell(execution_id, fact)

    def _recover(self) -> bool:
        """What the reconciler and patient users do when nothing moves; whether something can move now."""
        waiting = self.database.waiting()
        self._wakes += waiting
        for execution in self.database.executions.values():
            if waiting:
                break
            if execution.state is State.QUEUED and execution.id in self.database.slots.held.get(
                next(iter(execution.concurrency_scopes), ""), {}
            ):
                raise AssertionError(f"{execution.id} holds a slot and nobody told it: {SlotGranted()}")
            if execution.state is State.PAUSED and not execution.is_finished:
                self.database.tell(execution.id, ResumeRequested(self.database.now))
        return bool(waiting or self.database.facts)


def _encode(outputs: dict[str, Any] | None) -> tuple[bytes | None, OutputReference | None]:
    if outputs is None:
        return None, None
    payload = msgspec.json.encode(outputs)
    return payload, OutputReference(len(payload), sha256(payload).hexdigest())
