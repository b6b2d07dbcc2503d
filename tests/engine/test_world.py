"""The world that flows are run in by the engine alone."""

from segue.domain.engine.decision import Decision
from segue.domain.execution.creation import NewExecution, StartRequest, create_execution
from segue.domain.execution.facts import KillRequested
from segue.domain.execution.model import Caller
from segue.domain.execution.state import State
from segue.testing.world import START, World

FLOW = """
id: f
namespace: n
tasks:
  - id: first
    type: x.Return
    format: "{{ inputs.name }}"
  - id: second
    type: x.Return
    format: "{{ outputs.first.value }}!"
"""


def test_a_flow_runs_to_its_end():
    world = World()
    assert world.run(FLOW, {"name": "Ada"}).state is State.SUCCESS
    assert world.states() == {"first": "SUCCESS", "second": "SUCCESS"}
    assert world.outputs_of(world.run_of("second").id) == {"value": "Ada!"}


def test_a_kill_reaches_the_executions_started():
    world = World(answer=lambda job, world: None)
    flow = world.deploy(FLOW)
    parent = world.start(flow)
    world.settle()
    child = create_execution(flow, StartRequest(caller=Caller("x", "x-1")), "child", START)
    state = world.state(parent)
    decision = Decision()
    decision.executions["child"] = NewExecution(execution=child)
    world.apply(state, decision)
    world.settle()
    assert [one.id for one in world.children()] == ["child"]
    world.tell(parent, KillRequested(START))
    world.settle()
    assert world.executions["child"].state is State.KILLED
    assert world.executions["x"].state is State.KILLED
