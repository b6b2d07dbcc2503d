"""The directory of a run. Code that is not ours writes into it: the worker follows no symbolic link there."""

import asyncio
import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from segue.domain.errors import IllegalPathError, NotFoundError
from segue.domain.file_paths import working_path
from segue.domain.globs import FilePatterns

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK


class FoundFile(NamedTuple):
    """A regular file in the directory, by its path relative to it."""

    path: str
    size: int
    changed_ns: int


class Folder:
    """A directory made for a run. Its methods block, but for those that are async. Paths are relative to it."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="segue-"))

    def remove(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def exists(self, path: str) -> bool:
        """Whether something is at a path, a link included."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), self._parent(path) as (folder, name):
            os.lstat(name, dir_fd=folder)
            return True
        return False

    def create(self, path: str) -> BinaryIO:
        """Open a file for writing, emptied, and make the folders it lies in. Raises ``IllegalPathError``."""
        with self._parent(path, make=True) as (folder, name):
            try:
                handle = os.open(name, _WRITE, 0o644, dir_fd=folder)
            except OSError as error:
                raise _illegal(path) from error
        return self._regular(handle, path, "wb")

    def open(self, path: str) -> BinaryIO:
        """Open a regular file for reading. Raises ``IllegalPathError`` and ``NotFoundError``."""
        try:
            with self._parent(path) as (folder, name):
                handle = os.open(name, _READ, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFoundError(f"There is no file {path[:200]!r} in the working directory") from error
        except OSError as error:
            raise _illegal(path) from error
        return self._regular(handle, path, "rb")

    def find(self, patterns: FilePatterns) -> list[FoundFile]:
        """The regular files that the patterns fit, by path."""
        found = []
        for place, folders, names, handle in os.fwalk(self.path, follow_symlinks=False):
            folders.sort()
            base = os.path.relpath(place, self.path)
            for name in names:
                path = name if base == "." else f"{base}/{name}"
                facts = _facts(name, handle) if patterns.match(path) else None
                if facts is not None and stat.S_ISREG(facts.st_mode):
                    found.append(FoundFile(path, facts.st_size, facts.st_mtime_ns))
        return sorted(found)

    async def fill(self, path: str, content: AsyncIterable[bytes]) -> int:
        """Write a file in chunks, never whole in memory; its size. Raises as ``create``."""
        size = 0
        with await asyncio.to_thread(self.create, path) as file:
            async for chunk in content:
                await asyncio.to_thread(file.write, chunk)
                size += len(chunk)
        return size

    @contextlib.contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The folder of a file, open, and the file's name in it."""
        *folders, name = working_path(path).split("/")
        handle = os.open(self.path, _DIRECTORY)
        try:
            for folder in folders:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(folder, dir_fd=handle)
                try:
                    inner = os.open(folder, _DIRECTORY, dir_fd=handle)
                except (FileNotFoundError, NotADirectoryError):
                    if make:
                        raise _illegal(path) from None
                    raise
                except OSError as error:
                    raise _illegal(path) from error
                os.close(handle)
                handle = inner
            yield handle, name
        finally:
            os.close(handle)

    @staticmethod
    def _regular(handle: int, path: str, mode: str) -> BinaryIO:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise _illegal(path)
        if mode == "wb":
            os.ftruncate(handle, 0)
        os.set_blocking(handle, True)
        return os.fdopen(handle, mode)  # type: ignore[return-value]  # binary by its mode


class FolderFile(NamedTuple):
    """A file of a folder to be sent, perhaps more than once."""

    folder: Folder
    path: str

    def open(self) -> BinaryIO:
        """From its beginning."""
        return self.folder.open(self.path)


def _facts(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None


def _illegal(path: str) -> IllegalPathError:
    return IllegalPathError(f"{path[:200]!r} is no regular file inside the working directory")
