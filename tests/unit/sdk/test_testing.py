"""Tasks run by themselves: what the tests of plugins are written with."""

import asyncio
import time
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import pytest

from segue.domain.encrypted import is_encrypted
from segue.domain.errors import FlowInvalidError
from segue.sdk import (
    Duration,
    LogLevel,
    NamespaceFiles,
    Output,
    OutputFiles,
    Property,
    RunContext,
    State,
    Task,
    TaskFailed,
)
from segue.sdk.testing import run_task, run_task_blocking

CORE = "io.kestra.plugin.core."


class Colour(StrEnum):
    RED = "RED"


class Greeting(Output):
    text: str
    password: Any = None
    uri: str | None = None


class Greet(Task, OutputFiles, NamespaceFiles):
    type: ClassVar[str] = "test.Greet"
    aliases: ClassVar[frozenset[str]] = frozenset({"test.OldGreet"})
    name: Property[str]
    colour: Property[Colour] = Property.of(Colour.RED)
    pause: Duration = timedelta()
    source: Property[str] | None = None

    async def run(self, context: RunContext) -> Greeting:
        name = await context.render(self.name)
        context.mask("hunter2")
        context.logger.info("greeting %s with hunter2", name)
        context.metrics.counter("names", 1, colour=str(await context.render(self.colour)))
        with context.insights.step("Greeting", name=name) as step:
            context.insights.text("note", "inside")
            await asyncio.sleep(self.pause.total_seconds())
            step.set(done=True)
        if name == "nobody":
            raise TaskFailed("nobody is here, hunter2", outputs={"text": "none"})
        (context.working_dir / "out.txt").write_text(f"Hello {name}")
        uri = None
        if self.source is not None:
            chunks = [chunk async for chunk in context.files.read(await context.render(self.source) or "")]
            uri = await context.files.write("copy", b"".join(chunks) * 2)
        return Greeting(text=f"Hello {name}", password=await context.encrypt("hunter2"), uri=uri)


class Block(Task):
    type: ClassVar[str] = "test.Block"

    def run(self, context: RunContext) -> None:
        while not context.is_stopped:
            time.sleep(0.01)


async def test_everything_a_task_does_is_in_the_outcome() -> None:
    result = await run_task(
        Greet(
            name="{{ inputs.who }} and {{ kv('other') }} and {{ outputs.before.name }}{{ vars.mark }}", pause="PT0.01S"
        ),
        variables={"inputs": {"who": "you"}, "outputs": {"before": {"name": "them"}}, "vars": {"mark": "!"}},
        kv={"other": "me"},
    )
    assert (result.state, result.message) == (State.SUCCESS, None)
    assert result.plain_outputs == {"text": "Hello you and me and them!", "password": "hunter2"}
    assert is_encrypted(result.outputs["password"])
    assert result.logs == [(LogLevel.INFO, "greeting you and me and them! with ******")]
    assert result.metrics == [("counter", "names", 1.0, {"colour": "RED"})]
    step, note = result.insights
    assert (step.name, step.state, step.content) == (
        "Greeting",
        "SUCCESS",
        {"name": "you and me and them!", "done": True},
    )
    assert (note.within, note.content) == ("Greeting", {"markdown": "inside"})
    assert result.kv == {"other": "me"}


async def test_files_go_in_and_out() -> None:
    result = await run_task(
        Greet(name="you", source="{{ inputs.data }}", output_files=["*.txt", "copied/*"], namespace_files={}),
        files={"data": b"ab" * 200_000},
        namespace_files={"copied/one.csv": b"1,2"},
    )
    assert result.state is State.SUCCESS, result.message
    assert result.files[result.outputs["uri"]] == b"ab" * 400_000
    stored = result.outputs["outputFiles"]
    assert result.files[stored["out.txt"]] == b"Hello you"
    assert result.files[stored["copied/one.csv"]] == b"1,2"


async def test_a_task_from_yaml_with_secrets() -> None:
    result = await run_task(
        f"type: {CORE}log.Log\nmessage: '{{{{ secret(\"TOKEN\") }}}} {{{{ flow.namespace }}}} {{{{ task.id }}}}'\nid: mine",
        secrets={"TOKEN": "s3cret"},
    )
    assert [line.message for line in result.logs] == ["****** company.team mine"]
    result = await run_task({"type": "TEST.oldgreet", "name": "you"}, plugins=[Greet])
    assert result.outputs["text"] == "Hello you"


async def test_failures_are_outcomes() -> None:
    result = await run_task(Greet(name="nobody"))
    assert (result.state, result.message) == (State.FAILED, "nobody is here, ******")
    assert result.outputs == {"text": "none"}
    result = await run_task(Greet(name="{{ nothing }}"))
    assert result.state is State.FAILED
    assert "nothing" in str(result.message)
    result = await run_task(Greet(name="{{ secret('NONE') }}"))
    assert result.state is State.FAILED


async def test_what_could_not_be_saved_in_a_flow_is_an_error() -> None:
    with pytest.raises(FlowInvalidError, match="colour"):
        await run_task({"type": "test.Greet", "name": "x", "colour": "BLUE"}, plugins=[Greet])
    with pytest.raises(FlowInvalidError, match="Invalid type"):
        await run_task({"type": "test.Nothing"})


def test_blocking_tests_and_kills() -> None:
    result = run_task_blocking(Block(), kill_after=timedelta(seconds=0.05))
    assert result.state is State.KILLED
    result = run_task_blocking({"type": "test.Block", "timeout": "PT0.05S"}, plugins=[Block])
    assert (result.state, result.message) == (State.FAILED, "Timeout after PT0.05S")


async def test_the_kv_store_can_be_written(tmp_path: Path) -> None:
    result = await run_task(
        f"{{type: {CORE}kv.Set, key: a, value: '{{{{ 1 + 1 }}}}', kvType: NUMBER}}", folder=str(tmp_path)
    )
    assert result.state is State.SUCCESS, result.message
    assert result.kv == {"a": 2}
    assert not await asyncio.to_thread(lambda: list(tmp_path.iterdir()))


async def test_large_outputs() -> None:
    result = await run_task({"type": f"{CORE}output.OutputValues", "values": {"text": "x" * 100_000}})
    assert result.outputs == {"values": {"text": "x" * 100_000}}
