"""Plugins that behave in the ways a worker has to cope with."""

import asyncio
import threading
import time
from contextlib import aclosing
from typing import Any, ClassVar

from segue.sdk import JobFiles, Output, Property, RunContext, State, Task, TaskFailed

RELEASE = threading.Event()
RUNS: dict[str, int] = {}


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


class Files(Task, JobFiles):
    """Reads and writes files of its working directory; ``write`` maps paths to texts, ``link`` makes links."""

    type: ClassVar[str] = "test.Files"
    write: Property[dict[str, str]] | None = None
    link: Property[dict[str, str]] | None = None
    fail: bool = False

    def run(self, context: RunContext) -> dict[str, Any]:
        folder = context.working_dir
        found = {
            str(path.relative_to(folder)): path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
        for name, text in (context.render_blocking(self.write) if self.write else None or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        for name, target in (context.render_blocking(self.link) if self.link else None or {}).items():
            (folder / name).symlink_to(target)
        if self.fail:
            raise TaskFailed("failed on purpose", State.FAILED, {"found": found})
        return {"found": found, "folder": str(folder)}


class Count(Task):
    """Fails until its file has as many lines as it wants, and counts how often it was run in ``RUNS``."""

    type: ClassVar[str] = "test.Count"
    succeeds_at: int = 1
    text: Property[str] = Property.of("")

    async def run(self, context: RunContext) -> dict[str, Any]:
        RUNS[context.task_run.task_id] = RUNS.get(context.task_run.task_id, 0) + 1
        file = context.working_dir / f"{context.task_run.task_id}.count"
        file.write_text((file.read_text() if file.exists() else "") + "x")
        if len(file.read_text()) < self.succeeds_at:
            raise TaskFailed("not yet")
        return {"count": len(file.read_text()), "text": await context.render(self.text)}


class Link(Task):
    """What the code of a script could do in its directory."""

    type: ClassVar[str] = "test.Link"
    target: str
    name: str

    def run(self, context: RunContext) -> None:
        (context.working_dir / self.name).symlink_to(self.target)


class UploadPath(Task):
    type: ClassVar[str] = "test.UploadPath"
    name: str

    async def run(self, context: RunContext) -> None:
        await context.namespace_files.write("stolen.txt", context.working_dir / self.name)


class Show(Task):
    """Shows what it does, in the way of ``how``."""

    type: ClassVar[str] = "test.Show"
    how: str

    async def run(self, context: RunContext) -> dict[str, Any] | None:
        return await getattr(self, f"_{self.how}")(context)

    async def _steps(self, context: RunContext) -> None:
        insights = context.insights
        with insights.step("outer", source="sales") as outer:
            async with insights.step("inner"):
                insights.table("rows", ["id", "name"], [(1, "a"), (2, None)])
            outer.set(rows=2)
            insights.text("note", "*two* rows")
            with insights.step("broken"):
                insights.link("site", "https://example.org/")
                raise ValueError("broken")

    async def _wait(self, context: RunContext) -> None:
        with context.insights.step("waiting") as step:
            while not RELEASE.is_set():  # noqa: ASYNC110  released by the test
                await asyncio.sleep(0.005)
            step.set(waited=True)

    async def _secret(self, context: RunContext) -> None:
        context.mask("hunter2")
        context.mask("12345")
        insights = context.insights
        with insights.step("hunter2", hunter2="hunter2", nested=[{"a": "is hunter2"}], number=12345) as step:
            step.set(more="x" * 998 + "hunter2")
        insights.table("hunter2", ["hunter2"], [["hunter2"]])
        insights.link("hunter2", "https://u:hunter2@example.org/")
        insights.text("hunter2", "hunter2")
        insights.progress(12345, 123456, "hunter2")

    async def _encrypt(self, context: RunContext) -> dict[str, Any]:
        password = await context.encrypt("hunter2")
        context.logger.info("the password is %s", "hunter2")
        other = await asyncio.to_thread(context.encrypt_blocking, "hunter2")
        texts = {await context.decrypt(password), await context.decrypt(other["value"])}
        return {"password": password, "other": other, "same": texts == {"hunter2"} and password != other}

    async def _decrypt(self, context: RunContext) -> dict[str, Any]:
        return {"text": await context.decrypt("hunter2")}


class Peek(Task):
    """Reads the beginning of a file and no more."""

    type: ClassVar[str] = "test.Peek"
    uri: str

    async def run(self, context: RunContext) -> dict[str, Any]:
        async with aclosing(context.files.read(self.uri)) as chunks:
            async for chunk in chunks:
                return {"size": len(chunk)}
        return {}
