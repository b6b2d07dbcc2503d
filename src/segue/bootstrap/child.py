"""Starting the worker of a standalone server. Imports next to nothing: it is called before all other imports.

The child reads its program while the parent reads its own, and then waits on its standard input for the address
of the controller; the end of the input means that the parent is gone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence

ADDRESS_FOLLOWS = "-"
"""In place of a controller's address: it comes as a line on the standard input."""

_CONTROL_PLANE_ONLY = ("SECRET_", "SEGUE_ENCRYPTION_", "KESTRA_ENCRYPTION_")
"""Beginnings of variables that user code, which runs in the worker, has no business with."""

# fmt: off
_KEPT = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP", "TERM",
    "VIRTUAL_ENV", "LD_LIBRARY_PATH", "HOSTNAME", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SYSTEMROOT", "WINDIR", "COMSPEC",
    "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "JAVA_HOME",
})
# fmt: on
_KEPT_PREFIXES = ("LC_", "PYTHON", "XDG_", "DOCKER_", "GRPC_", "UV_", "PIP_", "CONDA_")


def launch_worker(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a worker process that waits for ``tell_address``."""
    return subprocess.Popen(  # noqa: S603  our own interpreter and program
        [
            *(sys.executable, "-m", "segue", "server", "worker"),
            *("--parent", str(os.getpid()), "--controller", ADDRESS_FOLLOWS),
            *arguments,
        ],
        env=worker_environment(os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def worker_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a worker inherits: what programs need to run, and neither secrets nor settings of the server."""
    return {name: value for name, value in environ.items() if name.upper() in _KEPT or name.startswith(_KEPT_PREFIXES)}


def chosen_environment(environ: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The variables that the configuration lets tasks see too: by name, or by the beginning before a ``*``."""
    chosen = tuple(names)
    exact = {name for name in chosen if not name.endswith("*")}
    beginnings = tuple(name[:-1] for name in chosen if name.endswith("*"))
    return {name: value for name, value in environ.items() if name in exact or name.startswith(beginnings)}


def tell_address(process: subprocess.Popen[bytes], address: str) -> None:
    """Give a worker the ``host:port`` of its controller, and the variables that its configuration is read from.

    Those are in its memory then, and not in the environment that the programs it starts inherit. A worker that has
    ended already is not told.
    """
    assert process.stdin is not None
    try:
        told = {name: value for name, value in os.environ.items() if not name.startswith(_CONTROL_PLANE_ONLY)}
        process.stdin.write(json.dumps([address, told]).encode() + b"\n")
        process.stdin.close()
    except BrokenPipeError:
        pass


def read_address() -> tuple[str, dict[str, str]]:
    """What the parent tells: the address and the variables. Raises ``SystemExit`` when it ends without telling."""
    line = sys.stdin.readline().strip()
    if not line:
        raise SystemExit(1)
    address, environ = json.loads(line)
    return address, environ
