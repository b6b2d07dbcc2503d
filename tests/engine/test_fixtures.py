"""Task runs of TEST executions that fixtures replace (flow language 11.8)."""

from typing import Any

import pytest

from segue.domain.errors import LimitExceededError, SegueError
from segue.domain.execution.fixtures import MOST_BYTES, Fixture, check_fixtures, read_fixtures
from segue.domain.execution.model import ExecutionKind
from segue.domain.execution.requests import RestartRequested
from segue.domain.execution.state import State
from segue.testing.world import World

FLOWS = "io.kestra.plugin.core.flow"


def flow(tasks: str, more: str = "") -> str:
    return f"id: f\nnamespace: n\ntasks: [{tasks}]\n{more}"


def run(source: str, *fixtures: Fixture, w: World | None = None) -> World:
    w = w or World()
    w.start(w.deploy(source), kind=ExecutionKind.TEST, fixtures=fixtures)
    w.settle()
    return w


def test_a_task_has_the_outputs_of_its_fixture_and_no_job() -> None:
    w = run(
        flow("{id: a, type: x.Return, format: real}, {id: b, type: x.Return, format: '{{ outputs.a.value }}'}"),
        Fixture("a", outputs={"value": "pretended"}),
    )
    assert w.outputs_of("x-2") == {"value": "pretended"}
    assert w.histories(task_id="a") == "CREATED RUNNING SUCCESS"
    assert not any(job.task_id == "a" for decision in w.decisions for job in decision.jobs.values())
    assert [attempt.status.current for attempt in w.run_of("a").attempts] == [State.SUCCESS]
    assert any("a fixture ends it as SUCCESS" in line.message for line in w.logs)


@pytest.mark.parametrize(
    ("state", "options", "run_state", "execution_state"),
    [
        (State.SUCCESS, "", "SUCCESS", "SUCCESS"),
        (State.WARNING, "", "WARNING", "WARNING"),
        (State.WARNING, ", allowWarning: true", "SUCCESS", "SUCCESS"),
        (State.SKIPPED, "", "SKIPPED", "SUCCESS"),
        (State.FAILED, "", "FAILED", "FAILED"),
        (State.FAILED, ", allowFailure: true", "WARNING", "WARNING"),
        (State.FAILED, ", retry: {type: constant, interval: PT1S, maxAttempts: 3}", "FAILED", "FAILED"),
    ],
)
def test_states(state: State, options: str, run_state: str, execution_state: str) -> None:
    w = run(flow(f"{{id: a, type: x.Any{options}}}", "errors: [{id: e, type: x.Any}]"), Fixture("a", state=state))
    assert w.states()["a"] == run_state
    assert w.executions["x"].state.value == execution_state
    assert ("e" in w.states()) == (run_state == "FAILED")
    assert len(w.run_of("a").attempts) == 1


def test_a_flowable_is_replaced_as_a_whole() -> None:
    w = run(flow(f"{{id: s, type: {FLOWS}.Sequential, tasks: [{{id: in, type: x.Fail}}]}}"), Fixture("s"))
    assert w.states() == {"s": "SUCCESS"}


def test_a_subflow_is_not_called() -> None:
    task = f"{{id: s, type: {FLOWS}.Subflow, namespace: n, flowId: absent}}, {{id: r, type: x.Return, format: '{{{{ outputs.s.outputs.a }}}}'}}"
    w = run(flow(task), Fixture("s", outputs={"outputs": {"a": 1}}))
    assert w.outputs_of("x-2") == {"value": "1"}
    assert w.children() == []


def test_conditions_come_first() -> None:
    w = run(flow("{id: a, type: x.Any, runIf: '{{ false }}'}"), Fixture("a", state=State.FAILED))
    assert w.states() == {"a": "SKIPPED"}


def test_a_fixture_is_for_one_value_or_for_all() -> None:
    each = f"{{id: e, type: {FLOWS}.ForEach, values: [p, q, r], tasks: [{{id: in, type: x.Return, format: real}}]}}"
    w = run(flow(each), Fixture("in", "q", outputs={"value": "of q"}), Fixture("in", outputs={"value": "of all"}))
    values = {one.value: w.outputs_of(one.id)["value"] for one in w.task_runs["x"].values() if one.task_id == "in"}
    assert values == {"p": "of all", "q": "of q", "r": "of all"}
    w = run(flow(each), Fixture("in", "q", outputs={"value": "of q"}))
    values = {one.value: w.outputs_of(one.id)["value"] for one in w.task_runs["x"].values() if one.task_id == "in"}
    assert values == {"p": "real", "q": "of q", "r": "real"}


def test_iterations_of_a_loop_have_the_fixtures_too() -> None:
    loop = f"{{id: l, type: {FLOWS}.Loop, values: [p, q], tasks: [{{id: in, type: x.Return, format: real}}]}}"
    w = run(flow(loop), Fixture("in", "q", outputs={"value": "pretended"}))
    found = {one.loop.item.value: one.id for one in w.children() if one.loop is not None}
    assert w.outputs_of(f"{found['p']}-1") == {"value": "real"}
    assert w.outputs_of(f"{found['q']}-1") == {"value": "pretended"}


def test_what_failed_by_its_fixture_fails_again() -> None:
    w = run(flow("{id: a, type: x.Any}"), Fixture("a", state=State.FAILED))
    w.tell("x", RestartRequested())
    w.settle()
    assert w.executions["x"].state is State.FAILED
    assert len(w.run_of("a").attempts) == 2


@pytest.mark.parametrize("data", ["{", "{}", "[1]", '[{"value": "x"}]', '[{"id": "a", "state": "FINE"}]', 7])
def test_what_is_no_fixture(data: Any) -> None:
    with pytest.raises(SegueError, match="fixtures: a list of"):
        read_fixtures(data)


def test_fixtures_are_read_from_text_and_data() -> None:
    data = [{"id": "a", "value": "v", "state": "FAILED", "outputs": {"x": None}, "assets": [{"id": "t"}]}]
    fixture = Fixture("a", "v", State.FAILED, {"x": None}, ({"id": "t"},))
    assert read_fixtures(data) == read_fixtures(
        '[{"id":"a","value":"v","state":"FAILED","outputs":{"x":null},"assets":[{"id":"t"}]}]'
    )
    assert read_fixtures(data) == (fixture,)


@pytest.mark.parametrize(
    ("fixtures", "message"),
    [
        ([Fixture("nobody")], "there is no task 'nobody' in the flow"),
        ([Fixture("in")], "the task 'in' runs inside the WorkingDirectory 'w', which is run as a whole: replace 'w'"),
        ([Fixture("w", state=State.RUNNING)], "the state of 'w' must be one of SUCCESS, WARNING, FAILED, SKIPPED"),
        ([Fixture("w"), Fixture("w", "v"), Fixture("w")], "there are two for the task 'w' with the same value"),
    ],
)
def test_fixtures_that_cannot_be_used(fixtures: list[Fixture], message: str) -> None:
    compiled = World().deploy(flow(f"{{id: w, type: {FLOWS}.WorkingDirectory, tasks: [{{id: in, type: x.Any}}]}}"))
    with pytest.raises(SegueError, match=message):
        check_fixtures(compiled, fixtures)


def test_fixtures_that_are_too_large() -> None:
    compiled = World().deploy(flow("{id: a, type: x.Any}"))
    with pytest.raises(LimitExceededError):
        check_fixtures(compiled, [Fixture("a", outputs={"x": "y" * MOST_BYTES})])
