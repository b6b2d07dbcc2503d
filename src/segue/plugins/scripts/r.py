"""``io.kestra.plugin.scripts.r`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.r."
_IMAGE = Property.of("r-base")


class Script(task.Script):
    """Runs an R script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".R", program=("Rscript",))
    examples: ClassVar[tuple[Example, ...]] = (outputs_example(_PACKAGE, 'cat(\'::{"outputs": {"sum": 3}}::\\n\')'),)

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs R programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "Rscript main.R"),)

    container_image: Property[str] | None = _IMAGE
