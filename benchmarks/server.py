"""A server to measure: ``segue server standalone`` on free ports, with private PostgreSQL and Redis as asked for."""

import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import yaml

from benchmarks.measure import PostgresRows, Rows, SqliteRows

QUEUES = ("memory", "sql", "redis")
DATABASES = ("sqlite", "postgresql")
READY_SECONDS = 60.0
_READY = re.compile(r"^segue ready (.+)$")


class ServerFailed(Exception):  # noqa: N818  says what happened, as the standard library's CalledProcessError does not
    """The server did not become ready, or ended; with the end of its output."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Which server to measure."""

    queue: str = "memory"
    database: str = "sqlite"
    worker_threads: int | None = None
    """Tasks at the same time; None leaves the server's default."""


class Surroundings:
    """Data folder, PostgreSQL and Redis of one setting; they outlive the servers started in them."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.folder = Path(tempfile.mkdtemp(prefix="segue-benchmark-"))
        self._stack = contextlib.ExitStack()
        self._postgres: Any = None
        self._redis: Any = None
        self._number = 0
        self._database_url = ""

    def __enter__(self) -> Self:
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _open(self) -> None:
        if self.setting.database == "postgresql":
            from segue.testing.servers import PostgresServer

            self._postgres = self._stack.enter_context(PostgresServer())
        if self.setting.queue == "redis":
            from segue.testing.servers import RedisServer

            self._redis = self._stack.enter_context(RedisServer())

    def renew(self) -> None:
        """Begin with nothing stored: a new data folder, or a new database, for the next server."""
        self._number += 1
        if self._postgres is not None:
            self._database_url = self._postgres.new_database()
        self.data_folder.mkdir()

    @property
    def data_folder(self) -> Path:
        """The server's ``--data-dir``."""
        return self.folder / f"data-{self._number}"

    @property
    def sqlite_file(self) -> Path | None:
        """The database, when it is a file."""
        return None if self._postgres is not None else self.data_folder / "segue.db"

    @property
    def database_url(self) -> str:
        """The database as the server opens it."""
        file = self.sqlite_file
        return self.postgres_url if file is None else f"sqlite:///{file}"

    @property
    def postgres_url(self) -> str:
        """The database, when it is a server's."""
        return self._database_url

    def rows(self) -> Rows:
        """A connection beside the server's."""
        if self._postgres is not None:
            return PostgresRows(self._database_url)
        return SqliteRows(self.data_folder / "segue.db")

    def configuration(self) -> Path:
        """Write the server's configuration file."""
        kind = {"sqlite": "sqlite", "postgresql": "postgres"}[self.setting.database]
        settings: dict[str, Any] = {
            "repository": {"type": kind},
            "queue": {"type": self.setting.queue},
            "storage": {"type": "local"},
        }
        if self._redis is not None:
            settings["redis"] = {"url": self._redis.url}
        if self._postgres is not None:
            settings["datasources"] = {kind: {"url": self._database_url}}
        path = self.folder / "segue.yaml"
        path.write_text(yaml.safe_dump({"segue": settings}))
        return path

    def outside_processes(self) -> dict[str, list[psutil.Process]]:
        """Processes of PostgreSQL and Redis by name."""
        found = {}
        for name, server in (("postgresql", self._postgres), ("redis", self._redis)):
            process = getattr(server, "_process", None)
            if process is not None:
                found[name] = _tree(process.pid)
        return found

    def launch(self, environ: Mapping[str, str] | None = None) -> "RunningServer":
        """Start a server here and wait for its ready line. Raises ``ServerFailed``."""
        command = [sys.executable, "-m", "segue", "server", "standalone", "--config", str(self.configuration())]
        command += ["--data-dir", str(self.data_folder)]
        for option in ("--port", "--management-port", "--grpc-port"):
            command += [option, "0"]
        if self.setting.worker_threads is not None:
            command += ["--worker-threads", str(self.setting.worker_threads)]
        return RunningServer(command, self, environ)


@dataclass
class Usage:
    """What the processes used between two moments, by role."""

    wall_seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    peak_rss: dict[str, int] = field(default_factory=dict)
    """Bytes; of the server's own processes."""
    machine_busy: float = 0.0
    """CPU seconds of everything on the machine: more than the sum above when others work too."""


