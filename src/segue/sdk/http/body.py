"""Bodies of requests: texts, forms, and forms with files, which are read from storage while they are sent."""

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from segue.sdk.context import Files
from segue.sdk.http.errors import HttpError
from segue.sdk.property import json_text

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_STORED = "kestra://"
_CHUNK = 64 * 1024
_ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A"}


@dataclass(frozen=True)
class StoredFile:
    """A file of internal storage as a part of a body."""

    files: Files
    uri: str
    size: int


@dataclass(frozen=True)
class Body:
    """A body that can be sent more than once, as redirects and digests need it."""

    content_type: str
    parts: tuple[bytes | StoredFile, ...]

    @property
    def length(self) -> int:
        """How many bytes it has."""
        return sum(len(part) if isinstance(part, bytes) else part.size for part in self.parts)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            if isinstance(part, bytes):
                for start in range(0, len(part), _CHUNK):
                    yield part[start : start + _CHUNK]
            else:
                async for chunk in part.files.read(part.uri):
                    yield chunk

    def preview(self, limit: int) -> str:
        """Its beginning as text, for a log; files are named only."""
        shown = b"".join(part if isinstance(part, bytes) else f"<{part.uri}>".encode() for part in self.parts)
        return shown[:limit].decode("utf-8", "replace")


def text_body(text: str, content_type: str, charset: str) -> Body:
    """A text. A charset that ``content_type`` names wins over ``charset``. Raises ``HttpError`` for characters it has
    not got."""
    named = charset_of(content_type)
    if named is None:
        content_type = f"{content_type}; charset={charset}"
    return Body(content_type, (_encoded(text, named or charset),))


def form_body(form: Mapping[str, Any], charset: str) -> Body:
    """A form, url-encoded. Raises ``HttpError`` as ``text_body``."""
    pairs = ((_encoded(name, charset), _encoded(_text(value), charset)) for name, value in form.items())
    encoded = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    return Body(f"{FORM}; charset={charset}", (encoded.encode("ascii"),))


async def multipart_body(form: Mapping[str, Any], charset: str, files: Files) -> Body:
    """A form in parts: texts, files (``kestra://``, or ``{name, content}``), everything else as JSON.

    Raises ``HttpError`` as ``text_body``, and ``SegueError`` when there is no such file.
    """
    boundary = secrets.token_hex(16)
    parts: list[bytes | StoredFile] = []
    for name, value in form.items():
        file = _file(value)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_escaped(name)}"'
        if file is None:
            parts.append(_encoded(f"{head}\r\n\r\n{_text(value)}\r\n", charset))
            continue
        file_name, uri = file
        head += f'; filename="{_escaped(file_name)}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        parts += [_encoded(head, charset), StoredFile(files, uri, await files.size(uri)), b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return Body(f"{MULTIPART}; boundary={boundary}", tuple(parts))


def charset_of(content_type: str) -> str | None:
    """The charset that a content type names."""
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"') or None
    return None


def is_charset(name: str) -> bool:
    """Whether texts can be written in a charset of this name."""
    try:
        return bool("a".encode(name))
    except (LookupError, ValueError):
        return False


def _file(value: Any) -> tuple[str, str] | None:
    """Name and URI when a value stands for a file."""
    if isinstance(value, str) and value.startswith(_STORED):
        return value.rpartition("/")[2], value
    if isinstance(value, Mapping) and {"name", "content"} <= value.keys():
        content = str(value["content"]).strip()
        if content.startswith((_STORED, "nsfile://")):
            return str(value["name"]), content
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json_text(value)


def _escaped(text: str) -> str:
    """A name between quotes, as browsers write it."""
    return "".join(_ESCAPES.get(char, char) for char in text)


def _encoded(text: str, charset: str) -> bytes:
    try:
        return text.encode(charset)
    except LookupError:
        raise HttpError(f"There is no charset '{charset[:50]}' (contentType); use UTF-8 for example") from None
    except UnicodeEncodeError as error:
        where = f"character {error.start + 1} of the body"
        raise HttpError(f"{where} does not exist in {charset}: set options.defaultCharset to UTF-8") from None
