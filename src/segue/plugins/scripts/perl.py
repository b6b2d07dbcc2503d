"""``io.kestra.plugin.scripts.perl`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language, Text
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.perl."
_IMAGE = Property.of("perl")


class Script(task.Script):
    """Runs a Perl script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".pl", program=("perl",))
    examples: ClassVar[tuple[Example, ...]] = (outputs_example(_PACKAGE, 'print qq(::{"outputs": {"sum": 3}}::\\n);'),)

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs Perl programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    fail_fast_line: ClassVar[str] = ""
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "perl main.pl"),)

    container_image: Property[str] | None = _IMAGE
    commands: Property[list[Text]] = Property.of([])
    """The commands, run in one shell. The last one decides."""
