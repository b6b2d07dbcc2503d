"""The worker's end of a template process: it is asked for forks and tells how they end (ADR 0063)."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segue.plugins.core.watchdog import MARK, own_mark
from segue.plugins.scripts.python.template import DONE, ENDED, FRAME, LENGTH, PROCESS, REFUSED, RUN

logger = logging.getLogger(__name__)
PROGRAM = Path(__file__).with_name("template.py")
_CHUNK = 65536
_TAIL = 2000


class ForkedProcess:
    """A process that a template has forked for a run; it leads a session and a process group of its own.

    Its number belongs to it until ``forget``, which must be called in the end.
    """

    def __init__(self, template: "TemplateProcess", number: int) -> None:
        loop = asyncio.get_running_loop()
        self._template = template
        self._number = number
        self.started: asyncio.Future[int] = loop.create_future()
        """Its process id; ``OSError`` when it could not be forked."""
        self.ended: asyncio.Future[int] = loop.create_future()
        """Its exit code, or the negative number of the signal that has ended it."""

    async def wait_started(self) -> int:
        """Its process id. Raises ``OSError`` when it could not be forked; cancelled, it ends the process."""
        try:
            return await asyncio.shield(self.started)
        except asyncio.CancelledError:
            self.forget()
            raise

    @property
    def is_lost(self) -> bool:
        """Whether the template has gone, and nobody keeps its number."""
        return self._template.is_lost

    def forget(self) -> None:
        """End what is left of its process group, and let its number go."""
        self._template.forget(self._number)


class TemplateProcess:
    """One template. Made by ``start``; everything happens in the loop it was started in."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, output: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._process = process
        self._control = control
        self._output = output
        self._buffer = b""
        self.served = 0
        """How many forks it was asked for."""
        self._children: dict[int, ForkedProcess] = {}
        self._reaping: asyncio.Future[int] | None = None
        self._greeted: asyncio.Future[bool] = self._loop.create_future()
        self.hello: dict[str, list[str]] | None = None
        """What it said when it was ready, None before that."""
        self.is_lost = False
        """Whether it has ended or was closed."""
        self._loop.add_reader(control, self._read)

    @classmethod
    def start(cls, python: str, env: Mapping[str, str]) -> "TemplateProcess":
        """Start ``python`` as a template with nothing but ``env`` around it. Raises ``OSError``."""
        own, other = socket.socketpair()
        read, write = os.pipe()  # so that its streams are pipes, as those of a script are
        try:
            process = subprocess.Popen(  # noqa: S603  our own program, in the interpreter that runs the script anyway
                [python, str(PROGRAM), str(other.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=write,
                stderr=write,
                pass_fds=(other.fileno(),),
                env={**env, MARK: own_mark()},  # so that it ends when the worker is killed, with its forks
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            own.close()
            os.close(read)
            raise
        finally:
            other.close()
            os.close(write)
        own.setblocking(False)
        os.set_blocking(read, False)
        return cls(process, own, read)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> int:
        """How many of its forks run."""
        return len(self._children)

    async def ready(self) -> bool:
        """Whether it is ready, once it is or has failed to become so."""
        return await asyncio.shield(self._greeted)

    def fork(self, request: Mapping[str, Any], stdout: int, stderr: int) -> ForkedProcess:
        """Have it fork a process for ``request`` with these descriptors as its streams; the caller closes its own.

        Raises ``OSError`` when the template cannot be asked.
        """
        self.served += 1
        child = ForkedProcess(self, self.served)
        content = _file_of(json.dumps(request).encode())
        try:
            socket.send_fds(self._control, [FRAME.pack(RUN, self.served, 0)], [content, stdout, stderr])
        finally:
            os.close(content)
        self._children[self.served] = child
        return child

    def forget(self, number: int) -> None:
        """End what is left of a fork and let its number go. A template that cannot take that is given up."""
        if self._children.pop(number, None) is None or self.is_lost:
            return
        try:
            self._control.send(FRAME.pack(DONE, number, 0))
        except OSError as error:
            logger.warning("template process %d does not listen any more: %s", self.pid, error)
            self.lose()

    def lose(self) -> None:
        """Give it up: its forks are killed, and it ends."""
        if self.is_lost:
            return
        self.is_lost = True
        if not self._greeted.done():
            self._greeted.set_result(False)
        self._loop.remove_reader(self._control)
        self._control.close()
        said = b""
        with contextlib.suppress(OSError):
            said = os.read(self._output, _CHUNK)
        os.close(self._output)
        if said and (self.hello is None or self._children):
            logger.warning("template process %d said: %s", self.pid, said[-_TAIL:].decode("utf-8", "replace").strip())
        children, self._children = self._children, {}
        for child in children.values():
            _end(child)
        self._reaping = self._loop.run_in_executor(None, _reap, self._process)

    async def ended(self) -> None:
        """Return once the process is gone; call ``lose`` before."""
        if self._reaping is not None:
            await self._reaping

    def _read(self) -> None:
        try:
            data = self._control.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.lose()
            return
        self._buffer += data
        if self.hello is None and not self._greet():
            return
        while len(self._buffer) >= FRAME.size:
            frame, self._buffer = self._buffer[: FRAME.size], self._buffer[FRAME.size :]
            self._heard(*FRAME.unpack(frame))

    def _greet(self) -> bool:
        if len(self._buffer) < LENGTH.size:
            return False
        end = LENGTH.size + LENGTH.unpack_from(self._buffer)[0]
        if len(self._buffer) < end:
            return False
        self.hello = json.loads(self._buffer[LENGTH.size : end])
        self._buffer = self._buffer[end:]
        self._greeted.set_result(True)
        return True

    def _heard(self, kind: bytes, number: int, value: int) -> None:
        child = self._children.get(number)
        if child is None:
            return
        if kind == PROCESS:
            child.started.set_result(value)
        elif kind == ENDED:
            child.ended.set_result(value)
        elif kind == REFUSED:
            del self._children[number]
            child.started.set_exception(OSError(value, os.strerror(value)))


def _end(child: ForkedProcess) -> None:
    """End the fork of a template that is gone."""
    if not child.started.done():
        child.started.set_exception(OSError("the template process has ended"))
    elif not child.ended.done():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.started.result(), signal.SIGKILL)
        child.ended.set_result(-signal.SIGKILL)


def _reap(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _file_of(content: bytes) -> int:
    """A descriptor at the beginning of ``content``, of a file without a name."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("segue-run", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
