"""LoopUntil repeats its tasks until a condition holds (flow language 7.11)."""

from datetime import timedelta
from typing import Any

import pytest

from segue.domain.execution.facts import KillRequested
from segue.domain.execution.jobs import Job
from segue.domain.execution.requests import RestartRequested
from segue.domain.execution.state import State
from segue.testing.world import START, Outcome, World, by_type

COUNT = "{id: t, type: x.Return, format: '{{ outputs.u.iterationCount }}'}"


def flow(condition: str, options: str = "", *, tasks: str = COUNT, kind: str = "LoopUntil") -> str:
    return (
        f"id: f\nnamespace: n\ntasks:\n  - id: u\n    type: io.kestra.plugin.core.flow.{kind}\n"
        f'    condition: "{condition}"\n    tasks: [{tasks}]\n    {options}\n'
        "  - {id: after, type: x.Return, format: '{{ outputs.t.value }}'}\n"
    )


def given(world: World) -> Any:
    return world.outputs_of(world.run_of("u").id)


def test_a_condition_that_holds_at_once() -> None:
    world = World()

    assert world.run(flow("{{ outputs.t.value == '1' }}")).state is State.SUCCESS

    assert world.states() == {"u": "SUCCESS", "t": "SUCCESS", "after": "SUCCESS"}
    assert given(world) == {"iterationCount": 1}
    assert world.now == START


def test_iterations_follow_in_the_interval_and_replace_each_other() -> None:
    world = World()

    assert world.run(flow("{{ outputs.t.value == '3' }}", "checkFrequency: {interval: PT10S}")).state is State.SUCCESS

    assert world.states() == {"u": "SUCCESS", "t": "SUCCESS", "after": "SUCCESS"}
    assert world.run_of("t").iteration == 2
    assert given(world) == {"iterationCount": 3}
    assert world.now == START + timedelta(seconds=20)
    assert world.histories(task_id="u") == "CREATED RUNNING SUCCESS"
    assert world.histories() == "CREATED RUNNING PAUSED RESTARTED RUNNING PAUSED RESTARTED RUNNING SUCCESS"
    assert world.outputs_of(world.run_of("after").id) == {"value": "3"}
    assert world.timers == {}


def test_the_old_name_and_an_interval_of_nothing() -> None:
    world = World()

    done = world.run(flow("{{ outputs.t.value == '5' }}", "checkFrequency: {interval: PT0S}", kind="WaitFor"))

    assert done.state is State.SUCCESS
    assert given(world) == {"iterationCount": 5}
    assert world.now == START


def test_between_iterations_it_is_paused() -> None:
    world = World()
    world.start(world.deploy(flow("{{ false }}")))
    world.settle(timers=False)

    assert world.states() == {"u": "PAUSED", "t": "SUCCESS"}
    assert world.executions["x"].state is State.PAUSED
    (timer,) = world.timers.values()
    assert timer.due_at == START + timedelta(minutes=1)


@pytest.mark.parametrize(("fails", "end"), [("true", State.FAILED), ("'{{ false }}'", State.SUCCESS)])
def test_no_more_iterations_than_allowed(fails: str, end: State) -> None:
    world = World()
    options = f"failOnMaxReached: {fails}\n    checkFrequency: {{interval: PT1S, maxIterations: 3}}"

    assert world.run(flow("{{ false }}", options)).state is end

    assert given(world) == {"iterationCount": 4}
    assert world.now == START + timedelta(seconds=2)
    assert any(line.message == "Max iterations reached" for line in world.logs)


def test_no_longer_than_allowed() -> None:
    world = World()
    options = "failOnMaxReached: true\n    checkFrequency: {interval: PT1S, maxDuration: \"{{ 'PT3S' }}\"}"

    assert world.run(flow("{{ false }}", options)).state is State.FAILED

    assert world.now == START + timedelta(seconds=3)
    assert any(line.message == "Max duration reached" for line in world.logs)


def test_a_failed_task_ends_it() -> None:
    world = World()

    assert world.run(flow("{{ true }}", tasks="{id: t, type: x.Fail}")).state is State.FAILED
    assert world.states() == {"u": "FAILED", "t": "FAILED"}


