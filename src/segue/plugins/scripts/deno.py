"""``io.kestra.plugin.scripts.deno`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.deno."
_IMAGE = Property.of("denoland/deno")


class Script(task.Script):
    """Runs a Deno script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".ts", program=("deno", "run"))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(_PACKAGE, 'console.log("::" + JSON.stringify({outputs: {sum: 1 + 2}}) + "::")'),
    )

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs Deno programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "deno run --allow-net main.ts"),)

    container_image: Property[str] | None = _IMAGE
