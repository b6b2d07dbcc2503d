"""One look at a schedule: which of its dates start an execution now, and when to look again (flow language 12.2, 12.3).

Pure: dates, rules, state, time and the answers of the conditions go in, a new state and dates come out. Dates that
are overdue are *late* when the trigger could not run (its execution was not over, a backfill went on), and started
one after the other. They are *missed* when nobody looked, and ``recoverMissedSchedules`` says what becomes of them.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from segue.domain.flow.triggers import RecoverMissed, ScheduleOnDatesTrigger, ScheduleTrigger, Trigger
from segue.domain.ids import derived_id
from segue.domain.trigger.dates import Dates
from segue.domain.trigger.state import Backfill, TriggerKey, TriggerState

GRACE = timedelta(seconds=15)
"""How long nobody may look at a date before it counts as missed: longer than a scheduler that died holds its claims."""
_TICK = timedelta(microseconds=1)
_HORIZON = timedelta(days=3653)
_MOST_DATES = 500
_LOOKED_AHEAD = 100
"""Dates that are asked in one look for the one to be shown."""
_LOOKED_AROUND = 2000
"""Dates that are asked for the neighbours of one that starts an execution."""
_EPOCH_YEAR = 1970

Test = Callable[[datetime], bool | str]
"""Whether the conditions hold for a date; a text says why they cannot be answered."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a definition says about its dates."""

    allow_concurrent: bool = False
    recover: RecoverMissed = RecoverMissed.ALL
    late_maximum: timedelta | None = None
    has_conditions: bool = False


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """A date that starts an execution. ``next_at`` and ``previous_at`` are the dates beside it.

    ``error`` says why its conditions could not be answered: the execution is FAILED then.
    """

    execution_id: str
    date: datetime
    next_at: datetime | None = None
    previous_at: datetime | None = None
    error: str | None = None
    backfill: Backfill | None = None


class _Remembered:
    """Dates that are looked up once each."""

    __slots__ = ("_after", "_dates", "zone")

    def __init__(self, dates: Dates) -> None:
        self._dates = dates
        self._after: dict[datetime, datetime | None] = {}
        self.zone = dates.zone

    def after(self, moment: datetime) -> datetime | None:
        if moment not in self._after:
            self._after[moment] = self._dates.after(moment)
        return self._after[moment]

    def before(self, moment: datetime) -> datetime | None:
        return self._dates.before(moment)


class Turn(msgspec.Struct, frozen=True):
    """The outcome of one look. The state is not locked yet: an execution may still be refused."""

    state: TriggerState
    firings: tuple[Firing, ...] = ()


def rules_of(trigger: Trigger) -> Rules:
    """The rules in a definition."""
    recover, late = None, None
    if isinstance(trigger, ScheduleTrigger | ScheduleOnDatesTrigger):
        recover = trigger.recover_missed_schedules
    if isinstance(trigger, ScheduleTrigger):
        late = trigger.late_maximum_delay
    return Rules(
        allow_concurrent=trigger.allow_concurrent,
        recover=recover or RecoverMissed.ALL,
        late_maximum=late,
        has_conditions=has_conditions(trigger),
    )


def has_conditions(trigger: Trigger) -> bool:
    """Whether dates are chosen by more than the schedule."""
    return trigger.when is not None or bool(trigger.conditions)


def fired_id(key: TriggerKey, date: datetime, backfill: Backfill | None = None) -> str:
    """The id of the execution of a date: always the same, so that no date is started twice (design D7)."""
    at = date if date.year > _EPOCH_YEAR else date.replace(year=_EPOCH_YEAR + 1, month=1, day=1)
    return derived_id(at, key.uid, date.isoformat(), backfill.id if backfill is not None else "")


def take_turn(dates: Dates, rules: Rules, state: TriggerState, now: datetime, test: Test) -> Turn:
    """Look at a trigger that is due. Does nothing for one that may not run. Raises what ``test`` raises."""
    if not state.is_enabled or state.is_locked:
        return Turn(state)
    state = msgspec.structs.replace(state, evaluated_at=now)
    backfill = state.running_backfill
    if backfill is not None:
        return _walk_back(dates, rules, state, backfill, now, test)
    dates = _Remembered(dates)
    since = _recovered(dates, rules, state, now, test)
    since, chosen = _choose(dates, rules, since, now, test)
    firings = tuple(_firing(dates, rules, state, date, error, test) for date, error in chosen)
    return Turn(plan(dates, rules, msgspec.structs.replace(state, since=since), test), firings)


