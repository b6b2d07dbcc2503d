"""Flows as files: zip archives and CSV, out and in (REST API 4.2, 4.12)."""

import csv
import io
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, NamedTuple

from segue.api.problems import INVALID_ARGUMENT, PAYLOAD_TOO_LARGE, ProblemError
from segue.ports.repositories.flows import StoredFlow

_IN_MEMORY = 4 * 1024 * 1024
_CHUNK = 256 * 1024
_EPOCH = (1980, 1, 1, 0, 0, 0)
_SUFFIXES = (".yml", ".yaml")
_COLUMNS = ("namespace", "id", "revision", "description", "labels", "disabled", "draft", "updated")

MAX_ENTRIES = 10_000
MAX_ENTRY_BYTES = 10 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024


class Entry(NamedTuple):
    """One file of an archive. ``fault`` says why it could not be read."""

    name: str
    text: str
    fault: str | None = None


def pack(flows: Iterable[StoredFlow]) -> IO[bytes]:
    """A zip with the sources as ``{namespace}.{id}.yml``, at its beginning; the caller closes it."""
    target = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  the caller reads and closes it
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for flow in flows:
            entry = zipfile.ZipInfo(f"{flow.namespace}.{flow.id}.yml", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, flow.source)
    target.seek(0)
    return target


def chunks(content: IO[bytes]) -> Iterator[bytes]:
    """The content in pieces; closes it at the end."""
    with content:
        while chunk := content.read(_CHUNK):
            yield chunk


def unpack(content: IO[bytes]) -> list[Entry]:
    """The YAML files of a zip in their order; nothing is written anywhere, names are only reported.

    Raises ``ProblemError`` when it is no zip, or larger than allowed once unpacked.
    """
    content.seek(0)
    try:
        with zipfile.ZipFile(content) as archive:
            files = [entry for entry in archive.infolist() if not entry.is_dir() and _is_flow(entry.filename)]
            if len(files) > MAX_ENTRIES:
                raise ProblemError(PAYLOAD_TOO_LARGE, f"the archive has more than {MAX_ENTRIES} files")
            return list(_entries(archive, files))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise ProblemError(INVALID_ARGUMENT, f"the file is no readable zip archive: {error}") from None


def _is_flow(name: str) -> bool:
    base = name.rpartition("/")[2]
    return name.lower().endswith(_SUFFIXES) and not base.startswith(".") and not name.startswith("__MACOSX/")


def _entries(archive: zipfile.ZipFile, files: Sequence[zipfile.ZipInfo]) -> Iterator[Entry]:
    total = 0
    for file in files:
        if file.flag_bits & 1:
            yield Entry(file.filename, "", "the file is encrypted")
            continue
        with archive.open(file) as content:  # sizes in the archive may lie, so that reading is bounded
            data = content.read(MAX_ENTRY_BYTES + 1)
        total += len(data)
        if total > MAX_TOTAL_BYTES:
            raise ProblemError(PAYLOAD_TOO_LARGE, f"the archive has more than {MAX_TOTAL_BYTES} bytes once unpacked")
        if len(data) > MAX_ENTRY_BYTES:
            yield Entry(file.filename, "", f"the file has more than {MAX_ENTRY_BYTES} bytes")
            continue
        try:
            yield Entry(file.filename, data.decode("utf-8-sig"))
        except UnicodeDecodeError:
            yield Entry(file.filename, "", "the file is no UTF-8 text")


def csv_rows(flows: Iterable[StoredFlow]) -> Iterator[str]:
    """A head and a line for each flow, with CRLF as the standard has it."""
    yield _line(_COLUMNS)
    for flow in flows:
        labels = ",".join(f"{label.key}:{label.value}" for label in flow.labels)
        marks = ("true" if flow.disabled else "false", "true" if flow.draft else "false")
        row = (flow.namespace, flow.id, str(flow.revision), flow.description or "", labels, *marks)
        yield _line((*row, flow.updated_at.isoformat().replace("+00:00", "Z")))


def _line(values: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(values)
    return buffer.getvalue()
