"""The worker of a standalone server: a process of its own, started again when it dies.

User code runs there, so neither its memory nor its CPU time nor a crash is the control plane's.
"""

import asyncio
import contextlib
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence

from segue.bootstrap.child import launch_worker, tell_address
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
        launched: subprocess.Popen[bytes] | None = None,
    ) -> None:
        """``controller`` gives ``host:port`` once it listens; ``grace`` is the time to stop in, in seconds.

        ``launched`` is a process of ``launch_worker`` that was started ahead and waits for its address.
        """
        super().__init__()
        self._arguments = arguments
        self._controller = controller
        self._is_connected = is_connected
        self._grace = grace
        self._launched = launched
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The process, if one runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    async def on_start(self) -> None:
        """Start the process, watch it, and wait for some seconds until it has connected."""
        self._process = self._launch()
        self.spawn(self._watch, "watch")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CONNECTS_WITHIN):
                while not self._is_connected():  # noqa: ASYNC110  the controller tells nobody
                    await asyncio.sleep(_LOOK_EVERY)

    async def on_stop(self) -> None:
        """Ask it to end, and end it when it has not after the time it has."""
        self._stopping = True
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        ended = asyncio.create_task(asyncio.to_thread(process.wait), name="wait-for-worker")
        done, _ = await asyncio.wait({ended}, timeout=self._grace)
        if not done:
            logger.warning("the worker did not end within %g s and is killed", self._grace)
            process.kill()
            await ended

    def _launch(self) -> subprocess.Popen[bytes]:
        process, self._launched = self._launched or launch_worker(self._arguments), None
        tell_address(process, self._controller())
        logger.info("worker started as process %d", process.pid)
        return process

    async def _watch(self) -> None:
        delay = _FIRST_DELAY
        loop = asyncio.get_running_loop()
        while True:
            process = self._process or self._launch()
            self._process = process
            began = loop.time()
            await _pass_on(process)
            code = await asyncio.to_thread(process.wait)
            if self._stopping:
                return
            if loop.time() - began > _HEALTHY_AFTER:
                delay = _FIRST_DELAY
            self.last_error = f"the worker ended with code {code}"
            logger.error("the worker ended with code %d; it is started again in %g s", code, delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            self._process = self._launch()
            self.recovered()


async def _pass_on(process: subprocess.Popen[bytes]) -> None:
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), process.stdout
    )
    with contextlib.closing(pipe):
        while True:
            try:
                line = await reader.readline()
            except ValueError:  # longer than the limit; what was read of it is gone
                continue
            if not line:
                return
            sys.stderr.write(f"worker | {line.decode('utf-8', 'replace')}")
            sys.stderr.flush()
