"""Tasks: the properties of a plugin and the code it runs."""

from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from segue.domain.errors import SegueError
from segue.domain.execution.state import State
from segue.sdk.context import RunContext


class Example(NamedTuple):
    """A use of a plugin: what it shows, and the YAML of a whole task."""

    title: str
    code: str


class Output(BaseModel):
    """Outputs of a task: the fields by their camelCase names; those that are None are left out."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


TaskResult: TypeAlias = Output | Mapping[str, Any] | None
"""What ``run`` may return. A mapping is taken as it is, without its None values."""


class TaskFailed(SegueError):  # noqa: N818 - named after the event, as plugin authors raise it
    """Ends a task in ``state``: FAILED, or another end such as WARNING; ``outputs`` are kept.

    Raises ``ValueError`` when ``state`` is none that an attempt can end in.
    """

    def __init__(self, message: str, state: State = State.FAILED, outputs: TaskResult = None) -> None:
        if state not in _ENDS:
            raise ValueError(f"a task cannot end in the state {state}")
        super().__init__(message)
        self.state = state
        self.outputs = outputs


_ENDS = frozenset({State.SUCCESS, State.WARNING, State.FAILED, State.KILLED, State.CANCELLED, State.SKIPPED})


class Task(BaseModel):
    """Base of all runnable tasks (flow language 8). Its fields are its properties, camelCase in YAML.

    An instance belongs to a task of one revision of a flow and serves all of its runs, at the same time
    too: keep nothing of a run in it. The properties every task has (``id``, ``retry``, ``timeout`` ...)
    are not among the fields; the id is in ``context.task_run``.
    """

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
    icon: ClassVar[str] = ""
    """An SVG picture, shown beside the task."""
    deprecated: ClassVar[str] = ""
    """When the type should not be used any more: what to use instead."""
    instant: ClassVar[bool] = False
    """An async ``run`` that computes and logs, and waits for nothing but ``context.render``. It is run at
    once within the worker's loop, without a timeout and without a chance to kill it."""

    def run(self, context: RunContext) -> Awaitable[TaskResult] | TaskResult:
        """Do the work: as ``async def`` in the worker's loop, or as ``def`` in a thread of its own.

        Any exception ends the attempt as FAILED with its text as message; ``TaskFailed`` says more.
        """
        raise NotImplementedError(f"{type(self).__name__} has no run method")
