"""ForEach and its kin with thousands of values: what a step looks at does not grow with what has ended."""

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from segue.domain.engine.advance import advance
from segue.domain.engine.state import ExecutionState
from segue.domain.engine.tally import Groups, Tally
from segue.domain.execution.facts import Created, TaskFinished
from segue.domain.execution.jobs import Job
from segue.domain.execution.state import State
from segue.testing.world import Outcome, World


def each(values: int, options: str, tasks: str, kind: str = "ForEach") -> str:
    name = "values" if kind == "ForEach" else "value"
    return (
        f"id: f\nnamespace: n\ntasks:\n  - id: e\n    type: io.kestra.plugin.core.flow.{kind}\n"
        f"    {name}: '{{{{ range(1, {values}) | json }}}}'\n    {options}\n    tasks: [{tasks}]\n"
    )


PAIR = (
    "{id: a, type: x.Return, format: '{{ taskrun.value }}'}, "
    "{id: b, type: x.Return, format: '{{ outputs.a[taskrun.value].value }}'}"
)


class Engine(World):
    """A world whose executions stay in memory, as the executor's cache keeps them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.states_by_id: dict[str, ExecutionState] = {}

    def state(self, execution_id: str) -> ExecutionState:
        if execution_id not in self.states_by_id:
            self.states_by_id[execution_id] = super().state(execution_id)
        found = self.states_by_id[execution_id]
        found.execution = self.executions[execution_id]
        found.found.clear()
        return found


@pytest.mark.parametrize(
    ("kind", "options", "at_once"),
    [
        ("ForEach", "concurrencyLimit: 0", 2000),
        ("ForEach", "concurrencyLimit: 20", 20),
        ("EachSequential", "", 1),
        ("EachParallel", "", 4000),
        ("EachParallel", "concurrent: 30", 30),
    ],
)
def test_every_value_runs_every_task_once(kind: str, options: str, at_once: int) -> None:
    seen = 0

    def answer(job: Job, world: World) -> Outcome:
        nonlocal seen
        seen = max(seen, len(world.jobs))
        return State.SUCCESS

    world = Engine(answer=answer)
    tasks = "{id: a, type: x.Log}, {id: b, type: x.Log}"
    assert world.run(each(2000, options, tasks, kind)).state is State.SUCCESS

    runs = [run for run in world.task_runs["x"].values() if run.task_id != "e"]
    assert sorted((run.task_id, run.iteration) for run in runs) == sorted(
        (task, index) for task in "ab" for index in range(2000)
    )
    assert seen == at_once
    assert max(len(decision.new_runs) for decision in world.decisions) <= 501


def test_a_task_reads_the_outputs_of_its_own_iteration_only() -> None:
    world = Engine()
    assert world.run(each(50, "concurrencyLimit: 0", PAIR)).state is State.SUCCESS

    jobs = [job for decision in world.decisions for job in decision.jobs.values() if job.task_id == "b"]
    assert {len(job.outputs) for job in jobs} == {1}
    ends = [run for run in world.task_runs["x"].values() if run.task_id == "b"]
    assert [world.outputs_of(run.id)["value"] for run in ends] == [str(number) for number in range(1, 51)]


@pytest.mark.parametrize(
    ("expression", "count", "shown"),
    [
        ("{{ outputs.a[taskrun.value].value }}", 1, "x2"),
        ("{{ outputs.a[taskrun.value] }}", 1, '{"value":"x2"}'),
        ("{{ currentEachOutput(outputs.a).value }}", 1, "x2"),
        ("{{ outputs.a['1'].value }}", 1, "x1"),
        ("{{ outputs.a['1'].value ~ outputs.a[taskrun.value].value }}", 2, "x1x2"),
        ("{{ outputs.a | length }}", 3, "3"),
        ("{{ outputs.a[inputs.which].value }}", 3, "x3"),
        ("{% set taskrun = {'value': '3'} %}{{ outputs.a[taskrun.value].value }}", 3, "x3"),
        ("{% set o = outputs %}{{ o.a[taskrun.value].value }}", 1, "x2"),
        ("{{ (outputs.nothing ?? outputs.a)['3'].value }}", 3, "x3"),
        ("{{ render('{{ outputs.a[taskrun.value].value }}') }}", 3, "x2"),
    ],
)
def test_which_outputs_travel_with_a_job(expression: str, count: int, shown: str) -> None:
    world = World()
    source = each(3, "concurrencyLimit: 0", "{id: a, type: x.Return, format: 'x{{ taskrun.value }}'}, $B")
    task = msgspec.json.encode({"id": "b", "type": "x.Return", "format": expression}).decode()

    assert world.run(source.replace("$B", task), {"which": "3"}).state is State.SUCCESS

    (job,) = [
        job
        for decision in world.decisions
        for job in decision.jobs.values()
        if job.task_id == "b" and world.task_runs["x"][job.task_run_id].value == "2"
    ]
    assert len(job.outputs) == count
    assert world.outputs_of(job.task_run_id)["value"] == shown


def test_nested_values() -> None:
    inner = (
        "{id: i, type: io.kestra.plugin.core.flow.ForEach, values: [p, q], tasks: ["
        "{id: a, type: x.Return, format: '{{ parent.taskrun.value }}-{{ taskrun.value }}'}, "
        "{id: c, type: io.kestra.plugin.core.flow.If, "
        "condition: \"{{ outputs.a[parent.taskrun.value][taskrun.value].value == '2-q' }}\", "
        "then: [{id: b, type: x.Return, format: '{{ outputs.a[parents[1].taskrun.value][parent.taskrun.value].value }}'}, "
        "{id: g, type: x.Return, format: '{{ currentEachOutput(outputs.a).value }}'}]}, "
        "{id: d, type: x.Return, format: '{{ currentEachOutput(outputs.a).value }}'}]}"
    )
    world = World()

    assert world.run(each(2, "", inner)).state is State.SUCCESS

    (found,) = [run for run in world.task_runs["x"].values() if run.task_id == "b"]
    assert world.outputs_of(found.id) == {"value": "2-q"}
    (deeper,) = [run for run in world.task_runs["x"].values() if run.task_id == "g"]
    assert world.outputs_of(deeper.id) == {"value": "2-q"}
    jobs = [job for decision in world.decisions for job in decision.jobs.values()]
    assert [need.values for job in jobs if job.task_id == "b" for need in job.outputs] == [("2", "q")]
    every = [("1", "p"), ("1", "q"), ("2", "p"), ("2", "q")]
    assert [need.values for job in jobs if job.task_id == "d" for need in job.outputs] == every
    ends = [world.outputs_of(run.id)["value"] for run in world.task_runs["x"].values() if run.task_id == "d"]
    assert ends == ["1-p", "1-q", "2-p", "2-q"]


def test_a_step_costs_the_same_at_the_end_as_at_the_beginning() -> None:
    world = Engine(answer=lambda job, world: None)
    world.start(world.deploy(each(3000, "concurrencyLimit: 10", PAIR)))
    world.settle()
    spent = [_answer_one(world) for _ in range(5000)]

    early, late = sorted(spent[100:600])[250], sorted(spent[4400:4900])[250]
    assert late < 3 * early, (early, late)


def _answer_one(world: World) -> float:
    job = next(iter(world.jobs.values()))
    world.finish(job, State.SUCCESS)
    begun = time.perf_counter()
    world.step("x")
    return time.perf_counter() - begun


def test_a_thousand_parallel_branches() -> None:
    branch = "{{id: s{0}, type: io.kestra.plugin.core.flow.Sequential, tasks: [{{id: a{0}, type: x.Log}}, {{id: b{0}, type: x.Log}}]}}"
    branches = ", ".join(branch.format(number) for number in range(1000))
    world = Engine()

    source = (
        f"id: f\nnamespace: n\ntasks: [{{id: p, type: io.kestra.plugin.core.flow.Parallel, tasks: [{branches}]}}]\n"
    )
    assert world.run(source).state is State.SUCCESS
    assert len(world.task_runs["x"]) == 3001


def naive(history: list[tuple[int, bool]], size: int) -> tuple[set[int], int]:
    """What ``Groups`` should say of iterations and the openness of their task runs."""
    indexes = {index for index, _ in history}
    waiting, complete = set(), 0
    for index in indexes:
        own = [is_open for each, is_open in history if each == index]
        if not any(own):
            complete += len(own) >= size
            if len(own) < size:
                waiting.add(index)
    return waiting, complete


def histories() -> Iterator[Any]:
    import random

    for seed in range(50):
        yield random.Random(seed)


def test_groups_count_as_a_walk_over_all_does() -> None:
    for chance in histories():
        groups = Groups(2)
        runs: list[tuple[int, bool]] = []
        for _ in range(60):
            if runs and chance.random() < 0.5:
                place = chance.randrange(len(runs))
                index, is_open = runs[place]
                if not is_open and chance.random() < 0.3:
                    del runs[place]
                    groups.change(index, -1, 0)
                    if not any(each == index for each, _ in runs):
                        runs += [(index, True)]
                        groups.change(index, 1, 1)
                else:
                    runs[place] = (index, not is_open)
                    groups.change(index, 0, -1 if is_open else 1)
            else:
                index = chance.randrange(5)
                runs.append((index, True))
                groups.change(index, 1, 1)
            waiting, complete = naive(runs, 2)
            assert (set(groups.waiting), groups.complete) == (waiting, complete)


def test_a_tally_forgets_what_is_taken_back() -> None:
    tally = Tally(2)
    tally.add("r1", State.CREATED, 0)
    tally.move(State.CREATED, State.SUCCESS, 0)
    assert list(tally.groups.waiting) == [0]
    tally.add("r2", State.CREATED, 0)
    tally.move(State.CREATED, State.FAILED, 0)
    assert (tally.groups.complete, tally.has_failed) == (1, True)
    tally.remove("r2", State.FAILED, 0)
    assert (tally.groups.complete, tally.has_failed, list(tally.groups.waiting)) == (0, False, [0])


def test_facts_of_many_iterations_in_one_step() -> None:
    world = Engine(answer=lambda job, world: None)
    world.start(world.deploy(each(400, "concurrencyLimit: 0", PAIR)))
    world.settle()
    state = world.state("x")
    facts = []
    for job in list(world.jobs.values()):
        world.finish(job, State.SUCCESS)
    facts = world.inbox.pop("x")
    assert len(facts) == 400
    assert all(isinstance(fact, TaskFinished) for fact in facts)

    decision = advance(state, [Created(), *facts], world.now, world.renderer)
    while decision.needs:
        for need in decision.needs:
            world.load(state, need)
        decision = advance(state, (), world.now, world.renderer, decision)

    assert len(decision.new_runs) == 400
