"""Triggers that run a script and look at what it says (core plugins 17.8)."""

from abc import abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import regex

from segue.plugins.core.runner import Process
from segue.plugins.scripts.task import Commands, Script, ScriptOutput, Text
from segue.sdk import AnyTaskRunner, Output, PollingTrigger, Property, TaskFailed, TriggerContext
from segue.sdk.property import json_text

_EXIT = regex.compile(r"\s*exit\s+(\d+)\s*", regex.IGNORECASE)
_SECONDS = 1.0
_MATCHED = "matched"


class ScriptTriggerOutput(Output):
    """``condition`` is the one that was met, ``vars`` are the outputs that the program printed."""

    timestamp: datetime
    condition: str
    exit_code: int
    vars: dict[str, Any]


class _Watching(PollingTrigger):
    """What the triggers have in common."""

    task_runner: AnyTaskRunner = Process()
    """Where it runs; a process on the worker's machine unless said otherwise."""
    container_image: Property[str] | None = None
    """The image, for task runners that run containers; that of the language's tasks unless given."""
    exit_condition: Property[str]
    """`exit 0` compares the exit code; anything else is a regular expression that is searched in the outputs of the
    program, printed as `{name=value, ...}`. An empty one is never met."""
    edge: Property[bool] = Property.of(True)
    """Whether it fires only when the condition is met and was not at the look before, else at each look."""

    @abstractmethod
    def work(self) -> Script | Commands:
        """The task that is run."""

    def shared(self) -> dict[str, Any]:
        """Properties that the task has too."""
        found: dict[str, Any] = {"task_runner": self.task_runner}
        return found if self.container_image is None else {**found, "container_image": self.container_image}

    async def poll(self, context: TriggerContext) -> ScriptTriggerOutput | None:
        """Run it and look. Raises ``TaskFailed`` when it cannot be run, and ``TimeoutError`` for a regular expression
        that takes too long."""
        condition = await context.render(self.exit_condition) or ""
        try:
            output = await self.work().run(context)
        except TaskFailed as failure:
            if not isinstance(failure.outputs, ScriptOutput):
                raise
            output = failure.outputs
        is_met = meets(condition, output.exit_code, output.vars)
        was_met = context.memory.get(_MATCHED) is True
        if is_met != was_met:
            context.remember({_MATCHED: is_met})
        if not is_met or (was_met and await context.render(self.edge) is not False):
            return None
        return ScriptTriggerOutput(
            timestamp=datetime.now(UTC), condition=condition, exit_code=output.exit_code, vars=output.vars
        )


class ScriptTrigger(_Watching):
    """Base of the triggers that run a program text of a language."""

    task: ClassVar[type[Script]]

    script: Property[str]
    """The text of the program."""

    def work(self) -> Script:
        """The task."""
        return self.task.model_construct(**self.shared(), script=self.script)


class CommandsTrigger(_Watching):
    """Base of the triggers that run commands."""

    task: ClassVar[type[Commands]]

    commands: Property[list[Text]]
    """The commands, run in one shell."""

    def work(self) -> Commands:
        """The task."""
        return self.task.model_construct(**self.shared(), commands=self.commands)


def meets(condition: str, exit_code: int, variables: Mapping[str, Any]) -> bool:
    """Whether a condition holds for the end of a program. Raises ``TimeoutError``."""
    if not condition:
        return False
    wanted = _EXIT.fullmatch(condition)
    if wanted is not None:
        return int(wanted[1]) == exit_code
    text = printed(variables)
    try:
        return regex.search(condition, text, timeout=_SECONDS) is not None
    except regex.error:
        return condition in text


def printed(value: Any) -> str:
    """A map as ``{name=value, ...}``, a list as ``[value, ...]``, all else as in JSON but for the quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}={printed(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(printed, value)) + "]"
    return value if isinstance(value, str) else json_text(value)
