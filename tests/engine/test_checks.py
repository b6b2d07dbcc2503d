"""Checks of a flow that another flow calls (flow language 2.10)."""

import pytest

from segue.domain.execution.state import State
from segue.testing.world import World

CALLED = """
id: called
namespace: n
inputs: [{id: size, type: INT}]
checks:
  - {when: "{{ inputs.size < 10 }}", message: too large, behavior: %s}
  - {when: "{{ inputs.size < 100 }}", message: much too large, behavior: %s}
tasks: [{id: t, type: x.Log}]
afterExecution: [{id: after, type: x.Log}]
"""
CALLER = """
id: caller
namespace: n
tasks:
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: n, flowId: called, inputs: {size: %s}}
"""


@pytest.mark.parametrize(
    ("size", "first", "second", "children", "end"),
    [
        (5, "BLOCK_EXECUTION", "BLOCK_EXECUTION", [State.SUCCESS], State.SUCCESS),
        (50, "CREATE_EXECUTION", "BLOCK_EXECUTION", [State.SUCCESS], State.SUCCESS),
        (50, "FAIL_EXECUTION", "BLOCK_EXECUTION", [State.FAILED], State.FAILED),
        (50, "BLOCK_EXECUTION", "CREATE_EXECUTION", [], State.FAILED),
        (500, "FAIL_EXECUTION", "BLOCK_EXECUTION", [], State.FAILED),
    ],
)
def test_the_strictest_check_decides(size: int, first: str, second: str, children: list[State], end: State):
    world = World()
    world.deploy(CALLED % (first, second))
    assert world.run(CALLER % size).state is end
    assert [child.state for child in world.children()] == children
    assert all(child.is_finished for child in world.children())
    if children == [State.FAILED]:
        assert world.states(world.children()[0].id) == {"after": "SUCCESS"}
    if not children:
        assert any("check of 'n.called'" in line.message for line in world.logs)
