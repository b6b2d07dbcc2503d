"""Tasks that change their own execution, listeners, retries with a new execution (flow language 2.6, 2.8, 7.18)."""

from datetime import timedelta

import pytest

from segue.domain.execution.state import State
from segue.domain.labels import Label
from segue.testing.world import START, World

EXECUTION = "type: io.kestra.plugin.core.execution"


def flow(tasks: str, more: str = "") -> str:
    return f"id: f\nnamespace: n\nlabels: {{a: '1'}}\nvariables: {{v: {{x: 1}}, w: 2}}\ntasks: [{tasks}]\n{more}"


@pytest.mark.parametrize(
    "labels",
    ["{a: 2, b: '{{ flow.id }}'}", "[{key: a, value: 2}, {key: b, value: f}]", """'{"a": 2, "b": "f"}'"""],
)
def test_labels(labels: str):
    w = World()
    w.run(
        flow(
            f"{{id: l, {EXECUTION}.Labels, labels: {labels}}}, {{id: r, type: x.Return, format: '{{{{ labels.b }}}}'}}"
        )
    )
    assert w.executions["x"].labels == (Label("a", "2"), Label("system.correlationId", "x"), Label("b", "f"))
    assert w.histories(task_id="l") == "CREATED RUNNING SUCCESS"
    assert w.outputs_of("x-2") == {"value": "f"}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("{system.x: y}", "offending label: system.x=y"),
        ("{x: ''}", "Label values cannot be empty, offending label: x"),
        ("'{'", "'labels' is no JSON"),
        ("[1]", "every label of a list"),
    ],
)
def test_wrong_labels(labels: str, message: str):
    w = World()
    assert w.run(flow(f"{{id: l, {EXECUTION}.Labels, labels: {labels}}}")).state is State.FAILED
    assert any(message in line.message for line in w.logs)


def test_variables():
    w = World()
    w.run(
        flow(
            f"{{id: s, {EXECUTION}.SetVariables, variables: {{v: {{y: 2}}, n: '{{{{ flow.id }}}}'}}}}, "
            "{id: r, type: x.Return, format: '{{ vars.v.x }}{{ vars.v.y }}{{ vars.w }}{{ vars.n }}'}, "
            f"{{id: u, {EXECUTION}.UnsetVariables, variables: [v.y, n, w]}}"
        )
    )
    assert w.outputs_of("x-2") == {"value": "122f"}
    assert w.executions["x"].variables == {"v": {"x": 1}}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (f"{{id: s, {EXECUTION}.SetVariables, overwrite: false, variables: {{w: 1, q: 2}}}}", "already exist: w"),
        (f"{{id: s, {EXECUTION}.UnsetVariables, variables: [q]}}", "no variable 'q'"),
        (f"{{id: s, {EXECUTION}.UnsetVariables, variables: 5}}", "must be a list"),
        (f"{{id: s, {EXECUTION}.SetVariables, variables: 5}}", "'variables' must be a map"),
        (f"{{id: s, {EXECUTION}.Exit, state: '{{{{ flow.id }}}}'}}", "'state' must be one of"),
        (f"{{id: s, {EXECUTION}.Resume, flowId: g}}", "of use only with an 'executionId'"),
        (f"{{id: s, {EXECUTION}.Resume, executionId: g}}", "No execution found"),
        ("{id: s, type: io.kestra.plugin.core.flow.Template, namespace: n, templateId: t}", "Templates are disabled"),
    ],
)
def test_what_fails(task: str, message: str):
    w = World()
    assert w.run(flow(task)).state is State.FAILED
    assert any(message in line.message for line in w.logs), [line.message for line in w.logs]


