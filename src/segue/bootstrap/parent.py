"""A child process never outlives the process that started it, however that one ends."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LOOK_EVERY = 1.0


def die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends (Linux). Exits at once if that has happened."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)


async def watch_parent(parent_pid: int) -> None:
    """The same without help of the kernel: look once a second, and end this process at once."""
    while os.getppid() == parent_pid:  # noqa: ASYNC110  nothing tells of a parent's end
        await asyncio.sleep(_LOOK_EVERY)
    os._exit(1)
