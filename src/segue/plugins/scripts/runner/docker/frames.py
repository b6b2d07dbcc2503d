"""The log of a container as the Engine API streams it: frames of standard output and error output. Pure.

Each frame is a header (a byte for the stream, three empty ones, four with the length) and a piece of a line with the
moment before it. A long line comes in several frames, each with its own moment; only the last ends with a line feed.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from segue.sdk import Stream

_HEADER = 8
_STREAMS = {1: Stream.STDOUT, 2: Stream.STDERR}
_MOMENT = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ")
MOST_FRAME_BYTES = 64 * 1024 * 1024


class Frame(NamedTuple):
    """A piece of output, and when it was written if the engine says so."""

    stream: Stream
    content: bytes
    at: datetime | None


class FrameReader:
    """Takes chunks of the stream and gives the frames that are complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """The frames that are complete with this chunk. Raises ``ValueError`` when it is no such stream."""
        self._buffer += chunk
        while len(self._buffer) >= _HEADER:
            size = int.from_bytes(self._buffer[4:_HEADER], "big")
            if self._buffer[0] > 3 or any(self._buffer[1:4]) or size > MOST_FRAME_BYTES:
                raise ValueError("the log of the container is no stream of frames")
            if len(self._buffer) < _HEADER + size:
                return
            kind, payload = self._buffer[0], bytes(self._buffer[_HEADER : _HEADER + size])
            del self._buffer[: _HEADER + size]
            yield _frame(_STREAMS.get(kind, Stream.STDOUT), payload)


def _frame(stream: Stream, payload: bytes) -> Frame:
    match = _MOMENT.match(payload)
    if match is None:
        return Frame(stream, payload, None)
    fraction = (match[2] or b"0")[:6].ljust(6, b"0")
    zone = b"+00:00" if match[3] == b"Z" else match[3]
    try:
        at = datetime.fromisoformat((match[1] + b"." + fraction + zone).decode()).astimezone(UTC)
    except ValueError:
        return Frame(stream, payload, None)
    return Frame(stream, payload[match.end() :], at)
