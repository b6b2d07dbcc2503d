"""What becomes of triggers that workers evaluate (flow language 12.2, 12.8)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from segue.domain.flow.parse import parse_flow
from segue.domain.trigger.evaluation import (
    Outcome,
    OutcomeKind,
    back_off,
    evaluation_id,
    event_id,
    passed_over,
    sent,
    settle,
)
from segue.domain.trigger.operations import First, reset, set_disabled, unlock
from segue.domain.trigger.registration import registration_of
from segue.domain.trigger.state import TriggerKey, TriggerKind, TriggerState
from segue.plugins.registry import PluginRegistry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = TriggerKey("main", "a.b", "f", "t")
SECOND = timedelta(seconds=1)


def state(kind: TriggerKind = TriggerKind.POLLING, **fields: Any) -> TriggerState:
    known = TriggerState(key=KEY, kind=kind, revision=1, fingerprint="x", updated_at=NOON, since=NOON, pending_at=NOON)
    return msgspec.structs.replace(sent(known, "e", NOON), interval=timedelta(seconds=30), **fields)


def outcome(kind: OutcomeKind, *events: dict[str, Any], evaluation: str = "e", **fields: Any) -> Outcome:
    return Outcome(id=f"{evaluation}/x", key=KEY, evaluation_id=evaluation, kind=kind, at=NOON, events=events, **fields)


def test_a_trigger_that_is_evaluated_is_locked_and_due_for_nobody() -> None:
    assert state().is_locked
    assert state().due_at is None


def test_a_poll_that_found_nothing() -> None:
    settled = settle(state(failures=3), [outcome(OutcomeKind.ENDED)], NOON + SECOND)
    assert settled.fired == ()
    assert (settled.state.evaluation_id, settled.state.failures) == (None, 0)
    assert settled.state.due_at == settled.state.next_at == NOON + 31 * SECOND


def test_a_poll_that_found_something() -> None:
    settled = settle(state(), [outcome(OutcomeKind.ENDED, {"a": 1}, {"a": 2}, memory={"m": 1})], NOON)
    assert [each.variables for each in settled.fired] == [{"a": 1}, {"a": 2}]
    assert [each.execution_id for each in settled.fired] == ["e", event_id("e", NOON, 1)]
    assert settled.state.memory == {"m": 1}
    assert settle(settled.state, [outcome(OutcomeKind.ENDED, {"a": 1})], NOON).fired == (), "only once"


@pytest.mark.parametrize(("fails", "count"), [(False, 0), (True, 1)])
def test_a_poll_that_failed(fails: bool, count: int) -> None:
    settled = settle(state(memory={"m": 1}), [outcome(OutcomeKind.FAILED, message="away")], NOON, fails=fails)
    assert [each.error for each in settled.fired] == ["away"] * count
    assert settled.state.due_at == NOON + 30 * SECOND
    assert settled.state.memory == {"m": 1}


def test_what_was_replaced_says_nothing() -> None:
    late = outcome(OutcomeKind.ENDED, {"a": 1}, evaluation="older")
    assert settle(state(), [late], NOON) == settle(state(), [], NOON)


def test_a_lost_evaluation_is_made_again_at_once_and_then_later() -> None:
    lost = outcome(OutcomeKind.LOST)
    first = settle(state(), [lost], NOON).state
    assert (first.due_at, first.failures) == (NOON, 1)
    second = settle(state(failures=1), [lost], NOON).state
    assert (second.due_at, second.failures) == (NOON + SECOND, 2)
    steady = settle(state(failures=5), [lost], NOON + timedelta(hours=1)).state
    assert steady.due_at == NOON + timedelta(hours=1)


def test_a_stream_gives_and_goes_on() -> None:
    events = [outcome(OutcomeKind.EVENTS, {"n": number}, first=number) for number in range(3)]
    settled = settle(state(TriggerKind.REALTIME, failures=2), events, NOON)
    assert [each.variables for each in settled.fired] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert len({each.execution_id for each in settled.fired}) == 3
    assert (settled.state.evaluation_id, settled.state.failures) == ("e", 0)


def test_what_a_stream_gave_counts_unless_the_trigger_is_disabled() -> None:
    events = [outcome(OutcomeKind.EVENTS, {"n": 0}, evaluation="older")]
    assert len(settle(state(TriggerKind.REALTIME), events, NOON).fired) == 1
    assert settle(state(TriggerKind.REALTIME, disabled=True), events, NOON).fired == ()


def test_a_stream_that_fails_starts_one_failed_execution_and_is_begun_again() -> None:
    failed = [outcome(OutcomeKind.FAILED, message="away")]
    first = settle(state(TriggerKind.REALTIME), failed, NOON)
    assert [each.error for each in first.fired] == ["away"]
    assert first.state.due_at == NOON + SECOND
    again = settle(state(TriggerKind.REALTIME, failures=1), failed, NOON)
    assert again.fired == ()
    assert again.state.due_at == NOON + 2 * SECOND
    assert settle(state(TriggerKind.REALTIME, has_given=True), failed, NOON).fired == ()


def test_back_off_has_an_end() -> None:
    assert [back_off(count) / SECOND for count in (1, 2, 3, 7, 100)] == [1, 2, 4, 60, 60]


def test_conditions_that_do_not_hold_count_as_a_look() -> None:
    looked = passed_over(state(evaluation_id=None), NOON)
    assert looked.due_at == NOON + 30 * SECOND


def test_ids_are_of_one_version() -> None:
    assert evaluation_id(state(), NOON) == evaluation_id(state(), NOON)
    assert evaluation_id(state(), NOON) != evaluation_id(state(version=2), NOON)


def test_users_end_evaluations() -> None:
    assert set_disabled(state(), disabled=True, now=NOON, first=First(NOON, is_planned=True)).evaluation_id is None
    assert unlock(state(), NOON).evaluation_id is None
    fresh = reset(state(memory={"m": 1}), NOON, First(NOON, is_planned=True))
    assert (fresh.evaluation_id, fresh.memory, fresh.interval) == (None, None, timedelta(seconds=30))


@pytest.mark.parametrize(("written", "interval"), [("", 60), ("interval: PT5M", 300)])
def test_triggers_of_plugins_are_registered(written: str, interval: int) -> None:
    types = PluginRegistry(installed=False)
    source = f"""
id: f
namespace: a.b
triggers:
  - id: t
    type: io.kestra.plugin.fs.http.Trigger
    uri: https://example.com
    {written}
tasks: [{{id: a, type: io.kestra.plugin.core.log.Log, message: m}}]
"""
    flow = parse_flow(source, types).valid_flow()
    found = registration_of(flow, NOON, types).definitions
    assert found is not None
    (definition,) = found
    assert (definition.kind, definition.first_at) == (TriggerKind.POLLING, NOON)
    assert definition.interval == timedelta(seconds=interval)
    assert registration_of(flow, NOON).definitions == ()
