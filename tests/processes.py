"""Starts, stops and kills `segue server ROLE` as real processes, and shows what they said when a test fails."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

ROOT = Path(__file__).parents[1]
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
_TAIL_BYTES = 6_000

alive: dict[str, "ServerProcess"] = {}
"""Processes by name, for the report of a test that fails."""


@dataclass(frozen=True)
class Addresses:
    """What a process said in its ready line; a part that it does not have is empty."""

    http: str = ""
    management: str = ""
    grpc: str = ""


class ServerProcess:
    """One `segue server ROLE`. It takes free ports at its first start and keeps them over restarts."""

    def __init__(
        self,
        name: str,
        role: str,
        folder: Path,
        config: Mapping[str, Any],
        *,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = ("-m", "segue"),
    ) -> None:
        """`config` is the tree below `segue`. `program` is what Python runs in place of the product's entry."""
        self.name = name
        self.role = role
        self.addresses = Addresses()
        self.starts = 0
        self._folder = folder
        self._config = config
        self._environment = dict(environment or {})
        self._program = tuple(program)
        self._process: subprocess.Popen[bytes] | None = None
        self._offset = 0

    @property
    def log(self) -> Path:
        """Everything the process ever wrote, over all starts."""
        return self._folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """The running process. Raises `RuntimeError` when there is none."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether there is a process that has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait for its ready line. Raises `RuntimeError` with its output when none comes."""
        if self.is_running:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{self.name}.yml"
        file.write_text(yaml.safe_dump({"segue": _merged(self._config, self._kept_ports())}))
        self._offset = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, "server", self.role, "--config", str(file)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_clean_environment() | self._environment,
                cwd=self._folder,
                start_new_session=True,
            )
        self.starts += 1
        alive[self.name] = self
        if wait:
            self.wait_ready()

    def wait_ready(self, timeout: float = READY_SECONDS) -> None:
        """Wait for the ready line of the latest start."""
        deadline = time.monotonic() + timeout
        while (line := self._ready_line()) is None:
            if not self.is_running:
                raise RuntimeError(f"{self.name} ended before it was ready:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} was not ready within {timeout:g} s:\n{self.tail()}")
            time.sleep(0.02)
        self.addresses = Addresses(**dict(part.split("=", 1) for part in shlex.split(line)[2:]))

    def _ready_line(self) -> str | None:
        with self.log.open("rb") as file:
            file.seek(self._offset)
            lines = file.read().decode(errors="replace").splitlines(keepends=True)
        return next((line for line in lines if line.startswith("segue ready") and line.endswith("\n")), None)

    def _kept_ports(self) -> dict[str, Any]:
        ports = {
            name: int(address.rpartition(":")[2]) if address else 0 for name, address in vars(self.addresses).items()
        }
        return {
            "server": {"port": ports["http"], "management-port": ports["management"]},
            "controller": {"port": ports["grpc"]},
        }

    def kill(self) -> None:
        """`kill -9` for the process and everything it started, at once."""
        if self._process is None:
            return
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self._process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> int:
        """End it in an orderly way (SIGTERM) and return its exit code; one that hangs is killed and fails."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"{self.name} did not stop within {STOP_SECONDS:g} s:\n{self.tail()}") from None
        finally:
            alive.pop(self.name, None)
        self._process = None
        return code

    def tail(self, limit: int = _TAIL_BYTES) -> str:
        """The end of what it wrote."""
        if not self.log.exists():
            return "(nothing)"
        return self.log.read_bytes()[-limit:].decode(errors="replace")


@contextmanager
def running(*processes: ServerProcess) -> Iterator[None]:
    """Start the processes one after the other, and stop all at the end whatever happens."""
    try:
        for process in processes:
            process.start()
        yield
    finally:
        stop_all(processes)


def stop_all(processes: Sequence[ServerProcess]) -> None:
    """Stop all, the last one first. Raises the first error once all have ended."""
    failures: list[RuntimeError] = []
    for process in reversed(processes):
        try:
            process.stop()
        except RuntimeError as error:
            failures.append(error)
        alive.pop(process.name, None)
    if failures:
        raise failures[0]


def show_tails(report: pytest.TestReport) -> None:
    """Add the end of each process's output to the report of a failed test."""
    if report.failed:
        for name, process in sorted(alive.items()):
            report.sections.append((f"end of the output of {name}", process.tail()))


def _clean_environment() -> dict[str, str]:
    """This process's variables without those that configure a server, with our source first on the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEGUE_", "KESTRA_"))}
    path = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        present = result.get(key)
        result[key] = _merged(present, value) if isinstance(present, Mapping) else value
    return result
