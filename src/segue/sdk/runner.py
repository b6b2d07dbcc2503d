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

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import IO, Annotated, Any, ClassVar, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidationInfo
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from segue.domain.errors import UnavailableError
from segue.sdk.context import RunContext
from segue.sdk.task import Example


class Stream(StrEnum):
    """Where a line was written to."""

    STDOUT = "STDOUT"
    STDERR = "STDERR"


OnLine = Callable[[Stream, str, datetime | None], None]
"""Takes a line without its end, in order within its stream, and when it was written if the runner knows. Called in the
worker's loop."""


class LocalProgram(Protocol):
    """A program that runs on the worker's machine, in a process group of its own."""

    @property
    def pid(self) -> int:
        """The process."""

    @property
    def stdout(self) -> IO[bytes]:
        """What it writes to the standard output."""

    @property
    def stderr(self) -> IO[bytes]:
        """What it writes to the standard error output."""

    async def exited(self) -> None:
        """Return when it has ended."""

    async def stop(self, grace: float) -> None:
        """Ask it and its descendants to end, and end those that have not within ``grace`` seconds."""

    def finish(self) -> int:
        """End what is left of it, and give its exit code; to be called in the end, whatever happens."""


Start = Callable[[Path, Mapping[str, str]], Awaitable[LocalProgram | None]]
"""Starts a command in a folder with these variables and no others; None when it has to be started in another way."""


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
    start: Start | None = None
    """A faster way to start the same command, for runners that start processes on the worker's machine."""


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


RUNNER_MARK = "$taskRunner"
"""Marks the places of a JSON schema where any task runner may stand."""

_TYPES = "runner_types"
_IS_STORED = "is_stored"


class RunnerTypes(Protocol):
    """The look-up of task runners."""

    def find_runner(self, type_name: str) -> type[TaskRunner] | None:
        """The class of a type or alias, None if there is none. Raises ``UnavailableError``."""


def validation_context(types: RunnerTypes, *, is_stored: bool = False) -> dict[str, Any]:
    """What the validation of a plugin has to be given as ``context`` for its task runners to be found.

    ``is_stored``: the flow was checked when it was saved; properties that its runners do not know are read past.
    """
    return {_TYPES: types, _IS_STORED: is_stored}


class _Chosen:
    """Reads a map by its ``type``. Faults get the paths they have in the flow."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(_read_runner)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        kind = {"type": "string", "description": "The type of the task runner.", "$required": True}
        return {"type": "object", "properties": {"type": kind}, "required": ["type"], RUNNER_MARK: True}


AnyTaskRunner = Annotated[TaskRunner, _Chosen()]
"""The type of a property that takes a task runner of any type. Needs ``validation_context``."""


def _read_runner(value: Any, info: ValidationInfo) -> TaskRunner:
    if isinstance(value, TaskRunner):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("dict_type", "must be an object")
    name = value.get("type")
    if not isinstance(name, str) or not name:
        raise _fault_of_type("must not be null" if name is None else "must be a text")
    context = info.context or {}
    if _TYPES not in context:
        raise ValueError("a task runner cannot be looked up here: the validation was given no context")
    try:
        kind = context[_TYPES].find_runner(name)
    except UnavailableError as error:
        raise _fault_of_type(error.message) from error
    if kind is None:
        raise _fault_of_type(f"Invalid type: {name[:200]}")
    properties = {key: item for key, item in value.items() if key != "type"}
    if context[_IS_STORED]:
        known = {field.alias or name for name, field in kind.model_fields.items()}
        properties = {key: item for key, item in properties.items() if key in known}
    found: TaskRunner = kind.model_validate(properties, by_alias=True, by_name=False, context=context)
    return found


def _fault_of_type(message: str) -> ValidationError:
    error = PydanticCustomError("task_runner", "{reason}", {"reason": message})
    return ValidationError.from_exception_data("task runner", [InitErrorDetails(type=error, loc=("type",), input=None)])
