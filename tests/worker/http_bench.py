"""Runs single HTTP tasks in the whole of executor, controller and worker, against servers of the test."""

import contextlib
import json
from typing import Any, NamedTuple

from tests.web import Web, serving
from whole import open_whole

from segue.domain.execution.state import State

CORE = "io.kestra.plugin.core."


class Ended(NamedTuple):
    state: State
    outputs: dict[str, Any]
    lines: list[str]

    @property
    def echo(self) -> Any:
        """What the server saw, as it said in its answer."""
        return json.loads(self.outputs["body"])

    @property
    def error(self) -> str:
        assert self.state is State.FAILED, self.outputs
        return self.lines[-1].removeprefix("ERROR ")


class Bench:
    def __init__(self, whole: Any, web: Web) -> None:
        self.whole = whole
        self.web = web

    async def task(self, kind: str, path: str = "", **properties: Any) -> Ended:
        """Run one task; ``path`` is of the server."""
        task = {"id": "t", "type": CORE + "http." + kind} | properties
        if path:
            task["uri"] = self.web.url + path
        return await self.flow(task)

    async def flow(self, *tasks: dict[str, Any]) -> Ended:
        """Run tasks one after the other; what the last of them gave."""
        row, runs = await self.whole.run("".join(f"  - {json.dumps(task)}\n" for task in tasks))
        run = runs[tasks[-1]["id"]]
        lines = await self.whole.stage.lines(run.id)
        outputs = {}
        if run.outputs is not None and run.outputs.uri:
            outputs = json.loads(await self.content(run.outputs.uri))
        elif run.outputs is not None:
            outputs = await self.whole.stage.outputs(run.id)
        return Ended(row.state, outputs, lines)

    async def request(self, path: str = "/echo", **properties: Any) -> Ended:
        return await self.task("Request", path, **properties)

    async def download(self, path: str, **properties: Any) -> Ended:
        return await self.task("Download", path, **properties)

    async def events(self, path: str, **properties: Any) -> Ended:
        return await self.task("SseRequest", path, **properties)

    async def content(self, uri: str) -> bytes:
        return b"".join([chunk async for chunk in self.whole.stage.storage.get("main", uri)])

    def metrics(self, name: str) -> list[Any]:
        return [metric for metric in self.whole.stage.jobs.metrics if metric.name == name]


@contextlib.asynccontextmanager
async def open_bench(folder):
    async with open_whole(folder) as whole:
        with serving(Web()) as web:
            yield Bench(whole, web)
