"""Pauses and what ends them (flow language 7.13, 11.5)."""

from datetime import timedelta

import pytest

from segue.domain.execution.facts import KillRequested
from segue.domain.execution.requests import PauseRequested, RestartRequested, ResumeRequested
from segue.domain.execution.state import State
from segue.testing.world import START, World

PAUSE = "type: io.kestra.plugin.core.flow.Pause"
RESUMED = "CREATED RUNNING PAUSED RESTARTED RUNNING SUCCESS"


def flow(properties: str = "", more: str = "") -> str:
    return f"""
id: f
namespace: n
inputs: [{{id: behavior, type: STRING, defaults: RESUME}}]
tasks:
  - {{id: p, {PAUSE}{properties}}}
  - {{id: last, type: x.Log}}
{more}
"""


def started(source: str, **inputs: str) -> World:
    w = World()
    w.start(w.deploy(source), inputs)
    w.settle(timers=False)
    return w


def test_waits_for_somebody():
    w = started(flow())
    assert w.states() == {"p": "PAUSED"}
    assert w.executions["x"].state is State.PAUSED
    assert w.timers == {}
    w.tell("x", ResumeRequested(w.now, by="ada"))
    w.settle()
    assert w.states() == {"p": "SUCCESS", "last": "SUCCESS"}
    assert w.histories() == RESUMED
    assert w.histories(task_id="p") == "CREATED RUNNING PAUSED SUCCESS"
    assert w.outputs_of("x-1") == {
        "onResume": {},
        "resumed": {"by": "ada", "on": "2026-01-01T00:00:00Z", "to": "RUNNING"},
    }


@pytest.mark.parametrize(
    ("behavior", "state", "execution", "last"),
    [
        ("RESUME", "SUCCESS", "SUCCESS", True),
        ("WARN", "WARNING", "WARNING", True),
        ("FAIL", "FAILED", "FAILED", False),
        ("CANCEL", "CANCELLED", "CANCELLED", False),
    ],
)
def test_the_end_of_the_time(behavior: str, state: str, execution: str, last: bool):
    w = started(flow(", pauseDuration: PT10S, behavior: '{{ inputs.behavior }}'"), behavior=behavior)
    assert w.states() == {"p": "PAUSED"}
    w.settle()
    assert w.now == START + timedelta(seconds=10)
    assert w.run_of("p").state == state
    assert w.executions["x"].state == execution
    assert ("last" in w.states()) is last
    assert w.executions["x"].is_finished


def test_delay_is_the_old_name_and_may_be_an_expression():
    w = started(flow(', delay: \'{{ "PT" ~ 5 ~ "S" }}\''))
    w.settle()
    assert w.now == START + timedelta(seconds=5)
    assert w.executions["x"].state is State.SUCCESS


def test_a_wrong_behavior_fails_the_task():
    w = started(flow(", pauseDuration: PT1S, behavior: '{{ inputs.behavior }}'"), behavior="DANCE")
    w.settle()
    assert w.run_of("p").state is State.FAILED
    assert any("'behavior' must be one of" in line.message for line in w.logs)


@pytest.mark.parametrize(("flag", "state"), [("", "FAILED"), (", allowFailure: true", "WARNING")])
def test_the_timeout(flag: str, state: str):
    w = started(flow(", timeout: PT1S" + flag))
    w.settle()
    assert w.run_of("p").state == state
    assert w.executions["x"].state == state


def test_tasks_run_after_a_timeout_that_is_absorbed():
    w = started(
        flow(", timeout: PT1S, allowFailure: true, tasks: [{id: t, type: x.Log}], errors: [{id: e, type: x.Log}]")
    )
    w.settle()
    assert w.states() == {"p": "WARNING", "t": "SUCCESS", "last": "SUCCESS"}
    assert w.executions["x"].state is State.WARNING


def test_tasks_do_not_run_after_a_timeout_that_fails():
    w = started(flow(", timeout: PT1S, tasks: [{id: t, type: x.Log}], errors: [{id: e, type: x.Log}]"))
    w.settle()
    assert w.states() == {"p": "FAILED", "e": "SUCCESS"}


def test_failing_runs_errors_and_finally():
    more = "errors: [{id: e, type: x.Log}]\nfinally: [{id: f, type: x.Log}]\nafterExecution: [{id: a, type: x.Log}]"
    w = started(flow(", pauseDuration: PT1S, behavior: FAIL", more))
    w.settle()
    assert w.states() == {"p": "FAILED", "e": "SUCCESS", "f": "SUCCESS", "a": "SUCCESS"}


def test_failing_runs_its_own_errors_and_finally():
    own = ", pauseDuration: PT1S, behavior: FAIL, tasks: [{id: t, type: x.Log}], errors: [{id: e, type: x.Log}], "
    w = started(flow(own + "finally: [{id: f, type: x.Log}]"))
    w.settle()
    assert w.states() == {"p": "FAILED", "e": "SUCCESS", "f": "SUCCESS"}


def test_tasks_run_after_the_pause():
    w = started(flow(", tasks: [{id: t, type: x.Log}, {id: u, type: x.Log}]"))
    assert w.states() == {"p": "PAUSED"}
    w.tell("x", ResumeRequested(w.now))
    w.settle()
    assert list(w.states()) == ["p", "t", "u", "last"]
    assert w.executions["x"].state is State.SUCCESS


