"""Service level agreements: deadlines and assertions (flow language 2.9)."""

import pytest

from segue.domain.execution.state import State
from segue.testing.world import World

SLEEPS = """
id: f
namespace: n
labels: {kept: "1"}
sla:
  - {id: slow, type: MAX_DURATION, duration: PT10S, behavior: %s, labels: {sla: late}}
tasks:
  - id: p
    type: io.kestra.plugin.core.flow.Sequential
    tasks: [{id: t, type: x.Sleep}]
errors: [{id: e, type: x.Log}]
"""
ASSERTS = """
id: f
namespace: n
sla:
  - {id: one, type: EXECUTION_ASSERTION, assert: "{{ %s }}", behavior: %s, labels: {sla: broken}}
tasks:
  - {id: first, type: x.Return, format: bad}
  - {id: second, type: x.Return, format: "x"}
"""


def sleeping(behavior: str) -> World:
    world = World(answer=lambda job, world: None)
    world.start(world.deploy(SLEEPS % behavior))
    world.settle(timers=False)
    return world


def labels(world: World) -> dict[str, str]:
    return {key: value for key, value in world.executions["x"].labels if not key.startswith("system.")}


@pytest.mark.parametrize(("behavior", "end"), [("FAIL", "FAILED"), ("CANCEL", "CANCELLED")])
def test_a_deadline_ends_everything(behavior: str, end: str):
    world = sleeping(behavior)
    world.wait(seconds=9)
    assert world.histories() == "CREATED RUNNING"
    world.wait(seconds=1)
    assert world.histories() == f"CREATED RUNNING {end}"
    assert world.states() == {"p": end, "t": end}, "error branches do not run"
    assert world.jobs == {}, "a late result is refused"
    assert labels(world) == {"kept": "1", "sla": "late"}
    assert "SLA 'slow' is violated: it has not ended within PT10S" in [line.message for line in world.logs]


def test_a_deadline_may_only_put_labels_on():
    world = sleeping("NONE")
    world.wait(seconds=60)
    assert world.executions["x"].state is State.RUNNING
    assert labels(world) == {"kept": "1", "sla": "late"}


def test_a_deadline_is_forgotten_at_the_end():
    world = sleeping("FAIL")
    (job,) = world.jobs.values()
    world.finish(job, State.SUCCESS)
    world.settle(timers=False)
    assert world.timers == {}
    assert world.executions["x"].state is State.SUCCESS


@pytest.mark.parametrize(
    ("assertion", "behavior", "end", "tasks"),
    [
        ("inputs.n == 1", "FAIL", "SUCCESS", {"first": "SUCCESS", "second": "SUCCESS"}),
        ("inputs.n == 2", "FAIL", "FAILED", {}),
        ("inputs.n == 2", "CANCEL", "CANCELLED", {}),
        ("inputs.n == 2", "NONE", "SUCCESS", {"first": "SUCCESS", "second": "SUCCESS"}),
        ("outputs.first.value == 'good'", "CANCEL", "CANCELLED", {"first": "SUCCESS"}),
        ("outputs.second.value == 'good'", "FAIL", "FAILED", {"first": "SUCCESS", "second": "SUCCESS"}),
        ("outputs.first.value | no_such_filter", "FAIL", "FAILED", {}),
    ],
)
def test_assertions(assertion: str, behavior: str, end: str, tasks: dict[str, str]):
    world = World()
    assert world.run(ASSERTS % (assertion, behavior), {"n": 1}).state == end
    assert world.states() == tasks
    is_broken = "n == 1" not in assertion
    assert labels(world) == ({"sla": "broken"} if is_broken else {})
    assert sum("is violated" in line.message for line in world.logs) == is_broken, "told once"


def test_a_flow_that_is_paused_for_a_retry_can_be_cancelled():
    flow = """
id: f
namespace: n
sla: [{id: slow, type: MAX_DURATION, duration: PT10S, behavior: CANCEL}]
tasks: [{id: t, type: x.Fail, retry: {type: constant, interval: PT1M, maxAttempts: 3}}]
"""
    world = World()
    assert world.run(flow).state is State.CANCELLED
    assert world.timers == {}
    assert world.histories() == "CREATED RUNNING RETRYING RUNNING CANCELLED"


def test_two_agreements_may_have_one_id():
    flow = """
id: f
namespace: n
sla:
  - {id: same, type: MAX_DURATION, duration: PT10S, behavior: NONE, labels: {a: "1"}}
  - {id: same, type: MAX_DURATION, duration: PT20S, behavior: FAIL}
tasks: [{id: t, type: x.Sleep}]
"""
    world = World(answer=lambda job, world: None)
    world.start(world.deploy(flow))
    world.settle(timers=False)
    world.wait(seconds=15)
    assert (labels(world), world.executions["x"].state) == ({"a": "1"}, State.RUNNING)
    world.wait(seconds=15)
    assert world.executions["x"].state is State.FAILED
    assert labels(world) == {"a": "1"}
