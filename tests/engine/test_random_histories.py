"""Random flows under random faults end as they do without faults, whatever is lost, doubled or read again."""

import random
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from segue.domain.engine.state import ExecutionState
from segue.domain.execution.facts import Created, Fact, JobLost, TaskStarted, decode_fact, encode_fact
from segue.domain.execution.jobs import Job
from segue.domain.execution.model import Execution
from segue.domain.execution.state import EXECUTION_TRANSITIONS, State
from segue.domain.execution.task_run import TaskRun
from tests.engine.harness import Run
from tests.engine.test_scenarios import CORE

SEEDS = range(500)


class FlowMaker:
    """Draws flows of nested flowables; every task's outcome follows from its type, so that runs compare."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0

    def flow(self) -> str:
        flow: dict[str, Any] = {"id": "f", "namespace": "n", "tasks": self.tasks(3)}
        for section in ("errors", "finally", "afterExecution"):
            if self.random.random() < 0.3:
                flow[section] = self.tasks(1)
        return msgspec.json.encode(flow).decode()

    def tasks(self, depth: int) -> list[dict[str, Any]]:
        return [self.task(depth) for _ in range(self.random.randint(1, 3))]

    def task(self, depth: int) -> dict[str, Any]:
        self.count += 1
        kinds = ["Log", "Log", "Return", "Fail"]
        if depth > 0:
            kinds += ["Sequential", "Parallel", "If", "Switch", "ForEach", "EachParallel", "AllowFailure", "Dag"]
        kind = self.random.choice(kinds)
        task: dict[str, Any] = {"id": f"t{self.count}"}
        if self.random.random() < 0.15:
            task["allowFailure"] = True
        if self.random.random() < 0.1:
            task["disabled"] = True
        if self.random.random() < 0.1:
            task["when"] = "{{ taskrun.id is null }}"
        build = getattr(self, f"make_{kind.lower()}", None)
        if build is None:
            package = {"Log": "log.Log", "Return": "debug.Return", "Fail": "execution.Fail"}[kind]
            return task | {"type": f"{CORE}.{package}", "format": "x", "message": "m"} | self.retry()
        return task | {"type": f"{CORE}.flow.{kind}"} | build(depth - 1) | self.sides(depth - 1)

    def retry(self) -> dict[str, Any]:
        if self.random.random() < 0.2:
            return {"retry": {"type": "constant", "interval": "PT1S", "maxAttempts": self.random.randint(1, 3)}}
        return {}

    def sides(self, depth: int) -> dict[str, Any]:
        sections = [each for each in ("errors", "finally") if self.random.random() < 0.2]
        return {section: self.tasks(min(depth, 1)) for section in sections}

    def make_sequential(self, depth: int) -> dict[str, Any]:
        return {"tasks": self.tasks(depth)}

    make_allowfailure = make_sequential

    def make_parallel(self, depth: int) -> dict[str, Any]:
        return {"tasks": self.tasks(depth), "concurrent": self.random.randint(0, 2)}

    def make_if(self, depth: int) -> dict[str, Any]:
        condition = self.random.choice(["{{ 1 == 1 }}", "{{ 1 == 2 }}", "{{ flow.id == 'f' }}"])
        return {"condition": condition, "then": self.tasks(depth), "else": self.tasks(depth)}

    def make_switch(self, depth: int) -> dict[str, Any]:
        return {
            "value": self.random.choice(["a", "b", "c"]),
            "cases": {"a": self.tasks(depth), "b": self.tasks(depth)},
            "defaults": self.tasks(depth),
        }

    def make_foreach(self, depth: int) -> dict[str, Any]:
        return {"values": ["x", "y", 3], "concurrencyLimit": self.random.randint(0, 2), "tasks": self.tasks(depth)}

    def make_eachparallel(self, depth: int) -> dict[str, Any]:
        return {"value": ["x", "y"], "concurrent": self.random.randint(0, 2), "tasks": self.tasks(depth)}

    def make_dag(self, depth: int) -> dict[str, Any]:
        tasks = self.tasks(depth)
        nodes = [{"task": task} for task in tasks]
        for index in range(1, len(nodes)):
            if self.random.random() < 0.5:
                nodes[index]["dependsOn"] = [tasks[index - 1]["id"]]  # type: ignore[assignment]  # a mixed dict
        return {"tasks": nodes}


class Faulty(Run):
    """A run in which facts come twice, late, or for lost jobs, and the state is read again at any time."""

    dice = random.Random(0)

    def step(self, *facts: Fact) -> Any:
        sent = [decode_fact(encode_fact(fact)) for fact in facts for _ in range(self.dice.randint(1, 2))]
        decision = super().step(*sent)
        self.check(decision)
        if self.dice.random() < 0.3:
            self.reload()
        return decision

    def check(self, decision: Any) -> None:
        assert not decision.new_runs.keys() & decision.changed_runs.keys()
        for job in decision.jobs.values():
            assert self.state.runs[job.task_run_id].state is State.SUBMITTED
        assert self.state.execution.task_run_count == len(self.state.runs)

    def reload(self) -> None:
        """What another process would read from the database."""
        execution = msgspec.json.decode(msgspec.json.encode(self.state.execution), type=Execution)
        runs = [msgspec.json.decode(msgspec.json.encode(run), type=TaskRun) for run in self.state.runs.values()]
        self.state = ExecutionState(self.state.flow, execution, runs)

    def to_end(self, limit: int = 2000) -> Run:
        self.step(Created())
        for _ in range(limit):
            if self.jobs:
                chosen = self.dice.sample(list(self.jobs.values()), self.dice.randint(1, len(self.jobs)))
                self.step(*[fact for job in chosen for fact in self.facts_of(job)])
            elif self.timers:
                self.come_due()
            else:
                return self
        raise AssertionError("the execution does not come to an end")

    def facts_of(self, job: Job) -> list[Fact]:
        started = TaskStarted(job.task_run_id, job.attempt, "w", self.now)
        fate = self.dice.random()
        if fate < 0.2:
            del self.jobs[job.task_run_id]
            return [started, JobLost(job.task_run_id, job.attempt, "w", self.now, self.now)]
        if fate < 0.3:
            return [started]
        late = TaskStarted(job.task_run_id, max(1, job.attempt - 1), "w", self.now)
        return [self.finish(job, self.outcome(job, self.state)), late]


@pytest.mark.parametrize("block", range(10))
def test_faults_do_not_change_the_end(block: int) -> None:
    for seed in SEEDS[block::10]:
        source = FlowMaker(seed).flow()
        plain = Run(source).to_end()
        faulty = Faulty(source)
        faulty.dice = random.Random(seed)
        faulty.to_end()

        context = f"seed {seed}: {source}"
        assert plain.state.execution.is_finished, context
        assert faulty.state.execution.is_finished, context
        assert faulty.end is plain.end, context
        assert ends(faulty) == ends(plain) or has_race(source), context
        legal(plain, context)
        legal(faulty, context)


def ends(run: Run) -> list[str]:
    return sorted(f"{name}={state}" for name, state in run.states.items())


def has_race(source: str) -> bool:
    """After a failure beside other tasks it depends on the order which of the others were begun."""
    return any(kind in source for kind in ("flow.Parallel", "flow.ForEach", "flow.EachParallel", "flow.Dag"))


def legal(run: Run, context: str) -> None:
    """Every step of the execution is in the table of transitions, and nothing is left open."""
    moments = run.state.execution.status.histories
    for before, after in pairwise(moments):
        assert after.state in EXECUTION_TRANSITIONS[before.state], context
    assert not run.jobs, context
    assert [each.id for each in run.state.open_runs()] == [], context
