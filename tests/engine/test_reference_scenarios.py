"""Every row of flow language 9.7, in its order, run by the engine alone.

Rows that need a worker (a timeout) or the scheduler (Flow triggers) are in ``ELSEWHERE``, with the place that tests them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from segue.domain.execution.jobs import Job
from segue.domain.execution.requests import RestartRequested, ResumeRequested
from segue.domain.execution.state import State
from segue.testing.world import START, Outcome, World, by_type

ELSEWHERE = {
    "Task with timeout shorter than its work": "tests/worker/test_control.py: workers end what takes too long",
    "Flow trigger on RUNNING, PAUSED, SUCCESS": "the tests of triggers",
    "Flow trigger with two preconditions": "the tests of triggers",
}

_WORDS = {
    "$LOG": "type: io.kestra.plugin.core.log.Log, message: m",
    "$FAIL": "type: x.Fail",
    "$SEQ": "type: io.kestra.plugin.core.flow.Sequential",
    "$FLOW": "type: io.kestra.plugin.core.flow",
}


def document(text: str, flow_id: str = "f") -> str:
    for word, meaning in _WORDS.items():
        text = text.replace(word, meaning)
    return f"id: {flow_id}\nnamespace: n\n{text}"


ABC = "tasks: [{id: a, $LOG}, {id: b, $FAIL}, {id: c, $LOG}]"
E12 = "[{id: e1, $LOG}, {id: e2, $LOG}]"
NESTED = (
    "tasks: [{id: p, $SEQ, tasks: [{id: t1, $LOG}, "
    "{id: q, $SEQ, tasks: [{id: x, $FAIL}, {id: y, $LOG}, {id: z, $LOG}]%s}]}]%s"
)
SIX = {"p": "FAILED", "t1": "SUCCESS", "q": "FAILED", "x": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS"}
RETRY = "retry: {type: constant, interval: %s, %s}"
THREE = "{type: constant, interval: PT1S, maxAttempts: 3}"


@dataclass
class Row:
    """A flow, the task runs it must have, how it must end, and how often tasks were tried."""

    name: str
    flow: str
    runs: dict[str, str]
    end: str
    attempts: dict[str, list[str]] = field(default_factory=dict)
    answer: Callable[[Job, World], Outcome] = by_type


def succeeds_at_fourth(job: Job, world: World) -> Outcome:
    return State.SUCCESS if job.attempt >= 4 else State.FAILED


ROWS = [
    Row("a failing task", ABC, {"a": "SUCCESS", "b": "FAILED"}, "FAILED"),
    Row(
        "with errors of the flow",
        f"{ABC}\nerrors: {E12}",
        {"a": "SUCCESS", "b": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS"},
        "FAILED",
    ),
    Row(
        "with finally",
        f"{ABC}\nerrors: {E12}\nfinally: [{{id: f, $LOG}}]",
        {"a": "SUCCESS", "b": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS", "f": "SUCCESS"},
        "FAILED",
    ),
    Row("nested, errors of the flow", NESTED % ("", f"\nerrors: {E12}"), SIX, "FAILED"),
    Row("nested, errors of the inner block", NESTED % (f", errors: {E12}", ""), SIX, "FAILED"),
    Row(
        "nested, errors of both",
        NESTED % (f", errors: {E12}", "\nerrors: [{id: g, $LOG}]"),
        SIX | {"g": "SUCCESS"},
        "FAILED",
    ),
    Row(
        "AllowFailure",
        "tasks: [{id: af, $FLOW.AllowFailure, tasks: [{id: s, $SEQ, tasks: [{id: ok, $LOG}, {id: ko, $FAIL}], "
        "errors: [{id: le, $LOG}]}]}, {id: last, $LOG}]\nerrors: [{id: g, $LOG}]",
        {"af": "WARNING", "s": "FAILED", "ok": "SUCCESS", "ko": "FAILED", "le": "SUCCESS", "last": "SUCCESS"},
        "WARNING",
    ),
    Row(
        "allowFailure and retry",
        f"tasks: [{{id: x, $FAIL, allowFailure: true, retry: {THREE}}}, {{id: last, $LOG}}]",
        {"x": "WARNING", "last": "SUCCESS"},
        "WARNING",
        {"x": ["FAILED"] * 3},
    ),
    Row(
        "allowFailure and allowWarning",
        f"tasks: [{{id: x, $FAIL, allowFailure: true, allowWarning: true, retry: {THREE}}}, {{id: last, $LOG}}]",
        {"x": "SUCCESS", "last": "SUCCESS"},
        "SUCCESS",
        {"x": ["FAILED"] * 3},
    ),
    Row(
        "allowFailure on a block",
        "tasks: [{id: s, $SEQ, allowFailure: true, tasks: [{id: x, $FAIL}]}, {id: last, $LOG}]",
        {"s": "WARNING", "x": "FAILED", "last": "SUCCESS"},
        "WARNING",
    ),
    Row(
        "when false",
        "tasks: [{id: a, $LOG}, {id: b, $LOG, when: '{{ false }}'}, {id: c, $LOG}]",
        {"a": "SUCCESS", "b": "SKIPPED", "c": "SUCCESS"},
        "SUCCESS",
    ),
    Row("when that cannot be rendered", "tasks: [{id: a, $LOG, when: '{{ nope }}'}]", {"a": "FAILED"}, "FAILED"),
    Row(
        "retry, always failing",
        f"tasks: [{{id: x, $FAIL, {RETRY % ('PT1S', 'maxAttempts: 4')}}}]",
        {"x": "FAILED"},
        "FAILED",
        {"x": ["FAILED"] * 4},
    ),
    Row(
        "retry within a duration",
        f"tasks: [{{id: x, $FAIL, {RETRY % ('PT2S', 'maxDuration: PT5S')}}}]",
        {"x": "FAILED"},
        "FAILED",
        {"x": ["FAILED"] * 3},
    ),
    Row(
        "warningOnRetry",
        f"tasks: [{{id: x, $LOG, {RETRY % ('PT1S', 'maxAttempts: 5, warningOnRetry: true')}}}]",
        {"x": "WARNING"},
        "WARNING",
        {"x": ["FAILED"] * 3 + ["SUCCESS"]},
        succeeds_at_fourth,
    ),
    Row(
        "retry on a block",
        f"tasks: [{{id: s, $SEQ, retry: {THREE}, tasks: [{{id: x, $FAIL}}]}}]",
        {"s": "FAILED", "x": "FAILED"},
        "FAILED",
        {"x": ["FAILED"] * 3},
    ),
    Row("all tasks disabled", "tasks: [{id: a, $LOG, disabled: true}]", {}, "SUCCESS"),
    Row(
        "ForEach over nothing",
        "tasks: [{id: each, $FLOW.ForEach, values: [], tasks: [{id: t, $LOG}]}, {id: end, $LOG}]",
        {"each": "SUCCESS", "end": "SUCCESS"},
        "SUCCESS",
    ),
    Row(
        "ForEach with a null",
        "tasks: [{id: each, $FLOW.ForEach, values: [a, null], tasks: [{id: t, $LOG}]}]",
        {"each": "FAILED"},
        "FAILED",
    ),
    *(
        Row(
            f"ForEach, 3 values, 2 tasks, limit {limit}",
            f"tasks: [{{id: each, $FLOW.ForEach, concurrencyLimit: {limit}, values: [a, b, c], "
            "tasks: [{id: t, $LOG}, {id: u, $LOG}]}]",
            {"each": "SUCCESS"} | {f"{task}[{value}]": "SUCCESS" for value in "abc" for task in "tu"},
            "SUCCESS",
        )
        for limit in (0, 1, 2)
    ),
    Row(
        "Subflow of a missing flow",
        "tasks: [{id: s, $FLOW.Subflow, namespace: n, flowId: missing}]",
        {"s": "FAILED"},
        "FAILED",
    ),
    Row(
        "a flow output that fails",
        "tasks: [{id: a, $LOG}]\noutputs: [{id: o, type: STRING, value: '{{ outputs.nope.value }}'}]",
        {"a": "SUCCESS"},
        "FAILED",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row):
    world = World(answer=row.answer)
    execution = world.run(document(row.flow))
    assert (execution.state, execution.is_finished) == (row.end, True)
    assert world.states() == row.runs
    for task_id, states in row.attempts.items():
        assert [attempt.status.current for attempt in world.run_of(task_id).attempts] == states


def test_the_error_tasks_of_a_block_are_its_children():
    world = World()
    world.run(document(NESTED % (f", errors: {E12}", "")))
    assert {world.run_of(task_id).parent_id for task_id in ("e1", "e2")} == {world.run_of("q").id}


def test_the_history_of_a_retry():
    world = World()
    world.run(document(f"tasks: [{{id: x, $FAIL, {RETRY % ('PT1S', 'maxAttempts: 2')}}}]"))
    assert world.histories() == "CREATED RUNNING RETRYING RUNNING FAILED"


def test_retry_with_new_executions():
    world = World()
    retry = "{type: constant, interval: PT1S, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}"
    world.run(document(f"retry: {retry}\ntasks: [{{id: x, $FAIL}}]"))
    assert [one.state for one in world.executions.values()] == [State.RETRIED, State.RETRIED, State.FAILED]
    assert [one.attempt_number for one in world.executions.values()] == [1, 2, 3]


def calling(world: World, child: str, properties: str = "", flow: str = "") -> World:
    world.deploy(document(child, "child"))
    call = f"{{id: s, $FLOW.Subflow, namespace: n, flowId: child{properties}}}"
    world.run(document(f"{flow}tasks: [{call}]"))
    return world


def test_a_retry_of_the_flow_calls_again():
    world = calling(World(), "tasks: [{id: x, $FAIL}]", flow=f"retry: {THREE}\n")
    assert [child.state for child in world.children()] == [State.FAILED] * 3
    assert [attempt.status.current for attempt in world.run_of("s").attempts] == ["FAILED"] * 3
    assert world.executions["x"].state is State.FAILED


def test_subflow_of_a_disabled_flow():
    assert calling(World(), "disabled: true\ntasks: [{id: x, $LOG}]").executions["x"].state is State.FAILED


def test_subflow_without_waiting():
    world = calling(World(answer=lambda job, world: None), "tasks: [{id: x, $LOG}]", ", wait: false")
    assert world.states() == {"s": "SUCCESS"}
    assert [child.state for child in world.children()] == [State.RUNNING]


def test_pause_and_resume():
    world = World()
    world.run(document("tasks: [{id: p, $FLOW.Pause}]"))
    world.tell("x", ResumeRequested(START))
    world.settle()
    assert world.histories(task_id="p") == "CREATED RUNNING PAUSED SUCCESS"
    assert world.histories() == "CREATED RUNNING PAUSED RESTARTED RUNNING SUCCESS"


@pytest.mark.parametrize(
    ("behavior", "history"),
    [
        ("QUEUE", "CREATED QUEUED RUNNING SUCCESS"),
        ("CANCEL", "CREATED CANCELLED"),
        ("FAIL", "CREATED FAILED"),
    ],
)
def test_concurrency(behavior: str, history: str):
    world = World()
    flow = world.deploy(document(f"concurrency: {{limit: 1, behavior: {behavior}}}\ntasks: [{{id: a, $LOG}}]"))
    world.start(flow, execution_id="first")
    world.step("first")
    world.start(flow, execution_id="second")
    world.step("second")
    world.settle()
    assert world.histories("first") == "CREATED RUNNING SUCCESS"
    assert world.histories("second") == history
    assert bool(world.states("second")) == (behavior == "QUEUE")


class Failing:
    """Task c fails as long as it is told to."""

    is_on = True

    def __call__(self, job: Job, world: World) -> Outcome:
        return State.FAILED if job.task_id == "c" and self.is_on else State.SUCCESS


def test_restart():
    failing = Failing()
    world = World(answer=failing)
    world.run(document("tasks: [{id: a, $LOG}, {id: b, $LOG}, {id: c, $LOG}]"))
    before = {task_id: world.run_of(task_id) for task_id in "ab"}
    failing.is_on = False
    world.tell("x", RestartRequested())
    world.settle()
    assert (world.executions["x"].state, world.executions["x"].parent_id) == (State.SUCCESS, None)
    assert {task_id: world.run_of(task_id) for task_id in "ab"} == before
    assert [attempt.status.current for attempt in world.run_of("c").attempts] == ["FAILED", "SUCCESS"]
    assert "RESTARTED" in world.histories(task_id="c")


def test_restart_runs_errors_again():
    world = World(answer=Failing())
    world.run(document("tasks: [{id: a, $LOG}, {id: c, $LOG}]\nerrors: [{id: e, $LOG}]"))
    first = world.run_of("e").id
    world.tell("x", RestartRequested())
    world.settle()
    assert world.executions["x"].state is State.FAILED
    assert world.run_of("e").id != first


@pytest.mark.parametrize(("child", "end", "last"), [("$LOG", "SUCCESS", True), ("$FAIL", "FAILED", False)])
def test_for_each_item(child: str, end: str, last: bool):
    def answer(job: Job, world: World) -> Outcome:
        if job.task_id == "each_split":
            return State.SUCCESS, {"splits": "kestra:///splits.ion", "numberOfBatches": 26}
        return by_type(job, world)

    world = World(answer=answer)
    world.deploy(document(f"tasks: [{{id: x, {child}}}]", "child"))
    each = "{id: each, $FLOW.ForEachItem, items: 'kestra:///i.ion', batch: {rows: 4}, namespace: n, flowId: child}"
    assert world.run(document(f"tasks: [{each}]")).state == end
    runs = {"each": end, "each_split": "SUCCESS", "each_items": end} | ({"each_merge": "SUCCESS"} if last else {})
    assert world.states() == runs
    assert len(world.children()) == 26
    assert {one.correlation_id for one in world.children()} == {"x"}
    outputs = world.outputs_of(world.run_of("each_items").id)
    assert outputs["numberOfBatches"] == 26
    assert {state: count for state, count in outputs["iterations"].items() if count} == {end: 26}


def test_loop():
    world = World()
    world.run(document("tasks: [{id: l, $FLOW.Loop, values: [1, 2, 3], tasks: [{id: t, $LOG}]}]"))
    assert world.states() == {"l": "SUCCESS"}
    assert [(one.state, one.kind) for one in world.children()] == [("SUCCESS", "LOOP")] * 3


def test_loop_in_a_loop():
    inner = "{id: i, $FLOW.Loop, values: [1, 2], tasks: [{id: t, $LOG}]}"
    world = World()
    world.run(document(f"tasks: [{{id: o, $FLOW.Loop, values: [1, 2], tasks: [{inner}]}}]"))
    outer = world.children()
    assert world.states() == {"o": "SUCCESS"}
    assert [world.states(one.id) for one in outer] == [{"i": "SUCCESS"}] * 2
    assert [world.states(two.id) for one in outer for two in world.children(one.id)] == [{"t": "SUCCESS"}] * 4
