"""Values in files, one a line (flow language 7.10)."""

import pytest

from segue.domain.execution import value_lines
from segue.domain.execution.value_lines import LineSplitter, count_values, iteration_record, line_value, record_line


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("", None),
        ("   \t", None),
        ("plain", "plain"),
        ("two words", "two words"),
        ('"quoted \\" text"', 'quoted " text'),
        ("'symbol'", "symbol"),
        ("12", "12"),
        ("007", "007"),
        ("1.50", "1.50"),
        ("true", "true"),
        ('{"a": 1, "b": [true, null]}', '{"a":1,"b":[true,null]}'),
        ('{a:1,b:"x y"}', '{"a":1,"b":"x y"}'),
        ("[1, 2.5]", "[1,2.5]"),
        ("{broken", "{broken"),
        ("2025-12-03T12:00:00Z", "2025-12-03T12:00:00Z"),
        ("a\r", "a"),
    ],
)
def test_a_line_is_a_text(line: str, value: str | None) -> None:
    assert line_value(line) == value


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_are_the_same_however_they_arrive(size: int) -> None:
    content = b"one\n\ntwo\r\n  \nthree \xc3\xa9\nlast"
    splitter = LineSplitter()
    found, offsets = [], []
    for begin in range(0, len(content), size):
        for line in splitter.feed(content[begin : begin + size]):
            found.append(line)
            offsets.append(splitter.offset)
    found += splitter.end()

    assert found == content.split(b"\n")
    assert [content[:offset].count(b"\n") for offset in offsets] == [1, 2, 3, 4, 5]
    assert splitter.offset == len(content)
    assert count_values(found) == 4


def test_reading_goes_on_where_it_stopped() -> None:
    content = b"a\nbb\nccc\ndddd\n"
    first = LineSplitter()
    for line in first.feed(content):
        if line == b"bb":
            break

    assert list(LineSplitter(first.offset).feed(content[first.offset :])) == [b"ccc", b"dddd"]


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_lines, "MAX_LINE", 10)
    splitter = LineSplitter()
    assert list(splitter.feed(b"short\n12345")) == [b"short"]
    with pytest.raises(ValueError, match="at byte 6"):
        list(splitter.feed(b"678901"))


def test_a_record_as_ion() -> None:
    assert record_line(iteration_record(3, None, "x", {"n": 1.5, "t": None})) == (
        b'{item:{value:"x",iteration:3},outputs:{n:1.5e0,t:null}}\n'
    )
    assert iteration_record(0, "k", "x", {})["item"] == {"value": "x", "iteration": 0, "key": "k"}
