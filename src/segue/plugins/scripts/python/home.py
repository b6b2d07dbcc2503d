"""Where the Python of a worker's scripts lives: its environments and, when the process keeps some, warm interpreters.

There is one in a process, since every task shares it. Without ``settle``, as in tests of single tasks, environments
are kept in the user's cache folder and every script starts its own interpreter.
"""

import os
import stat
import tempfile
from pathlib import Path

from segue.plugins.scripts.python.environments import Environments
from segue.plugins.scripts.python.warm import WarmInterpreters

STAND_IN = Path(__file__).with_name("stand_in")
"""A folder with the module ``kestra``, for scripts whose environment has none."""


class PythonHome:
    """What the Python tasks of one process share."""

    def __init__(self, environments: Environments, interpreters: WarmInterpreters | None = None) -> None:
        self.environments = environments
        self.interpreters = interpreters


_homes: list[PythonHome] = []


def python_home() -> PythonHome:
    """The home that was settled last; one in the cache folder when there is none."""
    if not _homes:
        _homes.append(PythonHome(Environments(cache_folder())))
    return _homes[-1]


def settle(home: PythonHome) -> None:
    """Use ``home`` from now on."""
    _homes.append(home)


def leave(home: PythonHome) -> None:
    """Do not use ``home`` any more."""
    if home in _homes:
        _homes.remove(home)


def cache_folder() -> Path:
    """A folder of this user's for what can be made again: in the cache folder, else among temporary files."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    folder = Path(base) / "segue" / "python"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return folder
    except OSError:
        pass
    folder = Path(tempfile.gettempdir()) / f"segue-python-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()  # anybody may make folders there
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
            return Path(tempfile.mkdtemp(prefix="segue-python-"))
    return folder
