"""Review gates (flow language 7.14)."""

import pytest

from segue.domain.execution.facts import Reviewed, Verdict
from segue.domain.execution.state import State
from segue.testing.world import World


def flow(properties: str = "") -> str:
    return f"""
id: f
namespace: n
tasks:
  - id: gate
    type: io.kestra.plugin.core.flow.Approval
    onWait: [{{id: notify, type: x.Log}}]
    onApprove: [{{id: yes_task, type: x.Log}}]
    onDeny: [{{id: no_task, type: x.Log}}]
    finally: [{{id: cleanup, type: x.Log}}]
    {properties}
  - {{id: last, type: x.Log}}
"""


def started(properties: str = "") -> World:
    w = World()
    w.start(w.deploy(flow(properties)))
    w.settle(timers=False)
    return w


def review(w: World, verdict: Verdict, comment: str | None = None) -> None:
    w.tell("x", Reviewed(w.now, w.run_of("gate").id, verdict, {"a": 1}, comment, "ada"))
    w.settle()


def test_waits_after_on_wait():
    w = started("timeout: PT1H")
    assert w.states() == {"gate": "PAUSED", "notify": "SUCCESS"}
    assert w.executions["x"].state is State.PAUSED
    assert w.outputs_of("x-1") == {"url": "/ui/main/executions/n/f/x", "due": "2026-01-01T01:00:00Z"}


@pytest.mark.parametrize(
    ("verdict", "properties", "gate", "execution", "tasks"),
    [
        (Verdict.APPROVED, "", "SUCCESS", "SUCCESS", ["yes_task", "cleanup", "last"]),
        (Verdict.APPROVED, "approveBehavior: WARN", "WARNING", "WARNING", ["yes_task", "cleanup", "last"]),
        (Verdict.APPROVED, "approveBehavior: SUCCEED", "SUCCESS", "SUCCESS", ["yes_task"]),
        (Verdict.DENIED, "", "CANCELLED", "CANCELLED", ["no_task"]),
        (Verdict.DENIED, "denyBehavior: FAIL", "FAILED", "FAILED", ["no_task", "cleanup"]),
        (Verdict.DENIED, "denyBehavior: KILL", "KILLED", "KILLED", ["no_task"]),
        (Verdict.DENIED, "denyBehavior: CONTINUE", "SUCCESS", "SUCCESS", ["no_task", "cleanup", "last"]),
    ],
)
def test_verdicts(verdict: Verdict, properties: str, gate: str, execution: str, tasks: list[str]):
    w = started(properties)
    review(w, verdict)
    assert w.run_of("gate").state == gate
    assert w.executions["x"].state == execution
    assert list(w.states())[2:] == tasks
    answer = w.outputs_of("x-1")
    assert (answer["decision"], answer["auto"], answer["by"], answer["inputs"]) == (
        verdict.value,
        False,
        "ada",
        {"a": 1},
    )


def test_nobody_answers():
    w = started("timeout: PT1H")
    w.settle()
    assert w.executions["x"].state is State.CANCELLED
    assert w.outputs_of("x-1")["decision"] == "EXPIRED"
    assert "yes_task" not in w.states()


def test_approved_by_itself():
    w = started("autoApprove: true")
    assert w.executions["x"].state is State.SUCCESS
    assert w.outputs_of("x-1")["auto"] is True


@pytest.mark.parametrize(
    ("rule", "verdict", "needed"),
    [
        ("ALWAYS", Verdict.APPROVED, True),
        ("ON_DENY", Verdict.APPROVED, False),
        ("ON_DENY", Verdict.DENIED, True),
        ("ON_APPROVE", Verdict.APPROVED, True),
        ("NEVER", Verdict.DENIED, False),
    ],
)
def test_comments(rule: str, verdict: Verdict, needed: bool):
    w = started(f"commentRequired: {rule}")
    review(w, verdict)
    assert (w.executions["x"].state is State.PAUSED) is needed
    if needed:
        review(w, verdict, "because")
        assert w.outputs_of("x-1")["comment"] == "because"


def test_a_failing_notice_fails_the_gate():
    w = World()
    w.run(flow().replace("{id: notify, type: x.Log}", "{id: notify, type: x.Fail}"))
    assert w.states() == {"gate": "FAILED", "notify": "FAILED", "cleanup": "SUCCESS"}


def test_a_second_answer_changes_nothing():
    w = started()
    review(w, Verdict.APPROVED)
    review(w, Verdict.DENIED)
    assert w.outputs_of("x-1")["decision"] == "APPROVED"
