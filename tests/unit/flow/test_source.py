"""YAML to data: scalars, positions, and everything an untrusted text may try."""

from __future__ import annotations

from typing import Any

import pytest

from segue.domain.errors import FlowSyntaxError
from segue.domain.flow.source import Position, SourceLimits, read_document, read_scalar, split_documents


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("on", "on"),
        ("tRue", "tRue"),
        ("12", 12),
        ("-3", -3),
        ("1_000", 1000),
        ("0x1F", 31),
        ("010", 8),
        ("0x_", "0x_"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("1.2.3", "1.2.3"),
        ("9" * 200, "9" * 200),
    ],
)
def test_plain_scalars_are_typed_like_jackson_does(text: str, value: Any) -> None:
    assert read_scalar(text) == value
    assert type(read_scalar(text)) is type(value)


def test_keys_are_texts_and_quoted_scalars_stay_texts() -> None:
    data = read_document("on: '1'\n2: \"true\"\ntrue: |\n  3\nnull: !!str 4\n").data
    assert data == {"on": "1", "2": "true", "true": "3\n", "null": "4"}


def test_aliases_are_copied_and_merge_keys_give_way_to_own_keys() -> None:
    data = read_document("a: &a {x: 1, y: [2]}\nb: *a\nc: {<<: *a, x: 3}\n").data
    assert data["b"] == data["a"]
    assert data["b"] is not data["a"]
    assert data["b"]["y"] is not data["a"]["y"]
    assert data["c"] == {"x": 3, "y": [2]}


def test_positions_count_from_one_and_fall_back_to_what_is_around() -> None:
    document = read_document("id: f\ntasks:\n  - id: a\n    then:\n      - id: b\n")
    assert document.positions["tasks",] == Position(2, 1)
    assert document.position(("tasks", 0, "then", 0, "id")) == Position(5, 9)
    assert document.position(("tasks", 0, "condition")) == Position(3, 5)
    assert document.position(("nowhere",)) == Position(1, 1)


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "Duplicate field 'c'", 4),
        ("a: [1", "did not find expected", 2),
        ("a: *b", "alias 'b' names nothing", 1),
        ("a: &a [*a]", "alias 'a' names nothing", 1),
        ("? [1]\n: 2", "a key must be a scalar", 1),
        ("a: 1\n---\nb: 2", "a second one begins", 2),
        ("- a", "a map with", 1),
        ("", "a map with", 1),
        ("a: \x00", "not readable", None),
        ("a: \ud800", "not readable", None),
        ("a: " + "[" * 101, "nested deeper than 100 levels", 1),
        ("a: " + "[" * 200_000, "nested deeper than 100 levels", 1),
        ("a: {<<: 1, <<: [1]}", "Duplicate field '<<'", 1),
        ("a: {<<: [1]}", "`<<` needs a map", 1),
    ],
)
def test_unreadable_texts_say_what_and_where(text: str, reason: str, line: int | None) -> None:
    with pytest.raises(FlowSyntaxError) as caught:
        read_document(text)
    assert reason in caught.value.message
    assert caught.value.line == line


def test_aliases_of_aliases_do_not_explode() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(FlowSyntaxError, match="aliases add more than"):
        read_document("\n".join(lines))


def test_size_and_number_of_values_are_limited() -> None:
    with pytest.raises(FlowSyntaxError, match="longer than 10 characters"):
        read_document("a: " + "x" * 10, SourceLimits(max_characters=10))
    with pytest.raises(FlowSyntaxError, match="more than 3 values"):
        read_document("a: [1, 2, 3, 4]", SourceLimits(max_nodes=3))


def test_documents_are_split_at_their_marks_only() -> None:
    text = "---\n# nothing\n---\nid: a\nx: strange---string\n--- # next\nid: b\ny: |\n  ---\n"
    assert split_documents(text) == ["id: a\nx: strange---string\n", "# next\nid: b\ny: |\n  ---\n"]
