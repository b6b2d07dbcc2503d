"""Files below a folder, one sub-folder per tenant (server document 4)."""

import asyncio
import contextlib
import hashlib
import itertools
import os
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from segue.adapters.storages.paths import PREFIX, segments_of
from segue.domain.errors import IllegalPathError, NotFoundError, UnavailableError
from segue.ports.storage import FileEntry, StoredFile

CHUNK = 1 << 20
"""Bytes read, and at least so many written, with one hop into a thread."""

_PARTIAL = ".partial"
_MOVE_TRIES = 5


class LocalStorage:
    """See ``Storage``. Every file is first written whole to ``root/.partial`` and then moved to its place."""

    def __init__(self, root: Path) -> None:
        self._root = Path(root)

    async def start(self) -> None:
        """See ``Storage.start``. Raises ``UnavailableError`` when the root cannot be made or written."""
        try:
            await asyncio.to_thread((self._root / _PARTIAL).mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(f"the storage folder {self._root} cannot be used: {error}") from error

    async def stop(self) -> None:
        """See ``Storage.stop``."""

    async def put(self, tenant: str, uri: str, content: AsyncIterable[bytes]) -> StoredFile:
        """See ``Storage.put``. When this returns, the file is on the disk."""
        target = await asyncio.to_thread(self._place, tenant, uri)
        partial = self._root / _PARTIAL / secrets.token_hex(16)
        digest, size = hashlib.sha256(), 0
        file = await asyncio.to_thread(partial.open, "xb")
        try:
            waiting = bytearray()
            async for piece in content:
                waiting += piece
                size += len(piece)
                if len(waiting) >= CHUNK:
                    await asyncio.to_thread(_write, file, digest, bytes(waiting))
                    waiting.clear()
            await asyncio.to_thread(_finish, file, digest, bytes(waiting), partial, target)
        except BaseException:
            file.close()
            partial.unlink(missing_ok=True)
            raise
        return StoredFile(uri, size, digest.hexdigest())

    async def get(self, tenant: str, uri: str, offset: int = 0) -> AsyncIterator[bytes]:
        """See ``Storage.get``."""
        file = await asyncio.to_thread(self._open, tenant, uri, max(offset, 0))
        try:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk
        finally:
            file.close()

    async def size(self, tenant: str, uri: str) -> int:
        """See ``Storage.size``."""
        return await asyncio.to_thread(self._size, tenant, uri)

    async def exists(self, tenant: str, uri: str) -> bool:
        """See ``Storage.exists``."""
        return await asyncio.to_thread(lambda: self._place(tenant, uri).is_file())

    async def entries(self, tenant: str, prefix: str, after: str = "", limit: int = 1000) -> list[FileEntry]:
        """See ``Storage.entries``. Links are not followed."""
        return await asyncio.to_thread(self._entries, tenant, prefix, after, limit)

    async def delete(self, tenant: str, uri: str) -> bool:
        """See ``Storage.delete``."""
        return await asyncio.to_thread(self._delete, tenant, uri)

    async def delete_below(self, tenant: str, prefix: str) -> int:
        """See ``Storage.delete_below``. ``kestra:///`` is the whole of the tenant."""
        return await asyncio.to_thread(self._delete_below, tenant, prefix)

    def _place(self, tenant: str, uri: str, *, folder: bool = False) -> Path:
        """Where the file lies. Raises ``IllegalPathError`` when that is not inside the tenant's folder,
        symbolic links followed."""
        segments = segments_of(tenant, uri, folder=folder)
        home = os.path.realpath(self._root / tenant)
        place = os.path.realpath(os.path.join(home, *segments))  # noqa: PTH118  # home is text already
        if place != home and not place.startswith(home + os.sep):
            raise IllegalPathError(f"{uri[:200]!r} leads out of the tenant's storage")
        if home != os.path.join(os.path.realpath(self._root), tenant):  # noqa: PTH118  # same
            raise IllegalPathError(f"the folder of tenant {tenant!r} leads out of the storage")
        return Path(place)

    def _open(self, tenant: str, uri: str, offset: int) -> BinaryIO:
        try:
            file = self._place(tenant, uri).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise _not_found(uri) from error
        file.seek(offset)
        return file

    def _size(self, tenant: str, uri: str) -> int:
        place = self._place(tenant, uri)
        if not place.is_file():
            raise _not_found(uri)
        return place.stat().st_size

    def _delete(self, tenant: str, uri: str) -> bool:
        place = self._place(tenant, uri)
        if not place.is_file():
            return False
        place.unlink(missing_ok=True)
        home = self._root.resolve() / tenant
        for folder in place.parents:
            if folder == home or home not in folder.parents:
                break
            try:
                folder.rmdir()
            except OSError:
                break
        return True

    def _entries(self, tenant: str, prefix: str, after: str, limit: int) -> list[FileEntry]:
        top = self._place(tenant, prefix, folder=True)
        base = prefix.removesuffix("/") if prefix != PREFIX else PREFIX.removesuffix("/")
        below = base + "/"
        passed = after[len(below) :].split("/") if after.startswith(below) else []
        return list(itertools.islice(_files(top, base, passed), max(limit, 0)))

    def _delete_below(self, tenant: str, prefix: str) -> int:
        top = self._place(tenant, prefix, folder=True)
        count = 0
        for folder, folders, names in os.walk(top, topdown=False):
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for name in (*names, *links):
                with contextlib.suppress(FileNotFoundError):
                    Path(folder, name).unlink()
                    count += 1
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        return count


def _files(folder: Path, uri: str, passed: Sequence[str]) -> Iterator[FileEntry]:
    """The files below a folder in the order of their names, without those up to the path ``passed``."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    first, rest = (passed[0], passed[1:]) if passed else ("", [])
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name < first or (entry.name == first and not is_folder):
            continue
        if is_folder:
            yield from _files(Path(entry.path), f"{uri}/{entry.name}", rest if entry.name == first else ())
        elif entry.is_file(follow_symlinks=False):
            with contextlib.suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                at = datetime.fromtimestamp(facts.st_mtime, UTC)
                yield FileEntry(f"{uri}/{entry.name}", facts.st_size, at)


def _not_found(uri: str) -> NotFoundError:
    return NotFoundError(f"there is no file {uri}")


def _write(file: BinaryIO, digest: "hashlib._Hash", content: bytes) -> None:
    file.write(content)
    digest.update(content)


def _finish(file: BinaryIO, digest: "hashlib._Hash", content: bytes, partial: Path, target: Path) -> None:
    """Write the rest, bring it to the disk, and move the file to its place."""
    _write(file, digest, content)
    file.flush()
    os.fsync(file.fileno())
    file.close()
    try:
        _move(partial, target)
    except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
        raise IllegalPathError(f"{target.name!r} cannot be written: its place is taken by another") from error


def _move(partial: Path, target: Path) -> None:
    """Replace ``target``. Its folder may be removed by ``delete_below`` in the same moment."""
    for attempt in range(_MOVE_TRIES):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.replace(target)
            folder = os.open(target.parent, os.O_RDONLY)
        except FileNotFoundError:
            if attempt + 1 == _MOVE_TRIES or not partial.exists():
                raise
            continue
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return
