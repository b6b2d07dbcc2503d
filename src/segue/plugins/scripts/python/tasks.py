"""``io.kestra.plugin.scripts.python`` (core plugins 17.6)."""

import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

from segue.plugins.core.runner import Process, inherited
from segue.plugins.scripts import task
from segue.plugins.scripts.command import Shell
from segue.plugins.scripts.python.forked import start_script
from segue.plugins.scripts.python.home import python_home
from segue.plugins.scripts.python.installers import PackageManager
from segue.plugins.scripts.python.interpreters import interpreter_on_path
from segue.plugins.scripts.python.preparation import Wanted, prepared, requirements_of
from segue.plugins.scripts.python.requirements import check_version, version_of_image
from segue.plugins.scripts.scene import Scene
from segue.plugins.scripts.task import Language, ScriptTask, Text
from segue.sdk import Example, Property, Start, TaskFailed

_PACKAGE = "io.kestra.plugin.scripts.python."
_DEFAULT_VERSION = "3.13"
_DEFAULT_INTERPRETER = ("/bin/sh", "-c")

ENV = {"PYTHONUNBUFFERED": "true", "PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

PYTHON = Language(
    extension=".py",
    program=("python",),
    local_programs=("python3", "python"),
    prologue="true = True\nfalse = False\nnull = None\n",
)


class PythonTask(ScriptTask):
    """Base of the Python tasks: packages for the script, and the Python it runs in."""

    default_env: ClassVar[Mapping[str, str]] = ENV

    container_image: Property[str] | None = Property.of("python:3.13-slim")
    """The image, for task runners that run containers."""
    dependencies: Property[list[Text]] | None = None
    """Packages that the script needs: specifiers such as `requests` or `pandas>=2,<3`, addresses, or `-r` and a file of
    the working directory. They are installed once and kept for every later run that asks for the same."""
    python_version: Property[Text] | None = None
    """The version of Python, such as `3.12`; fetched when the worker does not have it. Without it, that in the tag of a
    `containerImage` called `python` when there are dependencies, else the worker's `python3`."""
    package_manager: Property[PackageManager] = Property.of(PackageManager.UV)
    """What installs the dependencies."""
    dependency_cache_enabled: Property[bool] = Property.of(True)
    """Whether what is installed is kept for later runs."""
    uv_auto_install_enabled: Property[bool] = Property.of(True)
    """Whether the task may go on without uv on the worker; pip is used then. Nothing is downloaded to install uv."""
    uv_installer_version: Property[Text] | None = None
    """Has no effect: uv comes with the worker."""
    uv_installer_sha256: Property[Text] | None = None
    """Has no effect: uv comes with the worker."""

    @asynccontextmanager
    async def prepared(self, scene: Scene) -> AsyncIterator[None]:
        """Have the dependencies in place while the command runs."""
        env = await self.environment_of(scene)
        if not scene.runner.needs_image:
            env = {**inherited(os.environ), **env}
        async with prepared(scene, await self._wanted(scene), env):
            yield

    async def _wanted(self, scene: Scene) -> Wanted:
        texts = [] if self.dependencies is None else await scene.render(self.dependencies) or []
        requirements = requirements_of(texts, scene.folder)
        return Wanted(
            requirements,
            await self._version(scene, has_dependencies=bool(requirements.lines)),
            await scene.render(self.package_manager) or PackageManager.UV,
            is_cached=await scene.render(self.dependency_cache_enabled) is not False,
            may_install_uv=await scene.render(self.uv_auto_install_enabled) is not False,
        )

    async def _version(self, scene: Scene, *, has_dependencies: bool) -> str:
        asked = "" if self.python_version is None else await scene.render(self.python_version) or ""
        if asked.strip() and (has_dependencies or not scene.runner.needs_image):
            return check_version(asked)
        if not has_dependencies:
            return ""
        is_given = "container_image" in self.model_fields_set or scene.runner.needs_image
        image = await scene.render(self.container_image) or "" if is_given else ""
        found = version_of_image(image)
        if found is None and scene.runner.needs_image:
            scene.context.logger.warn(
                "The Python version of the image '%s' is not known; packages are installed for %s. Set `pythonVersion`",
                image,
                _DEFAULT_VERSION,
            )
            return _DEFAULT_VERSION
        return found or ""


class Script(PythonTask, task.Script):
    """Runs a Python script.

    `true`, `false` and `null` are defined, so that rendered JSON can be read as Python. `from kestra import Kestra`
    works without anything installed: `Kestra.outputs`, `counter`, `timer`, `gauge` and `logger` report to the task.
    """

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = PYTHON

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Give an output to later tasks",
            f"id: sum\ntype: {_PACKAGE}Script\nscript: |\n"
            "  from kestra import Kestra\n"
            '  Kestra.outputs({"sum": sum(range(10))})',
        ),
        Example(
            "Use a package",
            f"id: fetch\ntype: {_PACKAGE}Script\ndependencies:\n  - requests>=2.31\nscript: |\n"
            "  import requests\n"
            '  print(requests.get("{{ inputs.url }}", timeout=10).status_code)',
        ),
    )

    async def start_of(self, scene: Scene, shell: Shell, before: Sequence[str], env: Mapping[str, str]) -> Start | None:
        """A fork of a warm interpreter, when nothing but the script is to run."""
        interpreters = python_home().interpreters
        if interpreters is None or before or shell.interpreter != _DEFAULT_INTERPRETER or not _is_here(scene):
            return None
        assert scene.script is not None, "the commands were made"
        try:
            python = scene.program or (await interpreter_on_path({**inherited(os.environ), **env})).executable
        except TaskFailed:  # the ordinary way says what is wrong
            return None
        return start_script(interpreters, python, scene.script)


class Commands(PythonTask, task.Commands):
    """Runs Python programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Run a file of the namespace",
            f"id: main\ntype: {_PACKAGE}Commands\nnamespaceFiles:\n  enabled: true\ncommands:\n  - python3 main.py",
        ),
        Example(
            "Install what a file of the namespace names",
            f"id: main\ntype: {_PACKAGE}Commands\nnamespaceFiles:\n  enabled: true\n"
            "dependencies:\n  - -r requirements.txt\ncommands:\n  - python main.py",
        ),
    )


def _is_here(scene: Scene) -> bool:
    """Whether the script becomes a process of this machine, and the machine can do what templates need."""
    return sys.platform == "linux" and type(scene.runner) is Process
