"""What tasks keep for later runs: outputs (flow language 6.7), files of a working directory (7.15)."""

import asyncio
import hashlib
import tempfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import msgspec

from segue.domain.errors import SegueError
from segue.domain.globs import FilePatterns
from segue.proto.generated import worker_pb2 as pb
from segue.services.worker.control import Control
from segue.services.worker.folder import Folder

OUTPUTS = "outputs.json"
FILES = "cache.zip"
LARGEST_OUTPUTS = 16 << 20
LARGEST_FILES = 4 << 30
"""Bytes of all files in the cache of a working directory, unpacked."""
_CHUNK = 1 << 20
_FAULTS = (SegueError, OSError, zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError)


class KeptOutputs(msgspec.Struct):
    """The content of ``outputs.json``."""

    at: datetime
    outputs: msgspec.Raw


_decode = msgspec.json.Decoder(KeptOutputs).decode


def object_id(*parts: Any) -> str:
    """32 hexadecimal digits for what the parts say."""
    return hashlib.blake2b(msgspec.json.encode(parts, enc_hook=str, order="sorted"), digest_size=16).hexdigest()


class OutputCache:
    """The outputs of a task for equal properties."""

    def __init__(
        self, job: pb.Job, control: Control, properties: Any, value: str | None, ttl: timedelta | None
    ) -> None:
        """``properties`` are those of the plugin, rendered; ``value`` is that of the iteration."""
        self._job = job
        self._control = control
        self._ttl = ttl
        key = object_id(job.task_id, value, properties)
        self._key = pb.CacheKey(name=OUTPUTS, object_id=key, task_run_id=job.task_run_id)

    async def find(self) -> bytes | None:
        """Kept outputs that are not too old, as JSON; None when there are none."""
        content = bytearray()
        try:
            async for chunk in self._control.read(self._job, cache=self._key):
                content += chunk
                if len(content) > LARGEST_OUTPUTS:
                    return None
            kept = _decode(content)
        except (SegueError, msgspec.DecodeError):
            return None
        is_young = self._ttl is None or datetime.now(UTC) - kept.at <= self._ttl
        return bytes(kept.outputs) if is_young else None

    async def keep(self, run: pb.TaskRunKey, outputs: bytes | None) -> None:
        """Keep the outputs of a run. Raises ``SegueError``."""
        kept = msgspec.json.encode(KeptOutputs(datetime.now(UTC), msgspec.Raw(outputs or b"{}")))
        if len(kept) <= LARGEST_OUTPUTS:
            await self._control.write(run, "", kept, cache=self._key)


class FilesCache:
    """Files of a working directory, as one archive for each value of the task run."""

    def __init__(self, job: pb.Job, control: Control, value: str | None, ttl: timedelta | None) -> None:
        self._job = job
        self._control = control
        self._ttl = ttl
        id_ = "" if value is None else object_id(value)
        self._key = pb.CacheKey(name=FILES, object_id=id_, task_run_id=job.task_run_id)
        self._restored: dict[str, tuple[int, int]] | None = None

    async def restore(self, folder: Folder) -> str:
        """Put what was kept into the directory; what happened, in words. Never fails because of the cache."""
        with tempfile.TemporaryFile() as archive:
            try:
                async for chunk in self._control.read(self._job, cache=self._key):
                    await asyncio.to_thread(archive.write, chunk)
            except SegueError:
                return "There is no cache yet"
            try:
                restored = await asyncio.to_thread(_unpack, archive, folder, self._ttl)
            except _FAULTS as error:
                return f"The cache cannot be restored: {error}"
        if restored is None:
            return "The cache is older than its ttl"
        self._restored = restored
        return f"Restored {len(restored)} files from the cache"

    async def keep(self, run: pb.TaskRunKey, folder: Folder, patterns: FilePatterns) -> str | None:
        """Store the files that patterns fit, if they have changed; what happened, in words."""
        try:
            found = await asyncio.to_thread(folder.find, patterns)
            facts = {file.path: (file.size, file.changed_ns) for file in found}
            if not found or facts == self._restored:
                return None
            with tempfile.NamedTemporaryFile(prefix="segue-cache-") as archive:
                await asyncio.to_thread(_pack, archive.file, folder, list(facts))
                await self._control.write(run, "", Path(archive.name), cache=self._key)
        except _FAULTS as error:
            return f"The cache cannot be stored: {error}"
        return f"Stored {len(found)} files in the cache"


def _pack(archive: IO[bytes], folder: Folder, paths: list[str]) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as packed:
        packed.comment = datetime.now(UTC).isoformat().encode()
        for path in paths:
            with folder.open(path) as source, packed.open(path, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)
    archive.flush()


def _copy(source: IO[bytes], target: IO[bytes], room: int) -> int:
    size = 0
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > room:
            raise SegueError(f"it holds more than {LARGEST_FILES} bytes")
        target.write(chunk)
    return size


def _unpack(archive: IO[bytes], folder: Folder, ttl: timedelta | None) -> dict[str, tuple[int, int]] | None:
    """Write the files of an archive; their facts, or None when it is too old."""
    archive.seek(0)
    with zipfile.ZipFile(archive) as packed:
        if ttl is not None and datetime.now(UTC) - datetime.fromisoformat(packed.comment.decode()) > ttl:
            return None
        size = 0
        for entry in packed.infolist():
            if entry.is_dir():
                continue
            with packed.open(entry) as source, folder.create(entry.filename) as target:
                size += _copy(source, target, LARGEST_FILES - size)
        paths = {entry.filename for entry in packed.infolist()}
    found = folder.find(FilePatterns(["**"]))
    return {file.path: (file.size, file.changed_ns) for file in found if file.path in paths}
