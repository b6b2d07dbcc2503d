"""The reference scenarios of flow language 9.7 that need no outside, as a table."""

import pytest

from segue.domain.execution.state import State
from tests.engine.harness import Outcome, Run

CORE = "io.kestra.plugin.core"
LOG = f"type: {CORE}.log.Log, message: m"
FAIL = f"type: {CORE}.execution.Fail"
SEQ = f"type: {CORE}.flow.Sequential"


def document(text: str) -> str:
    return "id: f\nnamespace: n\n" + text.replace("$LOG", LOG).replace("$FAIL", FAIL).replace("$SEQ", SEQ).replace(
        "$FLOW", f"type: {CORE}.flow"
    )


SCENARIOS = [
    pytest.param(
        "tasks: [{id: a, $LOG}, {id: b, $FAIL}, {id: c, $LOG}]",
        {"a": "SUCCESS", "b": "FAILED"},
        "FAILED",
        id="a failure ends the sequence",
    ),
    pytest.param(
        "tasks: [{id: a, $LOG}, {id: b, $FAIL}, {id: c, $LOG}]\nerrors: [{id: e1, $LOG}, {id: e2, $LOG}]",
        {"a": "SUCCESS", "b": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS"},
        "FAILED",
        id="errors run after a failure",
    ),
    pytest.param(
        "tasks: [{id: b, $FAIL}]\nerrors: [{id: e1, $LOG}, {id: e2, $LOG}]\nfinally: [{id: f, $LOG}]",
        {"b": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS", "f": "SUCCESS"},
        "FAILED",
        id="finally runs after errors",
    ),
    pytest.param(
        "tasks: [{id: b, $FAIL}]\nerrors: [{id: e1, $FAIL}, {id: e2, $LOG}]\nfinally: [{id: f, $LOG}]",
        {"b": "FAILED", "e1": "FAILED", "f": "SUCCESS"},
        "FAILED",
        id="a failing error task stops the error branch only",
    ),
    pytest.param(
        "tasks: [{id: p, $SEQ, tasks: [{id: t1, $LOG}, {id: q, $SEQ, tasks: [{id: x, $FAIL}, {id: y, $LOG}]}]}]\n"
        "errors: [{id: e1, $LOG}, {id: e2, $LOG}]",
        {"p": "FAILED", "t1": "SUCCESS", "q": "FAILED", "x": "FAILED", "e1": "SUCCESS", "e2": "SUCCESS"},
        "FAILED",
        id="a nested failure runs the flow's errors",
    ),
    pytest.param(
        "tasks: [{id: p, $SEQ, tasks: [{id: t1, $LOG}, {id: q, $SEQ, tasks: [{id: x, $FAIL}, {id: y, $LOG}], "
        "errors: [{id: e1, $LOG}, {id: e2, $LOG}]}]}]\nerrors: [{id: g, $LOG}]",
        {
            "p": "FAILED",
            "t1": "SUCCESS",
            "q": "FAILED",
            "x": "FAILED",
            "e1": "SUCCESS",
            "e2": "SUCCESS",
            "g": "SUCCESS",
        },
        "FAILED",
        id="local errors run before the flow's",
    ),
    pytest.param(
        "tasks: [{id: af, $FLOW.AllowFailure, tasks: [{id: s, $SEQ, tasks: [{id: ok, $LOG}, {id: ko, $FAIL}], "
        "errors: [{id: le, $LOG}]}]}, {id: last, $LOG}]\nerrors: [{id: g, $LOG}]",
        {"af": "WARNING", "s": "FAILED", "ok": "SUCCESS", "ko": "FAILED", "le": "SUCCESS", "last": "SUCCESS"},
        "WARNING",
        id="AllowFailure turns a failure into a warning",
    ),
    pytest.param(
        "tasks: [{id: s, $SEQ, allowFailure: true, tasks: [{id: x, $FAIL}]}, {id: last, $LOG}]",
        {"s": "WARNING", "x": "FAILED", "last": "SUCCESS"},
        "WARNING",
        id="allowFailure on a flowable",
    ),
    pytest.param(
        "tasks: [{id: x, $FAIL, allowFailure: true, allowWarning: true}, {id: last, $LOG}]",
        {"x": "SUCCESS", "last": "SUCCESS"},
        "SUCCESS",
        id="allowFailure with allowWarning",
    ),
    pytest.param(
        "tasks: [{id: a, $LOG}, {id: b, $LOG, when: '{{ false }}'}, {id: c, $LOG}]",
        {"a": "SUCCESS", "b": "SKIPPED", "c": "SUCCESS"},
        "SUCCESS",
        id="when false skips",
    ),
    pytest.param(
        "tasks: [{id: s, $SEQ, when: '{{ 0 }}', tasks: [{id: b, $LOG}]}, {id: c, $LOG}]",
        {"s": "SKIPPED", "c": "SUCCESS"},
        "SUCCESS",
        id="when false skips a whole block",
    ),
    pytest.param("tasks: [{id: a, $LOG, when: '{{ nope }}'}]", {"a": "FAILED"}, "FAILED", id="when cannot be rendered"),
    pytest.param("tasks: [{id: a, $LOG, disabled: true}]", {}, "SUCCESS", id="all tasks disabled"),
    pytest.param(
        "tasks: [{id: each, $FLOW.ForEach, values: [], tasks: [{id: t, $LOG}]}, {id: end, $LOG}]",
        {"each": "SUCCESS", "end": "SUCCESS"},
        "SUCCESS",
        id="a loop over nothing",
    ),
    pytest.param(
        "tasks: [{id: each, $FLOW.ForEach, values: [a, null], tasks: [{id: t, $LOG}]}]",
        {"each": "FAILED"},
        "FAILED",
        id="a null in a loop",
    ),
    *(
        pytest.param(
            f"tasks: [{{id: each, $FLOW.ForEach, concurrencyLimit: {limit}, values: [a, b, c, a], "
            "tasks: [{id: t, $LOG}, {id: u, $LOG}]}]",
            {"each": "SUCCESS"} | {f"{task}[{value}]": "SUCCESS" for task in "tu" for value in "abc"},
            "SUCCESS",
            id=f"three values, two tasks, limit {limit}",
        )
        for limit in (0, 1, 2)
    ),
    pytest.param(
        "tasks: [{id: i, $FLOW.If, condition: '{{ 1 == 1 }}', then: [{id: a, $LOG}], else: [{id: b, $LOG}]}]",
        {"i": "SUCCESS", "a": "SUCCESS"},
        "SUCCESS",
        id="then",
    ),
    pytest.param(
        "tasks: [{id: i, $FLOW.If, condition: '{{ 1 == 2 }}', then: [{id: a, $LOG}]}]",
        {"i": "SUCCESS"},
        "SUCCESS",
        id="no else",
    ),
    pytest.param(
        "tasks: [{id: s, $FLOW.Switch, value: '{{ 1 == 1 }}', cases: {true: [{id: a, $LOG}], b: [{id: b, $LOG}]}}]",
        {"s": "SUCCESS", "a": "SUCCESS"},
        "SUCCESS",
        id="a case called true",
    ),
    pytest.param(
        "tasks: [{id: s, $FLOW.Switch, value: z, cases: {b: [{id: b, $LOG}]}, defaults: [{id: d, $LOG}]}]",
        {"s": "SUCCESS", "d": "SUCCESS"},
        "SUCCESS",
        id="the default case",
    ),
    pytest.param(
        "tasks: [{id: s, $FLOW.Switch, value: z, cases: {b: [{id: b, $LOG}]}}]",
        {"s": "FAILED"},
        "FAILED",
        id="no case and no default",
    ),
    pytest.param(
        "tasks: [{id: a, $LOG}]\noutputs: [{id: o, type: STRING, value: v}]\n"
        "afterExecution: [{id: z, $LOG, when: \"{{ execution.outputs.o == 'v' }}\"}]",
        {"a": "SUCCESS", "z": "SUCCESS"},
        "SUCCESS",
        id="afterExecution sees the flow's outputs",
    ),
    pytest.param(
        "tasks: [{id: p, $FLOW.Parallel, tasks: [{id: a, $LOG}, {id: b, $FAIL}, {id: c, $LOG}]}, {id: d, $LOG}]",
        {"p": "FAILED", "a": "SUCCESS", "b": "FAILED", "c": "SUCCESS"},
        "FAILED",
        id="a failure beside others",
    ),
    pytest.param(
        "tasks: [{id: a, $FAIL}]\nafterExecution: [{id: z, $LOG}]",
        {"a": "FAILED", "z": "SUCCESS"},
        "FAILED",
        id="afterExecution runs after the end",
    ),
    pytest.param(
        "tasks: [{id: a, $LOG}]\nafterExecution: [{id: i, $FLOW.If, condition: \"{{ execution.state == 'SUCCESS' }}\","
        " then: [{id: z, $FAIL}]}]",
        {"a": "SUCCESS", "i": "FAILED", "z": "FAILED"},
        "SUCCESS",
        id="afterExecution does not change the state",
    ),
    pytest.param(
        "tasks: [{id: a, $LOG}]\noutputs: [{id: o, type: STRING, value: '{{ outputs.nope.value }}'}]",
        {"a": "SUCCESS"},
        "FAILED",
        id="a flow output that cannot be rendered",
    ),
    pytest.param(
        "tasks: [{id: d, $FLOW.Dag, tasks: [{task: {id: c, $LOG}, dependsOn: [a, b]}, {task: {id: a, $LOG}}, "
        "{task: {id: b, $LOG}, dependsOn: [a]}]}]",
        {"d": "SUCCESS", "a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"},
        "SUCCESS",
        id="a graph",
    ),
]


@pytest.mark.parametrize(("text", "states", "end"), SCENARIOS)
def test_scenario(text: str, states: dict[str, str], end: str) -> None:
    run = Run(document(text)).to_end()

    assert run.states == states
    assert run.end == end
    assert run.state.execution.is_finished


RETRY = "retry: {type: constant, interval: PT2S, %s}"


@pytest.mark.parametrize(
    ("task", "attempts", "state"),
    [
        (f"id: x, $FAIL, {RETRY % 'maxAttempts: 4'}", 4, "FAILED"),
        (f"id: x, $FAIL, {RETRY % 'maxDuration: PT5S'}", 3, "FAILED"),
        (f"id: x, $FAIL, allowFailure: true, {RETRY % 'maxAttempts: 3'}", 3, "WARNING"),
        (f"id: p, $SEQ, {RETRY % 'maxAttempts: 3'}, tasks: [{{id: x, $FAIL}}]", 3, "FAILED"),
    ],
    ids=["attempts", "duration", "allowed", "on the block around"],
)
def test_retries_until_exhausted(task: str, attempts: int, state: str) -> None:
    run = Run(document(f"tasks: [{{{task}}}]")).to_end()

    assert run.attempts("x") == ["FAILED"] * attempts
    assert run.run_of("x").state == state
    assert run.end == state
    assert run.histories().startswith("CREATED RUNNING RETRYING RUNNING")


def test_retry_of_the_flow_applies_to_tasks_without_one() -> None:
    text = document("retry: {type: constant, interval: PT1S, maxAttempts: 2}\ntasks: [{id: x, $FAIL}]")

    assert Run(text).to_end().attempts("x") == ["FAILED", "FAILED"]


def test_warning_on_retry_after_success() -> None:
    answers = iter([State.FAILED, State.FAILED, State.FAILED, State.SUCCESS])

    def outcome(*_: object) -> Outcome:
        return next(answers)

    run = Run(document(f"tasks: [{{id: x, $LOG, {RETRY % 'maxAttempts: 5, warningOnRetry: true'}}}]"), outcome).to_end()

    assert run.attempts("x") == ["FAILED", "FAILED", "FAILED", "SUCCESS"]
    assert (run.run_of("x").state, run.end) == (State.WARNING, State.WARNING)
