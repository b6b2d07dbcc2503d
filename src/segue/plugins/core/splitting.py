"""Cutting a stream of records into parts (core plugins 2.10 and ``storage.Split``). No input or output here."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from segue.sdk import TaskFailed

Route = Callable[[bytes], int | None]
"""From a record to the number of its part, counted from 0; None for a record that goes nowhere."""

MAX_RECORD = 32 * 1024 * 1024
"""Bytes of the longest record."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)I?B?", re.IGNORECASE)
_FACTORS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


class SplitSettings(NamedTuple):
    """How to cut; the first that is set counts, in this order. ``separator`` stands behind every record."""

    regex_pattern: str | None = None
    bytes: str | None = None
    partitions: int | None = None
    rows: int | None = None
    separator: str = "\n"


class Splitter:
    """Takes chunks of a stream and gives its records, each with the number of its part.

    ``in_order``: a part is complete once a record of the next one comes.
    """

    def __init__(self, settings: SplitSettings) -> None:
        """Raises ``TaskFailed`` for settings that cannot be."""
        self._separator = settings.separator.encode()
        if not self._separator:
            raise TaskFailed("`separator` must not be empty")
        self._route, self.in_order = _rule(settings)
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        """The records that are complete with this chunk, their separator behind them. Raises ``TaskFailed`` for one
        that is longer than ``MAX_RECORD``."""
        *records, self._rest = (self._rest + chunk).split(self._separator)
        if len(self._rest) > MAX_RECORD:
            raise TaskFailed(f"A record is longer than {MAX_RECORD} bytes: is `separator` right?")
        for record in records:
            yield from self._place(record)

    def finish(self) -> Iterator[tuple[int, bytes]]:
        """The last record, when no separator was behind it."""
        last, self._rest = self._rest, b""
        if last:
            yield from self._place(last)

    def _place(self, record: bytes) -> Iterator[tuple[int, bytes]]:
        whole = record + self._separator
        part = self._route(whole)
        if part is not None:
            yield part, whole


def parse_size(text: str) -> int:
    """Bytes of ``10MB``, ``1KB`` or ``500`` (powers of 1024). Raises ``TaskFailed``."""
    match = _SIZE.fullmatch(text.strip())
    if match is None or (size := int(float(match[1]) * _FACTORS[match[2].upper()])) < 1:
        raise TaskFailed(f"`bytes` must be a size such as 10MB, not '{text[:100]}'")
    return size


def _rule(settings: SplitSettings) -> tuple[Route, bool]:
    if settings.regex_pattern is not None:
        return _by_key(settings.regex_pattern, len(settings.separator.encode())), False
    if settings.bytes is not None:
        return _by_size(parse_size(settings.bytes)), True
    if settings.partitions is not None:
        return _round_robin(_positive(settings.partitions, "partitions")), False
    if settings.rows is not None:
        return _by_count(_positive(settings.rows, "rows")), True
    raise TaskFailed("Invalid configuration with no size, count, rows, nor regexPattern")


def _positive(number: int, name: str) -> int:
    if number < 1:
        raise TaskFailed(f"`{name}` must be at least 1, not {number}")
    return number


def _by_count(rows: int) -> Route:
    count = -1

    def route(_: bytes) -> int:
        nonlocal count
        count += 1
        return count // rows

    return route


def _round_robin(partitions: int) -> Route:
    count = -1

    def route(_: bytes) -> int:
        nonlocal count
        count += 1
        return count % partitions

    return route


def _by_size(limit: int) -> Route:
    part, size = 0, 0

    def route(record: bytes) -> int:
        nonlocal part, size
        if size >= limit:
            part, size = part + 1, 0
        size += len(record)
        return part

    return route


def _by_key(pattern: str, separator_length: int) -> Route:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise TaskFailed(f"`regexPattern` is no regular expression: {error}") from None
    if compiled.groups < 1:
        raise TaskFailed("`regexPattern` needs a group that holds the key")
    parts: dict[str, int] = {}

    def route(record: bytes) -> int | None:
        match = compiled.search(record[:-separator_length].decode(errors="replace"))
        if match is None:
            return None
        return parts.setdefault(match[1] or "", len(parts))

    return route
