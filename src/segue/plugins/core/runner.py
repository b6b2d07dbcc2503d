"""``io.kestra.plugin.core.runner`` (core plugins 14.1)."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import IO, Any, ClassVar

from segue.plugins.core.processes import Spawned
from segue.sdk import Example, LineSplitter, LocalProgram, RunContext, RunnerCommand, RunnerResult, Stream, TaskRunner

_SERVER_ONLY = ("SEGUE_", "KESTRA_", "SECRET_", "MICRONAUT_")
_CHUNK = 64 * 1024
_LINES_AT_ONCE = 200
_GRACE = 1.5
_OUTPUT_ENDS_WITHIN = 2.0


class Process(TaskRunner):
    """Runs commands as processes on the worker's machine.

    The working directory is the task's, the environment that of the worker without settings and secrets of the
    server. A killed task and one that is out of time get SIGTERM, and SIGKILL after a moment, with all processes they
    have started. What the command leaves running in its process group is ended with it.
    """

    type: ClassVar[str] = "io.kestra.plugin.core.runner.Process"

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            "Run a script without a container",
            "id: here\ntype: io.kestra.plugin.scripts.shell.Commands\n"
            "taskRunner:\n  type: io.kestra.plugin.core.runner.Process\n"
            "commands:\n  - echo 'I am on the machine of the worker'",
        ),
    )

    async def run(self, context: RunContext, command: RunnerCommand) -> RunnerResult:
        """Run the program to its end. See ``TaskRunner.run``."""
        program = await _started(command, _environment(command))
        code = 0
        try:
            async with asyncio.TaskGroup() as group:
                try:
                    reading = [
                        group.create_task(_follow(program.stdout, partial(_say, command, Stream.STDOUT), context)),
                        group.create_task(_follow(program.stderr, partial(_say, command, Stream.STDERR), context)),
                    ]
                    context.logger.debug("The command runs as process %d", program.pid)
                    await program.exited()
                    await _drain(reading, context)
                except asyncio.CancelledError:
                    await program.stop(_GRACE)
                    raise
                finally:
                    code = program.finish()
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return RunnerResult(code)


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of the worker that commands may see: all but those of the server and its secrets."""
    return {name: value for name, value in environ.items() if not name.upper().startswith(_SERVER_ONLY)}


def _environment(command: RunnerCommand) -> dict[str, str]:
    env = {**inherited(os.environ), **command.env, "WORKING_DIR": str(command.working_dir)}
    if command.output_dir is not None:
        env["OUTPUT_DIR"] = str(command.output_dir)
    return env


async def _started(command: RunnerCommand, env: Mapping[str, str]) -> LocalProgram:
    program = None if command.start is None else await command.start(command.working_dir, env)
    return program or Spawned.start(command.arguments, command.working_dir, env)


def _say(command: RunnerCommand, stream: Stream, line: str) -> None:
    command.on_line(stream, line, None)


async def _drain(reading: Sequence[asyncio.Task[Any]], context: RunContext) -> None:
    """Wait for the rest of the output: another process may hold the pipes, but not for long."""
    _, open_ones = await asyncio.wait(reading, timeout=_OUTPUT_ENDS_WITHIN)
    if open_ones:
        context.logger.warn("The command left processes running; they are ended, their output is not read any more")
    for task in open_ones:
        task.cancel()


async def _follow(pipe: IO[bytes], take: Callable[[str], None], context: RunContext) -> None:
    """Hand over the lines of a pipe as they come. Others get their turn between the lines of a large chunk, and the
    program waits while the worker has no room for its lines."""
    reader = asyncio.StreamReader(limit=_CHUNK)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    lines = LineSplitter()
    try:
        while chunk := await reader.read(_CHUNK):
            for number, line in enumerate(lines.feed(chunk), 1):
                take(line)
                if number % _LINES_AT_ONCE == 0:
                    await asyncio.sleep(0)
            await context.logger.wait_for_room()
    finally:
        transport.close()
        for line in lines.finish():
            take(line)
