"""Runs a flow through the engine alone: results are made up here, time stands still between steps."""

import heapq
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from segue.domain.engine.advance import advance
from segue.domain.engine.decision import Decision
from segue.domain.engine.needs import OutputsNeed
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.facts import Created, Fact, TaskFinished, TimerDue
from segue.domain.execution.jobs import Job
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import OutputReference, TaskRun
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.parse import parse_flow
from segue.domain.flow.type_names import TypeInfo
from segue.expr import Engine, Services
from segue.ports.rendering import Renderer

START = datetime(2026, 1, 1, tzinfo=UTC)
ENGINE = Renderer(Engine(), lambda: Services(clock=lambda: START, entropy=os.urandom))

Outcome = State | tuple[State, dict[str, Any]] | None
"""A state, a state with outputs, or None for a task that does not answer."""


class AnyType:
    """A catalogue in which every type is a task."""

    def resolve(self, type_name: str) -> TypeInfo:
        return TypeInfo("other", type_name)


def by_type(job: Job, state: ExecutionState) -> Outcome:
    """Tasks named Fail fail, Return gives its text, all others succeed."""
    task = state.flow.get_task(job.task_id)
    name = task.type.rsplit(".", 1)[-1]
    if name == "Fail":
        return State.FAILED
    if name == "Return":
        return State.SUCCESS, {"value": getattr(task, "properties", {}).get("format", job.task_id)}
    return State.SUCCESS


@dataclass
class Run:
    """One execution of a flow and what became of it."""

    source: str
    outcome: Callable[[Job, ExecutionState], Outcome] = by_type
    inputs: Mapping[str, Any] = field(default_factory=dict)
    now: datetime = START
    decisions: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        report = parse_flow(self.source, AnyType())
        flow = report.valid_flow()
        key = FlowKey("main", flow.namespace, flow.id, 1)
        execution = Execution(
            id="x", flow=key, status=Status.begin(self.now), created_at=self.now, inputs=dict(self.inputs)
        )
        self.state = ExecutionState(CompiledFlow(flow, 1, dialect=report.dialect), execution)
        self.stored: dict[str, Any] = {}
        self.timers: list[tuple[datetime, str]] = []
        self.jobs: dict[str, Job] = {}

    def step(self, *facts: Fact) -> Decision:
        """Advance with these facts, loading what is asked for from the store."""
        decision = advance(self.state, facts, self.now, ENGINE)
        while decision.needs:
            for need in decision.needs:
                if isinstance(need, OutputsNeed):
                    self.state.outputs[need.owner_id] = self.stored[need.owner_id]
                else:
                    self.state.found[need] = []
            decision = advance(self.state, (), self.now, ENGINE, decision)
        self.stored.update({new.owner_id: new.value for new in decision.outputs})
        self.jobs.update(decision.jobs)
        for dropped in decision.dropped_jobs:
            self.jobs.pop(dropped, None)
        for timer in decision.timers.values():
            heapq.heappush(self.timers, (timer.due_at, timer.id))
        self.decisions.append(decision)
        return decision

    def finish(self, job: Job, outcome: Outcome) -> TaskFinished:
        """The fact for a job's end."""
        assert outcome is not None
        state, outputs = outcome if isinstance(outcome, tuple) else (outcome, None)
        reference = None
        if outputs is not None:
            payload = json.dumps(outputs).encode()
            reference = OutputReference(len(payload), sha256(payload).hexdigest())
            self.stored[job.task_run_id] = outputs
        del self.jobs[job.task_run_id]
        return TaskFinished(job.task_run_id, job.attempt, "w", state, self.now, self.now, reference)

    def to_end(self, limit: int = 500) -> "Run":
        """Answer jobs and let timers come due until nothing moves."""
        self.step(Created())
        for _ in range(limit):
            ready = [(job, self.outcome(job, self.state)) for job in self.jobs.values()]
            facts = [self.finish(job, outcome) for job, outcome in ready if outcome is not None]
            if facts:
                self.step(*facts)
            elif self.timers:
                self.come_due()
            else:
                return self
        raise AssertionError("the execution does not come to an end")

    def come_due(self) -> None:
        """Let the time pass until the next timer."""
        due, timer_id = heapq.heappop(self.timers)
        self.now = max(self.now, due)
        self.step(TimerDue(timer_id))

    @property
    def states(self) -> dict[str, str]:
        """State by task id, in the order the task runs were made; iterations as ``id[value]``."""
        return {self.name(run): run.state.value for run in self.state.runs.values()}

    @staticmethod
    def name(run: TaskRun) -> str:
        return run.task_id if run.value is None else f"{run.task_id}[{run.value}]"

    @property
    def end(self) -> State:
        return self.state.execution.state

    def run_of(self, task_id: str) -> TaskRun:
        (run,) = self.state.runs_of_task(task_id)
        return run

    def histories(self, run: TaskRun | None = None) -> str:
        status = self.state.execution.status if run is None else run.status
        return " ".join(moment.state.value for moment in status.histories)

    def attempts(self, task_id: str) -> list[str]:
        return [attempt.status.current.value for attempt in self.run_of(task_id).attempts]

    @property
    def messages(self) -> list[str]:
        return [line.message for decision in self.decisions for line in decision.logs]

    def wait(self, **duration: float) -> None:
        self.now += timedelta(**duration)


def flow(tasks: str, **sections: str) -> str:
    """A flow text of task lists written in flow style, one task a line."""
    text = "id: f\nnamespace: n\n"
    for name, lines in {"tasks": tasks, **sections}.items():
        text += f"{name.replace('_', '')}:\n" if name != "after_execution" else "afterExecution:\n"
        text += "".join(f"  - {line.strip()}\n" for line in lines.strip().splitlines())
    return text
