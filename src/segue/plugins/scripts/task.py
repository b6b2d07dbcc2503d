"""What all script tasks have in common (core plugins 17.1 to 17.5)."""

import os
import shlex
import shutil
import signal
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BeforeValidator, Field, model_validator
from pydantic.config import JsonDict

from segue.plugins.core.runner import Process, inherited
from segue.plugins.scripts.command import Shell, arguments, is_too_long, sourced
from segue.plugins.scripts.legacy_runner import with_task_runner
from segue.plugins.scripts.messages import MOST_OUTPUT_BYTES, Listener
from segue.plugins.scripts.scene import Scene
from segue.sdk import (
    AnyTaskRunner,
    JobFiles,
    Output,
    Property,
    RunContext,
    RunnerCommand,
    RunnerResult,
    Start,
    Task,
    TaskFailed,
)
from segue.sdk.property import json_text

DEPRECATED: JsonDict = {"deprecated": True, "$deprecated": True}
"""Marks a property of old in the JSON schema."""


def _as_text(value: Any) -> Any:
    return json_text(value) if isinstance(value, bool | int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]
"""A text; numbers and truth values of the YAML are taken as texts too."""


class TargetOS(StrEnum):
    """The system that the commands are for."""

    LINUX = "LINUX"
    WINDOWS = "WINDOWS"
    AUTO = "AUTO"


class LegacyRunner(StrEnum):
    """Where commands ran before there were task runners."""

    PROCESS = "PROCESS"
    DOCKER = "DOCKER"


class ScriptOutput(Output):
    """What the program gave: ``vars`` from its output lines, its exit code, files, details of the task runner."""

    vars: dict[str, Any]
    exit_code: int
    output_files: dict[str, str] | None = None
    task_runner: dict[str, Any] | None = None


class Language(NamedTuple):
    """How the scripts of a language are run.

    ``program`` and its first arguments come before the path of the script. On the worker's machine the first of
    ``local_programs`` that is there takes the place of the program.
    """

    extension: str
    program: tuple[str, ...]
    local_programs: tuple[str, ...] = ()
    prologue: str = ""


class ScriptTask(Task, JobFiles):
    """Base of the tasks that run programs. A subclass says what the commands are."""

    default_env: ClassVar[Mapping[str, str]] = {}
    """Variables of the environment that the task's own ``env`` wins over."""
    fail_fast_line: ClassVar[str] = "set -e"
    """What makes the shell end at the first command that fails."""
    preparation: ClassVar[tuple[str, ...]] = ()
    """Commands that run before ``beforeCommands``."""

    before_commands: Property[list[Text]] | None = None
    """Commands to run before, in the same shell. Their output is logged at `DEBUG`."""
    interpreter: Property[list[Text]] = Property.of(["/bin/sh", "-c"])
    """The program that reads the commands, and its arguments. Empty: the commands are one program with arguments."""
    task_runner: AnyTaskRunner = Process()
    """Where the commands run; a process on the worker's machine unless said otherwise."""
    container_image: Property[str] | None = None
    """The image, for task runners that run containers."""
    env: Property[dict[str, Text | None]] | None = None
    """Variables of the environment."""
    fail_fast: Property[bool] = Property.of(True)
    """Whether the first command that fails ends the task; else the last one decides."""
    target_os: Property[TargetOS] = Field(Property.of(TargetOS.AUTO), alias="targetOS")
    """The system the commands are for."""
    output_directory: Property[bool] | None = Field(None, json_schema_extra=DEPRECATED)
    """Deprecated, use `outputFiles`. Whether all files in the folder `{{ outputDir }}` are stored."""
    warning_on_std_err: Property[bool] | None = Field(None, json_schema_extra=DEPRECATED)
    """Deprecated, has no effect."""
    runner: LegacyRunner | None = Field(None, json_schema_extra=DEPRECATED)
    """Deprecated, use `taskRunner`."""
    docker: dict[str, Any] | None = Field(None, json_schema_extra=DEPRECATED)
    """Deprecated, use `taskRunner` and `containerImage`. Properties of the Docker task runner, and `image`."""

    @model_validator(mode="before")
    @classmethod
    def _modernised(cls, data: Any) -> Any:
        return with_task_runner(data) if isinstance(data, Mapping) else data

    @abstractmethod
    async def commands_of(self, scene: Scene) -> list[str]:
        """The commands, rendered, with the files they name in place."""

    async def environment_of(self, scene: Scene) -> dict[str, str]:
        """Variables of the environment, beside those of the task runner."""
        own = None if self.env is None else await scene.render(self.env)
        return {**self.default_env, **{name: value for name, value in (own or {}).items() if value is not None}}

    @asynccontextmanager
    async def prepared(self, scene: Scene) -> AsyncIterator[None]:  # noqa: ARG002  some languages need it
        """Have what the language needs beside its program, while the command runs; the scene is told of it."""
        yield

    async def start_of(
        self,
        scene: Scene,  # noqa: ARG002  same
        shell: Shell,  # noqa: ARG002  same
        before: Sequence[str],  # noqa: ARG002  same
        env: Mapping[str, str],  # noqa: ARG002  same
    ) -> Start | None:
        """A faster way to start the command than by its arguments, if there is one."""
        return None

    async def run(self, context: RunContext) -> ScriptOutput:
        """Run the commands. Raises ``TaskFailed``, with outputs, when they end with another code than 0."""
        has_output_dir = self.runner is not None
        if self.output_directory is not None:
            has_output_dir = bool(await context.render(self.output_directory))
        scene = Scene(context, self.task_runner, has_output_dir=has_output_dir)
        if self.output_files is not None:
            scene.name_outputs(await context.render(self.output_files) or [])
        listener = Listener(context)
        try:
            async with self.prepared(scene):
                command = await self._command(scene, listener)
                with context.insights.step("Command", runner=self.task_runner.type) as step:
                    result = await self.task_runner.run(context, command)
                    out, err = listener.counts.values()
                    step.set(exitCode=result.exit_code, stdoutLines=out, stderrLines=err)
                    files = await scene.collect_output_dir(is_success=result.exit_code == 0)
                    return _checked(context, listener, result, files)
        finally:
            await scene.clear()

    async def _command(self, scene: Scene, listener: Listener) -> RunnerCommand:
        image = ""
        if self.task_runner.needs_image:
            image = await scene.render(self.container_image) or ""
        elif "container_image" in self.model_fields_set:
            scene.context.logger.debug("`containerImage` is not used by %s", self.task_runner.type)
        env = {**await self.environment_of(scene), **scene.env}
        shell = await self._shell(scene)
        before = [] if self.before_commands is None else await scene.render(self.before_commands) or []
        before = [*self.preparation, *[await scene.with_files(each) for each in before]]
        whole = arguments(shell, before, await self.commands_of(scene))
        if shell.interpreter and is_too_long(whole[-1]):
            whole[-1] = sourced(await scene.write(whole[-1], ".ps1" if "pwsh" in shell.interpreter[0] else ".sh"))
        return RunnerCommand(
            arguments=tuple(whole),
            working_dir=scene.folder,
            on_line=listener.take,
            env=env,
            image=image,
            output_files=scene.output_patterns,
            output_dir=scene.output_dir,
            start=await self.start_of(scene, shell, before, env),
        )

    async def _shell(self, scene: Scene) -> Shell:
        system = await scene.render(self.target_os) or TargetOS.AUTO
        is_windows = system is TargetOS.WINDOWS or (system is TargetOS.AUTO and os.name == "nt")
        fails_fast = await scene.render(self.fail_fast)
        line = self.fail_fast_line if fails_fast is not False else ""
        if is_windows and line == ScriptTask.fail_fast_line:
            line = ""
        return Shell(tuple(await scene.render(self.interpreter) or ()), line, is_windows)