def test_warnings_and_skipped_tasks_do_not() -> None:
    tasks = "{id: t, type: x.Fail, allowFailure: true}, {id: s, type: x.Log, runIf: '{{ false }}'}"
    world = World()

    source = flow("{{ outputs.u.iterationCount == 3 }}", "checkFrequency: {interval: PT1S}", tasks=tasks)
    done = world.run(source.replace("outputs.t.value", "outputs.u.iterationCount"))

    assert given(world) == {"iterationCount": 3}
    assert world.states() == {"u": "WARNING", "t": "WARNING", "s": "SKIPPED", "after": "SUCCESS"}
    assert done.state is State.WARNING


def test_side_branches_run_once_after_the_decision() -> None:
    sides = "errors: [{id: e, type: x.Log}]\n    finally: [{id: z, type: x.Log}, {id: y, type: x.Log}]"
    options = f"checkFrequency: {{interval: PT1S, maxIterations: 2}}\n    {sides}"

    world = World()
    world.run(flow("{{ outputs.t.value == '2' }}", options))
    assert list(world.states()) == ["u", "t", "z", "y", "after"]

    world = World()
    world.run(flow("{{ false }}", f"failOnMaxReached: true\n    {options}"))
    assert list(world.states()) == ["u", "t", "e", "z", "y"]
    assert world.executions["x"].state is State.FAILED


def test_a_condition_that_cannot_be_rendered_fails_it() -> None:
    world = World()

    assert world.run(flow("{{ outputs.nothing.x }}")).state is State.FAILED


def test_a_kill_in_the_pause() -> None:
    world = World()
    world.start(world.deploy(flow("{{ false }}")))
    world.settle(timers=False)

    world.tell("x", KillRequested(START))
    world.settle()

    assert world.executions["x"].state is State.KILLED
    assert world.states() == {"u": "KILLED", "t": "SUCCESS"}


def test_a_restart_counts_anew() -> None:
    world = World()
    options = "failOnMaxReached: true\n    checkFrequency: {interval: PT1S, maxIterations: 2, maxDuration: PT1H}"
    world.run(flow("{{ false }}", options))
    world.wait(hours=3)

    world.tell("x", RestartRequested())
    world.settle()

    assert world.executions["x"].state is State.FAILED
    assert world.now == START + timedelta(seconds=2, hours=3)
    assert given(world) == {"iterationCount": 3}


def test_a_restart_of_a_failed_task_goes_on_with_its_iteration() -> None:
    def answer(job: Job, world: World) -> Outcome:
        count = world.outputs_of("x-1")["iterationCount"]
        return State.FAILED if count == 2 else by_type(job, world)

    world = World(answer=answer)
    source = flow("{{ outputs.t.value == '2' }}", "checkFrequency: {interval: PT1S}")
    assert world.run(source).state is State.FAILED
    world.answer = by_type
    world.tell("x", RestartRequested())
    world.settle()

    assert world.executions["x"].state is State.SUCCESS
    assert given(world) == {"iterationCount": 2}


def test_nested_loops_begin_anew_in_every_iteration() -> None:
    inner = (
        "{id: v, type: io.kestra.plugin.core.flow.LoopUntil, condition: '{{ outputs.t.value == \\'2\\' }}', "
        "checkFrequency: {interval: PT1S}, tasks: [{id: t, type: x.Return, format: '{{ outputs.v.iterationCount }}'}]}"
    ).replace("\\'2\\'", "''2''")
    world = World()

    done = world.run(flow("{{ outputs.u.iterationCount == 3 }}", "checkFrequency: {interval: PT5S}", tasks=inner))

    assert done.state is State.SUCCESS
    assert world.now == START + timedelta(seconds=13)


def test_loops_inside_it_start_their_iterations_anew() -> None:
    inner = "{id: t, type: io.kestra.plugin.core.flow.Loop, values: [1, 2], tasks: [{id: w, type: x.Log}]}"
    world = World()

    source = flow("{{ outputs.u.iterationCount == 2 }}", "checkFrequency: {interval: PT1S}", tasks=inner)
    world.run(source.replace("outputs.t.value }}", "outputs.t.iterationCount }}"))

    assert world.executions["x"].state is State.SUCCESS
    assert len(world.children()) == 4