class RunningServer:
    """One server process with its worker. A context manager: leaving it stops the server."""

    def __init__(self, command: list[str], surroundings: Surroundings, environ: Mapping[str, str] | None) -> None:
        self._surroundings = surroundings
        self._lines: queue.Queue[str] = queue.Queue()
        self._log = surroundings.folder / "server.log"
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=dict(environ or os.environ)
            )
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.addresses = self._wait_for_ready(began)
        except BaseException:
            self.stop()
            raise
        self.ready_after = time.monotonic() - began
        """Seconds from the command to the ready line."""

    @property
    def base(self) -> str:
        """Base URL of the REST API."""
        return self.addresses["http"]

    @property
    def port(self) -> int:
        """Port of the REST API."""
        return int(self.base.rpartition(":")[2])

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The server's own processes by role."""
        own = psutil.Process(self._process.pid)
        return {"control plane": [own], "worker": own.children(recursive=True)}

    def pids(self) -> list[int]:
        """Control plane and worker, once the worker runs."""
        return [process.pid for group in self.processes().values() for process in group]

    def wait_for_worker(self) -> None:
        """Return once there is a worker process."""
        deadline = time.monotonic() + 15
        while not self.processes()["worker"]:
            if time.monotonic() > deadline:
                raise ServerFailed(f"no worker was started\n{self.log_tail()}")
            time.sleep(0.02)

    def watch(self) -> "Watch":
        """Begin to measure CPU and memory of everything that belongs to the server."""
        return Watch({**self.processes(), **self._surroundings.outside_processes()})

    def log_tail(self, size: int = 3000) -> str:
        """The end of the server's log."""
        return self._log.read_text(errors="replace")[-size:] if self._log.exists() else ""

    def problems(self) -> list[str]:
        """Lines of the log that are warnings or errors."""
        lines = self._log.read_text(errors="replace").splitlines()
        return [line for line in lines if " ERROR " in line or " WARNING " in line or "Traceback" in line]

    def stop(self) -> None:
        """Stop it in an orderly way; kill what is left of it after 20 s."""
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children(recursive=True)
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            for child in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put("")

    def _wait_for_ready(self, began: float) -> dict[str, str]:
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, began + READY_SECONDS - time.monotonic()))
            except queue.Empty:
                raise ServerFailed(f"not ready after {READY_SECONDS:g} s\n{self.log_tail()}") from None
            found = _READY.match(line)
            if found:
                return dict(part.split("=", 1) for part in found[1].split())
            if self._process.poll() is not None:
                raise ServerFailed(f"ended with code {self._process.returncode}\n{self.log_tail()}")


class Watch:
    """CPU time and peak memory of processes from its making to ``end``."""

    def __init__(self, groups: Mapping[str, list[psutil.Process]]) -> None:
        self._groups = groups
        self._began = time.monotonic()
        self._cpu = {name: _cpu_seconds(group) for name, group in groups.items()}
        self._machine = _machine_seconds()
        self._peak = dict.fromkeys(groups, 0)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while True:
            for name, group in self._groups.items():
                self._peak[name] = max(self._peak[name], sum(_rss(process) for process in group))
            if self._done.wait(1.0):
                return

    def end(self) -> Usage:
        """Stop measuring."""
        usage = Usage(
            wall_seconds=time.monotonic() - self._began,
            cpu_seconds={name: _cpu_seconds(group) - self._cpu[name] for name, group in self._groups.items()},
            machine_busy=_machine_seconds() - self._machine,
        )
        self._done.set()
        self._thread.join()
        usage.peak_rss = {name: self._peak[name] for name in ("control plane", "worker") if name in self._peak}
        return usage


def memory_of(process: psutil.Process) -> tuple[int, int]:
    """Resident and unshared bytes of a process."""
    memory = process.memory_full_info()
    return memory.rss, memory.uss


def _tree(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def _cpu_seconds(group: list[psutil.Process]) -> float:
    total = 0.0
    for process in group:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _machine_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
