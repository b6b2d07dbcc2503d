"""Flows run by the engine alone: no server, no database, a clock that stands still until it is moved.

The rows that a database would keep lie in dictionaries, and each step reads its execution back from them, so
that nothing can lean on what was in memory before. Tasks are answered by a function.
"""

import heapq
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from segue.domain.engine.advance import advance
from segue.domain.engine.decision import Decision
from segue.domain.execution.creation import StartRequest, create_execution
from segue.domain.execution.facts import Created, InnerTaskReported, SlotGranted, TaskFinished, TimerDue
from segue.domain.execution.jobs import Job
from segue.domain.execution.limits import DEFAULT_LIMITS, EngineLimits
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.domain.execution.task_run import OutputReference, TaskRun
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.parse import parse_flow
from segue.domain.flow.type_names import TypeCatalogue, TypeInfo
from segue.expr import Engine, Services
from segue.ports.rendering import Renderer
from segue.testing.inside import next_inside
from segue.testing.rows import Rows

START = datetime(2026, 1, 1, tzinfo=UTC)

Outcome = State | tuple[State, dict[str, Any]] | None
"""A state, a state with outputs, or None for a task that does not answer."""

Answer = Callable[[Job, "World"], Outcome]


class AnyType:
    """A catalogue in which every type is a runnable task."""

    def resolve(self, type_name: str) -> TypeInfo:
        """Any name is known."""
        return TypeInfo("other", type_name)


def by_type(job: Job, world: "World") -> Outcome:
    """Tasks whose type ends in Fail fail, Return gives its rendered ``format``, all others succeed."""
    task = world.state(job.execution_id).flow.get_task(job.task_id)
    name = task.type.rsplit(".", 1)[-1]
    if name == "Fail":
        return State.FAILED
    if name == "Return":
        text = getattr(task, "properties", {}).get("format")
        return State.SUCCESS, {"value": world.render(job, text)}
    return State.SUCCESS


