"""Executions that would become too large, and executions whose flow nobody can read any more (design D10)."""

import pytest

from segue.domain.engine.unreadable import give_up
from segue.domain.errors import LimitExceededError
from segue.domain.execution.creation import StartRequest, create_execution
from segue.domain.execution.limits import EngineLimits
from segue.domain.execution.state import State
from segue.domain.labels import Label
from segue.testing.world import START, World

LOOP = """
id: f
namespace: n
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    concurrencyLimit: 0
    values: [1, 2, 3, 4, 5, 6, 7, 8]
    tasks: [{id: t, type: x.Log}]
errors: [{id: e, type: x.Log}]
finally: [{id: f, type: x.Log}]
afterExecution: [{id: a, type: x.Log}]
"""


def test_an_execution_with_too_many_task_runs_fails_and_says_why():
    world = World(limits=EngineLimits(max_task_runs=5))
    execution = world.run(LOOP)
    assert (execution.state, execution.is_finished) == (State.FAILED, True)
    assert len(world.task_runs["x"]) == 5
    assert all(state != "RUNNING" for state in world.states().values())
    assert any("limits.max-task-runs" in line.message for line in world.logs)


@pytest.mark.parametrize(
    ("given", "limit"),
    [
        ({"inputs": {"text": "x" * 2000}}, "max-inputs-size"),
        ({"labels": (Label("key", "x" * 2000),)}, "max-labels-size"),
    ],
)
def test_an_execution_that_is_too_large_is_not_created(given: dict[str, object], limit: str):
    flow = World().deploy("{id: f, namespace: n, tasks: [{id: t, type: x.Log}]}")
    limits = EngineLimits(max_inputs_bytes=1000, max_label_bytes=1000)
    with pytest.raises(LimitExceededError, match=f"limits.{limit}") as error:
        create_execution(flow, StartRequest(**given), "x", START, limits)  # type: ignore[arg-type]  # its fields
    assert error.value.limit == limit


def test_an_execution_without_a_readable_flow_fails_as_a_whole():
    world = World(answer=lambda job, world: None)
    world.start(world.deploy("{id: f, namespace: n, concurrency: {limit: 1}, tasks: [{id: t, type: x.Log}]}"))
    world.settle()
    runs = list(world.task_runs["x"].values())
    state, decision = give_up(world.executions["x"], runs, "it is gone", START, world.renderer)
    world.apply(state, decision)
    assert world.histories() == "CREATED RUNNING FAILED"
    assert world.executions["x"].is_finished
    assert world.states() == {"t": "FAILED"}
    assert world.jobs == {}
    assert world.slots.held["main/n/f"] == {}
    assert world.logs[-1].message == "The flow of the execution cannot be read: it is gone"


def test_a_finished_execution_without_a_readable_flow_stays_as_it_is():
    world = World()
    execution = world.run("{id: f, namespace: n, tasks: [{id: t, type: x.Log}]}")
    _, decision = give_up(execution, world.task_runs["x"].values(), "it is gone", START, world.renderer)
    assert decision.is_empty
