"""Lines from the end of a file, whatever the size of the blocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.plugins.core import backwards
from segue.plugins.core.backwards import Charset, LinesFromTheEnd
from segue.sdk import TaskFailed


def turned(content: bytes, charset: Charset, block: int) -> list[bytes]:
    lines = LinesFromTheEnd(charset)
    found: list[bytes] = []
    for start in range((len(content) - 1) // block * block, -1, -block):
        found += lines.feed(content[start : min(len(content), start + block)])
    return [*found, *lines.finish()]


def expected(text: str, separator: str) -> list[str]:
    lines = text.split(separator)
    if not lines[-1]:
        lines.pop()
    return lines[::-1]


@given(st.text(alphabet="ab\nਊ", max_size=40), st.integers(1, 9), st.sampled_from(["utf-8", "utf-16-le", "utf-32-be"]))
def test_any_text_in_any_blocks(text: str, blocks: int, charset: str) -> None:
    found = turned(text.encode(charset), Charset(charset, "\n"), 4 * blocks)
    assert [line.decode(charset) for line in found] == expected(text, "\n")


@given(st.text(alphabet="ab;|", max_size=30), st.integers(1, 9))
def test_a_separator_of_several_characters(text: str, block: int) -> None:
    found = turned(text.encode(), Charset("UTF-8", ";|"), block)
    assert [line.decode() for line in found] == expected(text, ";|")


def test_a_line_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backwards, "MAX_RECORD", 10)
    with pytest.raises(TaskFailed, match="longer than 10 bytes"):
        turned(b"x" * 30, Charset("UTF-8", "\n"), 4)


def test_the_order_of_bytes_is_that_of_the_mark() -> None:
    charset = Charset("UTF-16", "\n")
    assert charset.separator == b"\x00\n"
    charset.begin(b"\xff\xfea\x00")
    assert (charset.separator, charset.mark, charset.width) == (b"\n\x00", b"\xff\xfe", 2)
