"""Locks on files, between the workers of a machine. The kernel lets go of those of a process that dies."""

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

_POLL = 0.05


class FileLock:
    """A lock that is held, until ``release``."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, path: Path, *, is_shared: bool = False) -> "FileLock | None":
        """Take the lock of a file, which is made when it is missing; None when others hold it. Raises ``OSError``."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
                return None
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Let it go; nothing when that was done already."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextlib.asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold the lock of a file once nobody else does."""
    while (lock := FileLock.take(path)) is None:  # noqa: ASYNC110  other processes tell nobody
        await asyncio.sleep(_POLL)
    try:
        yield
    finally:
        lock.release()
