"""``io.kestra.plugin.scripts.lua`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.lua."
_IMAGE = Property.of("nickblah/lua")


class Script(task.Script):
    """Runs a Lua script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".lua", program=("lua",))
    examples: ClassVar[tuple[Example, ...]] = (outputs_example(_PACKAGE, 'print(\'::{"outputs": {"sum": 3}}::\')'),)

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs Lua programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "lua main.lua"),)

    container_image: Property[str] | None = _IMAGE
