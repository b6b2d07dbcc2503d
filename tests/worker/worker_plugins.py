"""Plugins that behave in the ways a worker has to cope with."""

import asyncio
import threading
import time
from typing import Any, ClassVar

from segue.sdk import Output, Property, RunContext, State, Task, TaskFailed

RELEASE = threading.Event()


class Wait(Task):
    type: ClassVar[str] = "test.Wait"
    seconds: Property[float] = Property.of(60.0)

    async def run(self, context: RunContext) -> dict[str, Any]:
        context.logger.info("waiting")
        await asyncio.sleep(await context.render(self.seconds) or 0)
        context.logger.info("waited")
        return {"done": True}


class Block(Task):
    """Blocks its thread until released, or until it hears that it should stop."""

    type: ClassVar[str] = "test.Block"

    def run(self, context: RunContext) -> None:
        while not RELEASE.is_set() and not context.is_stopped:
            time.sleep(0.005)


class Stubborn(Task):
    type: ClassVar[str] = "test.Stubborn"

    def run(self, context: RunContext) -> None:
        RELEASE.wait(30)


class Big(Task):
    type: ClassVar[str] = "test.Big"
    size: int

    async def run(self, context: RunContext) -> dict[str, Any]:
        return {"text": "x" * self.size}


class Chatty(Task):
    type: ClassVar[str] = "test.Chatty"
    lines: int
    pause: float = 0.0

    def run(self, context: RunContext) -> None:
        for number in range(self.lines):
            context.logger.info("line %d", number)
            if self.pause:
                time.sleep(self.pause)


class Raise(Task):
    type: ClassVar[str] = "test.Raise"
    kind: str = "plain"

    def run(self, context: RunContext) -> Output:
        context.mask("hunter2")
        if self.kind == "exit":
            raise SystemExit(3)
        if self.kind == "warning":
            raise TaskFailed("half done", State.WARNING, {"rows": 3})
        raise ValueError("no way with hunter2")


class Store(Task):
    type: ClassVar[str] = "test.Store"

    async def run(self, context: RunContext) -> dict[str, Any]:
        uri = await context.files.write("data.bin", b"abc" * 100_000)
        content = b"".join([chunk async for chunk in context.files.read(uri)])
        return {"uri": uri, "size": len(content)}


class Copy(Task):
    type: ClassVar[str] = "test.Copy"
    uri: Property[str]

    def run(self, context: RunContext) -> dict[str, Any]:
        return {"size": len(context.files.read_blocking(context.render_blocking(self.uri) or ""))}


class Context(Task):
    type: ClassVar[str] = "test.Context"
    values: Property[dict[str, Any]]

    async def run(self, context: RunContext) -> dict[str, Any]:
        return await context.render(self.values) or {}
