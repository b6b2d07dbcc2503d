"""Cron expressions: what is read, and the dates that follow."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.domain.cron import CronExpression

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2024, 1, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/5 * * * *", "2024-01-01T00:05"),
        ("0 9 * * MON-FRI", "2024-01-01T09:00"),
        ("0 0 * * 0", "2024-01-07T00:00"),
        ("0 0 * * 7", "2024-01-07T00:00"),
        ("0 0 1 feb *", "2024-02-01T00:00"),
        ("0 0 29 2 *", "2024-02-29T00:00"),
        ("1,2 3-4 * * *", "2024-01-01T03:01"),
        ("0 0 13 * 5", "2024-01-05T00:00"),
        ("@yearly", "2025-01-01T00:00"),
        ("@annually", "2025-01-01T00:00"),
        ("@monthly", "2024-02-01T00:00"),
        ("@weekly", "2024-01-07T00:00"),
        ("@daily", "2024-01-02T00:00"),
        ("@midnight", "2024-01-02T00:00"),
        ("@hourly", "2024-01-01T01:00"),
    ],
)
def test_the_next_date(text: str, expected: str) -> None:
    assert CronExpression(text).next_after(START) == at(expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "5 fields are needed, not 0"),
        ("* * * *", "5 fields are needed, not 4"),
        ("* * * * * *", "withSeconds: true"),
        ("60 * * * *", "wrong minute"),
        ("* 24 * * *", "wrong hour"),
        ("* * 32 * *", "wrong day-of-month"),
        ("* * * 13 *", "wrong month"),
        ("* * * * 8", "wrong day-of-week"),
        ("5-1 * * * *", "wrong minute"),
        ("a * * * *", "wrong minute"),
        ("@never", "known nicknames"),
        ("* " * 600, "longer than"),
    ],
)
def test_what_is_no_expression(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CronExpression(text)


def test_seconds() -> None:
    cron = CronExpression("*/15 * * * * *", with_seconds=True)
    assert cron.next_after(START) == at("2024-01-01T00:00:15")
    with pytest.raises(ValueError, match="6 fields are needed"):
        CronExpression("* * * * *", with_seconds=True)


def test_a_job_of_a_fixed_time_runs_once_when_the_clocks_change() -> None:
    cron = CronExpression("30 2 * * *")
    assert cron.next_after(at("2024-03-30T12:00"), PARIS) == at("2024-03-31T01:00")
    first = cron.next_after(at("2024-10-26T12:00"), PARIS)
    assert first == at("2024-10-27T00:30")
    assert cron.next_after(first, PARIS) == at("2024-10-28T01:30")


def test_dates_that_never_come() -> None:
    assert CronExpression("0 0 1 1 *").next_after(datetime(9999, 6, 1, tzinfo=UTC)) is None


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["* * * * *", "*/7 3 * * *", "30 2 * * *", "0 0 1 * 1", "@weekly"]),
    st.sampled_from([UTC, PARIS, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]),
)
def test_next_and_previous_enclose_the_moment(moment: datetime, text: str, zone: ZoneInfo) -> None:
    cron = CronExpression(text)
    after, before = cron.next_after(moment, zone), cron.previous_before(moment, zone)
    assert after is not None
    assert before is not None
    assert before < moment < after
