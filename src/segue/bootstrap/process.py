"""One process: logging, event loop, signals, the ready line, an orderly end."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from segue.bootstrap.assembly import Assembly
from segue.bootstrap.logs import configure_logs
from segue.bootstrap.parent import die_with, watch_parent
from segue.config import Configuration, Loaded

logger = logging.getLogger(__name__)
_INTERRUPTED = 130


@dataclass(frozen=True)
class Launch:
    """How the process was started: what a child of it needs, and whose child it is itself."""

    worker_arguments: tuple[str, ...] = ()
    """Options that a worker started by this process gets, to read the same configuration."""
    worker: subprocess.Popen[bytes] | None = None
    """A worker that was launched ahead and waits for the address of its controller."""
    parent_pid: int | None = None
    """When given, the process ends with this one."""


Role = Callable[[Configuration, Launch], Assembly]


def run_role(role: Role, loaded: Loaded, launch: Launch) -> None:
    """Run a role until SIGTERM or SIGINT. A second signal ends the process at once.

    Raises ``SegueError`` for what keeps it from starting.
    """
    if launch.parent_pid is not None:
        die_with(launch.parent_pid)
    configure_logs(loaded.configuration)
    for note in loaded.notes:
        logger.warning("%s", note)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_run(role, loaded.configuration, launch))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop


async def _run(role: Role, configuration: Configuration, launch: Launch) -> None:
    stop = asyncio.Event()
    _handle_signals(stop)
    assembly = role(configuration, launch)
    starting = asyncio.create_task(assembly.start(), name="start")
    stopping = asyncio.create_task(stop.wait(), name="wait-for-signal")
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting})
        return
    try:
        starting.result()
        _announce(assembly)
        if launch.parent_pid is not None:
            watching = asyncio.create_task(watch_parent(launch.parent_pid), name="watch-parent")
            stopping.add_done_callback(lambda _: watching.cancel())
        await stopping
    finally:
        stopping.cancel()
    logger.info("%s is stopping; a second signal ends it at once", assembly.role)
    await assembly.stop()
    logger.info("%s has stopped", assembly.role)


def _handle_signals(stop: asyncio.Event) -> None:
    def signalled() -> None:
        if stop.is_set():
            os._exit(_INTERRUPTED)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)


def _announce(assembly: Assembly) -> None:
    addresses = " ".join(f"{name}={address}" for name, address in assembly.addresses().items())
    sys.stdout.write(f"segue ready {addresses}".rstrip() + "\n")
    sys.stdout.flush()
