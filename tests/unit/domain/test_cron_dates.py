"""Dates of cron expressions against an independent library, and against the calendar where clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.domain.cron import CronExpression

ZONES = [ZoneInfo(name) for name in ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo")]
MOMENTS = st.datetimes(datetime(1999, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC))


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """One field: a star, a step, a value, a range, a list."""
    number = st.integers(low, high)
    pairs = st.tuples(number, number).filter(lambda pair: pair[0] != pair[1])  # the other takes 1-1 for a star
    ranges = pairs.map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.integers(1, max(2, high // 2)).map(lambda step: f"*/{step}")
    lists = st.lists(number, min_size=2, max_size=4, unique=True).map(lambda found: ",".join(map(str, sorted(found))))
    return st.one_of(st.just("*"), steps, number.map(str), ranges, lists)


DAYS = st.one_of(st.tuples(field(1, 28), st.just("*")), st.tuples(st.just("*"), field(0, 6)))
EXPRESSIONS = st.tuples(field(0, 59), field(0, 23), DAYS, field(1, 12)).map(
    lambda parts: f"{parts[0]} {parts[1]} {parts[2][0]} {parts[3]} {parts[2][1]}"
)


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, MOMENTS)
def test_dates_are_those_of_an_independent_library(text: str, moment: datetime) -> None:
    ours, place = CronExpression(text), moment
    others = croniter(text, moment)
    for _ in range(5):
        expected = others.get_next(datetime)
        place = ours.next_after(place) or place
        assert place == expected
    backwards = croniter(text, moment)
    place = moment
    for _ in range(5):
        expected = backwards.get_prev(datetime)
        place = ours.previous_before(place) or place
        assert place == expected


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["29 2", "31 *", "30 *", "31 1,3,5", "29 2,4"]), st.integers(1990, 2090))
def test_days_that_not_every_month_or_year_has(days: str, year: int) -> None:
    ours, others = CronExpression(f"0 12 {days} *"), croniter(f"0 12 {days} *", datetime(year, 1, 1, tzinfo=UTC))
    place = datetime(year, 1, 1, tzinfo=UTC)
    for _ in range(8):
        place = ours.next_after(place) or place
        assert place == others.get_next(datetime)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), st.integers(2000, 2036), st.integers(0, 23), st.integers(0, 59))
def test_a_daily_job_runs_once_a_day_whatever_the_clocks_do(zone: ZoneInfo, year: int, hour: int, minute: int) -> None:
    """Gaps and overlaps: neither skips a day nor repeats one."""
    cron = CronExpression(f"{minute} {hour} * * *")
    place = datetime(year, 1, 1, tzinfo=zone) - timedelta(microseconds=1)
    days: list[date] = []
    while (found := cron.next_after(place, zone)) is not None and found.astimezone(zone).year == year:
        days.append(found.astimezone(zone).date())
        place = found
    assert days == [date(year, 1, 1) + timedelta(days=number) for number in range(len(days))]
    assert len(days) == (date(year + 1, 1, 1) - date(year, 1, 1)).days


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), MOMENTS, st.sampled_from([1, 5, 15, 30]))
def test_a_job_of_every_few_minutes_knows_no_clock_change(zone: ZoneInfo, moment: datetime, step: int) -> None:
    cron, place = CronExpression(f"*/{step} * * * *"), moment
    dates = []
    for _ in range(200):
        place = cron.next_after(place, zone) or place
        dates.append(place)
    gaps = {after - before for before, after in pairwise(dates)}
    assert gaps == {timedelta(minutes=step)}


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), MOMENTS, EXPRESSIONS)
def test_dates_only_go_forward(zone: ZoneInfo, moment: datetime, text: str) -> None:
    cron, place = CronExpression(text), moment
    for _ in range(10):
        found = cron.next_after(place, zone)
        assert found is not None
        assert found > place
        assert cron.next_after(found - timedelta(microseconds=1), zone) == found
        place = found
