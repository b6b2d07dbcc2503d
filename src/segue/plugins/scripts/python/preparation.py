"""What a Python task needs beside its command: the environment with its dependencies (core plugins 17.6)."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from segue.plugins.core.runner import inherited
from segue.plugins.scripts.python.environments import Environment, Install
from segue.plugins.scripts.python.home import STAND_IN, python_home
from segue.plugins.scripts.python.installers import (
    SETTINGS,
    PackageManager,
    find_uv,
    install_with_pip,
    install_with_uv,
    installer_environment,
)
from segue.plugins.scripts.python.interpreters import Interpreter, interpreter_on_path
from segue.plugins.scripts.python.requirements import RequirementError, Requirements, read_requirements
from segue.plugins.scripts.scene import Scene
from segue.sdk import RunContext, TaskFailed

PACKAGES_FOLDER = ".kestra_additional_python_lib"
"""Where containers find the packages, in the working directory."""

_LARGEST_FILE = 1024 * 1024


class Wanted(NamedTuple):
    """What a task asks for, rendered."""

    requirements: Requirements
    version: str = ""
    """The version of Python; empty for that of the worker's machine."""
    manager: PackageManager = PackageManager.UV
    is_cached: bool = True
    may_install_uv: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether no environment is needed."""
        return not (self.requirements.lines or self.version)


def requirements_of(texts: list[str], folder: Path) -> Requirements:
    """The rendered ``dependencies``. Raises ``RequirementError``, also for files outside of ``folder``."""

    def read(name: str) -> str:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise RequirementError(f"the file '{name[:200]}' of `dependencies` is outside of the working directory")
        try:
            with path.open("rb") as file:
                content = file.read(_LARGEST_FILE + 1)
        except OSError as error:
            raise RequirementError(
                f"the file '{name[:200]}' of `dependencies` cannot be read: {error.strerror}"
            ) from None
        if len(content) > _LARGEST_FILE:
            raise RequirementError(f"the file '{name[:200]}' of `dependencies` is larger than 1 MiB")
        return content.decode("utf-8", "replace")

    return read_requirements(texts, read, str(folder))


@asynccontextmanager
async def prepared(scene: Scene, wanted: Wanted, env: Mapping[str, str]) -> AsyncIterator[None]:
    """Have the scene's command find the packages, as long as this context lasts.

    ``env`` are the variables that the command will see. Raises ``TaskFailed`` when something cannot be installed.
    """
    if wanted.is_empty:
        _find(scene, env, None)
        yield
        return
    here = {**inherited(os.environ), **env}  # it is installed on this machine, wherever the command runs
    base = None if scene.runner.needs_image else await interpreter_on_path(here)
    installer = await _Installer.make(scene.context, wanted, base, here)
    began = time.monotonic()
    async with python_home().environments.use(installer.key, installer.install) as environment:
        _report(scene.context, wanted, environment, timedelta(seconds=time.monotonic() - began))
        if scene.runner.needs_image:
            await asyncio.to_thread(
                shutil.copytree, environment.packages, scene.folder / PACKAGES_FOLDER, symlinks=True
            )
        _find(scene, env, environment)
        yield


class _Installer:
    """How the environment of a task is made, and the key it is kept under."""

    def __init__(self, wanted: Wanted, base: Interpreter | None, uv: str | None, env: Mapping[str, str]) -> None:
        self._wanted = wanted
        self._base = base if base is not None and base.fits(wanted.version or base.version) else None
        self._fallback = base
        self._uv = uv
        self._env = env
        self.key = None if not wanted.is_cached or wanted.requirements.is_local else self._key()

    @classmethod
    async def make(
        cls, context: RunContext, wanted: Wanted, base: Interpreter | None, env: Mapping[str, str]
    ) -> "_Installer":
        """Choose between uv and pip. Raises ``TaskFailed`` when neither may be used."""
        uv = None
        if wanted.manager is PackageManager.UV:
            uv = find_uv()
            if uv is None and not wanted.may_install_uv:
                raise TaskFailed("uv is not installed on the worker: install the extra `scripts`, or uv itself")
            if uv is None:
                context.logger.warn("uv is not installed on the worker; pip installs the dependencies")
        if uv is None and base is None:
            base = await interpreter_on_path(env)
        return cls(wanted, base, uv, env)

    @property
    def install(self) -> Install:
        """Makes the environment."""
        return self._install

    def _key(self) -> str:
        settings = {name: value for name, value in self._env.items() if name.startswith(SETTINGS)}
        version = self._wanted.version or (self._base.version if self._base else "")
        return self._wanted.requirements.key(version, "UV" if self._uv else "PIP", settings)

    async def _install(self, folder: Path) -> None:
        lines = self._wanted.requirements.lines
        file = folder.parent / "requirements.txt"
        await asyncio.to_thread(file.write_text, "".join(f"{line}\n" for line in lines), "utf-8")
        env = installer_environment(self._env)
        requirements = file if lines else None
        if self._uv is not None:
            python = self._base.executable if self._base else self._wanted.version
            await install_with_uv(self._uv, python, folder, requirements, env)
        else:
            assert self._fallback is not None
            await install_with_pip(self._fallback, self._wanted.version, folder, requirements, env)


def _find(scene: Scene, env: Mapping[str, str], environment: Environment | None) -> None:
    """Tell the command where things are."""
    paths = [env.get("PYTHONPATH", "")]
    if scene.runner.needs_image:
        if environment is not None:
            scene.env["PYTHONPATH"] = _joined([str(scene.seen / PACKAGES_FOLDER), *paths])
        return
    scene.env["PYTHONPATH"] = _joined([*paths, str(STAND_IN)])
    if environment is not None:
        scene.program = environment.python
        scene.env["PATH"] = _joined([environment.programs, env.get("PATH", os.defpath)])
        scene.env["VIRTUAL_ENV"] = str(environment.folder)


def _joined(paths: list[str]) -> str:
    return os.pathsep.join(path for path in paths if path)


def _report(context: RunContext, wanted: Wanted, environment: Environment, took: timedelta) -> None:
    count = len(wanted.requirements.lines)
    subject = f"{count} dependencies" if count else "The environment"
    if environment.is_new:
        context.logger.info("%s: installed in %.1f s", subject, took.total_seconds())
        context.metrics.timer("deps.cache.upload.duration", took)
    else:
        context.logger.debug("%s: found in the cache", subject)
        context.metrics.timer("deps.cache.download.duration", took)
