"""What becomes of the siblings of a task that has failed (core plugins 2.2, 2.3)."""

import pytest

from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.domain.flow.parse import parse_flow
from segue.expr import Dialect
from segue.testing.world import World
from tests.engine.harness import AnyType

FLOW = "type: io.kestra.plugin.core.flow"
CHILD = "id: child\nnamespace: n\ntasks: [{id: slow, type: x.Slow}]"
CALL = f"{{id: call, {FLOW}.Subflow, namespace: n, flowId: child}}"
LOOP = f"{{id: loop, {FLOW}.Loop, values: [1, 2], concurrencyLimit: 0, tasks: [{{id: in, type: x.Slow}}]}}"


def run(properties: str, *tasks: str, more: str = "") -> World:
    """A Parallel of a task that fails and others; tasks of the type Slow never end."""
    w = World(answer=lambda job, made: None if _is_slow(made, job) else _outcome(made, job))
    w.deploy(CHILD)
    text = ", ".join(("{id: bad, type: x.Fail}", *tasks))
    w.start(w.deploy(f"id: f\nnamespace: n\ntasks: [{{id: p, {FLOW}.Parallel{properties}, tasks: [{text}]{more}}}]"))
    w.settle()
    return w


def _type(w: World, job) -> str:
    return str(w.state(job.execution_id).flow.get_task(job.task_id).type)


def _is_slow(w: World, job) -> bool:
    return _type(w, job).endswith("Slow")


def _outcome(w: World, job) -> State:
    return State.FAILED if _type(w, job).endswith("Fail") else State.SUCCESS


def warnings(w: World) -> dict[str | None, str]:
    return {line.task_id: line.message for line in w.logs if line.level is LogLevel.WARN}


@pytest.mark.parametrize(
    ("wish", "state"),
    [
        ("FAIL", "FAILED"),
        ("fail", "FAILED"),
        ("FAILED", "FAILED"),
        ("CANCEL", "CANCELLED"),
        ("Cancelled", "CANCELLED"),
        ("\"{{ 'CAN' ~ 'CEL' }}\"", "CANCELLED"),
    ],
)
def test_those_that_run_are_ended(wish: str, state: str):
    w = run(f", onChildFailure: {wish}", "{id: slow, type: x.Slow}", "{id: quick, type: x.Log}")
    assert w.states() == {"p": "FAILED", "bad": "FAILED", "slow": state, "quick": "SUCCESS"}
    assert warnings(w) == {"slow": "Task terminated because sibling task 'bad' failed."}
    assert w.jobs == {}
    assert w.executions["x"].is_finished


@pytest.mark.parametrize("properties", ["", ", onChildFailure: CONTINUE", ", onChildFailure: sometimes"])
def test_those_that_run_go_on(properties: str):
    w = run(properties, "{id: slow, type: x.Slow}")
    assert w.states() == {"p": "FAILED", "bad": "FAILED", "slow": "SUBMITTED"}
    assert len(w.jobs) == 1


def test_those_inside_other_blocks_are_ended_too_and_errors_run_afterwards():
    inner = f"{{id: s, {FLOW}.Sequential, tasks: [{{id: deep, type: x.Slow}}, {{id: never, type: x.Log}}]}}"
    more = ", errors: [{id: e, type: x.Log}], finally: [{id: last, type: x.Log}]"
    w = run(", onChildFailure: CANCEL", inner, more=more)
    assert w.states() == {
        "p": "FAILED",
        "bad": "FAILED",
        "s": "CANCELLED",
        "deep": "CANCELLED",
        "e": "SUCCESS",
        "last": "SUCCESS",
    }


@pytest.mark.parametrize("task", [CALL, LOOP])
def test_executions_that_were_started_are_killed(task: str):
    w = run(", onChildFailure: FAIL", task)
    assert w.states()["p"] == "FAILED"
    assert {child.state for child in w.children()} == {State.KILLED}


def test_a_pause_beside_it_ends_and_the_execution_does_not_stay_paused():
    w = run(", onChildFailure: FAIL", f"{{id: wait, {FLOW}.Pause}}")
    assert w.states() == {"p": "FAILED", "bad": "FAILED", "wait": "FAILED"}
    assert w.executions["x"].state is State.FAILED


def test_a_task_that_is_tried_again_has_not_failed_yet():
    w = run(
        ", onChildFailure: FAIL, allowFailure: true",
        "{id: slow, type: x.Slow}",
        "{id: again, type: x.Fail, retry: {type: constant, interval: PT1S, maxAttempts: 3}}",
    )
    assert w.states()["p"] == "WARNING"
    assert w.states()["slow"] == "FAILED"


def test_a_dag_does_it_too():
    nodes = "{task: {id: bad, type: x.Fail}}, {task: {id: slow, type: x.Slow}}, {task: {id: b}, dependsOn: [bad]}"
    nodes = nodes.replace("{id: b}", "{id: b, type: x.Log}")
    w = World(answer=lambda job, made: None if _is_slow(made, job) else _outcome(made, job))
    w.start(w.deploy(f"id: f\nnamespace: n\ntasks: [{{id: d, {FLOW}.Dag, onChildFailure: FAIL, tasks: [{nodes}]}}]"))
    w.settle()
    assert w.states() == {"d": "FAILED", "bad": "FAILED", "slow": "FAILED"}


def test_it_came_with_the_second_generation():
    text = (
        f"id: f\nnamespace: n\ntasks: [{{id: p, {FLOW}.Parallel, onChildFailure: FAIL, tasks: [{{id: a, type: x}}]}}]"
    )
    assert parse_flow(text, AnyType()).dialect is Dialect.V2