def plan(dates: Dates, rules: Rules, state: TriggerState, test: Test) -> TriggerState:
    """The state with the dates that follow ``since``: the next one to look at, and the next to be shown."""
    pending = dates.after(state.since)
    if not rules.has_conditions:
        return msgspec.structs.replace(state, pending_at=pending, next_at=pending, searched_to=None)
    shown = state.next_at
    searched = state.searched_to
    if shown is None or shown <= state.since:
        begin = max(state.since, searched) if searched is not None else state.since
        shown, searched = _search(dates, begin, begin + _HORIZON, test, _LOOKED_AHEAD)
    return msgspec.structs.replace(state, pending_at=pending, next_at=shown, searched_to=searched)


def _search(
    dates: Dates, begin: datetime, end: datetime, test: Test, most: int, *, backwards: bool = False
) -> tuple[datetime | None, datetime]:
    """The first date from ``begin`` for which the conditions hold, among ``most``, and how far was looked."""
    place = begin
    for _ in range(most):
        date = dates.before(place) if backwards else dates.after(place)
        if date is None or (date <= end if backwards else date > end):
            return None, end
        if test(date) is not False:
            return date, place
        place = date
    return None, place


def _recovered(dates: Dates, rules: Rules, state: TriggerState, now: datetime, test: Test) -> datetime:
    """``since``, behind the dates that are not started any more."""
    since = state.since
    if rules.late_maximum is not None:
        since = max(since, now - rules.late_maximum - _TICK)
    if rules.recover is RecoverMissed.ALL:
        return since
    first = dates.after(since)
    if first is None or now - max(first, state.free_at or first) <= GRACE:
        return since
    if rules.recover is RecoverMissed.LAST:
        last, _ = _search(dates, now + _TICK, since, test, _LOOKED_AROUND, backwards=True)
        return max(since, last - _TICK) if last is not None else now
    return max(since, now)


def _choose(
    dates: Dates, rules: Rules, since: datetime, now: datetime, test: Test
) -> tuple[datetime, list[tuple[datetime, str | None]]]:
    """The dates up to ``now`` that start an execution, with their errors, and how far that goes."""
    chosen: list[tuple[datetime, str | None]] = []
    for _ in range(_MOST_DATES):
        date = dates.after(since)
        if date is None or date > now:
            break
        since = date
        answer = test(date) if rules.has_conditions else True
        if answer is False:
            continue
        chosen.append((date, answer if isinstance(answer, str) else None))
        if not rules.allow_concurrent:
            break
    return since, chosen


def _firing(dates: Dates, rules: Rules, state: TriggerState, date: datetime, error: str | None, test: Test) -> Firing:
    next_at, previous_at = dates.after(date), dates.before(date)
    if rules.has_conditions:
        next_at, _ = _search(dates, date, date + _HORIZON, test, _LOOKED_AROUND)
        previous_at, _ = _search(dates, date, date - _HORIZON, test, _LOOKED_AROUND, backwards=True)
    return Firing(
        execution_id=fired_id(state.key, date, state.running_backfill),
        date=date,
        next_at=next_at,
        previous_at=previous_at,
        error=error,
        backfill=state.running_backfill,
    )


def _walk_back(dates: Dates, rules: Rules, state: TriggerState, backfill: Backfill, now: datetime, test: Test) -> Turn:
    """The next dates of a backfill; after the last one the trigger's own next date is restored."""
    since, chosen = _choose(dates, rules, backfill.since, min(now, backfill.end), test)
    firings = tuple(_firing(dates, rules, state, date, error, test) for date, error in chosen)
    following = dates.after(since)
    if following is None or following > backfill.end:
        return Turn(plan(dates, rules, end_backfill(state, now), test), firings)
    walked = msgspec.structs.replace(backfill, since=since, current_at=following)
    return Turn(msgspec.structs.replace(state, backfill=walked, pending_at=following, next_at=following), firings)


def end_backfill(state: TriggerState, now: datetime) -> TriggerState:
    """The state without its backfill: the trigger goes on where it was, and nothing that passed since is missed."""
    restored = None if state.backfill is None else state.backfill.previous_at
    return msgspec.structs.replace(state, backfill=None, pending_at=restored, next_at=restored, free_at=now)
