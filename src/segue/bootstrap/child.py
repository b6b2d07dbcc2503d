"""Starting the worker of a standalone server. Imports next to nothing: it is called before all other imports.

The child reads its program while the parent reads its own, and then waits on its standard input for the address
of the controller; the end of the input means that the parent is gone.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

ADDRESS_FOLLOWS = "-"
"""In place of a controller's address: it comes as a line on the standard input."""


_CONTROL_PLANE_ONLY = ("SECRET_", "SEGUE_ENCRYPTION_", "KESTRA_ENCRYPTION_")
"""Beginnings of variables that user code, which runs in the worker, has no business with."""


def launch_worker(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a worker process that waits for ``tell_address``."""
    return subprocess.Popen(  # noqa: S603  our own interpreter and program
        [
            *(sys.executable, "-m", "segue", "server", "worker"),
            *("--parent", str(os.getpid()), "--controller", ADDRESS_FOLLOWS),
            *arguments,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith(_CONTROL_PLANE_ONLY)},
    )


def tell_address(process: subprocess.Popen[bytes], address: str) -> None:
    """Give a worker the ``host:port`` of its controller. A worker that has ended already is not told."""
    assert process.stdin is not None
    try:
        process.stdin.write(f"{address}\n".encode())
        process.stdin.close()
    except BrokenPipeError:
        pass


def read_address() -> str:
    """The address that the parent tells. Raises ``SystemExit`` when it ends without telling."""
    address = sys.stdin.readline().strip()
    if not address:
        raise SystemExit(1)
    return address
