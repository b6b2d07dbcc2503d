"""Which ends of executions a trigger hears of (flow language 12.1, 12.2)."""

import msgspec
import pytest

from segue.domain.engine.decision import TriggerEnd
from segue.domain.execution.model import Caller, ExecutionTrigger
from segue.domain.trigger.state import TriggerKey
from tests.engine.harness import START, Run

TRIGGER = "io.kestra.plugin.core.trigger."
SCHEDULE = f"id: t, type: {TRIGGER}Schedule, cron: '@daily'"
WEBHOOK = f"id: t, type: {TRIGGER}Webhook, key: a-key"
FLOW = f"id: t, type: {TRIGGER}Flow"


def ends(trigger: str, *, task: str = "Log", caller: Caller | None = None, by: str = "t") -> list[TriggerEnd]:
    """What an execution says at its end to the trigger that has started it."""
    source = f"id: f\nnamespace: n\ntriggers: [{{{trigger}}}]\ntasks: [{{id: a, type: x.{task}}}]"
    run = Run(source)
    started = ExecutionTrigger(by, "whatever")
    run.state.execution = msgspec.structs.replace(run.state.execution, trigger=started, caller=caller)
    run.to_end()
    assert run.state.execution.is_finished
    return [each.ends_trigger for each in run.decisions if each.ends_trigger is not None]


def test_one_that_waits_is_freed() -> None:
    assert ends(SCHEDULE) == [TriggerEnd(START)]


def test_a_state_may_stop_it() -> None:
    for concurrent in ("true", "false"):
        trigger = f"{SCHEDULE}, allowConcurrent: {concurrent}, stopAfter: [FAILED, KILLED]"
        (end,) = ends(trigger, task="Fail")
        assert end.stopped is not None
        assert (end.stopped.flow_id, end.stopped.trigger_id) == ("f", "t")
        assert isinstance(end.stopped, TriggerKey)
    assert ends(f"{SCHEDULE}, stopAfter: [KILLED]", task="Fail") == [TriggerEnd(START)]


@pytest.mark.parametrize(
    "trigger", [f"{SCHEDULE}, allowConcurrent: true", WEBHOOK, FLOW, f"{FLOW}, stopAfter: [SUCCESS]"]
)
def test_those_that_wait_for_nothing_are_not_told(trigger: str) -> None:
    assert ends(trigger) == []


def test_what_others_have_started_is_not_its_own() -> None:
    assert ends(SCHEDULE, by="another") == []
    assert ends(SCHEDULE, caller=Caller("e", "r", is_waiting=False)) == []
