"""Flows that call flows (flow language 7.12)."""

from datetime import timedelta

import pytest

from segue.domain.execution.facts import KillRequested
from segue.domain.execution.requests import RestartRequested
from segue.domain.execution.state import State
from segue.domain.labels import Label
from segue.testing.world import START, World

CHILD = """
id: child
namespace: n
labels: {own: child, both: child}
inputs: [{id: name, type: STRING, defaults: World}, {id: count, type: INT, required: false}]
tasks: [{id: hello, type: x.Return, format: "Hello {{ inputs.name }}"}]
outputs: [{id: greeting, type: STRING, value: "{{ outputs.hello.value }}"}]
"""
FAILING = "id: child\nnamespace: n\ntasks: [{id: f, type: x.Fail}]"


def parent(properties: str = "", after: str = "") -> str:
    return f"""
id: parent
namespace: n
labels: {{top: parent, both: parent}}
tasks:
  - {{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: n, flowId: child{properties}}}
{after}
"""


def world(child: str = CHILD) -> World:
    made = World()
    made.deploy(child)
    return made


def test_outputs_of_the_flow_called():
    w = world()
    after = '  - {id: say, type: x.Return, format: "{{ outputs.call.outputs.greeting }}!"}'
    assert w.run(parent(", inputs: {name: '{{ flow.id }}'}", after)).state is State.SUCCESS
    (child,) = w.children()
    assert w.outputs_of(w.run_of("call").id) == {
        "executionId": child.id,
        "state": "SUCCESS",
        "outputs": {"greeting": "Hello parent"},
    }
    assert w.outputs_of(w.run_of("say").id) == {"value": "Hello parent!"}
    assert w.histories(task_id="call") == "CREATED RUNNING SUCCESS"


def test_what_the_child_gets():
    w = world()
    w.run(parent(", inheritLabels: true, labels: {given: '{{ flow.id }}'}"))
    (child,) = w.children()
    assert child.trigger is not None
    assert child.trigger.id == "call"
    assert child.trigger.type == "io.kestra.plugin.core.flow.Subflow"
    assert child.trigger.variables == {
        "executionId": "x",
        "namespace": "n",
        "flowId": "parent",
        "flowRevision": 1,
        "taskRunId": "x-1",
        "taskId": "call",
    }
    assert set(child.labels) == {
        Label("own", "child"),
        Label("both", "child"),
        Label("top", "parent"),
        Label("given", "parent"),
        Label("system.correlationId", "x"),
    }


def test_labels_are_not_inherited_unless_asked_for():
    w = world()
    w.run(parent())
    assert {label.key for label in w.children()[0].labels} == {"own", "both", "system.correlationId"}


def test_without_waiting():
    w = world()
    w.deploy(FAILING)
    assert w.run(parent(", wait: false")).state is State.SUCCESS
    (child,) = w.children()
    assert child.state is State.FAILED
    assert w.outputs_of("x-1") == {"executionId": child.id}
    assert [attempt.status.current for attempt in w.run_of("call").attempts] == [State.SUCCESS]


@pytest.mark.parametrize(
    ("properties", "state", "execution"),
    [
        ("", "FAILED", "FAILED"),
        (", transmitFailed: false", "SUCCESS", "SUCCESS"),
        (", allowFailure: true", "WARNING", "WARNING"),
        (", allowFailure: true, allowWarning: true", "SUCCESS", "SUCCESS"),
    ],
)
def test_a_failing_child(properties: str, state: str, execution: str):
    w = world(FAILING)
    assert w.run(parent(properties)).state == execution
    assert w.run_of("call").state == state
    assert w.outputs_of("x-1")["state"] == "FAILED"


@pytest.mark.parametrize(
    ("child", "properties", "message"),
    [
        (CHILD.replace("id: child", "id: other", 1), "", "Unable to find flow 'n'.'child'"),
        (CHILD, ", revision: 7", "Unable to find flow 'n'.'child' with revision '7'"),
        (CHILD, ", revision: '{{ flow.id }}'", "'revision' must be a whole number"),
        (CHILD + "disabled: true\n", "", "Cannot execute a flow which is disabled"),
        (CHILD, ", inputs: {count: many}", "Invalid input for `count`"),
        (CHILD, ", inputs: {name: '{{ nope }}'}", "nope"),
        (CHILD, ", inputs: [1]", "'inputs' must be a map"),
        (CHILD, ", labels: {system.x: y}", "System labels can only be set"),
        (CHILD, ", scheduleDate: tomorrow", "'scheduleDate' must be a date"),
    ],
)
def test_what_cannot_be_called(child: str, properties: str, message: str):
    w = world(child)
    assert w.run(parent(properties)).state is State.FAILED
    assert w.children() == []
    assert w.states() == {"call": "FAILED"}
    assert any(message in line.message for line in w.logs), [line.message for line in w.logs]


def test_inputs_the_child_does_not_have_are_ignored():
    w = world()
    assert w.run(parent(", inputs: {name: A, nonsense: B}")).state is State.SUCCESS
    assert w.children()[0].inputs == {"name": "A", "count": None}
    assert any("no input 'nonsense'" in line.message for line in w.logs)


