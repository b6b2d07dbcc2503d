"""A server of its own for one command: started, used, ended."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from segue.domain.errors import SegueError

_READY = re.compile(r"segue ready http=(\S+)")
_STOP_WITHIN = 20


@dataclass(frozen=True)
class PrivateServer:
    """Where it listens and where its log is."""

    url: str
    log: Path


@contextlib.contextmanager
def private_server(data_dir: Path, options: Sequence[str] = ()) -> Iterator[PrivateServer]:
    """A standalone server with its data in ``data_dir``; it ends with the context, or with this process.

    ``options`` are those of ``segue server standalone``. Raises ``SegueError`` with the end of the log
    when it does not start.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "server.log"
    command = [
        *(sys.executable, "-m", "segue", "server", "standalone"),
        *("--data-dir", str(data_dir), "--parent", str(os.getpid())),
        *options,
    ]
    with log.open("wb") as log_file:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log_file, start_new_session=True
        )
    try:
        yield PrivateServer(_wait_until_ready(process, log), log)
    finally:
        _end(process)


@contextlib.contextmanager
def temporary_server() -> Iterator[PrivateServer]:
    """A private server on free ports in a folder that is removed afterwards."""
    free = [part for name in ("port", "management-port", "grpc-port") for part in (f"--{name}", "0")]
    with (
        tempfile.TemporaryDirectory(prefix="segue-", ignore_cleanup_errors=True) as folder,
        private_server(Path(folder), free) as server,
    ):
        yield server


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if match := _READY.match(line.decode("utf-8", "replace")):
            return match[1]
    process.wait()
    tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    reason = tail[0].removeprefix("segue: ") if tail else f"it ended with code {process.returncode}"
    raise SegueError(f"the server did not start: {reason}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
