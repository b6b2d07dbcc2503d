"""A script that a warm interpreter has forked, as the process runner handles it (core plugins 14.1)."""

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from segue.plugins.core.processes import Program, new_mark
from segue.plugins.core.watchdog import MARK
from segue.plugins.scripts.python.template_process import ForkedProcess
from segue.plugins.scripts.python.warm import WarmInterpreters, WarmScript
from segue.sdk import Start


class Forked(Program):
    """The process of a run. Its number is kept by the template until ``finish``."""

    def __init__(self, child: ForkedProcess, stdout: int, stderr: int, mark: str) -> None:
        """``stdout`` and ``stderr`` are the ends of pipes to read from; they are its own from now on."""
        super().__init__(mark)
        self._child = child
        self._pid = child.started.result()
        self._stdout = _reader(stdout)
        self._stderr = _reader(stderr)
        self._is_finished = False

    @classmethod
    async def start(cls, interpreters: WarmInterpreters, script: WarmScript) -> "Forked | None":
        """Run a script, None when it has to be started in the ordinary way. Cancelled, it leaves nothing behind."""
        mark = new_mark()
        # The variables are those that it would have as the child of a shell that was started in its folder.
        env = {**script.env, "PWD": str(script.folder), MARK: mark}
        ends = [*os.pipe(), *os.pipe()]
        try:
            child = await interpreters.fork(script._replace(env=env), ends[1], ends[3])
        except BaseException:
            _close(ends)
            raise
        if child is None:
            _close(ends)
            return None
        _close([ends[1], ends[3]])
        return cls(child, ends[0], ends[2], mark)

    @property
    def pid(self) -> int:
        """The process."""
        return self._pid

    @property
    def stdout(self) -> IO[bytes]:
        """What it writes to the standard output."""
        return self._stdout

    @property
    def stderr(self) -> IO[bytes]:
        """What it writes to the standard error output."""
        return self._stderr

    @property
    def keeps_number(self) -> bool:
        """Until it is finished, or its template has gone."""
        return not (self._is_finished or self._child.is_lost)

    async def exited(self) -> None:
        """Return when it has ended."""
        await asyncio.shield(self._child.ended)

    def finish(self) -> int:
        """End what is left of its group; the exit code."""
        self._is_finished = True
        self._child.forget()
        code = self._child.ended.result() if self._child.ended.done() else -signal.SIGKILL
        return code if code >= 0 else 128 - code


def _reader(descriptor: int) -> IO[bytes]:
    return os.fdopen(descriptor, "rb", buffering=0)


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def start_script(interpreters: WarmInterpreters, python: str, script: str) -> Start:
    """The faster way to start ``python script``, for a ``RunnerCommand``."""

    async def start(folder: Path, env: Mapping[str, str]) -> Forked | None:
        return await Forked.start(interpreters, WarmScript(python, (script,), folder, env))

    return start
