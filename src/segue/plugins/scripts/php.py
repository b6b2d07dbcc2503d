"""``io.kestra.plugin.scripts.php`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.php."
_IMAGE = Property.of("php")


class Script(task.Script):
    """Runs a PHP script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".php", program=("php",))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(_PACKAGE, '<?php echo "::" . json_encode(["outputs" => ["sum" => 1 + 2]]) . "::\\n";'),
    )

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs PHP programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "php main.php"),)

    container_image: Property[str] | None = _IMAGE
