"""Flow triggers: which executions count, what they have to be like together, what they give (flow language 12.6)."""

import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.state import State, Status
from segue.domain.flow.triggers import FlowTrigger
from segue.domain.labels import Label
from segue.domain.trigger.conditions import Subject
from segue.domain.trigger.followers import Followers, Selector, interest_of
from segue.domain.trigger.gathering import Met, executions_of, gather, gatherings_of, is_satisfied
from segue.domain.trigger.upstream import Question, Upstream, variables_of
from segue.expr import Engine, Services

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONDITION = "io.kestra.plugin.core.condition."
OWNER = Subject("team", "target")
engine = Engine()


def execution(flow_id="a", namespace="src", state=State.SUCCESS, labels=(), execution_id="e1"):
    return Execution(
        id=execution_id,
        flow=FlowKey("main", namespace, flow_id, 3),
        status=Status.begin(NOW).to(State.RUNNING, NOW).to(state, NOW + timedelta(seconds=5)),
        created_at=NOW,
        labels=tuple(Label(*pair) for pair in labels),
    )


def upstream(of=None, **more):
    of = of or execution()
    return Upstream(execution=of, state=of.state, **more)


def trigger(**given):
    return FlowTrigger.model_validate({"id": "t", "type": "io.kestra.plugin.core.trigger.Flow", **given})


def question(of):
    return Question(of, OWNER, lambda text, roots: engine.render(text, roots, Services()), re.fullmatch)


def may_fire(given, of=None):
    return question(of or upstream()).may_fire(given)


@pytest.mark.parametrize("state", list(State))
def test_without_states_ends_and_pauses_count(state):
    status = execution().status.to(state, NOW)
    of = upstream(msgspec.structs.replace(execution(), status=status))
    expected = state in {
        State.SUCCESS, State.WARNING, State.FAILED, State.KILLED, State.CANCELLED, State.SKIPPED, State.RETRIED,
        State.PAUSED, State.RESUBMITTED,
    }  # fmt: skip
    assert may_fire(trigger(), of) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"states": ["FAILED"]}, False),
        ({"states": ["SUCCESS", "FAILED"]}, True),
        ({"when": "{{ flow.id == 'a' and flow.namespace == 'src' and execution.state == 'SUCCESS' }}"}, True),
        ({"when": "{{ namespace == 'src' and flowId == 'a' and state == 'SUCCESS' }}"}, True),
        ({"when": "{{ outputs.rows > 3 }}"}, True),
        ({"when": "{{ outputs.load.value == 'x' }}"}, True),
        ({"when": "{{ execution.outputs.rows == 4 }}"}, True),
        ({"when": "{{ labels.env == 'test' }}"}, False),
        ({"when": "{{ hasRetryAttempt }}"}, False),
    ],
)
def test_trigger_level_conditions_of_2x(given, expected):
    of = upstream(execution(labels=[("env", "prod")]), outputs={"rows": 4}, task_outputs={"load": {"value": "x"}})
    assert may_fire(trigger(**given), of) is expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"type": "ExecutionFlow", "namespace": "src", "flowId": "a"}, True),
        ({"type": "ExecutionFlow", "namespace": "src", "flowId": "b"}, False),
        ({"type": "ExecutionNamespace", "namespace": "src"}, True),
        ({"type": "ExecutionNamespace", "namespace": "sr"}, False),
        ({"type": "ExecutionNamespace", "namespace": "sr", "prefix": True}, True),
        ({"type": "ExecutionNamespace", "namespace": "rc", "comparison": "SUFFIX"}, True),
        ({"type": "ExecutionNamespace", "namespace": "sr", "comparison": "EQUALS", "prefix": True}, False),
        ({"type": "ExecutionStatus", "in": ["SUCCESS", "WARNING"]}, True),
        ({"type": "ExecutionStatus", "notIn": ["SUCCESS"]}, False),
        ({"type": "ExecutionLabels", "labels": {"env": "prod"}}, True),
        ({"type": "ExecutionLabels", "labels": [{"key": "env", "value": "test"}]}, False),
        ({"type": "ExecutionOutputs", "expression": "{{ trigger.outputs.rows > 3 }}"}, True),
        ({"type": "ExecutionOutputs", "expression": "{{ trigger.outputs.rows > 4 }}"}, False),
        ({"type": "HasRetryAttempt", "in": ["FAILED"]}, True),
        ({"type": "HasRetryAttempt", "notIn": ["FAILED"]}, False),
        ({"type": "FlowCondition", "namespace": "team", "flowId": "target"}, True),
        ({"type": "FlowNamespaceCondition", "namespace": "te", "prefix": True}, True),
        ({"type": "Not", "conditions": [{"type": CONDITION + "ExecutionStatus", "in": ["FAILED"]}]}, True),
        (
            {
                "type": "Or",
                "conditions": [
                    {"type": CONDITION + "ExecutionStatus", "in": ["FAILED"]},
                    {"type": CONDITION + "ExecutionFlow", "namespace": "src", "flowId": "a"},
                ],
            },
            True,
        ),
    ],
)
def test_conditions_of_1x(condition, expected):
    of = upstream(execution(labels=[("env", "prod")]), outputs={"rows": 4}, retried=frozenset({"FAILED", "SUCCESS"}))
    given = trigger(conditions=[{**condition, "type": CONDITION + condition["type"]}])
    assert may_fire(given, of) is expected


