"""uv and pip: making an environment and installing requirements into it (core plugins 17.6)."""

import asyncio
import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from segue.plugins.scripts.python.interpreters import Interpreter, interpreter_on_path
from segue.sdk import TaskFailed

SETTINGS = ("UV_", "PIP_")
"""Beginnings of the variables by which a task tells its installer of indexes and credentials."""

_NOT_FOR_INSTALLERS = frozenset({"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX", "PIP_TARGET", "PIP_USER"})
_MOST_OUTPUT = 64 * 1024
_SHOWN = 1000
_DRAWING = re.compile("[\u00d7\u2500-\u257f\u25b6]+")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
_MISSING = re.compile(
    r"Because (?P<uv>[\w.\-\[\]]+) was not found in the (?:package registry|provided package locations)"
    r"|No matching distribution found for (?P<pip>\S+)"
)
_OFFLINE = re.compile(
    r"error sending request|dns error|connect error|client error \(Connect\)|Connection refused|timed out|"
    r"Failed to establish a new connection|network is disabled|Temporary failure in name resolution",
    re.IGNORECASE,
)


class PackageManager(StrEnum):
    """What installs packages."""

    UV = "UV"
    PIP = "PIP"


def find_uv() -> str | None:
    """The program ``uv``: the one installed beside this package, else that of the ``PATH``; None without one."""
    if importlib.util.find_spec("uv") is not None:
        import uv

        with contextlib.suppress(FileNotFoundError):
            return str(uv.find_uv_bin())
    return shutil.which("uv")


def installer_environment(env: Mapping[str, str]) -> dict[str, str]:
    """What an installer gets of the variables of a run."""
    kept = {name: value for name, value in env.items() if name not in _NOT_FOR_INSTALLERS}
    return {**kept, "PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "NO_COLOR": "1"}


async def install_with_uv(
    uv: str, python: str, folder: Path, requirements: Path | None, env: Mapping[str, str]
) -> None:
    """Make ``folder`` an environment of ``python``, which is a program or a version to find or fetch.

    Raises ``TaskFailed``.
    """
    await _run([uv, "venv", "--quiet", "--no-project", "--system-site-packages", "--python", python, folder], env)
    if requirements is None:
        return
    program = folder / "bin" / "python"
    await _run([uv, "pip", "install", "--quiet", "--python", program, "--requirements", requirements], env)


async def install_with_pip(
    base: Interpreter, version: str, folder: Path, requirements: Path | None, env: Mapping[str, str]
) -> None:
    """The same by the standard library's ``venv`` and the ``pip`` of a Python that is there already."""
    if version and not base.fits(version):
        base = await interpreter_on_path(env, (f"python{version}",))
    await _run([base.executable, "-I", "-m", "venv", "--without-pip", "--system-site-packages", folder], env)
    if requirements is None:
        return
    program = folder / "bin" / "python"
    pip = (base.executable, "-I", "-m", "pip", "--quiet", "--no-input", "--python", str(program))
    await _run([*pip, "install", "--ignore-installed", "--requirement", requirements], env)


async def _run(arguments: Sequence[str | Path], env: Mapping[str, str]) -> None:
    """Run a program in a session of its own; cancelled, all of it is ended. Raises ``TaskFailed``."""
    process = await _started(arguments, env)
    assert process.stdout is not None
    said = b""
    try:
        while chunk := await process.stdout.read(_MOST_OUTPUT):
            said = (said + chunk)[-_MOST_OUTPUT:]
        code = await process.wait()
    except BaseException:
        await _end(process)
        raise
    if code:
        raise TaskFailed(explain(said.decode("utf-8", "replace"), code))


async def _started(arguments: Sequence[str | Path], env: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start it; also when this is cancelled meanwhile, so that it can be ended with all it has started by then."""
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *map(str, arguments),
            env=env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except OSError as error:
        raise TaskFailed(f"The program '{arguments[0]}' cannot be started: {error.strerror}") from None
    except asyncio.CancelledError:
        await _end(await starting)
        raise


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def explain(said: str, code: int) -> str:
    """Why an installer has failed, in a line: what is missing, or that the index cannot be reached, and its words."""
    words = _CREDENTIALS.sub("***@", " ".join(_DRAWING.sub(" ", said).split()))
    missing = _MISSING.search(words)
    if missing:
        reason = f"there is no package '{missing['uv'] or missing['pip']}' in the package index"
    elif _OFFLINE.search(words):
        reason = "the package index cannot be reached"
    else:
        reason = f"the installer ended with code {code}"
    return f"The dependencies cannot be installed: {reason}. {words[:_SHOWN]}".rstrip()
