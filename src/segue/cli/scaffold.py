"""The beginning of a plugin: the files that ``segue plugins new`` writes."""

import re
from pathlib import Path
from string import Template

from segue.domain.errors import AlreadyExistsError, SegueError

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_PREFIX = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*")
_LONGEST = 60

_PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "Tasks of $group for Segue"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["segue"]

[project.optional-dependencies]
test = ["pytest>=8"]

# The name is the beginning of the types, the value the package that holds them.
[project.entry-points."segue.plugins"]
"$group" = "$package"

[tool.hatch.build.targets.wheel]
packages = ["src/$package"]
"""

_README = """\
# $distribution

Tasks for Segue: `$group.Greet`.

```
python -m pip install -e '.[test]'
python -m pytest
segue plugins doc $group.Greet
segue run examples/greet.yaml
```

Install it where the servers and workers are installed; they find it by its entry point. How to go on: see
"Write a plugin" in the guides of Segue.
"""

_INIT = '''\
"""Tasks of $group."""
'''

_TASK = '''\
"""Greetings."""

from typing import ClassVar

from pydantic import Field

from segue.sdk import Example, Output, Property, RunContext, Task, TaskFailed


class Greeting(Output):
    """What a greeting gives."""

    text: str
    """The greeting."""


class Greet(Task):
    """Greet somebody.

    The first paragraph is the title, what follows the description in the documentation.
    """

    type: ClassVar[str] = "$group.Greet"
    examples: ClassVar[tuple[Example, ...]] = (
        Example("Greet the user", 'id: greet\\ntype: $group.Greet\\nname: "{{ inputs.user }}"'),
    )

    name: Property[str]
    """Whom to greet. A property may be an expression; it is rendered when the task runs."""
    times: Property[int] = Field(default=Property.of(1))
    """How often."""

    async def run(self, context: RunContext) -> Greeting:
        """Log and return the greeting."""
        name = await context.render(self.name)
        times = await context.render(self.times) or 1
        if not name:
            raise TaskFailed("There is nobody to greet: `name` is empty")
        text = f"Hello {name}"
        with context.insights.step("Greeting", times=times):
            for _ in range(times):
                context.logger.info("%s", text)
        context.metrics.counter("greetings", times)
        return Greeting(text=text)
'''

_TEST = '''\
"""Run the tasks as a worker does, without a server."""

from segue.sdk import State
from segue.sdk.testing import run_task_blocking
from $package.greet import Greet


def test_it_greets() -> None:
    result = run_task_blocking(Greet(name="{{ inputs.user }}", times=2), variables={"inputs": {"user": "you"}})
    assert result.state is State.SUCCESS
    assert result.outputs == {"text": "Hello you"}
    assert [line.message for line in result.logs] == ["Hello you", "Hello you"]
    assert [(step.name, step.state) for step in result.insights] == [("Greeting", "SUCCESS")]


def test_without_a_name_it_fails() -> None:
    result = run_task_blocking(Greet(name="{{ inputs.user }}"), variables={"inputs": {"user": ""}})
    assert (result.state, result.message) == (State.FAILED, "There is nobody to greet: `name` is empty")


def test_it_is_found_by_its_type() -> None:
    """Needs the package to be installed (`pip install -e .`): the type is looked up as a server does."""
    result = run_task_blocking({"type": "$group.Greet", "name": "you"})
    assert result.state is State.SUCCESS
'''

_FLOW = """\
id: greet
namespace: company.team
inputs:
  - id: user
    type: STRING
    defaults: you
tasks:
  - id: greet
    type: $group.Greet
    name: "{{ inputs.user }}"
"""


def write(folder: Path, name: str, prefix: str) -> list[Path]:
    """Write a plugin called ``name`` whose types begin with ``prefix``; the files.

    Raises ``SegueError`` for names that cannot be, and ``AlreadyExistsError`` for a folder that holds something.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise SegueError(f"{name[:80]!r} cannot be the name of a plugin: use small letters, digits and hyphens")
    if not _PREFIX.fullmatch(prefix):
        raise SegueError(f"{prefix[:80]!r} cannot begin a type: use small letters, digits and dots, as in org.example")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AlreadyExistsError(f"{folder} is there already and not an empty folder")
    word = name.replace("-", "_")
    package = word if word.startswith("segue_") else f"segue_{word}"
    words = {"distribution": package.replace("_", "-"), "package": package, "group": f"{prefix}.{word.lower()}"}
    files = {
        "pyproject.toml": _PROJECT,
        "README.md": _README,
        f"src/{package}/__init__.py": _INIT,
        f"src/{package}/greet.py": _TASK,
        "tests/test_greet.py": _TEST,
        "examples/greet.yaml": _FLOW,
    }
    written = []
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(file)
    return written
