"""``io.kestra.plugin.scripts.node`` (core plugins 17.7)."""

from collections.abc import Mapping
from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.node."
_IMAGE = Property.of("node")


ENV = {"PYTHONUNBUFFERED": "true", "PIP_ROOT_USER_ACTION": "ignore"}
"""For the Python programs that packages are built with."""


class Script(task.Script):
    """Runs a JavaScript script."""

    default_env: ClassVar[Mapping[str, str]] = ENV
    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".js", program=("node",))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(_PACKAGE, 'console.log("::" + JSON.stringify({outputs: {sum: 1 + 2}}) + "::")'),
    )

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs JavaScript programs from the command line."""

    default_env: ClassVar[Mapping[str, str]] = ENV
    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "node main.js"),)

    container_image: Property[str] | None = _IMAGE
