"""Which containers a worker of this machine holds, so that those of dead workers can be told from the others.

A worker holds a lock on a file named after the container while it follows it. The kernel frees the lock when the
worker's process ends, however it ends; nothing has to be renewed.
"""

import contextlib
import fcntl
import os
import socket
import tempfile
from pathlib import Path


def this_machine() -> str:
    """What containers are labelled with whose locks are here: the host and the folder of the locks."""
    return f"{socket.gethostname()}{_folder()}"


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"segue-containers-{os.getuid()}"


class Lease:
    """A lock on a container's name. ``release`` frees it; so does the end of the process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    def release(self, *, is_gone: bool = True) -> None:
        """Let go. ``is_gone``: there is no container of this name any more, so that nobody needs the file."""
        if self._descriptor < 0:
            return
        if is_gone:
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = -1


def take(name: str) -> Lease | None:
    """Hold a container by its name; None when a worker holds it already. Raises ``OSError``."""
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name.replace("/", "_")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if os.fstat(descriptor).st_nlink == 0:  # removed by who held it, between the two calls
        os.close(descriptor)
        return take(name)
    return Lease(path, descriptor)