def test_a_condition_on_outputs_does_not_hold_without_any():
    assert not may_fire(trigger(conditions=[{"type": CONDITION + "ExecutionOutputs", "expression": "true"}]))


@pytest.mark.parametrize(
    ("filters", "operand", "expected"),
    [
        ([("FLOW_ID", "EQUAL_TO", "a")], "AND", True),
        ([("FLOW_ID", "NOT_EQUAL_TO", "a")], "AND", False),
        ([("FLOW_ID", "IN", ["a", "b"]), ("NAMESPACE", "STARTS_WITH", "sr")], "AND", True),
        ([("FLOW_ID", "NOT_IN", ["a", "b"]), ("NAMESPACE", "ENDS_WITH", "rc")], "OR", True),
        ([("FLOW_ID", "NOT_IN", ["a", "b"]), ("NAMESPACE", "ENDS_WITH", "rc")], "AND", False),
        ([("NAMESPACE", "CONTAINS", "r")], "AND", True),
        ([("NAMESPACE", "REGEX", "s.c")], "AND", True),
        ([("NAMESPACE", "REGEX", "s.")], "AND", False),
        ([("STATE", "EQUAL_TO", "SUCCESS")], "AND", True),
        ([("STATE", "IS_NOT_NULL", None)], "AND", True),
        ([("STATE", "IS_NULL", None)], "AND", False),
        ([("EXPRESSION", "IS_TRUE", "{{ outputs.rows == 4 }}")], "AND", True),
        ([("EXPRESSION", "IS_FALSE", "{{ outputs.rows == 4 }}")], "AND", False),
    ],
)
def test_filters(filters, operand, expected):
    wheres = [
        {
            "id": "w",
            "operand": operand,
            "filters": [
                {"field": field, "type": kind, **({"values": value} if isinstance(value, list) else {"value": value})}
                for field, kind, value in filters
            ],
        }
    ]
    (entry,) = trigger(preconditions={"id": "p", "where": wheres}).preconditions.where
    assert question(upstream(outputs={"rows": 4})).meets(entry) is expected


def happen(given, gathered, of, at=NOW):
    (gathering,) = gatherings_of(given)
    flow = of.execution.flow
    met = Met("", of.execution.id, flow.namespace, flow.flow_id)
    return gather(gathering, gathered, met, question(of).meets, at, UTC)


def satisfied(given, gathered, at=NOW):
    (gathering,) = gatherings_of(given)
    return is_satisfied(gathering, gathered, at)


