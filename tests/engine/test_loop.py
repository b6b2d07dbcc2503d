"""Loop: iterations are executions of their own (flow language 7.10)."""

from typing import Any

import pytest

from segue.domain.execution.facts import ChildChanged, KillRequested
from segue.domain.execution.jobs import Job
from segue.domain.execution.model import ExecutionKind
from segue.domain.execution.requests import PauseRequested, RestartRequested, ResumeRequested
from segue.domain.execution.state import State
from segue.testing.world import START, Outcome, World, by_type


def flow(loop: str, *, body: str = "{id: t, type: x.Return, format: '{{ item.value }}'}", before: str = "") -> str:
    return (
        f"id: f\nnamespace: n\ntasks:\n{before}"
        f"  - id: l\n    type: io.kestra.plugin.core.flow.Loop\n    tasks: [{body}]\n    {loop}\n"
        "  - {id: after, type: x.Return, format: '{{ outputs.l }}'}\n"
    )


def given(world: World, execution_id: str = "x") -> Any:
    return world.outputs_of(world.run_of("l", execution_id).id)


def values_of(world: World, execution_id: str = "x") -> list[str]:
    return [child.loop.item.value for child in world.children(execution_id) if child.loop is not None]


def test_every_value_has_an_execution_of_its_own() -> None:
    world = World()

    assert world.run(flow("values: [a, b, a, 3, {k: 1}]")).state is State.SUCCESS

    assert world.states() == {"l": "SUCCESS", "after": "SUCCESS"}
    assert values_of(world) == ["a", "b", "3", '{"k":1}']
    assert [child.id for child in world.children()] == ["x-1-0", "x-1-1", "x-1-2", "x-1-3"]
    for child in world.children():
        assert child.kind is ExecutionKind.LOOP
        assert child.state is State.SUCCESS
        assert child.parent_id == "x"
        assert world.states(child.id) == {"t": "SUCCESS"}
        assert child.loop is not None
        assert world.outputs_of(f"{child.id}-1") == {"value": child.loop.item.value}
    assert given(world) == {"iterationCount": 4, "runningIterations": 0, "terminatedIterations": 4, "outputs": []}


def test_no_values_end_at_once() -> None:
    world = World()

    assert world.run(flow("values: []")).state is State.SUCCESS

    assert given(world)["iterationCount"] == 0
    assert world.children() == []


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ('\'["a", 1, true, [1], {"b": 2}, "a"]\'', ["a", "1", "true", "[1]", '{"b":2}']),
        ("'{\"k\": [1]}'", ["[1]"]),
        ("\"{{ ['x', 'y'] }}\"", ["x", "y"]),
        ("{a: u1, b: u1}", ["u1", "u1"]),
        ("['{{ 1 + 1 }}', z]", ["2", "z"]),
    ],
)
def test_values(values: str, texts: list[str]) -> None:
    world = World()

    assert world.run(flow(f"values: {values}")).state is State.SUCCESS
    assert values_of(world) == texts


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("[a, null]", "Found a null value inside the iteration values="),
        ("'[null]'", "Found a null value inside the iteration values="),
        ("[[1]]", "Unknown value element type"),
        ("[true]", "Unknown value element type"),
        ("'nonsense'", "Unknown value type"),
        ("'3'", "Unknown value type"),
        ("'file:///etc/passwd'", "must lie in internal storage"),
    ],
)
def test_values_that_are_none(values: str, message: str) -> None:
    world = World()

    assert world.run(flow(f"values: {values}")).state is State.FAILED
    assert world.states() == {"l": "FAILED"}
    assert any(message in line.message for line in world.logs)


def test_a_map_gives_keys() -> None:
    world = World()
    body = "{id: t, type: x.Return, format: '{{ item.index }}/{{ item.key }}={{ item.value }}'}"
    outputs = "outputs: [{id: r, type: STRING, value: '{{ outputs.t.value }}'}]"

    world.run(flow(f"values: {{dev: u1, prod: u2}}\n    {outputs}", body=body))

    assert given(world)["outputs"] == [
        {"item": {"value": "u1", "iteration": 0, "key": "dev"}, "outputs": {"r": "0/dev=u1"}},
        {"item": {"value": "u2", "iteration": 1, "key": "prod"}, "outputs": {"r": "1/prod=u2"}},
    ]


