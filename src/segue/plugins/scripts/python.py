"""``io.kestra.plugin.scripts.python`` (core plugins 17.6)."""

from collections.abc import Mapping
from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.python."

ENV = {"PYTHONUNBUFFERED": "true", "PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

PYTHON = Language(
    extension=".py",
    program=("python",),
    local_programs=("python3", "python"),
    prologue="true = True\nfalse = False\nnull = None\n",
)


class Script(task.Script):
    """Runs a Python script.

    `true`, `false` and `null` are defined, so that rendered JSON can be read as Python.
    """

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = PYTHON
    default_env: ClassVar[Mapping[str, str]] = ENV
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Give an output to later tasks",
            f"id: sum\ntype: {_PACKAGE}Script\nscript: |\n"
            "  import json\n"
            '  print("::" + json.dumps({"outputs": {"sum": sum(range(10))}}) + "::")',
        ),
    )

    container_image: Property[str] | None = Property.of("python:3.13-slim")
    """The image, for task runners that run containers."""


class Commands(task.Commands):
    """Runs Python programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    default_env: ClassVar[Mapping[str, str]] = ENV
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Run a file of the namespace",
            f"id: main\ntype: {_PACKAGE}Commands\nnamespaceFiles:\n  enabled: true\ncommands:\n  - python3 main.py",
        ),
    )

    container_image: Property[str] | None = Property.of("python:3.13-slim")
    """The image, for task runners that run containers."""
