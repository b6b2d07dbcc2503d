"""Namespace files as zip archives, out and in (REST API 4.7, 4.12)."""

import asyncio
import re
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterable
from typing import IO

from segue.api.problems import INVALID_ARGUMENT, PAYLOAD_TOO_LARGE, ProblemError
from segue.domain.file_paths import FLOWS
from segue.ports.repositories.file_tree import NamespaceFiles
from segue.ports.repositories.flows import StoredFlow
from segue.ports.repositories.namespace_files import NamespaceFile

MAX_ENTRIES = 10_000
MAX_ENTRY_BYTES = 64 * 1024 * 1024
MAX_TOTAL_BYTES = 1024 * 1024 * 1024
_IN_MEMORY = 4 * 1024 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
_NAMESPACE_LINE = re.compile(r"^namespace\s*:.*$", re.MULTILINE)


async def pack_files(files: NamespaceFiles, chosen: Iterable[NamespaceFile], flows: Iterable[StoredFlow]) -> IO[bytes]:
    """A zip with the files by their paths, and flows as ``_flows/{id}.yml``, at its beginning; the caller closes it."""
    target = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  the caller reads and closes it
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in chosen:
                if file.is_folder:
                    archive.writestr(zipfile.ZipInfo(f"{file.path}/", _EPOCH), b"")
                else:
                    await _add(archive, file, files)
            for flow in flows:
                await asyncio.to_thread(archive.writestr, _entry(f"{FLOWS}/{flow.id}.yml"), flow.source)
    except BaseException:
        target.close()
        raise
    target.seek(0)
    return target


async def _add(archive: zipfile.ZipFile, file: NamespaceFile, files: NamespaceFiles) -> None:
    with archive.open(_entry(file.path), "w", force_zip64=True) as writer:
        async for chunk in files.read(file):
            await asyncio.to_thread(writer.write, chunk)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


async def unpack_files(content: IO[bytes]) -> AsyncIterator[tuple[str, bytes]]:
    """Name and content of the files of a zip, one after the other; names are checked by whoever writes them.

    Raises ``ProblemError`` when it is no zip, or larger than allowed once unpacked.
    """
    content.seek(0)
    try:
        with zipfile.ZipFile(content) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_ENTRIES:
                raise ProblemError(PAYLOAD_TOO_LARGE, f"the archive has more than {MAX_ENTRIES} files")
            total = 0
            for entry in entries:
                data = await asyncio.to_thread(_read, archive, entry)
                total += len(data)
                if len(data) > MAX_ENTRY_BYTES or total > MAX_TOTAL_BYTES:
                    raise ProblemError(
                        PAYLOAD_TOO_LARGE,
                        f"an archive may have {MAX_TOTAL_BYTES} bytes once unpacked, a file in it {MAX_ENTRY_BYTES}",
                    )
                yield entry.filename, data
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise ProblemError(INVALID_ARGUMENT, f"the file is no readable zip archive: {error}") from None


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:  # sizes in the archive may lie, so that reading is bounded
        return file.read(MAX_ENTRY_BYTES + 1)


def moved_flow(source: str, namespace: str) -> str:
    """The text of a flow with its namespace line replaced."""
    return _NAMESPACE_LINE.sub(lambda _: f"namespace: {namespace}", source, count=1)