@pytest.mark.parametrize(("limit", "at_once"), [("concurrencyLimit: 2", 2), ("concurrencyLimit: 0", 5), ("", 1)])
def test_no_more_iterations_at_once_than_allowed(limit: str, at_once: int) -> None:
    world = World(answer=lambda job, world: None)
    world.start(world.deploy(flow(f"values: [1, 2, 3, 4, 5]\n    {limit}")))
    world.settle()

    assert len(world.jobs) == at_once
    assert given(world) == {"iterationCount": 5, "runningIterations": at_once, "terminatedIterations": 0}

    world.finish(next(iter(world.jobs.values())), State.SUCCESS)
    world.settle()

    assert given(world)["terminatedIterations"] == 1
    assert given(world)["runningIterations"] == min(at_once, 4)
    world.answer = by_type
    world.settle()
    assert world.executions["x"].state is State.SUCCESS
    assert len(world.children()) == 5


def failing_at(*values: str) -> Any:
    def answer(job: Job, world: World) -> Outcome:
        loop = world.executions[job.execution_id].loop
        return State.FAILED if loop is not None and loop.item.value in values else by_type(job, world)

    return answer


def test_a_failure_ends_the_loop_and_starts_nothing_more() -> None:
    world = World(answer=failing_at("2"))

    assert world.run(flow("values: [1, 2, 3]")).state is State.FAILED

    assert world.states() == {"l": "FAILED"}
    assert [child.state.value for child in world.children()] == ["SUCCESS", "FAILED"]
    assert given(world) == {"iterationCount": 3, "runningIterations": 0, "terminatedIterations": 2}


def test_iterations_under_way_end_for_themselves_after_a_failure() -> None:
    world = World(answer=lambda job, world: State.FAILED if job.execution_id == "x-1-1" else None)
    world.start(world.deploy(flow("values: [1, 2, 3]\n    concurrencyLimit: 0")))
    world.settle()
    assert world.executions["x"].state is State.FAILED
    assert len(world.jobs) == 2

    world.answer = by_type
    world.settle()

    assert [child.state.value for child in world.children()] == ["SUCCESS", "FAILED", "SUCCESS"]
    assert world.outputs_of("x-1#marks-0") == {"marks": "SFS"}
    assert world.executions["x"].state is State.FAILED


def test_failures_that_are_not_transmitted_are_only_counted() -> None:
    world = World(answer=failing_at("1", "3"))

    assert world.run(flow("values: [1, 2, 3]\n    transmitFailed: false")).state is State.SUCCESS

    assert given(world)["terminatedIterations"] == 3
    assert [child.state.value for child in world.children()] == ["FAILED", "SUCCESS", "FAILED"]


def test_allow_failure_makes_a_warning_of_it() -> None:
    world = World(answer=failing_at("1"))

    assert world.run(flow("values: [1, 2]\n    allowFailure: true")).state is State.WARNING
    assert world.states() == {"l": "WARNING", "after": "SUCCESS"}


def test_errors_and_finally_belong_to_the_iteration() -> None:
    world = World(answer=failing_at("2"))
    sides = "errors: [{id: e, type: x.Log}]\n    finally: [{id: z, type: x.Log}]"
    answer = world.answer
    world.answer = lambda job, world: answer(job, world) if job.task_id == "t" else State.SUCCESS

    world.run(flow(f"values: [1, 2]\n    {sides}"))

    assert world.states("x-1-0") == {"t": "SUCCESS", "z": "SUCCESS"}
    assert world.states("x-1-1") == {"t": "FAILED", "e": "SUCCESS", "z": "SUCCESS"}
    assert world.states() == {"l": "FAILED"}


def test_outputs_before_the_loop_are_visible_inside_it() -> None:
    world = World()
    before = "  - {id: first, type: x.Return, format: hello}\n"
    body = (
        "{id: t, type: x.Return, format: '{{ outputs.first.value }} {{ item.value }}'}, "
        "{id: u, type: x.Return, format: '{{ outputs.t.value }}! {{ execution.id }}'}"
    )

    world.run(flow("values: [a]", body=body, before=before))

    child = world.children()[0]
    assert world.outputs_of(f"{child.id}-1") == {"value": "hello a"}
    assert world.outputs_of(f"{child.id}-2") == {"value": "hello a! x"}


