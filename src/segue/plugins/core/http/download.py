"""Task ``http.Download``: a response as a file (core plugins 5.4)."""

import asyncio
import re
import tempfile
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, ClassVar
from urllib.parse import unquote, urlsplit

from segue.sdk import Example, Output, Property, RunContext, Task, TaskFailed
from segue.sdk.http import HttpClient, HttpResponse, RequestProperties, check_status

_BUFFER = 1024 * 1024
_LONGEST_NAME = 200
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,16}")
_EXTENDED = re.compile(r"(?:^|;)\s*filename\*\s*=\s*\"?([\w.:-]*)'[^']*'([^;\"]+)", re.IGNORECASE)
_PLAIN = re.compile(r"(?:^|;)\s*filename\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^;]+)", re.IGNORECASE)
_REPLACED = {" ": "+", "[": "%5B", "]": "%5D"}


class DownloadOutput(Output):
    """``uri`` of the file in internal storage, and what came with it; ``length`` in bytes."""

    uri: str
    """The file in internal storage."""
    code: int
    """The code of the response."""
    length: int
    """Bytes of the file."""
    headers: dict[str, list[str]]
    """The headers of the response: names in lower case, each with all its values."""


class Download(Task, RequestProperties):
    """Makes an HTTP request and stores the body of the response as a file of any size."""

    type: ClassVar[str] = "io.kestra.plugin.core.http.Download"
    aliases: ClassVar[frozenset[str]] = frozenset({"io.kestra.plugin.fs.http.Download"})

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Get a file",
            "id: get\ntype: io.kestra.plugin.core.http.Download\nuri: https://example.com/sales.csv\nsaveAs: sales.csv",
        ),
    )

    fail_on_empty_response: Property[bool] = Property.of(True)
    """Whether an empty response fails the task; it never does with `options.allowFailed`."""
    save_as: Property[str] | None = None
    """The name of the file; without it the one the server names."""

    async def run(self, context: RunContext) -> DownloadOutput:
        """Download to the worker's disk, then store. Raises ``HttpError`` when there is no response, its code is not
        allowed, or the body is shorter than announced."""
        request, settings = await self.prepare(context)
        name = "" if self.save_as is None else _replaced((await context.render(self.save_as) or "").strip())
        with tempfile.TemporaryDirectory(prefix="segue-download-") as folder:
            path = Path(folder) / "body"
            async with HttpClient(context, settings) as client, client.stream(request) as response:
                await check_status(response, settings)
                await _save(response, path)
            name = name or file_name(response.headers, request.uri)
            if not response.size:
                if await context.render(self.fail_on_empty_response) is not False and not settings.allows_failed:
                    raise TaskFailed("No response from server")
                context.logger.warn("File '%s' is empty", name)
            context.metrics.counter("response.length", response.size)
            uri = await context.files.write(name, path)
        return DownloadOutput(uri=uri, code=response.code, length=response.size, headers=dict(response.headers))


async def _save(response: HttpResponse, path: Path) -> None:
    """Write the body to a file; the loop waits neither for the disk nor for the network."""
    with await asyncio.to_thread(path.open, "wb") as file:
        pending = bytearray()
        async with aclosing(response.chunks()) as chunks:
            async for chunk in chunks:
                pending += chunk
                if len(pending) >= _BUFFER:
                    pending = await asyncio.to_thread(_written, file, pending)
        await asyncio.to_thread(_written, file, pending)


def _written(file: BinaryIO, pending: bytearray) -> bytearray:
    file.write(pending)
    pending.clear()
    return pending


def file_name(headers: Mapping[str, list[str]], uri: str) -> str:
    """The name a response gives its file, made safe; else one with the ending of the address."""
    named = clean_name(_named(headers.get("content-disposition", [""])[0]))
    if named:
        return named
    ending = Path(unquote(urlsplit(uri).path)).suffix
    return "download" + (ending if _EXTENSION.fullmatch(ending) else "")


def clean_name(name: str) -> str:
    """The last part of a path, without what cannot be in a name; empty when nothing is left."""
    last = name.replace("\\", "/").rpartition("/")[2].strip()
    printable = _replaced("".join(char for char in last if char.isprintable()))
    if printable in {"", ".", ".."}:
        return ""
    return printable.encode("utf-8", "ignore")[-_LONGEST_NAME:].decode("utf-8", "ignore")


def _replaced(name: str) -> str:
    """A name without what its URI could not hold."""
    return "".join(_REPLACED.get(char, char) for char in name)


def _named(disposition: str) -> str:
    """The name in a ``Content-Disposition``; its extended form wins."""
    extended = _EXTENDED.search(disposition)
    if extended is not None:
        try:
            return unquote(extended[2].strip(), encoding=extended[1] or "utf-8", errors="replace")
        except LookupError:
            return unquote(extended[2].strip(), errors="replace")
    plain = _PLAIN.search(disposition)
    if plain is None:
        return ""
    text = plain[1].strip()
    return text[1:-1].replace('\\"', '"') if text.startswith('"') else text