def test_on_pause_runs_during_the_pause():
    w = started(flow(", onPause: {id: tell, type: x.Log}"))
    assert w.states() == {"p": "PAUSED", "tell": "SUCCESS"}
    assert w.executions["x"].state is State.PAUSED
    w.tell("x", ResumeRequested(w.now))
    w.settle()
    assert w.states() == {"p": "SUCCESS", "tell": "SUCCESS", "last": "SUCCESS"}


def test_a_failing_on_pause_fails_the_pause():
    w = started(flow(", onPause: {id: tell, type: x.Fail}"))
    assert w.states() == {"p": "FAILED", "tell": "FAILED"}
    assert w.executions["x"].state is State.FAILED


INPUTS = ", onResume: [{id: n, type: INT}, {id: s, type: STRING, defaults: '{{ flow.id }}'}]"


def test_inputs_are_resolved():
    w = started(flow(INPUTS))
    w.tell("x", ResumeRequested(w.now, inputs={"n": "5"}))
    w.settle()
    assert w.outputs_of("x-1")["onResume"] == {"n": 5, "s": "f"}


def test_wrong_inputs_leave_the_pause():
    w = started(flow(INPUTS))
    w.tell("x", ResumeRequested(w.now, inputs={"n": "five"}))
    w.settle()
    assert w.executions["x"].state is State.PAUSED
    assert any("Invalid input for `n`" in line.message for line in w.logs)


PARALLEL = f"""
id: f
namespace: n
tasks:
  - id: par
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {{id: p, {PAUSE}}}
      - {{id: q, {PAUSE}}}
      - id: seq
        type: io.kestra.plugin.core.flow.Sequential
        tasks: [{{id: a, type: x.Log}}, {{id: b, type: x.Log}}]
  - {{id: last, type: x.Log}}
"""


def test_other_branches_go_on_and_the_last_pause_holds():
    w = started(PARALLEL)
    assert w.states() == {
        "par": "RUNNING",
        "p": "PAUSED",
        "q": "PAUSED",
        "seq": "SUCCESS",
        "a": "SUCCESS",
        "b": "SUCCESS",
    }
    assert w.executions["x"].state is State.PAUSED
    w.tell("x", ResumeRequested(w.now))
    w.settle()
    assert (w.run_of("p").state, w.run_of("q").state) == (State.SUCCESS, State.PAUSED)
    assert w.executions["x"].state is State.PAUSED
    w.tell("x", ResumeRequested(w.now, w.run_of("q").id))
    w.settle()
    assert w.histories() == RESUMED


def test_asking_twice_for_one_pause_ends_only_that_one():
    w = started(PARALLEL)
    for _ in range(2):
        w.tell("x", ResumeRequested(w.now, w.run_of("p").id))
    w.settle()
    assert w.run_of("q").state is State.PAUSED


def test_a_failure_beside_a_pause_ends_it():
    w = started(PARALLEL.replace("{id: b, type: x.Log}", "{id: b, type: x.Fail}"))
    assert w.executions["x"].state is State.FAILED
    assert w.histories() == "CREATED RUNNING PAUSED RESTARTED RUNNING FAILED"


def test_a_kill_is_not_undone_by_the_timer():
    w = started(flow(", pauseDuration: PT10S"))
    w.tell("x", KillRequested(w.now))
    w.settle()
    assert w.timers == {}
    assert w.executions["x"].state is State.KILLED
    assert w.states() == {"p": "KILLED"}


def test_a_pause_by_hand_beside_none():
    w = World(answer=lambda job, _: None)
    w.start(w.deploy("id: f\nnamespace: n\ntasks: [{id: a, type: x.Log}, {id: b, type: x.Log}]"))
    w.settle()
    w.tell("x", PauseRequested())
    w.settle()
    w.answer = lambda job, _: State.SUCCESS
    w.settle()
    assert w.states() == {"a": "SUCCESS"}
    w.tell("x", ResumeRequested(w.now))
    w.settle()
    assert w.histories() == RESUMED


def test_a_restart_pauses_again():
    w = started(flow(", timeout: PT1S"))
    w.settle()
    w.tell("x", RestartRequested())
    w.settle(timers=False)
    assert w.states() == {"p": "PAUSED"}
    w.tell("x", ResumeRequested(w.now))
    w.settle()
    assert w.executions["x"].state is State.SUCCESS


def test_a_paused_child_pauses_its_caller():
    w = World()
    w.deploy(f"id: child\nnamespace: n\ntasks: [{{id: p, {PAUSE}}}]")
    call = "type: io.kestra.plugin.core.flow.Subflow, namespace: n, flowId: child"
    w.start(w.deploy(f"id: f\nnamespace: n\ntasks: [{{id: call, {call}}}, {{id: last, type: x.Log}}]"))
    w.settle()
    assert w.executions["x"].state is State.PAUSED
    w.tell("x", ResumeRequested(w.now, by="ada"))
    w.settle()
    assert w.executions["x"].state is State.SUCCESS
    assert w.histories(w.children()[0].id) == RESUMED
    assert w.histories() == RESUMED