class Commands(ScriptTask):
    """Base of the tasks that run commands."""

    commands: Property[list[Text]]
    """The commands, run in one shell."""

    async def commands_of(self, scene: Scene) -> list[str]:
        """The commands as they are written."""
        return [await scene.with_files(each) for each in await scene.render(self.commands) or []]


class Script(ScriptTask):
    """Base of the tasks that run a program text of a language."""

    language: ClassVar[Language]

    script: Property[str]
    """The text of the program."""

    async def commands_of(self, scene: Scene) -> list[str]:
        """The program of the language, with the text in a file. Raises ``TaskFailed`` without a text."""
        language = await self.language_of(scene)
        scene.script = await scene.write(language.prologue + await self.text_of(scene), language.extension)
        return [" ".join([*await self.program_of(scene, language), scene.script])]

    async def text_of(self, scene: Scene) -> str:
        """The text, rendered. Raises ``TaskFailed`` when there is none."""
        text = await scene.render(self.script)
        if text is None:
            raise TaskFailed("script: must not be null")
        return await scene.with_files(text)

    async def language_of(self, scene: Scene) -> Language:  # noqa: ARG002  some languages depend on properties
        """How the text is run."""
        return self.language

    async def program_of(self, scene: Scene, language: Language) -> tuple[str, ...]:
        """The program and its first arguments, as words of the shell."""
        first, *more = language.program
        if scene.program is not None:
            first = shlex.quote(scene.program)
        elif not scene.runner.needs_image:
            path = (await self.environment_of(scene)).get("PATH") or inherited(os.environ).get("PATH")
            found = (name for name in language.local_programs if shutil.which(name, path=path))
            first = next(found, first)
        return (first, *more)


def _checked(
    context: RunContext, listener: Listener, result: RunnerResult, files: Mapping[str, str] | None
) -> ScriptOutput:
    output = ScriptOutput(
        vars=listener.vars,
        exit_code=result.exit_code,
        output_files=None if files is None else dict(files),
        task_runner=None if result.detail is None else dict(result.detail),
    )
    failure = failure_of(context, listener, result.exit_code)
    if failure is not None:
        raise TaskFailed(failure, outputs=output)
    return output


def failure_of(context: RunContext, listener: Listener, code: int) -> str | None:
    """Why a command that has ended has failed; None when it has not."""
    if code != 0:
        _explain(context, code)
        return f"Command failed with exit code {code}"
    if listener.has_too_much:
        return f"The outputs of the script are larger than {MOST_OUTPUT_BYTES // 1024**2} MiB: use `outputFiles`"
    return None


def _explain(context: RunContext, code: int) -> None:
    """Say what an exit code means that tells of a signal."""
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return
    reason = "; perhaps there was not enough memory" if name == "SIGKILL" else ""
    context.logger.warn("Exit code %d: the command was ended by %s%s", code, name, reason)
