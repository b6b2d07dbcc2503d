"""A response, whose body is read piece by piece."""

from __future__ import annotations

import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING

from segue.sdk.http.body import charset_of, is_charset
from segue.sdk.http.decoding import is_packed, unpacked
from segue.sdk.http.errors import BodyIncompleteError, BodyTooLargeError, HttpError

if TYPE_CHECKING:
    import httpx

_PEEKED = 10_000


class HttpResponse:
    """Code and headers are there; the body comes once, by ``chunks``, ``read`` or ``text``."""

    def __init__(self, uri: str, response: httpx.Response, fault: Callable[[Exception], HttpError]) -> None:
        self.uri = uri
        """The address that was asked for, with its parameters; not the one it was redirected to."""
        self.code = response.status_code
        self.headers: Mapping[str, list[str]] = _headers(response.headers)
        """Names in lower case, each with all its values."""
        self.received = 0
        """Bytes of the body so far, as they came over the network."""
        self.size = 0
        """Bytes of the body so far, unpacked."""
        self.peeked = bytearray()
        """The beginning of the body, for a log."""
        self._response = response
        self._fault = fault

    @property
    def content_length(self) -> int | None:
        """What the header says about the length of this body; None when it says nothing."""
        text = self.headers.get("content-length", [""])[0].strip()
        has_body = self._response.request.method != "HEAD" and self.code not in {204, 304}
        return int(text) if has_body and text.isascii() and text.isdigit() else None

    @property
    def length(self) -> int | None:
        """How long the body is going to be, unpacked; None when that is not known."""
        return None if is_packed(self._encodings()) else self.content_length

    @property
    def charset(self) -> str:
        """The charset of the body: what its type says, else UTF-8."""
        named = charset_of(self.headers.get("content-type", [""])[0]) or "utf-8"
        return named if is_charset(named) else "utf-8"

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body, unpacked. Raises ``HttpError`` when the connection breaks or is silent for too long."""
        async for chunk in unpacked(self._raw(), self._encodings()):
            self.size += len(chunk)
            if len(self.peeked) < _PEEKED:
                self.peeked += chunk[: _PEEKED - len(self.peeked)]
            yield chunk

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises ``BodyTooLargeError`` before more than ``limit`` bytes are in memory."""
        if (self.length or 0) > limit:
            raise BodyTooLargeError(self.length or 0, limit)
        body = bytearray()
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                if len(body) + len(chunk) > limit:
                    raise BodyTooLargeError(len(body) + len(chunk), limit)
                body += chunk
        return bytes(body)

    async def beginning(self, limit: int) -> str:
        """The first ``limit`` characters of the body as text, without those that are not printable; never raises for
        the content."""
        body = bytearray()
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    break
        return readable(bytes(body[:limit]), self.charset) + (" ..." if len(body) > limit else "")

    def _encodings(self) -> list[str]:
        values = self.headers.get("content-encoding", [])
        return [name.strip().lower() for value in values for name in value.split(",")]

    async def _raw(self) -> AsyncIterator[bytes]:
        import httpx

        try:
            async for chunk in self._response.aiter_raw():
                self.received += len(chunk)
                yield chunk
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            expected = self.content_length
            is_cut = isinstance(error, httpx.RemoteProtocolError) and expected is not None and self.received < expected
            if is_cut and expected is not None:
                raise BodyIncompleteError(self.received, expected) from error
            raise self._fault(error) from error


def readable(body: bytes, charset: str) -> str:
    """Bytes as text for a log or message: what cannot be shown is replaced."""
    text = body.decode(charset, "replace")
    return "".join(
        "\ufffd" if unicodedata.category(char) in {"Cc", "Cn"} and char not in "\t\r\n" else char for char in text
    )


def _headers(headers: httpx.Headers) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers.multi_items():
        found.setdefault(name.lower(), []).append(value)
    return found
