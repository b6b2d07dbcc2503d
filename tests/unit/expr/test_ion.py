"""Ion, text and binary, both ways."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.expr import Engine, EvaluationError, ExpressionError, LimitError
from segue.expr.ion.binary_reader import read_binary_ion
from segue.expr.ion.binary_writer import ion_bytes
from segue.expr.ion.reader import read_ion
from segue.expr.ion.writer import ion_text

# Written by Amazon's own library for Python.
FOREIGN = bytes.fromhex(
    "e00100eaec8183d987b782696481768174dea78a210184816e8bbe9253c20096484004000000000000110f82c3a98c6a800fe883858e8789c37b"
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=20)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


def _storable(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= char <= "\udfff" for char in value)
    if isinstance(value, dict):
        return all(_storable(each) for pair in value.items() for each in pair)
    return all(map(_storable, value)) if isinstance(value, list) else True


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES.filter(_storable), max_size=3))
def test_what_is_written_reads_back(rows: list[Any]) -> None:
    assert read_binary_ion(ion_bytes(rows, 1_000_000), all_rows=True) == rows
    assert read_ion("\n".join(ion_text(row, 1_000_000) for row in rows), all_rows=True) == rows


def test_documents_of_another_writer() -> None:
    row = {"id": 1, "name": "n", "v": [Decimal("1.50"), 2.5, True, None, "é"], "t": "2024-03-05T14:07:09.123Z"}
    assert read_binary_ion(FOREIGN, all_rows=True) == [row]
    assert Engine().render("{{ fromIon(b).name }} {{ fromIon(b, allRows=true) | length }}", {"b": FOREIGN}) == "n 1"


@pytest.mark.parametrize(
    ("hexadecimal", "text"),
    [
        ("65c00fe88385", "2024-03-05"),
        ("64c00fe883", "2024-03T"),
        ("63800fe8", "2024T"),
        ("68800fe883858e8789", "2024-03-05T14:07:09Z"),
    ],
)
def test_timestamps_are_iso_text(hexadecimal: str, text: str) -> None:
    assert read_binary_ion(b"\xe0\x01\x00\xea" + bytes.fromhex(hexadecimal), all_rows=False) == text


def test_hostile_documents_fail_as_expressions_do() -> None:
    random = Random(3)
    document = ion_bytes([{"a": [1, 2.5, Decimal("1.2"), "x", {"k": None}], "d": b"123"}], 10_000)
    for _ in range(3000):
        data = bytearray(document)
        for _ in range(random.randint(1, 4)):
            data[random.randrange(4, len(data))] = random.randrange(256)
        with suppress(ExpressionError):
            read_binary_ion(bytes(data), all_rows=True)
    nested = b"\xe0\x01\x00\xea" + b"".join(b"\xbe" + bytes([0x7F, 0xFF]) for _ in range(300))
    for hostile in (nested, b"\xe0\x01\x00\xea\xde\x7f\x7f\x7f\x7f\xff", b"\xe0\x01\x00\xea\x2e\x0f\x7f\xff"):
        with pytest.raises(EvaluationError, match="Invalid ion"):
            read_binary_ion(hostile, all_rows=True)
    with pytest.raises(LimitError, match="max_output_length"):
        ion_bytes(["x" * 2000], 1000)
    with pytest.raises(EvaluationError, match="too large"):
        read_ion("1d999999", all_rows=False)
