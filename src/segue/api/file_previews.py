"""The beginning of a stored file in a form that can be shown (REST API 5.4)."""

import asyncio
import base64
import codecs
import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from pathlib import PurePosixPath

import msgspec

from segue.api.problems import INVALID_ARGUMENT, PAYLOAD_TOO_LARGE, ProblemError
from segue.domain.execution.value_lines import LineSplitter
from segue.expr import ExpressionError
from segue.expr.ion.binary_reader import MARKER, read_binary_ion
from segue.expr.ion.reader import read_ion

FIRST_ROWS = 100
"""Rows of a preview that does not say how many."""
MOST_ROWS = 5_000
MOST_TEXT_BYTES = 2 * 1024 * 1024
MOST_LIST_BYTES = 8 * 1024 * 1024
MOST_IMAGE_BYTES = 20 * 1024 * 1024
_IMAGES = frozenset({"png", "jpg", "jpeg", "gif", "bmp", "webp", "svg"})
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,39}")
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class Preview(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is shown: rows for LIST, text for TEXT and MARKDOWN, base64 for IMAGE and PDF."""

    extension: str
    type: str
    content: str | list[msgspec.Raw]
    max_line: int
    truncated: bool


def extension_of(uri: str) -> str:
    """The last part of a file's name after a dot, in lower case; empty for none."""
    return PurePosixPath(uri).suffix.removeprefix(".").lower()


def find_charset(name: str) -> str:
    """The codec of a character set. Raises ``ProblemError`` for an unknown one."""
    try:
        codec = codecs.lookup(name).name if _CHARSET.fullmatch(name) else None
        if codec is None or codec.replace("_", "-") in _NO_CHARSETS:
            raise LookupError(name)
        b"a".decode(codec, "replace")  # refuses codecs that are none of texts, which needs a byte
    except (LookupError, UnicodeError):
        raise ProblemError(INVALID_ARGUMENT, f"Unknown encoding {name[:40]!r}") from None
    return codec


async def preview(extension: str, chunks: AsyncIterator[bytes], max_rows: int, charset: str) -> Preview:
    """A preview of at most ``max_rows`` rows. Raises ``ProblemError`` for what is too large to be shown at all."""
    if extension in _IMAGES or extension == "pdf":
        content, more = await _head(chunks, MOST_IMAGE_BYTES)
        if more:
            raise ProblemError(PAYLOAD_TOO_LARGE, f"the file has more than {MOST_IMAGE_BYTES} bytes: download it")
        kind = "PDF" if extension == "pdf" else "IMAGE"
        text = await asyncio.to_thread(lambda: base64.b64encode(content).decode())
        return Preview(extension=extension, type=kind, content=text, max_line=max_rows, truncated=False)
    if extension == "ion" or extension in _DELIMITERS:
        content, more = await _head(chunks, MOST_LIST_BYTES)
        rows, cut = await asyncio.to_thread(_rows, extension, content, more, max_rows, charset)
        return Preview(extension=extension, type="LIST", content=rows, max_line=max_rows, truncated=cut)
    content, more = await _head(chunks, MOST_TEXT_BYTES)
    text, cut = await asyncio.to_thread(_first_lines, content, max_rows, charset)
    kind = "MARKDOWN" if extension == "md" else "TEXT"
    return Preview(extension=extension, type=kind, content=text, max_line=max_rows, truncated=cut or more)


async def json_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Ion, one value a line, as lines of JSON. A line that is no Ion becomes a text.

    Raises ``ProblemError`` for a binary document or a line that is too large.
    """
    first = await anext(chunks, b"")
    if first.startswith(MARKER):
        content, more = await _head(chunks, MOST_LIST_BYTES - len(first))
        if more:
            raise _too_long()
        for row in await asyncio.to_thread(_binary_rows, first + content):
            yield row + b"\n"
        return
    splitter = LineSplitter()
    try:
        yield await asyncio.to_thread(_json_of, splitter.feed(first))
        async for chunk in chunks:
            yield await asyncio.to_thread(_json_of, splitter.feed(chunk))
        yield await asyncio.to_thread(_json_of, splitter.end())
    except ValueError as error:
        raise ProblemError(INVALID_ARGUMENT, str(error)) from None


async def _head(chunks: AsyncIterator[bytes], limit: int) -> tuple[bytes, bool]:
    """The first ``limit`` bytes, and whether there are more."""
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > limit:
            return bytes(content[:limit]), True
    return bytes(content), False


def _first_lines(content: bytes, count: int, charset: str) -> tuple[str, bool]:
    lines = content.decode(charset, "replace").splitlines(keepends=True)
    return "".join(lines[:count]), len(lines) > count


def _rows(extension: str, content: bytes, is_cut: bool, count: int, charset: str) -> tuple[list[msgspec.Raw], bool]:
    """The first rows as JSON, and whether there are more; a last line that was cut is left out."""
    if extension == "ion" and content.startswith(MARKER):
        if is_cut:
            raise _too_long()
        found: Iterator[bytes] = iter(_binary_rows(content))
    else:
        if is_cut:
            content = content[: content.rfind(b"\n") + 1]
        found = _ion_rows(content.split(b"\n")) if extension == "ion" else _table(extension, content, charset)
    rows = [msgspec.Raw(row) for row in islice(found, count)]
    return rows, is_cut or next(found, None) is not None


def _table(extension: str, content: bytes, charset: str) -> Iterator[bytes]:
    """Lines below a heading, each as a map from column to text; columns without heading are left out."""
    text = content.decode(charset, "replace").removeprefix("\ufeff")
    try:
        for row in csv.DictReader(io.StringIO(text), delimiter=_DELIMITERS[extension], restval=""):
            yield _encoder.encode({key: value for key, value in row.items() if key is not None})
    except csv.Error as error:
        raise ProblemError(INVALID_ARGUMENT, f"the file is no readable table: {error}") from None


def _binary_rows(content: bytes) -> list[bytes]:
    try:
        return [_encoder.encode(row) for row in read_binary_ion(content, all_rows=True)]
    except ExpressionError as error:
        raise ProblemError(INVALID_ARGUMENT, str(error)) from None


def _ion_rows(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        if not line or line.isspace():
            continue
        text = line.decode("utf-8", "replace").strip()
        try:
            rows = read_ion(text, all_rows=True)
        except ExpressionError:
            rows = [text]
        yield from map(_encoder.encode, rows)


def _json_of(lines: Iterable[bytes]) -> bytes:
    return b"".join(row + b"\n" for row in _ion_rows(lines))


def _too_long() -> ProblemError:
    return ProblemError(PAYLOAD_TOO_LARGE, f"binary Ion of more than {MOST_LIST_BYTES} bytes: download it as it is")
