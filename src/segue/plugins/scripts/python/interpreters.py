"""Which Python runs scripts: the ``python3`` of their ``PATH``, whatever Python the worker itself runs in."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from segue.sdk import TaskFailed

_NAMES = ("python3", "python")
_ASK = "import json, sys; print(json.dumps([sys.executable, '.'.join(map(str, sys.version_info[:3]))]))"
_ASK_FOR = 20.0


class Interpreter(NamedTuple):
    """A Python: the program itself, also where the ``PATH`` has a script in its place, and its full version."""

    executable: str
    version: str

    def fits(self, version: str) -> bool:
        """Whether it is of a version such as ``3``, ``3.12`` or ``3.12.4``."""
        return f"{self.version}.".startswith(f"{version}.")


_known: dict[tuple[str, int], Interpreter] = {}


async def interpreter_on_path(env: Mapping[str, str], names: tuple[str, ...] = _NAMES) -> Interpreter:
    """The first Python of those names on the ``PATH`` of ``env``.

    Raises ``TaskFailed`` when there is none, and when it does not work.
    """
    path = env.get("PATH", os.defpath)
    found = next((program for name in names if (program := shutil.which(name, path=path))), None)
    if found is None:
        raise TaskFailed(f"There is no {' or '.join(names)} on the PATH of the worker")
    known = (found, _stamp(found))
    if known not in _known:
        _known[known] = await asyncio.to_thread(_ask, found, env)
    return _known[known]


def _stamp(program: str) -> int:
    return Path(program).stat().st_mtime_ns


def _ask(program: str, env: Mapping[str, str]) -> Interpreter:
    try:
        answer = subprocess.run(  # noqa: S603  the Python that is to run the script
            [program, "-I", "-c", _ASK],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASK_FOR,
            check=True,
            text=True,
        )
        executable, version = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise TaskFailed(f"The Python '{program}' does not work: {error}") from None
    return Interpreter(executable or program, version)