A, B = {"namespace": "src", "flowId": "a"}, {"namespace": "src", "flowId": "b"}
FROM_A = upstream(execution("a", execution_id="ea"))
FROM_B = upstream(execution("b", execution_id="eb"))
FORMS = [
    {"dependsOn": [A, B]},
    {"preconditions": {"id": "p", "flows": [A, B]}},
    {
        "conditions": [
            {
                "type": CONDITION + "MultipleCondition",
                "id": "m",
                "conditions": {
                    "one": {"type": CONDITION + "ExecutionFlow", **A},
                    "two": {"type": CONDITION + "ExecutionFlow", **B},
                },
            }
        ]
    },
]


@pytest.mark.parametrize("form", FORMS)
def test_all_have_to_happen_in_any_order(form):
    given = trigger(**form)
    first = happen(given, None, FROM_B)
    assert not satisfied(given, first)
    again = happen(given, first, FROM_B)
    assert not satisfied(given, again), "the same flow twice is not two flows"
    both = happen(given, again, FROM_A)
    assert satisfied(given, both)
    assert [met.execution_id for met in executions_of([both])] == ["eb", "ea"]


@pytest.mark.parametrize("form", FORMS)
def test_what_happened_in_another_window_does_not_count(form):
    given = trigger(**form)
    first = happen(given, None, FROM_B)
    tomorrow = NOW + timedelta(days=1)
    later = happen(given, first, FROM_A, tomorrow)
    assert not satisfied(given, later, tomorrow)
    assert satisfied(given, happen(given, later, FROM_B, tomorrow), tomorrow)


@pytest.mark.parametrize("form", FORMS)
def test_others_meet_nothing(form):
    assert happen(trigger(**form), None, upstream(execution("c"))) is None


def test_any_and_at_least():
    of_three = [A, B, {"namespace": "src", "flowId": "c"}]
    any_of = trigger(dependsOn=of_three, mode="ANY")
    assert satisfied(any_of, happen(any_of, None, FROM_A))
    two_of = trigger(dependsOn=of_three, mode="AT_LEAST", minSatisfied=2)
    first = happen(two_of, None, FROM_A)
    assert not satisfied(two_of, first)
    assert satisfied(two_of, happen(two_of, first, FROM_B))


def test_labels_states_and_when_of_an_entry():
    entry = {**A, "states": ["success"], "labels": {"env": "prod"}, "when": "{{ outputs.rows > 0 }}"}
    given = trigger(dependsOn=[entry])
    right = upstream(execution(labels=[("env", "prod"), ("more", "x")]), outputs={"rows": 1})
    assert happen(given, None, right) is not None
    assert happen(given, None, upstream(execution(), outputs={"rows": 1})) is None
    failed = execution(state=State.FAILED, labels=[("env", "prod")])
    assert happen(given, None, upstream(failed, outputs={"rows": 1})) is None
    assert happen(given, None, upstream(right.execution, outputs={"rows": 0})) is None


def test_after_the_deadline_nothing_counts():
    given = trigger(dependsOn=[A], window={"deadline": "11:00"})
    assert happen(given, None, FROM_A, NOW) is None
    assert happen(given, None, FROM_A, NOW.replace(hour=10)) is not None


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"dependsOn": [A]}, True),
        ({"dependsOn": [A], "window": {"every": "P1D"}}, False),
        ({"dependsOn": [A], "window": {"every": "P1D", "fireOnce": True}}, True),
        ({"preconditions": {"id": "p", "flows": [A]}}, True),
        ({"preconditions": {"id": "p", "flows": [A], "resetOnSuccess": False}}, False),
    ],
)
def test_whether_all_is_to_be_met_anew(form, expected):
    (gathering,) = gatherings_of(trigger(**form))
    assert gathering.is_reset is expected


def test_the_order_of_labels_and_states_does_not_matter_for_what_is_kept():
    one = {**A, "states": ["SUCCESS", "FAILED"], "labels": {"a": "1", "b": "2"}}
    two = {**A, "states": ["FAILED", "SUCCESS"], "labels": {"b": "2", "a": "1"}}
    (first,), (second,) = gatherings_of(trigger(dependsOn=[one])), gatherings_of(trigger(dependsOn=[two]))
    assert list(first.entries) == list(second.entries)


