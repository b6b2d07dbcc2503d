"""Server-sent events over a real web server, read the way clients read them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.execution.state import State
from segue.ports.queue import Channel
from tests.api.conftest import Server, flow, serving
from tests.api.test_executions import finish

Event = tuple[str, dict[str, Any]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server whose client speaks to it through a socket."""
    async with serving(tmp_path) as running, listening(running) as url, httpx.AsyncClient(base_url=url) as client:
        running.client = client
        yield running


@asynccontextmanager
async def listening(running: Server) -> AsyncIterator[str]:
    config = uvicorn.Config(running.app, port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    web = uvicorn.Server(config)
    task = asyncio.create_task(web.serve())
    while not web.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = web.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        web.should_exit = True
        await task


async def events(client: httpx.AsyncClient, path: str) -> AsyncIterator[Event]:
    """The events of a stream until the server ends it."""
    async with client.stream("GET", path, timeout=10) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        name = ""
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                name = line[4:]
            elif line.startswith("data: "):
                yield name, json.loads(line[6:])


async def test_an_execution_is_followed_to_its_end(server: Server) -> None:
    await server.save(flow())
    created = await server.run()
    stream = events(server.client, f"/api/v1/main/executions/{created['id']}/follow")
    name, first = await anext(stream)
    assert (name, first["state"]["current"]) == ("progress", "CREATED")
    await finish(server, created["id"])
    await server.queue.broadcast(Channel.EXECUTIONS, [created["id"]])
    name, last = await asyncio.wait_for(anext(stream), 1.5)
    assert (name, last["state"]["current"]) == ("end", "SUCCESS")
    assert await anext(stream, None) is None


async def test_a_lost_message_costs_two_seconds(server: Server) -> None:
    await server.save(flow())
    created = await server.run()
    stream = events(server.client, f"/api/v1/main/executions/{created['id']}/follow")
    await anext(stream)
    await finish(server, created["id"], State.FAILED)
    name, _ = await asyncio.wait_for(anext(stream), 4)
    assert name == "end"


async def test_an_ended_execution_has_one_event(server: Server) -> None:
    await server.save(flow())
    created = await server.run()
    await finish(server, created["id"])
    path = f"/api/v1/main/executions/{created['id']}/follow"
    assert [name async for name, _ in events(server.client, path)] == ["end"]


async def test_log_lines_come_once_first_the_old_ones(server: Server) -> None:
    def line(number: int, level: LogLevel = LogLevel.INFO) -> LogEntry:
        return LogEntry(
            id=f"line{number}",
            tenant="main",
            namespace="a",
            flow_id="b",
            execution_id="execution1",
            task_id="t",
            attempt=0,
            at=server.ports.clock.now(),
            level=level,
            message=f"message {number}",
        )

    await server.database.logs.append([line(1), line(2, LogLevel.DEBUG), line(3)])
    stream = events(server.client, "/api/v1/main/logs/execution1/follow?filters[level][EQUALS]=INFO")
    seen = [(await anext(stream))[1]["message"] for _ in range(2)]
    await server.database.logs.append([line(3), line(4)])
    await server.queue.broadcast(Channel.LOGS, ["execution1"])
    name, entry = await asyncio.wait_for(anext(stream), 1.5)
    assert [*seen, entry["message"]] == ["message 1", "message 3", "message 4"]
    assert (name, entry["tenantId"], entry["taskId"], entry["attemptNumber"]) == ("progress", "main", "t", 0)
    await stream.aclose()


async def test_waiters_leave_nothing_behind(server: Server) -> None:
    await server.save(flow())
    created = await server.run()
    stream = events(server.client, f"/api/v1/main/executions/{created['id']}/follow")
    await anext(stream)
    assert server.app.backend.changes.watched == 1
    await stream.aclose()
    for _ in range(100):
        if server.app.backend.changes.watched == 0:
            break
        await asyncio.sleep(0.05)
    assert server.app.backend.changes.watched == 0


async def test_a_caller_who_waits_may_go(server: Server) -> None:
    await server.save(flow())
    with pytest.raises(httpx.ReadTimeout):
        await server.client.post("/api/v1/main/executions/company.team/hello?wait=true", timeout=0.3)
    for _ in range(100):
        if server.app.backend.changes.watched == 0:
            break
        await asyncio.sleep(0.05)
    assert server.app.backend.changes.watched == 0


async def test_lines_of_an_execution_as_list_and_text(server: Server) -> None:
    lines = [
        LogEntry(
            id=f"l{n}",
            tenant="main",
            namespace="a",
            flow_id="b",
            execution_id="execution1",
            at=server.ports.clock.now(),
            level=level,
            message=f"m{n}",
        )
        for n, level in enumerate([LogLevel.INFO, LogLevel.ERROR, LogLevel.DEBUG])
    ]
    await server.database.logs.append(lines)
    path = "/api/v1/main/logs/execution1"
    assert [item["message"] for item in (await server.client.get(path)).json()] == ["m0", "m1", "m2"]
    assert [item["message"] for item in (await server.client.get(f"{path}?minLevel=WARN")).json()] == ["m1"]
    assert (await server.client.get("/api/v1/main/logs/execution2")).json() == []
    text = await server.client.get(f"{path}/download")
    assert text.headers["content-disposition"] == 'attachment; filename="execution1.log"'
    assert [line.split(" ", 1)[1] for line in text.text.splitlines()] == ["INFO m0", "ERROR m1", "DEBUG m2"]
    found = (await server.client.get("/api/v1/main/logs/search?q=m1")).json()
    assert (found["total"], found["type"], found["results"][0]["message"]) == (1, "OFFSET", "m1")
    assert (await server.client.delete(f"{path}?minLevel=ERROR")).status_code == 200
    assert [item["message"] for item in (await server.client.get(path)).json()] == ["m0", "m2"]
