"""``io.kestra.plugin.scripts.julia`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.julia."
_IMAGE = Property.of("julia")


class Script(task.Script):
    """Runs a Julia script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".jl", program=("julia",))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(_PACKAGE, 'println("::{\\"outputs\\": {\\"sum\\": $(1 + 2)}}::")'),
    )

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs Julia programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "julia main.jl"),)

    container_image: Property[str] | None = _IMAGE
