"""``io.kestra.plugin.scripts.ruby`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.ruby."
_IMAGE = Property.of("ruby")


class Script(task.Script):
    """Runs a Ruby script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".rb", program=("ruby",))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(_PACKAGE, 'require "json"', 'puts "::#{JSON.generate({outputs: {sum: 1 + 2}})}::"'),
    )

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs Ruby programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "ruby main.rb"),)

    container_image: Property[str] | None = _IMAGE
