"""One look at a schedule, without a database: which dates start an execution, and when to look again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from segue.domain.cron import CronExpression
from segue.domain.errors import ConflictError, IllegalStateError
from segue.domain.flow.triggers import RecoverMissed
from segue.domain.labels import Label
from segue.domain.trigger.dates import CronDates, Dates, ListedDates, zoned_text
from segue.domain.trigger.operations import (
    BackfillRequest,
    First,
    create_backfill,
    delete_backfill,
    pause_backfill,
    reset,
    set_disabled,
    unlock,
    unpause_backfill,
)
from segue.domain.trigger.schedule import Rules, Turn, fired_id, plan, take_turn
from segue.domain.trigger.state import TriggerKey, TriggerKind, TriggerState

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
MINUTELY = CronDates(CronExpression("* * * * *"))
CONCURRENT = Rules(allow_concurrent=True)
ONE_BY_ONE = Rules()
Test = Callable[[datetime], bool | str]


def always(_: datetime) -> bool:
    return True


def state(**fields: Any) -> TriggerState:
    given: dict[str, Any] = {
        "key": TriggerKey("main", "n", "f", "t"),
        "kind": TriggerKind.SCHEDULE,
        "revision": 1,
        "fingerprint": "x",
        "updated_at": NOON,
        "since": NOON,
        "pending_at": NOON + MINUTE,
        "next_at": NOON + MINUTE,
    }
    return TriggerState(**(given | fields))


def look(
    now: datetime, rules: Rules = CONCURRENT, dates: Dates = MINUTELY, test: Test = always, **fields: Any
) -> tuple[Turn, list[int]]:
    """A turn, and its dates as minutes after noon."""
    turn = take_turn(dates, rules, state(**fields), now, test)
    return turn, [round((firing.date - NOON) / MINUTE) for firing in turn.firings]


def test_a_date_starts_once_it_has_come():
    turn, minutes = look(NOON + MINUTE)
    assert minutes == [1]
    (firing,) = turn.firings
    assert (firing.next_at, firing.previous_at) == (NOON + 2 * MINUTE, NOON)
    assert (turn.state.since, turn.state.pending_at, turn.state.next_at) == (
        NOON + MINUTE,
        NOON + 2 * MINUTE,
        NOON + 2 * MINUTE,
    )
    assert turn.state.evaluated_at == NOON + MINUTE
    assert look(NOON + MINUTE - timedelta(microseconds=1))[1] == []
    again = take_turn(MINUTELY, CONCURRENT, turn.state, NOON + MINUTE, always)
    assert again.firings == ()


@pytest.mark.parametrize(
    "fields", [{"disabled": True}, {"active": False}, {"execution_id": "e"}, {"evaluation_id": "w"}], ids=str
)
def test_what_may_not_run_is_left_as_it_is(fields: dict[str, Any]):
    turn, minutes = look(NOON + MINUTE, **fields)
    assert minutes == []
    assert turn.state == state(**fields)
    assert turn.state.due_at is None


def test_dates_that_were_missed():
    late = NOON + 5 * MINUTE + 20 * SECOND
    assert look(late)[1] == [1, 2, 3, 4, 5]
    assert look(late, ONE_BY_ONE)[1] == [1]
    for recover, expected in ((RecoverMissed.LAST, [5]), (RecoverMissed.NONE, [])):
        turn, minutes = look(late, Rules(allow_concurrent=True, recover=recover))
        assert minutes == expected
        assert turn.state.pending_at == NOON + 6 * MINUTE


def test_a_date_that_is_a_little_late_is_not_missed():
    for recover in RecoverMissed:
        assert look(NOON + MINUTE + 15 * SECOND, Rules(recover=recover))[1] == [1]
    assert look(NOON + MINUTE + 16 * SECOND, Rules(recover=RecoverMissed.NONE))[1] == []


def test_dates_that_waited_for_an_execution_are_not_missed():
    for recover in RecoverMissed:
        rules = Rules(recover=recover)
        assert look(NOON + 5 * MINUTE, rules, free_at=NOON + 5 * MINUTE - SECOND)[1] == [1]
    assert look(NOON + 5 * MINUTE, Rules(recover=RecoverMissed.LAST), free_at=NOON + 2 * MINUTE)[1] == [5]


def test_dates_later_than_allowed_are_skipped():
    rules = Rules(allow_concurrent=True, late_maximum=2 * MINUTE)
    assert look(NOON + 5 * MINUTE, rules)[1] == [3, 4, 5]
    assert look(NOON + 5 * MINUTE + SECOND, rules)[1] == [4, 5]


def even(date: datetime) -> bool:
    return date.minute % 2 == 0


def test_conditions_choose_the_dates():
    rules = Rules(allow_concurrent=True, has_conditions=True)
    turn, minutes = look(NOON + 4 * MINUTE, rules, test=even)
    assert minutes == [2, 4]
    assert [(each.previous_at, each.next_at) for each in turn.firings] == [
        (NOON, NOON + 4 * MINUTE),
        (NOON + 2 * MINUTE, NOON + 6 * MINUTE),
    ]
    assert (turn.state.pending_at, turn.state.next_at) == (NOON + 5 * MINUTE, NOON + 6 * MINUTE)
    recovering = msgspec.structs.replace(rules, recover=RecoverMissed.LAST)
    assert look(NOON + 5 * MINUTE + 30 * SECOND, recovering, test=even)[1] == [4]


def test_conditions_that_cannot_be_answered_give_a_failed_execution():
    turn, minutes = look(NOON + MINUTE, Rules(has_conditions=True), test=lambda _: "no such function")
    assert minutes == [1]
    assert turn.firings[0].error == "no such function"
    assert turn.state.pending_at == NOON + 2 * MINUTE


def test_a_search_is_bounded_and_goes_on_where_it_stopped():
    asked = 0

    def never(_: datetime) -> bool:
        nonlocal asked
        asked += 1
        return False

    rules = Rules(has_conditions=True)
    turn = take_turn(MINUTELY, rules, state(), NOON + MINUTE, never)
    assert asked < 110
    assert turn.firings == ()
    assert (turn.state.next_at, turn.state.pending_at) == (None, NOON + 2 * MINUTE)
    first = turn.state.searched_to
    assert first is not None
    second = plan(MINUTELY, rules, turn.state, never).searched_to
    assert second is not None
    assert second - first == 100 * MINUTE
    far = NOON + timedelta(hours=3)
    shown = plan(MINUTELY, rules, turn.state, lambda date: date >= far).next_at
    assert shown == far
    yearly = CronDates(CronExpression("0 0 1 1 *"))
    asked = 0
    assert plan(yearly, rules, state(next_at=None), never).next_at is None
    assert asked == 10, "ten years are enough"


def test_the_dates_of_a_list_come_once_each():
    zone = ZoneInfo("Europe/Paris")
    dates = ListedDates([NOON + 3 * MINUTE, NOON + MINUTE, NOON + MINUTE, NOON - MINUTE], zone)
    turn, minutes = look(NOON + 5 * MINUTE, CONCURRENT, dates)
    assert minutes == [1, 3]
    assert turn.state.pending_at is None
    assert (turn.firings[0].previous_at, turn.firings[1].next_at) == (NOON - MINUTE, None)
    assert zoned_text(NOON, zone) == "2026-03-01T13:00:00+01:00"
    assert zoned_text(NOON, UTC) == "2026-03-01T12:00:00Z"


def test_ids_belong_to_dates():
    key = TriggerKey("main", "n", "f", "t")
    assert fired_id(key, NOON) == fired_id(key, NOON)
    assert fired_id(key, NOON) < fired_id(key, NOON + SECOND)
    walk = create_backfill(state(), BackfillRequest("b1", NOON - MINUTE, NOON), NOON).backfill
    ids = {fired_id(key, NOON), fired_id(key, NOON + SECOND), fired_id(key, NOON, walk)}
    ids |= {fired_id(TriggerKey("main", "n", "f", "u"), NOON)}
    assert len(ids) == 4
    assert fired_id(key, datetime(1950, 1, 1, tzinfo=UTC))


HOUR_AGO = BackfillRequest("b1", NOON - 60 * MINUTE, NOON - 57 * MINUTE, {"a": 1}, (Label("k", "v"),))


def walk(current: TriggerState, now: datetime, rules: Rules = ONE_BY_ONE) -> tuple[TriggerState, list[int]]:
    """Look until nothing is due, each execution ending at once; the minutes that were started."""
    minutes: list[int] = []
    while current.due_at is not None and current.due_at <= now:
        turn = take_turn(MINUTELY, rules, current, now, always)
        minutes += [round((firing.date - NOON) / MINUTE) for firing in turn.firings]
        assert all(firing.backfill == current.running_backfill for firing in turn.firings)
        current = turn.state
    return current, minutes


@pytest.mark.parametrize("rules", [ONE_BY_ONE, CONCURRENT, Rules(late_maximum=SECOND)])
def test_a_backfill_walks_over_the_past_and_gives_way(rules: Rules):
    begun = create_backfill(state(), HOUR_AGO, NOON)
    assert (begun.due_at, begun.next_at) == (NOON, NOON - 60 * MINUTE)
    done, minutes = walk(begun, NOON, rules)
    assert minutes == [-60, -59, -58, -57]
    assert done.backfill is None
    assert (done.since, done.pending_at, done.next_at) == (NOON, NOON + MINUTE, NOON + MINUTE)


def test_dates_that_pass_during_a_backfill_are_not_missed():
    begun = create_backfill(state(), HOUR_AGO, NOON)
    rules = Rules(recover=RecoverMissed.NONE)
    _, minutes = walk(begun, NOON + 2 * MINUTE, rules)
    assert minutes == [-60, -59, -58, -57, 1, 2]


def test_a_backfill_into_the_future_waits_for_its_dates():
    begun = create_backfill(state(), BackfillRequest("b", NOON - MINUTE, NOON + 2 * MINUTE), NOON)
    waiting, minutes = walk(begun, NOON, CONCURRENT)
    assert minutes == [-1, 0]
    assert (waiting.due_at, waiting.since) == (NOON + MINUTE, NOON)


def test_a_paused_backfill_lets_the_trigger_go_on():
    begun = create_backfill(state(), HOUR_AGO, NOON)
    first = take_turn(MINUTELY, ONE_BY_ONE, begun, NOON, always).state
    paused = pause_backfill(first, NOON)
    assert paused.due_at == NOON + MINUTE
    with pytest.raises(ConflictError):
        pause_backfill(paused, NOON)
    going, minutes = walk(paused, NOON + 2 * MINUTE)
    assert minutes == [1, 2]
    done, minutes = walk(unpause_backfill(going, NOON + 2 * MINUTE), NOON + 2 * MINUTE)
    assert minutes == [-59, -58, -57]
    assert (done.backfill, done.due_at) == (None, NOON + 3 * MINUTE)
    with pytest.raises(ConflictError):
        unpause_backfill(done, NOON)


def test_a_backfill_may_be_given_up():
    begun = create_backfill(state(), HOUR_AGO, NOON)
    with pytest.raises(ConflictError):
        create_backfill(begun, HOUR_AGO, NOON)
    given_up = delete_backfill(begun, NOON)
    assert (given_up.backfill, given_up.due_at) == (None, NOON + MINUTE)
    with pytest.raises(ConflictError):
        delete_backfill(given_up, NOON)
    paused = delete_backfill(pause_backfill(begun, NOON), NOON)
    assert (paused.backfill, paused.due_at) == (None, NOON + MINUTE)
    with pytest.raises(IllegalStateError):
        create_backfill(state(), BackfillRequest("b", NOON, NOON - SECOND), NOON)
    with pytest.raises(IllegalStateError):
        create_backfill(state(kind=TriggerKind.POLLING), HOUR_AGO, NOON)


def test_a_backfill_of_a_disabled_trigger_does_nothing():
    begun = create_backfill(state(disabled=True, pending_at=None), HOUR_AGO, NOON)
    assert begun.due_at is None
    enabled = set_disabled(begun, disabled=False, now=NOON, first=First(NOON + MINUTE, is_planned=True))
    assert walk(enabled, NOON)[1] == [-60, -59, -58, -57]


def test_switching_clears_and_computes_the_next_date():
    later = NOON + 10 * MINUTE
    off = set_disabled(state(), disabled=True, now=NOON, first=First(None, is_planned=True))
    assert (off.due_at, off.pending_at, off.next_at) == (None, None, None)
    on = set_disabled(off, disabled=False, now=later, first=First(later + MINUTE, is_planned=True))
    assert (on.due_at, on.next_at, on.since) == (later + MINUTE, later + MINUTE, later)
    assert look(later + MINUTE, since=on.since)[1] == [11]
    assert set_disabled(on, disabled=False, now=NOON, first=First(None, is_planned=True)) is on


def test_unlocking_and_beginning_anew():
    locked = state(execution_id="e", evaluation_id="v", disabled=True, backfill=None)
    free = unlock(locked, NOON)
    assert (free.execution_id, free.evaluation_id, free.free_at) == (None, None, NOON)
    assert unlock(free, NOON) is free
    fresh = reset(state(execution_id="e", disabled=True), NOON, First(NOON + MINUTE, is_planned=True))
    assert (fresh.is_locked, fresh.disabled, fresh.due_at) == (False, False, NOON + MINUTE)
