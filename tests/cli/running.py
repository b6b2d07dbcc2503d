"""A real server process for the tests of the command line."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import psutil
from tests.cli.command import command, environment

FREE_PORTS = ["--port", "0", "--management-port", "0", "--grpc-port", "0"]


@dataclass
class RunningServer:
    """The process, what it printed, and where it listens."""

    process: subprocess.Popen[str]
    ready: str
    stderr: list[str] = field(default_factory=list)
    stdout: list[str] = field(default_factory=list)

    def address(self, name: str) -> str:
        """The value of ``name`` in the ready line."""
        found = re.search(rf"\b{name}=(\S+)", self.ready)
        assert found, self.ready
        return found[1]

    def workers(self) -> list[psutil.Process]:
        """The worker processes it has now."""
        return psutil.Process(self.process.pid).children()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


@contextlib.contextmanager
def running(
    folder: Path, *options: str, role: str = "standalone", env: dict[str, str] | None = None
) -> Iterator[RunningServer]:
    """A server that is ready; it is ended with the context, whatever happened."""
    process = subprocess.Popen(
        command(["server", role, *options]),
        cwd=folder,
        env=environment() | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    server = RunningServer(process, "")
    threads = [
        threading.Thread(target=_collect, args=(process.stdout, server.stdout), daemon=True),
        threading.Thread(target=_collect, args=(process.stderr, server.stderr), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: server.stdout or process.poll() is not None, "the ready line", 60)
        assert server.stdout, "".join(server.stderr)
        server.ready = server.stdout[0]
        yield server
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()
        for thread in threads:
            thread.join(10)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def eventually(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Wait until ``condition`` holds."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, f"{what} did not come within {seconds} s"
        sleep(0.02)


def _collect(stream: object, lines: list[str]) -> None:
    for line in stream:  # type: ignore[attr-defined]  # a text stream
        lines.append(line)  # noqa: PERF402  as they come, not at the end
