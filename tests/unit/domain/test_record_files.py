"""Reading files of records in chunks: text of both kinds and binary Ion."""

from collections.abc import Iterable
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from segue.domain.record_files import Record, RecordError, RecordReader
from segue.expr.ion.binary_reader import MARKER
from segue.expr.ion.binary_writer import ion_bytes
from segue.expr.ion.reader import read_ion


def read(data: bytes, step: int = 3) -> list[Record]:
    reader = RecordReader()
    found = [record for start in range(0, len(data), step) for record in reader.feed(data[start : start + step])]
    return [*found, *reader.finish()]


def values(records: Iterable[Record]) -> list[Any]:
    return [record.value for record in records]


@pytest.mark.parametrize("step", [1, 2, 5, 1000])
def test_lines_of_json_and_ion(step: int) -> None:
    records = read(b'{"a":1.5}\r\n\n{b:2.5, c:"x"}\n[1,\t2]\n"text"\nsymbol\nnull', step)
    assert values(records) == [{"a": 1.5}, {"b": Decimal("2.5"), "c": "x"}, [1, 2], "text", "symbol", None]
    assert [record.number for record in records] == [1, 2, 3, 4, 5, 6]
    assert records[0].line == b'{"a":1.5}\n'
    assert records[1].line == b'{b:2.5, c:"x"}\n'


@pytest.mark.parametrize("step", [1, 4, 1000])
def test_a_record_over_lines_and_several_on_a_line(step: int) -> None:
    text = b"{\n  a: \"}\", // {\n  b: [1,\n\n 2] /* [\n ( */\n}\n{a:1} {a:2}\n{l:'''two\nlines }'''}\n$ion_1_0\n7"
    records = read(text, step)
    expected = [{"a": "}", "b": [1, 2]}, {"a": 1}, {"a": 2}, {"l": "two\nlines }"}, 7]
    assert values(records) == expected
    for record in records:
        assert record.line.count(b"\n") == 1
        assert read_ion(record.line.decode(), all_rows=False) == record.value


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_binary_ion_is_known_by_its_first_bytes(step: int) -> None:
    records = read(ion_bytes([{"a": 1}, {"b": [Decimal("1.50"), None]}], 1000), step)
    assert values(records) == [{"a": 1}, {"b": [Decimal("1.50"), None]}]
    assert [record.line for record in records] == [b"{a:1}\n", b"{b:[1.50,null]}\n"]


@pytest.mark.parametrize("data", [b"", b"\n", b" \n\r\n", MARKER])
def test_files_without_records(data: bytes) -> None:
    assert read(data) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"a":1}\nx,y\n', "no record in line 2: Invalid ion"),
        (b"1\n\n{a:[1}\n", "no record in line 3"),
        (b"1\n{a:1\n2\n", "no record in line 2: the file ends within it"),
        (b"\xff\xfe", "line 1: it is not UTF-8"),
        (b"[" * 5000 + b"]" * 5000, "nests too deeply"),
        (MARKER[:2], "line 1"),
        (MARKER + b"\x8e", "after 0 records: Invalid ion"),
        (MARKER + b"\x21\x01\xf0", "after 1 records: Invalid ion"),
    ],
)
def test_what_is_no_record_is_told(data: bytes, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        read(data, 1000)


@pytest.mark.parametrize("piece", [b"x" * 1_000_000, b"{a:1,\n" * 100_000])
def test_memory_has_a_bound(piece: bytes) -> None:
    with pytest.raises(RecordError, match="more than 8388608 bytes"):
        read(piece * 20, len(piece))


def test_noise_gives_records_or_an_error() -> None:
    random = Random(7)
    letters = b"{}[]()'\"\\/*:,a1 \n\r$.\xc3\xa9\xe0\x01\x00\xea"
    for _ in range(3_000):
        data = bytes(random.choice(letters) for _ in range(random.randint(0, 40)))
        try:
            records = read(data, random.randint(1, 9))
        except RecordError:
            continue
        for record in records:
            assert record.line.endswith(b"\n")
