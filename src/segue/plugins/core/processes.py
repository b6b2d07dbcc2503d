"""A program in a session of its own, and the end of everything it has started (core plugins 14.1).

What the program starts inherits a mark in the environment. So its descendants are found, on Linux, also when they
have left its process group and their parents are gone.
"""

import asyncio
import contextlib
import os
import secrets
import select
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from segue.plugins.core.watchdog import MARK, marked, own_mark
from segue.sdk import TaskFailed

_POLL = 0.02
_REAP_WITHIN = 0.5
_BORN_MEANWHILE = 3


class _Member(NamedTuple):
    """A process by a handle that never means another one."""

    pid: int
    handle: int


class Program(ABC):
    """A program that runs. ``finish`` is to be called in the end, whatever happens. Implements ``LocalProgram``."""

    def __init__(self, mark: str) -> None:
        """``mark`` is among the variables of the program, as ``MARK``."""
        self._mark = mark

    @property
    @abstractmethod
    def pid(self) -> int:
        """The process."""

    @property
    @abstractmethod
    def stdout(self) -> IO[bytes]:
        """What it writes to the standard output."""

    @property
    @abstractmethod
    def stderr(self) -> IO[bytes]:
        """What it writes to the standard error output."""

    @abstractmethod
    async def exited(self) -> None:
        """Return when it has ended. Its number is kept, so that its group cannot be mistaken for another."""

    @abstractmethod
    def finish(self) -> int:
        """End what is left of its group, and the program; its exit code, 128 + the number of the signal for one
        that a signal has ended."""

    @property
    @abstractmethod
    def keeps_number(self) -> bool:
        """Whether its process number means it and no other."""

    async def stop(self, grace: float) -> None:
        """Ask it and its descendants to end, and end those that have not within ``grace`` seconds."""
        members: list[_Member] = []
        try:
            members = await asyncio.to_thread(self._members)
            self._signal_group(signal.SIGTERM)
            _signal([member for member in members if _group(member.pid) != self.pid], signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self.exited()
                    while _alive(members):  # noqa: ASYNC110  many handles, and not for long
                        await asyncio.sleep(_POLL)
        finally:
            self._signal_group(signal.SIGKILL)
            _signal(members, signal.SIGKILL)
            _close(members)
            self._end_strays()

    def _signal_group(self, number: int) -> None:
        if self.keeps_number:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _end_strays(self) -> None:
        """End what was started while the others were ended."""
        for _ in range(_BORN_MEANWHILE):
            strays = self._members()
            _signal(strays, signal.SIGKILL)
            _close(strays)
            if not strays:
                return

    def _members(self) -> list[_Member]:
        """The program and its descendants, as far as they can be seen. To be closed."""
        found: list[_Member] = []
        for pid in marked(self._mark):
            with contextlib.suppress(OSError, AttributeError):
                found.append(_Member(pid, os.pidfd_open(pid)))
        return found


def _settle(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)


class Spawned(Program):
    """A program that was started by this process."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str) -> None:
        super().__init__(mark)
        self._process = process

    @classmethod
    def start(cls, arguments: Sequence[str], folder: Path, env: Mapping[str, str]) -> "Spawned":
        """Start it with a closed standard input and pipes for its output. Raises ``TaskFailed`` if that cannot be."""
        mark = new_mark()
        try:
            process = subprocess.Popen(  # noqa: S603  what a flow asks for
                list(arguments),
                cwd=folder,
                env={**env, MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError, IndexError) as error:  # not there, not executable, too long, a NUL in it
            name = arguments[0][:200] if arguments else ""
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise TaskFailed(f"The program {name!r} cannot be started: {reason}") from None
        return cls(process, mark)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def stdout(self) -> IO[bytes]:
        """What it writes to the standard output."""
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def stderr(self) -> IO[bytes]:
        """What it writes to the standard error output."""
        assert self._process.stderr is not None
        return self._process.stderr

    async def exited(self) -> None:
        """Return when it has ended. Its number is kept, so that its group cannot be mistaken for another."""
        try:
            handle = os.pidfd_open(self.pid)
        except (AttributeError, OSError):  # not Linux, or an old one
            while self._process.poll() is None:  # noqa: ASYNC110  there is nothing to wait for
                await asyncio.sleep(_POLL)
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        loop.add_reader(handle, _settle, done)
        try:
            await done
        finally:
            loop.remove_reader(handle)
            os.close(handle)

    def finish(self) -> int:
        """End what is left of its group, and the program; its exit code, 128 + the number of the signal for one
        that a signal has ended."""
        self._signal_group(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # in the kernel; reaped when another program starts
            self._process.wait(_REAP_WITHIN)
        code = self._process.returncode
        if code is None:
            return 128 + signal.SIGKILL
        return code if code >= 0 else 128 - code

    @property
    def keeps_number(self) -> bool:
        """Until it is reaped."""
        return self._process.returncode is None


def new_mark() -> str:
    """A text for ``MARK`` that no other program has."""
    return f"{own_mark()}-{secrets.token_hex(8)}"


def _group(pid: int) -> int:
    with contextlib.suppress(OSError):
        return os.getpgid(pid)
    return 0


def _signal(members: Sequence[_Member], number: int) -> None:
    for member in members:
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(member.handle, number)


def _alive(members: Sequence[_Member]) -> bool:
    poll = select.poll()
    for member in members:
        poll.register(member.handle, select.POLLIN)
    return len(poll.poll(0)) < len(members)


def _close(members: Sequence[_Member]) -> None:
    for member in members:
        os.close(member.handle)