def test_a_variable_that_may_be_missing():
    w = World()
    assert (
        w.run(flow(f"{{id: s, {EXECUTION}.UnsetVariables, ignoreMissing: true, variables: [q, v.z]}}")).state
        is State.SUCCESS
    )


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ("SUCCESS", "SUCCESS"),
        ("WARNING", "WARNING"),
        ("FAILED", "FAILED"),
        ("CANCELED", "CANCELLED"),
        ("KILLED", "KILLED"),
    ],
)
def test_exit(written: str, state: str):
    w = World(answer=lambda job, _: None if job.task_id == "slow" else State.SUCCESS)
    inner = f"{{id: i, type: io.kestra.plugin.core.flow.Sequential, tasks: [{{id: e, {EXECUTION}.Exit, state: {written}}}]}}"
    w.run(
        flow(
            f"{{id: p, type: io.kestra.plugin.core.flow.Parallel, tasks: [{{id: slow, type: x.Log}}, {inner}]}}, "
            "{id: last, type: x.Log}",
            "errors: [{id: err, type: x.Log}]\nfinally: [{id: f, type: x.Log}]\nafterExecution: [{id: after, type: x.Log}]",
        )
    )
    assert w.executions["x"].state == state
    assert w.states() == dict.fromkeys(["p", "slow", "i", "e"], state) | {"after": "SUCCESS"}
    assert w.executions["x"].is_finished
    assert w.jobs == {}


def test_resume_of_another_execution():
    w = World()
    w.start(
        w.deploy("id: g\nnamespace: n\ntasks: [{id: p, type: io.kestra.plugin.core.flow.Pause}]"), execution_id="other"
    )
    w.settle()
    assert (
        w.run(flow(f"{{id: r, {EXECUTION}.Resume, executionId: other, namespace: n, flowId: g}}")).state
        is State.SUCCESS
    )
    assert w.executions["other"].state is State.SUCCESS


LISTENERS = """
listeners:
  - conditions: [{type: io.kestra.plugin.core.condition.ExecutionStatusCondition, in: [FAILED]}]
    tasks: [{id: failed, type: x.Log}]
  - conditions: [{type: io.kestra.plugin.core.condition.ExpressionCondition, expression: "{{ flow.id == 'f' }}"}]
    tasks: [{id: mine, type: x.Log}]
afterExecution: [{id: after, type: x.Log}]
"""


@pytest.mark.parametrize(
    ("kind", "tasks"), [("Log", ["t", "mine", "after"]), ("Fail", ["t", "failed", "mine", "after"])]
)
def test_listeners(kind: str, tasks: list[str]):
    w = World()
    w.run(flow(f"{{id: t, type: x.{kind}}}", LISTENERS))
    assert list(w.states()) == tasks


NEW = "retry: {type: constant, interval: PT5S, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}"
SEQ = "{id: s, type: io.kestra.plugin.core.flow.Sequential, tasks: [{id: t, type: x.Fail%s}]}"


@pytest.mark.parametrize("source", [flow(SEQ % f", {NEW}"), flow(SEQ % "", NEW)], ids=["task", "flow"])
def test_a_new_execution_for_each_attempt(source: str):
    w = World()
    w.start(w.deploy(source), {"i": 1})
    w.settle()
    executions = sorted(w.executions.values(), key=lambda one: one.attempt_number)
    assert [one.state.value for one in executions] == ["RETRIED", "RETRIED", "FAILED"]
    assert [one.attempt_number for one in executions] == [1, 2, 3]
    assert {one.origin_id for one in executions} == {"x"}
    assert {one.first_created_at for one in executions} == {START}
    assert all(one.inputs == {"i": 1} and one.labels == executions[0].labels for one in executions)
    assert w.states() == {"s": "RETRIED", "t": "RETRIED"}
    assert w.run_of("t").attempts[0].status.current is State.FAILED
    assert w.now == START + timedelta(seconds=10)


def test_new_executions_have_a_limit_in_time():
    w = World()
    w.run(flow("{id: t, type: x.Fail}", NEW.replace("maxAttempts: 3", "maxDuration: PT8S")))
    assert len(w.executions) == 2


def test_a_caller_waits_for_the_execution_in_place_of_its_child():
    outcomes = iter([State.FAILED, State.SUCCESS])
    w = World(answer=lambda job, _: next(outcomes))
    w.deploy("id: g\nnamespace: n\ntasks: [{id: t, type: x.Log}]\n" + NEW)
    call = "{id: c, type: io.kestra.plugin.core.flow.Subflow, namespace: n, flowId: g}"
    assert w.run(flow(call)).state is State.SUCCESS
    first, second = w.children()
    assert (first.state, second.state) == (State.RETRIED, State.SUCCESS)
    assert w.outputs_of("x-1")["executionId"] == second.id
