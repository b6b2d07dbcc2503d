"""``io.kestra.plugin.scripts.shell`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.scene import Scene
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.shell."


class Script(task.Script):
    """Runs a shell script."""

    type: ClassVar[str] = _PACKAGE + "Script"
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Give an output to later tasks",
            f"id: count\ntype: {_PACKAGE}Script\nscript: |\n"
            "  lines=$(ls | wc -l)\n"
            '  echo "::{\\"outputs\\":{\\"lines\\":$lines}}::"',
        ),
    )

    container_image: Property[str] | None = Property.of("ubuntu")

    async def commands_of(self, scene: Scene) -> list[str]:
        """The text itself: the interpreter reads it as its commands."""
        return [await self.text_of(scene)]


class Commands(task.Commands):
    """Runs commands in a shell."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Write a file and keep it",
            f"id: report\ntype: {_PACKAGE}Commands\noutputFiles:\n  - report.txt\ncommands:\n"
            '  - echo "Hello {{ flow.id }}" > report.txt',
        ),
    )

    container_image: Property[str] | None = Property.of("ubuntu")
