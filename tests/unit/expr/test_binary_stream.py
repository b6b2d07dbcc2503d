"""Binary Ion in chunks: the same values as at once, and nothing worse than an error for whatever else comes."""

from random import Random
from typing import Any

import pytest

from segue.expr import EvaluationError
from segue.expr.ion.binary_reader import MARKER, read_binary_ion
from segue.expr.ion.binary_stream import MAX_VALUE, BinaryIonStream
from segue.expr.ion.binary_writer import ion_bytes

# Written by Amazon's own library for Python.
FOREIGN = bytes.fromhex(
    "e00100eaec8183d987b782696481768174dea78a210184816e8bbe9253c20096484004000000000000110f82c3a98c6a800fe883858e8789c37b"
)
VALUES = [{"id": 1, "name": "Zoë", "tags": ["a", None, True]}, "x" * 300, 12345678901234567890, [], {}, None, b"\x00"]


def streamed(data: bytes, step: int) -> list[Any]:
    stream = BinaryIonStream()
    found = [value for start in range(0, len(data), step) for value in stream.feed(data[start : start + step])]
    stream.finish()
    return found


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 100_000])
def test_values_are_the_same_in_chunks_of_any_size(step: int) -> None:
    data = ion_bytes(VALUES, 10_000)
    assert streamed(data, step) == VALUES


@pytest.mark.parametrize("step", [1, 5, 1000])
def test_a_document_of_amazons_library(step: int) -> None:
    assert streamed(FOREIGN, step) == read_binary_ion(FOREIGN, all_rows=True)


def test_documents_follow_each_other() -> None:
    data = ion_bytes([{"a": 1}], 1000) + ion_bytes([{"b": 2}, {"a": 3}], 1000) + MARKER
    assert streamed(data, 3) == [{"a": 1}, {"b": 2}, {"a": 3}]


def test_padding_is_skipped_and_never_kept() -> None:
    size = 20_000_000
    padding = b"\x0e" + bytes([size >> 21, size >> 14 & 0x7F, size >> 7 & 0x7F, size & 0x7F | 0x80])
    stream = BinaryIonStream()
    assert list(stream.feed(MARKER + padding)) == []
    for _ in range(20):
        assert list(stream.feed(bytes(1_000_000))) == []
    assert list(stream.feed(b"\x21\x05")) == [5]
    stream.finish()
    assert streamed(MARKER + b"\x03\x01\x02\x03\x11", 2) == [True]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "ends within"),
        (MARKER[:2], "ends within"),
        (b"text", "marker"),
        (MARKER + b"\x8e", "ends within"),
        (MARKER + b"\x85abc", "ends within"),
        (MARKER + b"\x8e" + b"\x00" * 20, "length without end"),
        (MARKER + b"\x8e\x7f\x7f\x7f\xff", f"more than {MAX_VALUE} bytes"),
        (MARKER + b"\xe0\x02\x00\xea", "at byte"),
        (MARKER + b"\x21\x01\xf0", "at byte 6"),
        (MARKER + b"\x71\x63", "unknown symbol"),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_what_is_no_document_is_told(data: bytes, reason: str, step: int) -> None:
    with pytest.raises(EvaluationError, match=reason):
        streamed(data, step)


def tagged(kind: int, content: bytes) -> bytes:
    size = len(content)
    return bytes([kind << 4 | 14, size >> 14 & 0x7F, size >> 7 & 0x7F, size & 0x7F | 0x80]) + content


def table(fields: bytes) -> bytes:
    """A symbol table with these fields."""
    return tagged(14, b"\x81\x83" + tagged(13, fields))


def test_symbols_have_a_bound() -> None:
    shared = b"\xd4\x88\x22\x27\x10"  # {max_id: 10000}
    imports = table(b"\x86" + tagged(11, shared * 120))
    with pytest.raises(EvaluationError, match="too many symbols"):
        read_binary_ion(MARKER + imports, all_rows=True)
    more = table(b"\x86\x71\x03" + b"\x87" + tagged(11, tagged(8, b"a" * 1_000_000) * 2))
    with pytest.raises(EvaluationError, match="too many symbols"):
        streamed(MARKER + more * 40, 1_000_000)


def test_noise_gives_values_or_an_error() -> None:
    random = Random(5)
    good = ion_bytes(VALUES, 10_000)
    for _ in range(3_000):
        data = bytearray(good)
        for _ in range(random.randint(1, 4)):
            data[random.randrange(4, len(data))] = random.randrange(256)
        step = random.randint(1, 50)
        try:
            found = streamed(bytes(data), step)
        except EvaluationError:
            continue
        assert repr(found) == repr(read_binary_ion(bytes(data), all_rows=True))
