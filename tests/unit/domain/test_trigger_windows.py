"""Windows of flow triggers (flow language 12.7)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from segue.domain.flow.preconditions import TimeWindow
from segue.domain.flow.triggers import Window
from segue.domain.trigger.windows import WindowError, rule_of

PARIS = ZoneInfo("Europe/Paris")


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("window", "moment", "expected"),
    [
        (None, "2026-03-01T15:00Z", ("2026-03-01T00:00Z", "2026-03-02T00:00Z")),
        ({"deadline": "09:00:00"}, "2026-03-01T08:59:59Z", ("2026-03-01T00:00Z", "2026-03-01T09:00Z")),
        ({"deadline": "09:00:00"}, "2026-03-01T09:00Z", None),
        ({"deadline": "09:00:00+01:00"}, "2026-03-01T07:59Z", ("2026-02-28T23:00Z", "2026-03-01T08:00Z")),
        (
            {"deadline": "09:00", "timezone": "Europe/Paris"},
            "2026-07-01T06:59Z",
            ("2026-06-30T22:00Z", "2026-07-01T07:00Z"),
        ),
        ({"from": "09:00", "to": "12:00"}, "2026-03-01T10:00Z", ("2026-03-01T09:00Z", "2026-03-01T12:00Z")),
        ({"from": "09:00", "to": "12:00"}, "2026-03-01T12:00Z", None),
        ({"from": "22:00", "to": "02:00"}, "2026-03-01T23:00Z", ("2026-03-01T22:00Z", "2026-03-02T02:00Z")),
        ({"from": "22:00", "to": "02:00"}, "2026-03-02T01:00Z", ("2026-03-01T22:00Z", "2026-03-02T02:00Z")),
        ({"from": "22:00", "to": "02:00"}, "2026-03-02T03:00Z", None),
        ({"every": "PT6H"}, "2026-03-01T13:00Z", ("2026-03-01T12:00Z", "2026-03-01T18:00Z")),
        ({"every": "PT6H", "offset": "PT1H"}, "2026-03-01T00:30Z", ("2026-02-28T19:00Z", "2026-03-01T01:00Z")),
        ({"every": "P1D", "offset": "PT8H"}, "2026-03-01T07:00Z", ("2026-02-28T08:00Z", "2026-03-01T08:00Z")),
        ({"lookback": "PT1H"}, "2026-03-01T07:10Z", ("2026-03-01T07:10Z", "2026-03-01T08:10Z")),
    ],
)
def test_windows_of_2x(window, moment, expected):
    rule = rule_of(None if window is None else Window.model_validate(window), UTC)
    span = rule.span(at(moment))
    assert (None if span is None else tuple(span)) == (None if expected is None else tuple(map(at, expected)))


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ({}, ("2026-03-01T00:00Z", "2026-03-02T00:00Z")),
        ({"type": "DURATION_WINDOW", "window": "PT2H"}, ("2026-03-01T06:00Z", "2026-03-01T08:00Z")),
        (
            {"type": "DURATION_WINDOW", "window": "PT2H", "windowAdvance": "PT1H"},
            ("2026-03-01T07:00Z", "2026-03-01T09:00Z"),
        ),
        ({"type": "SLIDING_WINDOW", "window": "PT2H"}, ("2026-03-01T07:30Z", "2026-03-01T09:30Z")),
        ({"type": "DAILY_TIME_DEADLINE", "deadline": "08:00"}, ("2026-03-01T00:00Z", "2026-03-01T08:00Z")),
        (
            {"type": "DAILY_TIME_WINDOW", "startTime": "07:00", "endTime": "08:00"},
            ("2026-03-01T07:00Z", "2026-03-01T08:00Z"),
        ),
    ],
)
def test_windows_of_1x(window, expected):
    span = rule_of(TimeWindow.model_validate(window), UTC).span(at("2026-03-01T07:30Z"))
    assert tuple(span) == tuple(map(at, expected))


def test_a_day_in_a_zone_has_23_hours_when_the_clocks_go_forward():
    span = rule_of(None, PARIS).span(at("2026-03-29T12:00Z"))
    assert span.end.astimezone(UTC) - span.start.astimezone(UTC) == timedelta(hours=23)


@pytest.mark.parametrize("moment", ["2026-03-29T00:30Z", "2026-03-29T01:30Z", "2026-10-25T00:30Z", "2026-10-25T01:30Z"])
def test_hours_stay_hours_when_the_clocks_change(moment):
    span = rule_of(Window.model_validate({"every": "PT1H"}), PARIS).span(at(moment))
    assert span.end.astimezone(UTC) - span.start.astimezone(UTC) == timedelta(hours=1)
    assert span.holds(at(moment))


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"deadline": "noon"}, "'noon' is no time of day"),
        ({"from": "09:00", "to": "09:00"}, "is empty"),
        ({"every": "PT0S"}, "longer than nothing"),
    ],
)
def test_windows_that_cannot_be(window, message):
    with pytest.raises(WindowError, match=message):
        rule_of(Window.model_validate(window), UTC)
