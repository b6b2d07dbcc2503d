"""``io.kestra.plugin.scripts.bun`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.bun."
_IMAGE = Property.of("oven/bun")


class Script(task.Script):
    """Runs a Bun script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".ts", program=("bun", "run"))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(_PACKAGE, 'console.log("::" + JSON.stringify({outputs: {sum: 1 + 2}}) + "::")'),
    )

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs Bun programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "bun run main.ts"),)

    container_image: Property[str] | None = _IMAGE
