"""``io.kestra.plugin.scripts.dotnet`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.dotnet."
_IMAGE = Property.of("mcr.microsoft.com/dotnet/sdk:10.0")


_INSTALL = (
    "dotnet tool install -g dotnet-script > /dev/null 2>&1 || true",
    'export PATH="$PATH:$HOME/.dotnet/tools"',
)


class Script(task.Script):
    """Runs a C# script.

    `dotnet-script` is installed first, unless it is there.
    """

    preparation: ClassVar[tuple[str, ...]] = _INSTALL
    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".csx", program=("dotnet-script",))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(_PACKAGE, 'Console.WriteLine("::{\\"outputs\\": {\\"sum\\": 3}}::");'),
    )

    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs C# programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "dotnet-script main.csx"),)

    container_image: Property[str] | None = _IMAGE
