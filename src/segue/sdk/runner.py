"""Task runners: where the command of a script-like task runs (core plugins 14).

A script task hands over a ``RunnerCommand`` and gets a ``RunnerResult``; whether a process on the worker's machine, a
container or a job of a cloud lies between, it does not know.

.. code-block:: python

    class Nowhere(TaskRunner):
        type = "org.example.Nowhere"

        async def run(self, context: RunContext, command: RunnerCommand) -> RunnerResult:
            command.on_line(Stream.STDOUT, "pretended to run " + " ".join(command.arguments), None)
            return RunnerResult(exit_code=0)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from segue.sdk.context import RunContext
from segue.sdk.task import Example


class Stream(StrEnum):
    """Where a line was written to."""

    STDOUT = "STDOUT"
    STDERR = "STDERR"


OnLine = Callable[[Stream, str, datetime | None], None]
"""Takes a line without its end, in order within its stream, and when it was written if the runner knows. Called in the
worker's loop."""


@dataclass(frozen=True)
class RunnerCommand:
    """What is to run, already rendered.

    ``arguments`` is the whole command: program and arguments, no shell around it. ``env`` comes on top of what the
    runner gives. ``working_dir`` is the folder on the worker, with the input files in it; every file that
    ``output_files`` (patterns) match has to be there when ``run`` returns, also after a failing exit code.
    """

    arguments: tuple[str, ...]
    working_dir: Path
    on_line: OnLine
    env: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    output_files: tuple[str, ...] = ()
    output_dir: Path | None = None


class RunnerResult(NamedTuple):
    """How the command ended. ``detail`` becomes the output ``taskRunner``, such as the id of a container."""

    exit_code: int
    detail: Mapping[str, Any] | None = None


class TaskRunner(BaseModel):
    """Base of all task runners. Its fields are its properties, camelCase in YAML; an instance is shared by all runs."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        coerce_numbers_to_str=True,
    )

    type: ClassVar[str]
    """The type's name in flows."""
    aliases: ClassVar[frozenset[str]] = frozenset()
    """Older names, matched whatever their case."""
    examples: ClassVar[tuple[Example, ...]] = ()
    """Shown in the documentation and in the editor."""
    needs_image: ClassVar[bool] = False
    """Whether the command runs in an image, so that programs on the worker's machine do not matter."""

    def seen_as(self, working_dir: Path) -> PurePosixPath:
        """Where the command finds ``working_dir``: the same path unless it runs elsewhere."""
        return PurePosixPath(working_dir.as_posix())

    async def run(self, context: RunContext, command: RunnerCommand) -> RunnerResult:
        """Run the command to its end.

        Cancelled when the task is killed or out of time: then everything it started is to be stopped, with all
        descendants, before the cancellation is passed on. Raises ``TaskFailed`` when the command cannot be started.
        """
        raise NotImplementedError(f"{type(self).__name__} has no run method")
