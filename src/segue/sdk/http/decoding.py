"""Compressed bodies, unpacked in small steps: a few bytes that stand for gigabytes never fill the memory."""

import zlib
from collections.abc import AsyncIterator, Iterator

from segue.sdk.http.errors import HttpError

ACCEPTED = "gzip, deflate"
_STEP = 256 * 1024
_GZIP = b"\x1f\x8b"
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_MOST = 4


def unpacked(chunks: AsyncIterator[bytes], encodings: list[str]) -> AsyncIterator[bytes]:
    """``chunks`` without the encodings of ``Content-Encoding``; as it is when one of them is not known.

    Raises ``HttpError`` while it is read, for content that is not what the header says.
    """
    names = [name for name in encodings if name not in {"", "identity"}]
    if len(names) > _MOST or any(name not in _WINDOW for name in names):
        return chunks
    for name in reversed(names):
        chunks = _inflated(chunks, name)
    return chunks


def is_packed(encodings: list[str]) -> bool:
    """Whether ``unpacked`` gives another content than it gets."""
    return any(name in _WINDOW for name in encodings)


async def _inflated(chunks: AsyncIterator[bytes], name: str) -> AsyncIterator[bytes]:
    reader = _Reader(name)
    async for chunk in chunks:
        for part in reader.feed(chunk):
            yield part
    if rest := reader.end():
        yield rest


class _Reader:
    """One encoding. A gzip body may be of several members; ``deflate`` is sent with and without its header."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._engine = zlib.decompressobj(_WINDOW[name])
        self._has_begun = False
        self._head: bytes | None = b""
        """The first bytes, until there are enough to know what follows: at the beginning, and behind a member."""
        self._is_over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What can be unpacked now. Raises ``HttpError``."""
        while data and not self._is_over:
            if self._head is not None:
                data = self._begin(self._head + data)
                continue
            try:
                part = self._engine.decompress(data, _STEP)
            except zlib.error:
                raise self._broken() from None
            if part:
                yield part
            data = self._engine.unconsumed_tail
            if self._engine.eof:
                self._head, data = b"", self._engine.unused_data
                self._is_over = self._name == "deflate"

    def end(self) -> bytes:
        """What is left. Raises ``HttpError`` when the end is missing."""
        if self._head is not None:
            if self._head and not self._has_begun:
                raise self._broken()
            return b""
        rest = self._engine.flush()
        if not self._engine.eof:
            raise self._broken()
        return rest

    def _begin(self, data: bytes) -> bytes:
        """The bytes to unpack; none while it is not known how, and behind the last member."""
        if len(data) < len(_GZIP):
            self._head = data
            return b""
        window = _WINDOW[self._name]
        if self._name == "deflate":
            has_header = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
            window = window if has_header else -window
        elif self._has_begun and not data.startswith(_GZIP):
            self._is_over = True
            return b""
        self._engine, self._head, self._has_begun = zlib.decompressobj(window), None, True
        return data

    def _broken(self) -> HttpError:
        return HttpError(f"The response says it is packed with {self._name}, and cannot be unpacked")