def test_variables_of_the_execution_that_is_started():
    of = execution(state=State.FAILED, labels=[("env", "prod"), ("system.correlationId", "c")])
    last = upstream(of, outputs={"rows": 1}, first_failed_task_id="load", last_task_id="load")
    given = variables_of(
        last, [("src", "b", {"rows": 7, "deep": {"x": 1}}), ("src", "a", {"rows": 1, "deep": {"y": 2}})]
    )
    outputs = given.pop("outputs")
    assert given == {
        "executionId": "e1",
        "namespace": "src",
        "flowId": "a",
        "flowRevision": 3,
        "state": "FAILED",
        "executionLabels": {"env": "prod"},
        "startDate": "2026-03-01T12:00:00Z",
        "endDate": "2026-03-01T12:00:05Z",
        "firstFailedTaskId": "load",
        "lastTaskId": "load",
    }
    assert outputs["rows"] == 1, "the last one wins"
    assert outputs["deep"] == {"x": 1, "y": 2}
    assert outputs["b"] == outputs["src"]["b"] == {"rows": 7, "deep": {"x": 1}}


def test_a_plain_output_is_not_hidden_by_a_flow_of_its_name():
    given = variables_of(upstream(), [("src", "a", {"a": "plain"})])
    assert given["outputs"]["a"] == "plain"


@pytest.mark.parametrize(
    ("form", "selectors"),
    [
        ({}, {(None, None)}),
        ({"dependsOn": [A, B]}, {("src", "a"), ("src", "b")}),
        ({"dependsOn": [{"namespace": "src"}]}, {("src", None)}),
        ({"dependsOn": [{"flowId": "a"}]}, {(None, "a")}),
        ({"preconditions": {"id": "p", "flows": [A]}}, {("src", "a")}),
        ({"conditions": [{"type": CONDITION + "ExecutionFlow", **A}]}, {("src", "a")}),
        ({"conditions": [{"type": CONDITION + "ExecutionNamespace", "namespace": "src"}]}, {("src", None)}),
        (
            {"conditions": [{"type": CONDITION + "ExecutionNamespace", "namespace": "src", "prefix": True}]},
            {(None, None)},
        ),
        ({"conditions": [{"type": CONDITION + "ExecutionFlow", "namespace": "{{ x }}", "flowId": "a"}]}, {(None, "a")}),
        (FORMS[2], {("src", "a"), ("src", "b")}),
        ({"conditions": [{"type": CONDITION + "Or", "conditions": []}]}, {(None, None)}),
    ],
)
def test_where_a_trigger_is_filed(form, selectors):
    assert interest_of(trigger(**form)).selectors == {Selector(*pair) for pair in selectors}


def names(followers, namespace, flow_id, state):
    return [item.flow.flow_id for item in followers.of(FlowKey("main", namespace, flow_id, 1), state)]


def test_looking_up_finds_each_once_and_never_the_flow_itself():
    followers = Followers()
    followers.replace(FlowKey("main", "team", "x", 1), [interest_of(trigger(dependsOn=[A]))])
    followers.replace(FlowKey("main", "team", "y", 1), [interest_of(trigger(states=["FAILED"]))])
    followers.replace(FlowKey("main", "src", "a", 1), [interest_of(trigger())])
    followers.replace(FlowKey("other", "team", "z", 1), [interest_of(trigger())])
    assert names(followers, "src", "a", State.SUCCESS) == ["x"]
    assert names(followers, "src", "a", State.FAILED) == ["x", "y"]
    assert names(followers, "src", "b", State.CREATED) == []


def test_flow_triggers_that_are_gone_are_not_found():
    followers = Followers()
    followers.replace(FlowKey("main", "team", "x", 1), [interest_of(trigger(dependsOn=[A]))])
    followers.replace(FlowKey("main", "team", "x", 2), [interest_of(trigger(dependsOn=[B]))])
    assert names(followers, "src", "a", State.SUCCESS) == []
    assert names(followers, "src", "b", State.SUCCESS) == ["x"]
    followers.replace(FlowKey("main", "team", "x", 3), [])
    assert names(followers, "src", "b", State.SUCCESS) == []
