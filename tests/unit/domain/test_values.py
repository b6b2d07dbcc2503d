"""Ids, durations and labels."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.domain.durations import format_duration, parse_duration
from segue.domain.errors import SegueError
from segue.domain.ids import check_path_segment, slugify, time_ordered_id
from segue.domain.labels import Label, is_valid_key, merge_labels, nest_labels, parse_labels

MOMENTS = st.integers(0, (1 << 48) - 1)
ENTROPY = st.binary(min_size=10, max_size=10)


@given(MOMENTS, ENTROPY, MOMENTS, ENTROPY)
def test_ids_sort_by_time_and_are_safe_in_urls(first: int, some: bytes, second: int, other: bytes) -> None:
    left, right = time_ordered_id(first, some), time_ordered_id(second, other)
    assert len(left) == 22
    assert left.isascii()
    assert left.isalnum()
    assert (left < right) == ((first, some) < (second, other))


@pytest.mark.parametrize(("moment", "entropy"), [(-1, bytes(10)), (1 << 48, bytes(10)), (0, bytes(9))])
def test_ids_refuse_what_does_not_fit(moment: int, entropy: bytes) -> None:
    with pytest.raises(ValueError, match=r"48 bits|10 bytes"):
        time_ordered_id(moment, entropy)


@pytest.mark.parametrize(("text", "slug"), [("each_split", "each-split"), ("A  b.C", "a-b-c"), ("_x_", "x"), ("é", "")])
def test_slugs(text: str, slug: str) -> None:
    assert slugify(text) == slug


@pytest.mark.parametrize("segment", ["", ".", "..", "a/b", "a\\b", "a\x00", "a\n", "x" * 256, "é" * 128])
def test_path_segments_that_could_leave_their_place_are_refused(segment: str) -> None:
    with pytest.raises(SegueError):
        check_path_segment(segment)


def test_plain_names_are_path_segments() -> None:
    assert check_path_segment("a..b é.txt") == "a..b é.txt"


@pytest.mark.parametrize(
    ("text", "duration", "written"),
    [
        ("PT0.25S", timedelta(milliseconds=250), "PT0.25S"),
        ("P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5), "PT26H3M4.5S"),
        ("pt1h", timedelta(hours=1), "PT1H"),
        ("PT0S", timedelta(0), "PT0S"),
        ("-PT1M", timedelta(minutes=-1), "PT-1M"),
        ("PT-1M", timedelta(minutes=-1), "PT-1M"),
        ("PT-0.5S", timedelta(seconds=-0.5), "PT-0.5S"),
        ("PT1.123456789S", timedelta(seconds=1, microseconds=123456), "PT1.123456S"),
    ],
)
def test_durations(text: str, duration: timedelta, written: str) -> None:
    assert parse_duration(text) == duration
    assert format_duration(duration) == written


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "P1W", "P1M", "P1Y", "1H", "PT1", "PTS", "PT" + "9" * 90 + "S"]
)
def test_texts_that_are_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.timedeltas())
def test_written_durations_are_read_back(duration: timedelta) -> None:
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    "written",
    [{"a": 1, "b": True, "c": None}, [{"key": "a", "value": 1}, {"key": "b", "value": True}, {"key": "c"}]],
)
def test_labels_have_two_shapes(written: Any) -> None:
    assert parse_labels(written) == (Label("a", "1"), Label("b", "true"))


@pytest.mark.parametrize("written", ["x", 1, [1], [{"key": "a", "valeu": 1}], {"a": [1]}])
def test_other_shapes_are_no_labels(written: Any) -> None:
    with pytest.raises(ValueError, match="label"):
        parse_labels(written)


def test_later_labels_win_and_dots_nest() -> None:
    merged = merge_labels([Label("a", "1"), Label("system.x", "2")], [Label("a", "3"), Label("system", "4")])
    assert merged == (Label("a", "3"), Label("system.x", "2"), Label("system", "4"))
    assert nest_labels(merged) == {"a": "3", "system": {"x": "2"}}


@pytest.mark.parametrize(
    ("key", "valid"),
    [("team", True), ("é.b-c_1", True), ("Team", False), ("1a", False), ("a b", False), ("", False)],
)
def test_label_keys(key: str, valid: bool) -> None:
    assert is_valid_key(key) is valid