def test_a_child_planned_for_later():
    w = world()
    w.start(w.deploy(parent(", scheduleDate: '2026-01-01T01:00:00Z'")))
    w.settle(timers=False)
    assert w.children()[0].state is State.CREATED
    assert w.run_of("call").state is State.RUNNING
    w.wait(hours=1)
    assert w.executions["x"].state is State.SUCCESS
    assert w.now == START + timedelta(hours=1)


def test_every_retry_starts_an_execution():
    w = world(FAILING)
    retry = ", retry: {type: constant, interval: PT1S, maxAttempts: 3}"
    assert w.run(parent(retry)).state is State.FAILED
    assert len({child.id for child in w.children()}) == 3
    assert [attempt.status.current.value for attempt in w.run_of("call").attempts] == ["FAILED"] * 3


def test_the_retry_of_the_flow_applies():
    w = world(FAILING)
    w.run(parent() + "retry: {type: constant, interval: PT1S, maxAttempts: 2}")
    assert len(w.children()) == 2


def test_a_flow_that_calls_itself_is_stopped():
    w = World()
    w.deploy("""
id: child
namespace: n
inputs: [{id: name, type: STRING}]
tasks: [{id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: n, flowId: "{{ inputs.name }}",
         inputs: {name: child}}]
""")
    assert w.run(parent(", inputs: {name: child}")).state is State.FAILED
    assert max(execution.depth for execution in w.executions.values()) == 100
    assert any("more than 100" in line.message for line in w.logs)


def test_a_timeout_kills_the_child():
    w = World(answer=lambda job, _: None)
    w.deploy(CHILD)
    assert w.run(parent(", timeout: PT5S")).state is State.FAILED
    assert w.children()[0].state is State.KILLED
    assert w.now == START + timedelta(seconds=5)


def test_a_timeout_that_is_not_needed_goes():
    w = world()
    w.run(parent(", timeout: PT5S"))
    assert w.timers == {}
    assert w.now == START


def test_killing_reaches_the_child():
    w = World(answer=lambda job, _: None)
    w.deploy(CHILD)
    w.start(w.deploy(parent()))
    w.settle()
    w.tell("x", KillRequested(START))
    w.settle()
    assert w.children()[0].state is State.KILLED
    assert w.states() == {"call": "KILLED"}


def test_a_killed_child_kills_the_task_run():
    w = World(answer=lambda job, _: None)
    w.deploy(CHILD)
    w.start(w.deploy(parent()))
    w.settle()
    w.tell(w.children()[0].id, KillRequested(START))
    w.settle()
    assert w.states() == {"call": "KILLED"}
    assert w.executions["x"].state is State.KILLED


OLD = """
id: child
namespace: n
tasks: [{id: hello, type: x.Return, format: "Hello {{ trigger.flowId }}"}]
"""


def test_outputs_asked_of_the_child():
    w = world(OLD)
    assert w.run(parent(", outputs: {said: '{{ outputs.hello.value }}'}")).state is State.SUCCESS
    assert w.outputs_of("x-1")["outputs"] == {"said": "Hello parent"}


def test_outputs_asked_that_there_are_not():
    w = world(OLD)
    assert w.run(parent(", outputs: {said: '{{ outputs.nope.value }}'}")).state is State.FAILED
    assert w.children()[0].state is State.SUCCESS
    assert any("Failed to extract outputs with the error" in line.message for line in w.logs)


def test_the_outputs_a_child_declares_win():
    w = world()
    w.run(parent(", outputs: {said: nothing}"))
    assert w.outputs_of("x-1")["outputs"] == {"greeting": "Hello World"}


def test_after_the_end_comes_before_the_news():
    after = "afterExecution: [{id: late, type: x.Log}]"
    w = World(answer=lambda job, _: None if job.task_id == "late" else State.SUCCESS)
    w.deploy("id: child\nnamespace: n\ntasks: [{id: a, type: x.Log}]\n" + after)
    w.run(parent())
    assert w.children()[0].state is State.SUCCESS
    assert w.run_of("call").state is State.RUNNING


def test_a_restart_restarts_the_child_that_failed():
    outcomes = iter([State.FAILED, State.SUCCESS])
    w = World(answer=lambda job, _: next(outcomes))
    w.deploy(FAILING)
    assert w.run(parent()).state is State.FAILED
    w.tell("x", RestartRequested())
    w.settle()
    assert w.executions["x"].state is State.SUCCESS
    (child,) = w.children()
    assert "RESTARTED" in w.histories(child.id)
    assert w.outputs_of("x-1")["state"] == "SUCCESS"


def test_a_restart_can_ask_for_a_new_child():
    outcomes = iter([State.FAILED, State.SUCCESS])
    w = World(answer=lambda job, _: next(outcomes))
    w.deploy(FAILING)
    w.run(parent(", restartBehavior: NEW_EXECUTION"))
    w.tell("x", RestartRequested())
    w.settle()
    assert w.executions["x"].state is State.SUCCESS
    assert [child.state.value for child in w.children()] == ["FAILED", "SUCCESS"]


def test_a_child_that_cannot_be_restarted_fails_its_caller_again():
    w = world(
        "id: child\nnamespace: n\ntasks: [{id: a, type: x.Log}]\noutputs: [{id: o, type: INT, value: '{{ flow.id }}'}]"
    )
    assert w.run(parent()).state is State.FAILED
    w.tell("x", RestartRequested())
    w.settle()
    assert w.executions["x"].state is State.FAILED
    assert w.histories().endswith("RESTARTED RUNNING FAILED")
