"""``io.kestra.plugin.scripts.jbang`` (core plugins 17.7)."""

from typing import ClassVar

from segue.plugins.scripts import task
from segue.plugins.scripts.examples import file_example, outputs_example
from segue.plugins.scripts.scene import Scene
from segue.plugins.scripts.task import Language
from segue.sdk import Example, Property

_PACKAGE = "io.kestra.plugin.scripts.jbang."
_IMAGE = Property.of("jbangdev/jbang-action")


class Script(task.Script):
    """Runs a program of Java, JShell, Kotlin, Groovy or Markdown by JBang."""

    type: ClassVar[str] = _PACKAGE + "Script"
    language: ClassVar[Language] = Language(extension=".java", program=("jbang",))
    examples: ClassVar[tuple[Example, ...]] = (
        outputs_example(
            _PACKAGE,
            "class Main {",
            "  public static void main(String[] args) {",
            '    System.out.println("::{\\"outputs\\": {\\"sum\\": 3}}::");',
            "  }",
            "}",
        ),
    )

    container_image: Property[str] | None = _IMAGE
    extension: Property[str] = Property.of(".java")
    """The end of the file's name; it tells JBang the language."""
    quiet: Property[bool] = Property.of(True)
    """Whether JBang itself is silent."""

    async def language_of(self, scene: Scene) -> Language:
        """As the properties say."""
        extension, quiet = await scene.render(self.extension), await scene.render(self.quiet)
        program = ("jbang", "--quiet") if quiet else ("jbang",)
        return self.language._replace(extension=extension or ".java", program=program)


class Commands(task.Commands):
    """Runs Java programs from the command line."""

    type: ClassVar[str] = _PACKAGE + "Commands"
    examples: ClassVar[tuple[Example, ...]] = (file_example(_PACKAGE, "jbang Main.java"),)

    container_image: Property[str] | None = _IMAGE
