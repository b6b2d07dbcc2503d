"""Private PostgreSQL, Redis and Podman servers from installed programs, for tests and benchmarks.

Each runs on a free port with its data in a folder of its own, and can be stopped, killed and started again
while something uses it.
"""

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_START_SECONDS = 30.0


class MissingServerError(Exception):
    """The programs of a server are not installed."""


def free_port() -> int:
    """A port that nobody listens to now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether somebody listens to the port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A process on a port; ``url`` stays the same over restarts. A context manager: leaving it removes all."""

    url: str

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="segue-server-"))
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """The program and its arguments, staying in the foreground."""
        raise NotImplementedError

    def environ(self) -> dict[str, str] | None:
        """The environment of the process; this one's when None."""
        return None

    def ready(self) -> bool:
        """Whether it answers."""
        return accepts(self.port)

    def start(self) -> None:
        """Start it and wait until it answers. Raises ``RuntimeError`` with its output when it does not."""
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  # programs of the machine, no shell
                self.command(),
                stdout=output,
                stderr=output,
                cwd=self.folder,
                start_new_session=True,
                env=self.environ(),
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it in an orderly way: open connections are closed."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, as a power failure does."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pid in self.pids(process):
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                continue
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=15)

    def pids(self, process: "subprocess.Popen[bytes]") -> list[int]:
        """Who gets the signal."""
        return [process.pid]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class PostgresServer(Server):
    """PostgreSQL with durable commits. Runs as the user ``postgres`` when this process is root's."""

    def __init__(self) -> None:
        self._initdb, self._postgres = _program("initdb"), _program("postgres")
        super().__init__()
        self._user: list[str] = []
        if os.geteuid() == 0:
            self._user = ["runuser", "-u", "postgres", "--"]
            shutil.chown(self.folder, "postgres")
        self._data = self.folder / "data"
        self._databases = 0
        self.url = self.database_url("postgres")

    def command(self) -> list[str]:
        """See ``Server.command``."""
        if not self._data.exists():
            subprocess.run(  # noqa: S603  # programs of the machine, no shell
                [*self._user, self._initdb, "-D", str(self._data), "-U", "segue", "-A", "trust", "-E", "UTF8"],
                check=True,
                capture_output=True,
                cwd=self.folder,
            )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "max_wal_size": "1GB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self._user, self._postgres, "-D", str(self._data), *options]

    def pids(self, process: "subprocess.Popen[bytes]") -> list[int]:
        """The postmaster, which ``runuser`` is only the parent of."""
        try:
            return [int((self._data / "postmaster.pid").read_text().split("\n", 1)[0])]
        except (OSError, ValueError):
            return [process.pid]

    def kill(self) -> None:
        """End it at once, its children with it: first the postmaster, which would start new ones."""
        import psutil

        children: list[psutil.Process] = []
        if self._process is not None:
            for pid in self.pids(self._process):
                with contextlib.suppress(psutil.NoSuchProcess):
                    children += psutil.Process(pid).children(recursive=True)
        super().kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=10)

    def ready(self) -> bool:
        """Whether it lets clients in, which is later than that it listens."""
        if not accepts(self.port):
            return False
        import psycopg

        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def database_url(self, name: str) -> str:
        """The URL of a database in it."""
        return f"postgresql://segue@127.0.0.1:{self.port}/{name}"

    def new_database(self) -> str:
        """Make an empty database; its URL."""
        import psycopg

        self._databases += 1
        name = f"test_{self._databases}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.database_url(name)


class RedisServer(Server):
    """Redis that keeps nothing on the disk."""

    def __init__(self) -> None:
        self._program = _program("redis-server")
        super().__init__()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """See ``Server.command``."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return [self._program, *options, "--dir", str(self.folder)]


_CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime = "{runtime}"
tmp_dir = "{folder}/tmp"
"""
_PROGRAMS = ("cat", "chmod", "echo", "env", "id", "ln", "ls", "mkdir", "mv", "rm", "seq", "sh", "sleep", "wc")


class PodmanServer(Server):
    """Podman's service of the Docker Engine API on a socket, with an image that holds BusyBox. Needs root's rights."""

    IMAGE = "localhost/segue-test:1"

    def __init__(self) -> None:
        self._podman, self._busybox = _program("podman"), _program("busybox")
        runtime = "runc" if shutil.which("runc") else "crun"
        _program(runtime)
        if os.geteuid() != 0:
            raise MissingServerError("Podman without root's rights is not set up for tests")
        super().__init__()
        self.socket = self.folder / "podman.sock"
        self.url = f"unix://{self.socket}"
        settings = self.folder / "containers.conf"
        settings.write_text(_CONTAINERS_CONF.format(runtime=runtime, folder=self.folder))
        self._environ = {**os.environ, "CONTAINERS_CONF": str(settings)}
        (self.folder / "tmp").mkdir()

    def environ(self) -> dict[str, str]:
        """The environment of the process."""
        return self._environ

    def command(self) -> list[str]:
        """See ``Server.command``."""
        return [*self._prefix(), "system", "service", "--time=0", self.url]

    def ready(self) -> bool:
        """Whether it answers, and has the image."""
        if not self.socket.exists():
            return False
        found = self._run("image", "exists", self.IMAGE)
        if found.returncode == 0:
            return True
        archive = self.folder / "image.tar"
        with tarfile.open(archive, "w") as image:
            image.add(Path(self._busybox).resolve(), "bin/busybox")
            for name in _PROGRAMS:
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                image.addfile(link)
            for name, text in (("etc/passwd", "root:x:0:0::/:/bin/sh\nann:x:1234:2345::/:/bin/sh\n"), ("tmp/.k", "")):
                file = tarfile.TarInfo(name)
                file.size = len(text)
                image.addfile(file, io.BytesIO(text.encode()))
        return self._run("import", str(archive), self.IMAGE).returncode == 0

    def why_not(self) -> str | None:
        """Why this machine runs no containers, None when it does."""
        tried = self._run("run", "--rm", "--network", "none", self.IMAGE, "echo", "ok")
        return None if tried.returncode == 0 else tried.stderr.decode(errors="replace").strip()[-300:]

    def stop(self) -> None:
        """Stop it, and remove all containers."""
        super().stop()
        self._run("rm", "--all", "--force", "--time", "0")

    def _prefix(self) -> list[str]:
        folders = ["--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]
        return [self._podman, *folders, "--storage-driver", "vfs"]

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(  # noqa: S603  programs of the machine, no shell
            [*self._prefix(), *arguments], check=False, capture_output=True, timeout=60, env=self._environ
        )


def _program(name: str) -> str:
    """The newest installed program of this name. Raises ``MissingServerError``."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for folder in folders:
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise MissingServerError(f"{name} is not installed")
    return found


def _version(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0.0
