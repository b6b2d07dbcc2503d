"""The worker of a standalone server: a process of its own, started again when it dies.

User code runs there, so neither its memory nor its CPU time nor a crash is the control plane's.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence

from segue.services.lifecycle import Service

logger = logging.getLogger(__name__)

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_HEALTHY_AFTER = 60.0
_CONNECTS_WITHIN = 15.0
_LOOK_EVERY = 0.01
_LONGEST_LINE = 64 * 1024


class WorkerProcess(Service):
    """Runs ``segue server worker`` and passes its output on, a prefix before each line."""

    name = "worker-process"

    def __init__(
        self,
        arguments: Sequence[str],
        controller: Callable[[], str],
        is_connected: Callable[[], bool],
        grace: float,
    ) -> None:
        """``controller`` gives ``host:port`` once it listens; ``grace`` is the time to stop in, in seconds."""
        super().__init__()
        self._arguments = arguments
        self._controller = controller
        self._is_connected = is_connected
        self._grace = grace
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The process, if one runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def on_start(self) -> None:
        """Start the process, watch it, and wait for some seconds until it has connected."""
        self._process = await self._launch()
        self.spawn(self._watch, "watch")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CONNECTS_WITHIN):
                while not self._is_connected():  # noqa: ASYNC110  the controller tells nobody
                    await asyncio.sleep(_LOOK_EVERY)

    async def on_stop(self) -> None:
        """Ask it to end, and end it when it has not after the time it has."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._grace)
        except TimeoutError:
            logger.warning("the worker did not end within %g s and is killed", self._grace)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _launch(self) -> asyncio.subprocess.Process:
        command = [
            *(sys.executable, "-m", "segue", "server", "worker"),
            *("--parent", str(os.getpid()), "--controller", self._controller()),
            *self._arguments,
        ]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        logger.info("worker started as process %d", process.pid)
        return process

    async def _watch(self) -> None:
        delay = _FIRST_DELAY
        loop = asyncio.get_running_loop()
        while True:
            process = self._process or await self._launch()
            self._process = process
            began = loop.time()
            await _pass_on(process)
            code = await process.wait()
            if self._stopping:
                return
            if loop.time() - began > _HEALTHY_AFTER:
                delay = _FIRST_DELAY
            self.last_error = f"the worker ended with code {code}"
            logger.error("the worker ended with code %d; it is started again in %g s", code, delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            self._process = await self._launch()
            self.recovered()


async def _pass_on(process: asyncio.subprocess.Process) -> None:
    if process.stdout is None:
        return
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:  # longer than the limit; what was read of it is gone
            continue
        if not line:
            return
        sys.stderr.write(f"worker | {line.decode('utf-8', 'replace')}")
        sys.stderr.flush()
