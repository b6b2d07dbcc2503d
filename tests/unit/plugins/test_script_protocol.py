"""Lines with outputs, metrics and log entries (core plugins 17.3)."""

from datetime import timedelta
from typing import Any

import pytest

from segue.plugins.scripts.protocol import Entry, Message, Metric, Unreadable, read_line
from segue.sdk import LONGEST_LINE, LogLevel


@pytest.mark.parametrize(
    "line",
    [
        "text",
        "",
        '::{"outputs":{}}',
        '{"outputs":{}}::',
        ' ::{"outputs":{}}::',
        '::{"outputs":{}}:: ',
        "::[1]::",
        '::{"outputs":{}}::x',
        "::::",
    ],
)
def test_ordinary_lines(line: str) -> None:
    assert read_line(line) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", Message({})),
        ('{"outputs":null,"metrics":null,"logs":null,"assets":{"inputs":[]},"other":1}', Message({})),
        ('{"outputs":{"a":null,"b":[1,{"c":2.5}],"d":"::"}}', Message({"a": None, "b": [1, {"c": 2.5}], "d": "::"})),
        (
            '{"outputs":{"a":1},"metrics":[{"name":"m","type":"COUNTER","value":2,"tags":{"t":1,"u":null,"v":"w"}}]}',
            Message({"a": 1}, (Metric("m", "counter", 2, {"t": "1", "u": "", "v": "w"}),)),
        ),
        ('{"metrics":[{"name":"m","type":"gauge","value":-2.5}]}', Message({}, (Metric("m", "gauge", -2.5, {}),))),
        (
            '{"metrics":[{"name":"m","type":"timer","value":0.5},{"name":"n","type":"timer","value":"PT2S"}]}',
            Message({}, (Metric("m", "timer", timedelta(0.5 / 86400), {}), Metric("n", "timer", timedelta(0, 2), {}))),
        ),
        (
            '{"logs":[{"level":"debug","message":"a"},{"level":"WARNING","message":{"b":1}},{"message":null}]}',
            Message(
                {},
                logs=(Entry(LogLevel.DEBUG, "a"), Entry(LogLevel.WARN, '{"b":1}'), Entry(LogLevel.INFO, "")),
            ),
        ),
    ],
)
def test_messages(text: str, message: Message) -> None:
    assert read_line(f"::{text}::") == message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"outputs":{"a":}}', ""),
        ('{"outputs":{"a":NaN}}', ""),
        ("{'outputs':{}}", ""),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, ""),
        ('{"outputs":[1]}', "`outputs` must be an object"),
        ('{"metrics":{}}', "`metrics` must be a list"),
        ('{"metrics":[1]}', "`metrics` must hold objects"),
        ('{"metrics":[{"type":"counter","value":1}]}', "a metric needs a `name`"),
        ('{"metrics":[{"name":"m","type":"x","value":1}]}', "must be counter, timer or gauge"),
        ('{"metrics":[{"name":"m","value":1}]}', "must be counter, timer or gauge"),
        ('{"metrics":[{"name":"m","type":"counter","value":"1"}]}', "the `value` of the metric 'm' must be a number"),
        ('{"metrics":[{"name":"m","type":"counter","value":true}]}', "the `value` of the metric 'm' must be a number"),
        ('{"metrics":[{"name":"m","type":"timer","value":"soon"}]}', "the `value` of the timer 'm' must be seconds"),
        ('{"metrics":[{"name":"m","type":"timer","value":1e300}]}', "the `value` of the timer 'm' must be seconds"),
        ('{"metrics":[{"name":"m","type":"gauge","value":1,"tags":[1]}]}', "`tags` must be an object"),
        ('{"logs":[{"level":"LOUD","message":"a"}]}', "the `level` of a log entry must be one of"),
        ('{"logs":["a"]}', "`logs` must hold objects"),
    ],
)
def test_messages_that_cannot_be_read(text: str, reason: str) -> None:
    found: Any = read_line(f"::{text}::")
    assert isinstance(found, Unreadable)
    assert found.text.startswith(f"Invalid outputs '{text[:400]}")
    assert reason in found.text
    assert len(found.text) < 700


def test_a_message_that_was_cut() -> None:
    line = "::{" + "x" * LONGEST_LINE + "... (5 bytes more of this line are left out)"
    assert read_line(line) == Unreadable(f"Invalid outputs: the line is longer than {LONGEST_LINE} bytes")


def test_numbers_of_any_size() -> None:
    found = read_line('::{"outputs":{"a":123456789012345678901234567890}}::')
    assert isinstance(found, Message)
    assert float(found.outputs["a"]) == pytest.approx(1.2345678901234568e29)
