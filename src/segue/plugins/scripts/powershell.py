"""``io.kestra.plugin.scripts.powershell`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.task import Language, Text
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.powershell."
_IMAGE = Property.of("ghcr.io/kestra-io/powershell:latest")


_INTERPRETER: Property[list[Text]] = Property.of(["pwsh", "-NoProfile", "-NonInteractive", "-Command"])
_FAIL_FAST = "$ErrorActionPreference = 'Stop'"


class Script(task.Script):
    """Runs a PowerShell script."""

    fail_fast_line: ClassVar[str] = _FAIL_FAST
    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".ps1", program=("&",))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(_PACKAGE, 'Write-Output \'::{"outputs": {"sum": 3}}::\''),
    )

    interpreter: Property[list[Text]] = _INTERPRETER
    container_image: Property[str] | None = _IMAGE


class Commands(task.Commands):
    """Runs PowerShell programs from the command line."""

    fail_fast_line: ClassVar[str] = _FAIL_FAST
    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "./main.ps1"),)

    interpreter: Property[list[Text]] = _INTERPRETER
    container_image: Property[str] | None = _IMAGE