def test_many_outputs_before_the_loop_are_kept_once() -> None:
    world = World()
    before = (
        "  - id: each\n    type: io.kestra.plugin.core.flow.ForEach\n"
        f"    values: {[str(number) for number in range(30)]}\n    concurrencyLimit: 0\n"
        "    tasks: [{id: b, type: x.Return, format: '{{ taskrun.value }}'}]\n"
    )
    body = "{id: t, type: x.Return, format: '{{ outputs.b[item.value].value }}'}"

    assert world.run(flow("values: ['7', '29']", body=body, before=before)).state is State.SUCCESS

    first = world.children()[0]
    assert first.loop is not None
    assert first.loop.outputs == ()
    assert [world.outputs_of(f"{child.id}-1")["value"] for child in world.children()] == ["7", "29"]


def test_loops_in_loops_know_the_items_around_them() -> None:
    world = World()
    inner = (
        "{id: m, type: io.kestra.plugin.core.flow.Loop, values: [x, y], tasks: [{id: t, type: x.Return, format: "
        "'{{ item.value }}{{ item.parent.value }}{{ item.parents[0].index }} {{ execution.id }}'}]}"
    )

    assert world.run(flow("values: [1, 2]", body=inner)).state is State.SUCCESS

    assert world.states("x-1-0") == {"m": "SUCCESS"}
    assert [child.id for child in world.children("x-1-1")] == ["x-1-1-1-0", "x-1-1-1-1"]
    assert world.outputs_of("x-1-1-1-1-1") == {"value": "y21 x"}
    assert len(world.executions) == 1 + 2 + 4


def test_a_loop_over_a_file_reads_it_slice_by_slice() -> None:
    world = World()
    world.files["kestra:///n/f/executions/x/values.ion"] = b'"a"\n\n{k: 1}\n2\na\nlast one\r\n"b"\n"c"\n"d"'
    outputs = "outputs: [{id: r, type: STRING, value: '{{ outputs.t.value }}'}]"

    assert world.run(flow(f"values: 'kestra:///n/f/executions/x/values.ion'\n    {outputs}")).state is State.SUCCESS

    assert values_of(world) == ["a", '{"k":1}', "2", "a", "last one", "b", "c", "d"]
    found = given(world)
    assert found["iterationCount"] == 8
    assert found["outputs"] == {"uri": found["uri"]}
    lines = world.files[found["uri"]].splitlines()
    assert len(lines) == 8
    assert lines[1] == b'{item:{value:"{\\"k\\":1}",iteration:1},outputs:{r:"{\\"k\\":1}"}}'


def test_fetch_types() -> None:
    outputs = "outputs: [{id: r, type: STRING, value: '{{ outputs.t.value }}'}]"
    world = World()
    world.run(flow(f"values: [a]\n    fetchType: STORE\n    {outputs}"))
    assert world.files[given(world)["uri"]] == b'{item:{value:"a",iteration:0},outputs:{r:"a"}}\n'

    world = World(files={"kestra:///n/f/executions/x/v": b"a"})
    world.run(flow(f"values: 'kestra:///n/f/executions/x/v'\n    fetchType: FETCH\n    {outputs}"))
    assert given(world)["outputs"] == [{"item": {"value": "a", "iteration": 0}, "outputs": {"r": "a"}}]


def test_outputs_that_cannot_be_rendered_fail_the_iteration() -> None:
    world = World()
    outputs = "outputs: [{id: r, type: STRING, value: '{{ outputs.nothing.value }}'}]"

    assert world.run(flow(f"values: [a, b]\n    {outputs}")).state is State.FAILED
    assert [child.state.value for child in world.children()] == ["FAILED"]


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("{{ item.value == '2' }}", 2),
        ("{{ iteration.state == 'FAILED' }}", 3),
        ("{{ (iteration.outputs.r ?? '') == '4' }}", 4),
        ("{{ iteration.executionId == 'x-1-0' }}", 1),
        ("{{ false }}", 5),
    ],
)
def test_break_when(condition: str, count: int) -> None:
    world = World(answer=failing_at("3"))
    outputs = "outputs: [{id: r, type: STRING, required: false, value: '{{ outputs.t.value }}'}]"
    options = f'breakWhen: "{condition}"\n    transmitFailed: false'

    assert world.run(flow(f"values: [1, 2, 3, 4, 5]\n    {options}\n    {outputs}")).state is State.SUCCESS

    assert len(world.children()) == count
    assert given(world)["terminatedIterations"] == count
    assert given(world)["iterationCount"] == 5


