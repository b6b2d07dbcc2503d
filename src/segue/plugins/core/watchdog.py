"""Ends the commands of a worker that was killed (core plugins 14.1).

A process beside the worker waits for the end of a pipe. When the worker goes without a farewell, it ends all that
carries the worker's mark: the tasks will run again elsewhere, and must not run twice at the same time. This file is
its program too, and imports nothing of ours.
"""

import atexit
import contextlib
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator

MARK = "SEGUE_PROCESS_MARK"
"""The variable of the environment that commands and their descendants carry."""

_FAREWELL = b"."
_ROUNDS = 5
_lock = threading.Lock()
_own: dict[int, str] = {}


def own_mark() -> str:
    """The mark of this worker, with its watchdog running. Each command appends something of its own."""
    with _lock:
        pid = os.getpid()
        if pid not in _own:
            _own[pid] = secrets.token_hex(8)
            with contextlib.suppress(OSError):  # without one, commands go on after a kill of the worker
                _start(_own[pid])
        return _own[pid]


def marked(mark: str) -> Iterator[int]:
    """The processes whose mark begins so, as far as they can be seen. None where there is no ``/proc``."""
    variable = f"{MARK}={mark}".encode()
    with contextlib.suppress(OSError), os.scandir("/proc") as entries:
        yield from (int(entry.name) for entry in entries if entry.name.isdecimal() and _carries(entry.name, variable))


def _carries(pid: str, variable: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123  this is a program with few imports
            return b"\0" + variable in b"\0" + file.read()
    except OSError:
        return False


def watch(mark: str) -> None:
    """Wait for the worker's end; end its commands unless it said farewell."""
    while True:
        said = os.read(0, 1)
        if said == _FAREWELL:
            return
        if not said:
            break
    for _ in range(_ROUNDS):
        found = list(marked(mark))
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return


def _start(mark: str) -> None:
    if not sys.platform.startswith("linux"):
        return
    reading, writing = os.pipe()  # neither is inherited by commands
    try:
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", __file__, mark],
            {},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
        )
    finally:
        os.close(reading)
    atexit.register(_say_farewell, writing)


def _say_farewell(writing: int) -> None:
    with contextlib.suppress(OSError):
        os.write(writing, _FAREWELL)


if __name__ == "__main__":
    watch(sys.argv[1])
