"""``io.kestra.plugin.scripts.go`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.go."
_IMAGE = Property.of("golang")


class Script(task.Script):
    """Runs a Go program."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".go", program=("go", "run"))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(
            _PACKAGE, "package main", 'import "fmt"', 'func main() { fmt.Println(`::{"outputs": {"sum": 3}}::`) }'
        ),
    )

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs Go programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "go run main.go"),)

    container_image: Property[str] | None = _IMAGE
