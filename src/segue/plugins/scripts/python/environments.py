"""Environments with the dependencies of scripts, kept by their content (core plugins 17.6, ADR 0062).

An environment is a folder of its own, never moved: virtual environments have their path in them. A record beside the
folders, named after the key and put in place by one rename when everything is installed, says which folder it is; so
there is a whole environment or none. Locks of files keep two workers from building the same one, and the cleaning from
removing one that is in use. A record whose folder is not as it was left is not believed, and replaced.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from segue.plugins.scripts.python.locks import FileLock, locked

logger = logging.getLogger(__name__)

Install = Callable[[Path], Awaitable[None]]
"""Makes an environment in a folder that is there and empty."""

_LEASE = ".lease"
_ENVIRONMENT = "env"
_ORPHAN_AFTER = 600.0


class Environment(NamedTuple):
    """A virtual environment, for as long as it was taken for."""

    folder: Path
    is_new: bool
    """Whether it was made now."""

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    @property
    def programs(self) -> str:
        """The folder of its programs, for the ``PATH``."""
        return str(self.folder / "bin")

    @property
    def packages(self) -> Path:
        """The folder of its packages."""
        return _packages_of(self.folder)


class _Record(msgspec.Struct, frozen=True, rename="camel"):
    """Which folder has the environment of a key, its size in bytes, and what is installed in it."""

    folder: str
    size: int
    installed: list[str]


class Environments:
    """The environments below a folder. Any number of these may share it, in any number of processes."""

    def __init__(self, root: Path, *, most_bytes: int = 10 << 30) -> None:
        """``most_bytes`` is what the environments may take together; those unused for longest go first."""
        self._root = root
        self._most_bytes = most_bytes
        self._building: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def use(self, key: str | None, install: Install) -> AsyncIterator[Environment]:
        """The environment of a key, made by ``install`` when there is none yet; without a key a private one.

        It stays as long as the context. Raises what ``install`` raises, and ``OSError``.
        """
        if key is None:
            async with self._private(install) as environment:
                yield environment
            return
        found = self._lease(key)
        if found is None:
            lock = self._building.setdefault(key, asyncio.Lock())
            async with lock, locked(self._folder("locks") / key[:3]):
                found = self._lease(key)
                if found is None:
                    found = await self._build(key, install)
            await asyncio.to_thread(self.clean)
        environment, lease = found
        try:
            yield environment
        finally:
            lease.release()

    def clean(self) -> None:
        """Remove the environments unused for longest until the rest is small enough, and what nobody knows of."""
        records = sorted(self._records(), key=lambda item: item[2])
        size = sum(record.size for _, record, _ in records)
        for path, record, _ in records:
            if size <= self._most_bytes:
                break
            if self._remove(record.folder, path):
                size -= record.size
        known = {record.folder for _, record, _ in self._records()}
        with os.scandir(self._folder("environments")) as entries:
            old = [one.name for one in entries if one.name not in known and _age(one) > _ORPHAN_AFTER]
        for name in old:
            self._remove(name)

    def _lease(self, key: str) -> tuple[Environment, FileLock] | None:
        """The environment of a key, if it is there and whole, and a lock that keeps it there."""
        path = self._record_path(key)
        record = _read(path)
        if record is None:
            return None
        folder = self._folder("environments") / record.folder
        try:
            lease = FileLock.take(folder / _LEASE, is_shared=True)
        except OSError:
            return None
        if lease is None:
            return None
        if _read(path) != record or not _is_whole(folder / _ENVIRONMENT, record):
            lease.release()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return Environment(folder / _ENVIRONMENT, is_new=False), lease

    async def _build(self, key: str, install: Install) -> tuple[Environment, FileLock]:
        folder, lease = self._new_folder(key[:16])
        try:
            await install(folder / _ENVIRONMENT)
            await asyncio.to_thread(self._record, key, folder)
        except BaseException:
            lease.release()
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
            raise
        return Environment(folder / _ENVIRONMENT, is_new=True), lease

    @contextlib.asynccontextmanager
    async def _private(self, install: Install) -> AsyncIterator[Environment]:
        folder, lease = self._new_folder("private")
        try:
            await install(folder / _ENVIRONMENT)
            yield Environment(folder / _ENVIRONMENT, is_new=True)
        finally:
            lease.release()
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    def _new_folder(self, name: str) -> tuple[Path, FileLock]:
        folder = self._folder("environments") / f"{name}-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        lease = FileLock.take(folder / _LEASE, is_shared=True)
        assert lease is not None, "nobody else knows its name"
        return folder, lease

    def _record(self, key: str, folder: Path) -> None:
        environment = folder / _ENVIRONMENT
        record = _Record(folder.name, _size(environment), _installed(environment))
        path = self._record_path(key)
        beside = path.with_name(f"{folder.name}.new")
        beside.write_bytes(msgspec.json.encode(record))
        beside.replace(path)

    def _remove(self, name: str, record: Path | None = None) -> bool:
        """Remove a folder, and the record that names it, unless it is in use; whether it is gone."""
        folder = self._folder("environments") / name
        try:
            lease = FileLock.take(folder / _LEASE)
        except FileNotFoundError:
            lease = None
            if record is not None:
                record.unlink(missing_ok=True)
            return not folder.exists()
        if lease is None:
            return False
        try:
            if record is not None:
                record.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            lease.release()
        return True

    def _records(self) -> Iterator[tuple[Path, _Record, float]]:
        """Every record, with the time it was used last."""
        for path in list(self._folder("records").glob("*.json")):
            record = _read(path)
            with contextlib.suppress(OSError):
                if record is not None:
                    yield path, record, path.stat().st_mtime

    def _record_path(self, key: str) -> Path:
        return self._folder("records") / f"{key}.json"

    def _folder(self, name: str) -> Path:
        folder = self._root / name
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def _read(path: Path) -> _Record | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Record)
    except (OSError, msgspec.DecodeError):
        return None


def _is_whole(environment: Path, record: _Record) -> bool:
    """Whether it has an interpreter that is there, and the packages it was made with, no more and no fewer."""
    try:
        return (environment / "bin" / "python").exists() and _installed(environment) == record.installed
    except OSError:
        return False


def _installed(environment: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(_packages_of(environment)) if entry.name.endswith(".dist-info"))


def _packages_of(environment: Path) -> Path:
    found = next((environment / "lib").glob("python*/site-packages"), None)
    if found is None:
        raise FileNotFoundError(f"there are no packages in {environment}")
    return found


def _size(folder: Path) -> int:
    return sum((Path(parent) / name).lstat().st_size for parent, _, names in os.walk(folder) for name in names)


def _age(entry: "os.DirEntry[str]") -> float:
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0
