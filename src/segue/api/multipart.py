"""Forms with files, read as a stream: texts in memory within a limit, files on disk (REST API 5.1)."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from segue.api.problems import INVALID_REQUEST_BODY, PAYLOAD_TOO_LARGE, ProblemError

_IN_MEMORY = 256 * 1024
_MAX_PARTS = 10_000
_CHUNK = 256 * 1024


@dataclass(slots=True)
class Upload:
    """A file part. ``content`` is closed with the form."""

    name: str
    filename: str
    content_type: str
    content: IO[bytes]
    size: int = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content from its beginning, read in a thread once it lies on disk."""
        self.content.seek(0)
        is_on_disk = self.size > _IN_MEMORY
        while True:
            chunk = await asyncio.to_thread(self.content.read, _CHUNK) if is_on_disk else self.content.read(_CHUNK)
            if not chunk:
                return
            yield chunk


@dataclass(slots=True)
class Form:
    """The parts in the order in which they came."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for upload in self.uploads:
            upload.content.close()


async def read_form(content_type: str, body: AsyncIterator[bytes], max_text: int, max_total: int) -> Form:
    """Read a whole form; the caller closes it. A form without any bytes is an empty one.

    Raises ``ProblemError`` for a broken form, texts that are no UTF-8, and sizes over a limit.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    reader = _Reader(boundary, max_text) if boundary else None
    total = 0
    try:
        async for chunk in body:
            if not chunk:
                continue
            total += len(chunk)
            if total > max_total:
                raise ProblemError(PAYLOAD_TOO_LARGE, f"the form has more than {max_total} bytes")
            if reader is None:
                raise ProblemError(INVALID_REQUEST_BODY, "the content type of the form names no boundary")
            if reader.writes_to_disk:
                await asyncio.to_thread(reader.feed, chunk)
            else:
                reader.feed(chunk)
        if reader is None or total == 0:
            return Form()
        return reader.finish()
    except BaseException as error:
        if reader is not None:
            reader.form.__exit__(None, None, None)
        if isinstance(error, FormParserError | UnicodeDecodeError | ValueError):
            raise ProblemError(INVALID_REQUEST_BODY, "the body is no form of UTF-8 texts and files") from None
        raise


class _Reader:
    """Takes the parser's calls and builds the form."""

    def __init__(self, boundary: bytes, max_text: int) -> None:
        self.form = Form()
        self._left = max_text
        self._headers: dict[bytes, bytes] = {}
        self._header = b""
        self._value = b""
        self._name = ""
        self._text: list[bytes] | None = None
        self._upload: Upload | None = None
        self._is_complete = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_field,
                "on_header_value": self._add_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_content,
                "on_part_data": self._add_content,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    @property
    def writes_to_disk(self) -> bool:
        """Whether the part under way is a file that has left memory."""
        return self._upload is not None and self._upload.size > _IN_MEMORY

    def feed(self, chunk: bytes) -> None:
        self._parser.write(chunk)

    def finish(self) -> Form:
        self._parser.finalize()
        if not self._is_complete:
            raise FormParserError("the form ends early")
        return self.form

    def _begin_part(self) -> None:
        if len(self.form.fields) + len(self.form.uploads) >= _MAX_PARTS:
            raise ProblemError(PAYLOAD_TOO_LARGE, f"the form has more than {_MAX_PARTS} parts")
        self._headers = {}

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _begin_content(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"").decode("latin-1")
        options = parse_options_header(disposition)[1]
        self._name = options.get(b"name", b"").decode("utf-8")
        filename = options.get(b"filename")
        if filename is None:
            self._text = []
            return
        content = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  closed with the form
        media_type = self._headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
        self._upload = Upload(self._name, filename.decode("utf-8"), media_type, content)
        self.form.uploads.append(self._upload)

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._upload.content.write(data[start:end])
            self._upload.size += end - start
            return
        self._left -= end - start
        if self._left < 0:
            raise ProblemError(PAYLOAD_TOO_LARGE, "the texts of the form are too long")
        assert self._text is not None, "a part without a file name collects text"
        self._text.append(data[start:end])

    def _end_part(self) -> None:
        if self._text is not None:
            self.form.fields.append((self._name, b"".join(self._text).decode("utf-8")))
        self._text = self._upload = None

    def _end(self) -> None:
        self._is_complete = True