def test_a_break_condition_that_cannot_be_rendered_fails_the_loop() -> None:
    world = World()

    assert world.run(flow("values: [1, 2]\n    breakWhen: '{{ nothing.at.all }}'")).state is State.FAILED


def test_a_kill_reaches_the_iterations() -> None:
    world = World(answer=lambda job, world: None)
    world.start(world.deploy(flow("values: [1, 2]\n    concurrencyLimit: 0")))
    world.settle()

    world.tell("x", KillRequested(START))
    world.settle()

    assert world.executions["x"].state is State.KILLED
    assert [child.state.value for child in world.children()] == ["KILLED", "KILLED"]
    assert world.jobs == {}


def test_a_killed_iteration_counts_as_failed() -> None:
    world = World(answer=lambda job, world: None)
    world.start(world.deploy(flow("values: [1, 2]")))
    world.settle()

    world.tell("x-1-0", KillRequested(START))
    world.settle()

    assert world.executions["x"].state is State.FAILED


def test_a_fact_joined_twice_changes_nothing() -> None:
    world = World(answer=lambda job, world: State.SUCCESS if job.execution_id == "x-1-0" else None)
    world.start(world.deploy(flow("values: [1, 2, 3]")))
    world.settle()
    before = given(world)
    assert before["terminatedIterations"] == 1

    world.tell("x", ChildChanged("x-1-0", "x-1", State.SUCCESS, START, True))
    world.settle()

    assert given(world) == before
    assert len(world.children()) == 2


def test_unlimited_loops_start_in_slices() -> None:
    world = World(answer=lambda job, world: None)
    world.start(world.deploy(flow("values: '{{ range(1, 2500) | json }}'\n    concurrencyLimit: 0")))
    world.settle()

    assert len(world.children()) == 2500
    assert max(len(decision.executions) for decision in world.decisions) == 200
    assert sorted(owner for owner in world.outputs if "#" in owner) == [
        "x-1#book",
        *(f"x-1#marks-{number}" for number in range(3)),
        "x-1#plan",
        *(f"x-1#values-{number}" for number in range(3)),
    ]

    world.answer = by_type
    world.settle()
    assert world.executions["x"].state is State.SUCCESS
    assert given(world)["terminatedIterations"] == 2500


def test_the_retry_of_the_loop_holds_inside_it() -> None:
    world = World(answer=lambda job, world: State.FAILED)

    world.run(flow("values: [1]\n    retry: {type: constant, interval: PT1S, maxAttempts: 3}"))

    assert len(world.run_of("t", "x-1-0").attempts) == 3


def test_a_restart_restarts_the_iterations_that_failed() -> None:
    world = World(answer=failing_at("1", "3"))
    outputs = "outputs: [{id: r, type: STRING, required: false, value: '{{ outputs.t.value }}'}]"
    world.run(flow(f"values: [1, 2, 3, 4]\n    concurrencyLimit: 3\n    {outputs}"))
    assert [child.state.value for child in world.children()] == ["FAILED", "SUCCESS", "FAILED"]

    world.answer = by_type
    world.tell("x", RestartRequested())
    world.settle()

    assert world.executions["x"].state is State.SUCCESS
    assert [child.state.value for child in world.children()] == ["SUCCESS"] * 4
    assert [child.attempt_number for child in world.children()] == [2, 1, 2, 1]
    assert [len(world.run_of("t", child.id).attempts) for child in world.children()] == [2, 1, 2, 1]
    assert [one["outputs"]["r"] for one in given(world)["outputs"]] == ["1", "2", "3", "4"]