@dataclass
class World(Rows):
    """Executions of any number of flows in one tenant. ``answer`` says how tasks end."""

    answer: Answer = by_type
    now: datetime = START
    types: TypeCatalogue = field(default_factory=AnyType)
    limits: EngineLimits = DEFAULT_LIMITS

    def __post_init__(self) -> None:
        self.renderer = Renderer(Engine(), lambda: Services(clock=lambda: self.now, entropy=os.urandom))

    # What a user does

    def deploy(self, source: str) -> CompiledFlow:
        """Store the next revision of a flow. Raises ``DefinitionError``."""
        report = parse_flow(source, self.types)
        flow = report.valid_flow()
        revisions = self.flows.setdefault((flow.namespace, flow.id), [])
        revisions.append(CompiledFlow(flow, len(revisions) + 1, dialect=report.dialect))
        limit = None if flow.concurrency is None else flow.concurrency.limit
        for woken in self.slots.change_limit(f"main/{flow.namespace}/{flow.id}", len(revisions), limit):
            self.tell(woken, SlotGranted())
        return revisions[-1]

    def start(
        self, flow: CompiledFlow, inputs: Mapping[str, Any] | None = None, execution_id: str = "x", **request: Any
    ) -> str:
        """Create an execution; ``inputs`` are taken as they are, ``request`` has more of ``StartRequest``."""
        asked = StartRequest(inputs=dict(inputs or {}), **request)
        execution = create_execution(flow, asked, execution_id, self.now)
        self.write(execution)
        self.tell(execution_id, Created())
        return execution_id

    def run(self, source: str, inputs: Mapping[str, Any] | None = None) -> Execution:
        """Deploy a flow, start it, and go on until nothing moves any more."""
        execution_id = self.start(self.deploy(source), inputs)
        self.settle()
        return self.executions[execution_id]

    def settle(self, *, timers: bool = True, limit: int = 10_000) -> None:
        """Step, answer jobs, and (with ``timers``) let the time pass, until nothing moves any more.

        Raises ``AssertionError`` when that takes more than ``limit`` rounds.
        """
        for _ in range(limit):
            if self.inbox:
                for execution_id in list(self.inbox):
                    self.step(execution_id)
            elif not self._answer_jobs() and not (timers and self.pass_time()):
                return
        raise AssertionError(f"still moving after {limit} rounds")

    def pass_time(self) -> bool:
        """Go to the next timer and let it come due; whether there was one."""
        if not self.timers:
            return False
        due = heapq.nsmallest(1, self.timers.values(), key=lambda timer: (timer.due_at, timer.id))[0]
        del self.timers[due.id]
        self.now = max(self.now, due.due_at)
        self.tell(due.execution_id, TimerDue(due.id))
        return True

    def wait(self, **duration: float) -> None:
        """Move the clock, letting every timer on the way come due."""
        until = self.now + timedelta(**duration)
        while any(timer.due_at <= until for timer in self.timers.values()):
            self.pass_time()
            self.settle(timers=False)
        self.now = until

    # What the executor does

    def step(self, execution_id: str) -> Decision | None:
        """One step of one execution with all its facts; None when it does not exist."""
        facts = self.inbox.pop(execution_id, [])
        if execution_id not in self.executions:
            return None
        state = self.state(execution_id)
        decision = advance(state, facts, self.now, self.renderer, limits=self.limits)
        while decision.needs:
            for need in decision.needs:
                self.load(state, need)
            decision = advance(state, (), self.now, self.renderer, decision, self.limits)
        self.apply(state, decision)
        return decision

    # What workers do

    def finish(self, job: Job, outcome: State | tuple[State, dict[str, Any]]) -> None:
        """Report the end of a job's attempt."""
        state, outputs = outcome if isinstance(outcome, tuple) else (outcome, None)
        reference = None
        if outputs is not None:
            payload = msgspec.json.encode(outputs)
            reference = OutputReference(len(payload), sha256(payload).hexdigest())
            self.outputs[job.task_run_id] = payload
        del self.jobs[job.task_run_id]
        fact = TaskFinished(job.task_run_id, job.attempt, "w", state, self.now, self.now, reference)
        self.tell(job.execution_id, fact)

    def render(self, job: Job, text: Any) -> Any:
        """A property of a job's task as its worker would render it."""
        from segue.domain.execution.context import execution_roots

        outputs: dict[str, Any] = {}
        for need in job.outputs:
            place = outputs.setdefault(need.task_id, {})
            for value in need.values:
                place = place.setdefault(value, {})
            place.update(msgspec.json.decode(self.outputs[need.task_run_id]))
        execution = self.executions[job.execution_id]
        flow = self.state(job.execution_id).flow.flow
        own = execution.variables
        variables = {"vars": flow.variables if own is None else own, "outputs": outputs}
        roots = {**execution_roots(execution), **msgspec.json.decode(job.context)}
        return self.renderer.render_value(text, {**roots, **variables})

    def _answer_jobs(self) -> bool:
        """Answer every job that is answered at all; whether there was one."""
        answers = [(job, self.answer(job, self)) for job in self.jobs.values()]
        for job, outcome in answers:
            inside = next_inside(job, self, self.answer) if job.inner and outcome is not None else outcome
            if isinstance(inside, InnerTaskReported):
                self.tell(job.execution_id, inside)
            elif inside is not None:
                self.finish(job, inside)
        return any(outcome is not None for _, outcome in answers)

    # What one looks at

    def states(self, execution_id: str = "x") -> dict[str, str]:
        """State by task id in the order the task runs were made; iterations as ``id[value]``."""
        return {
            run.task_id if run.value is None else f"{run.task_id}[{run.value}]": run.state.value
            for run in self.task_runs[execution_id].values()
        }

    def histories(self, execution_id: str = "x", task_id: str | None = None) -> str:
        """The states an execution, or the only task run of one of its tasks, went through."""
        status = self.executions[execution_id].status if task_id is None else self.run_of(task_id, execution_id).status
        return " ".join(moment.state.value for moment in status.histories)

    def run_of(self, task_id: str, execution_id: str = "x") -> TaskRun:
        """The only task run of a task."""
        (run,) = [run for run in self.task_runs[execution_id].values() if run.task_id == task_id]
        return run

    def outputs_of(self, owner_id: str) -> Any:
        """Outputs of a task run or of an execution."""
        return msgspec.json.decode(self.outputs[owner_id])

    def children(self, execution_id: str = "x") -> list[Execution]:
        """The executions that this one started, in the order they were created."""
        return [
            one
            for one in self.executions.values()
            if one.caller is not None and one.caller.execution_id == execution_id
        ]
