"""``io.kestra.plugin.scripts.groovy`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.groovy."
_IMAGE = Property.of("groovy")


class Script(task.Script):
    """Runs a Groovy script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".groovy", program=("groovy",))
    examples: ClassVar[tuple[Example, ...]] = (outputs_example(_PACKAGE, 'println \'::{"outputs": {"sum": 3}}::\''),)

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs Groovy programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "groovy main.groovy"),)

    container_image: Property[str] | None = _IMAGE