def test_a_restart_takes_up_killed_iterations_and_awaits_those_still_running() -> None:
    world = World(answer=lambda job, world: None)
    world.start(world.deploy(flow("values: [1, 2, 3]\n    concurrencyLimit: 2")))
    world.settle()
    world.tell("x-1-0", KillRequested(START))
    world.settle()
    assert world.executions["x"].state is State.FAILED
    assert list(world.jobs) == ["x-1-1-1"]

    world.tell("x", RestartRequested())
    world.settle()
    assert sorted(world.jobs) == ["x-1-0-1", "x-1-1-1"]
    assert given(world)["runningIterations"] == 2
    world.answer = by_type
    world.settle()

    assert world.executions["x"].state is State.SUCCESS
    assert given(world)["terminatedIterations"] == 3


def test_a_restart_goes_down_into_nested_loops() -> None:
    inner = "{id: m, type: io.kestra.plugin.core.flow.Loop, values: [x, y], tasks: [{id: t, type: x.Log}]}"
    world = World(answer=failing_at("y"))
    world.run(flow("values: [1]", body=inner))
    assert world.executions["x"].state is State.FAILED

    world.answer = by_type
    world.tell("x", RestartRequested())
    world.settle()

    assert world.executions["x"].state is State.SUCCESS
    assert world.histories("x-1-0-1-1", "t") == "CREATED SUBMITTED RUNNING FAILED RESTARTED SUBMITTED RUNNING SUCCESS"


def test_a_loop_without_values_begins_anew_on_restart() -> None:
    world = World()
    world.run(flow("values: '{{ inputs.list }}'"))
    assert world.executions["x"].state is State.FAILED

    world.tell("x", RestartRequested())
    world.settle()

    assert world.executions["x"].state is State.FAILED
    assert world.histories(task_id="l").split().count("RESTARTED") == 1


def test_a_paused_iteration_pauses_the_loop_and_the_execution() -> None:
    world = World(answer=lambda job, world: None)
    world.start(world.deploy(flow("values: [1, 2]")))
    world.settle()

    world.tell("x-1-0", PauseRequested())
    world.settle()
    assert world.states() == {"l": "PAUSED"}
    assert world.executions["x"].state is State.PAUSED

    world.tell("x", ResumeRequested(START))
    world.settle()
    assert world.executions["x-1-0"].state is State.RUNNING
    assert world.histories() == "CREATED RUNNING PAUSED RESTARTED RUNNING"
    world.answer = by_type
    world.settle()
    assert world.executions["x"].state is State.SUCCESS


def test_other_iterations_go_on_beside_a_paused_one() -> None:
    world = World(answer=lambda job, world: None if job.execution_id == "x-1-0" else State.SUCCESS)
    world.start(world.deploy(flow("values: [1, 2, 3, 4]\n    concurrencyLimit: 2")))
    world.step("x")
    world.step("x-1-0")
    world.tell("x-1-0", PauseRequested())
    world.settle()

    assert world.executions["x"].state is State.PAUSED
    assert [child.state.value for child in world.children()] == ["PAUSED", "SUCCESS", "SUCCESS", "SUCCESS"]
    world.answer = by_type
    world.tell("x-1-0", ResumeRequested(START))
    world.settle()
    assert world.executions["x"].state is State.SUCCESS


def test_large_inputs_are_taken_over_as_far_as_they_are_named() -> None:
    inputs = {"large": "x" * 10_000, "small": "y", "other": "z" * 10_000}
    body = "{id: t, type: x.Return, format: '{{ inputs.small }}{{ item.value }}'}"
    world = World()
    world.run(flow("values: [1]", body=body), inputs)
    assert world.children()[0].inputs == {"small": "y"}
    assert world.outputs_of("x-1-0-1") == {"value": "y1"}

    world = World()
    world.run(flow("values: [1]", body="{id: t, type: x.Return, format: '{{ inputs | length }}'}"), inputs)
    assert world.children()[0].inputs == inputs

    world = World()
    world.run(flow("values: [1]"), {"small": "y"})
    assert world.children()[0].inputs == {"small": "y"}


def test_a_state_that_is_out_of_date_meets_an_iteration_it_does_not_know() -> None:
    world = World(answer=lambda job, world: None)
    world.start(world.deploy(flow("values: [1, 2, 3]")))
    world.settle()
    before = dict(world.outputs)

    world.tell("x", ChildChanged("x-1-2", "x-1", State.SUCCESS, START, True))
    world.settle()

    assert world.outputs == before
    assert given(world)["runningIterations"] == 1
