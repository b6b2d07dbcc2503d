"""A small client of the REST API, as a user's program would have one."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx

Json = dict[str, Any]

ENDED = frozenset({"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED"})
"""States in which an execution stays."""


class RestClient:
    """Talks to one web server; a context manager of one event loop."""

    def __init__(self, url: str, *, concurrency: int = 20, timeout: float = 30.0) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url}/api/v1/main",
            timeout=timeout,
            limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
        )
        self._slots = asyncio.Semaphore(concurrency)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One request; no more than `concurrency` at a time."""
        async with self._slots:
            return await self._http.request(method, path, **arguments)

    async def json(self, method: str, path: str, **arguments: Any) -> Any:
        """The JSON of a good answer; a bad one fails with its text."""
        answer = await self.request(method, path, **arguments)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content else None

    async def deploy(self, *sources: str) -> None:
        """Create or update the flows in YAML; the others stay as they are."""
        content = "\n---\n".join(sources)
        await self.json(
            "POST",
            "/flows/bulk?delete=false",
            content=content,
            headers={"content-type": "application/x-yaml"},
        )

    async def start(self, namespace: str, flow: str, inputs: Mapping[str, str] | None = None, **query: Any) -> Json:
        """Start an execution and return it as answered."""
        parts = {name: (None, value) for name, value in (inputs or {}).items()}
        arguments: dict[str, Any] = {"params": query}
        if parts:
            arguments["files"] = parts
        answer: Json = await self.json("POST", f"/executions/{namespace}/{flow}", **arguments)
        return answer

    async def start_many(self, namespace: str, flow: str, count: int) -> list[str]:
        """Start `count` executions side by side and return their ids."""
        started = await asyncio.gather(*(self.start(namespace, flow) for _ in range(count)))
        return [execution["id"] for execution in started]

    async def get(self, execution_id: str) -> Json:
        """The execution with its task runs."""
        answer: Json = await self.json("GET", f"/executions/{execution_id}")
        return answer

    async def wait(self, execution_id: str, until: Callable[[Json], bool] | None = None, seconds: float = 30.0) -> Json:
        """The execution once it has ended (or `until` holds). Fails when that takes too long."""
        deadline = time.monotonic() + seconds
        while True:
            execution = await self.get(execution_id)
            if until(execution) if until else execution["state"]["current"] in ENDED:
                return execution
            assert time.monotonic() < deadline, f"{execution_id} after {seconds:g} s: {summary(execution)}"
            await asyncio.sleep(0.05)

    async def count(self, namespace: str, flow: str, states: Iterable[str] = ()) -> int:
        """How many executions of the flow there are in one of the states (in any without them)."""
        query: list[tuple[str, str]] = [("namespace", namespace), ("flowId", flow), ("size", "1")]
        query += [("state", state) for state in states]
        found: Json = await self.json("GET", "/executions/search", params=query)
        return int(found["total"])

    async def logs(self, execution_id: str) -> list[Json]:
        """All log lines of an execution, oldest first."""
        answer: list[Json] = await self.json("GET", f"/logs/{execution_id}")
        return answer

    async def outputs(self, execution_id: str) -> dict[str, Json]:
        """Outputs of all task runs by task id (the last one of a task that ran more than once)."""
        index = await self.json("GET", f"/outputs/{execution_id}")
        return {
            entry["taskId"]: await self.json("GET", f"/outputs/{execution_id}/{entry['taskRunId']}") for entry in index
        }

    async def kill(self, execution_id: str) -> Json:
        """Ask for the end of an execution."""
        answer: Json = await self.json("DELETE", f"/executions/{execution_id}/actions/kill")
        return answer

    @asynccontextmanager
    async def events(self, path: str, **query: Any) -> AsyncIterator[AsyncIterator[tuple[str, Json]]]:
        """The server-sent events of `path` as (id, data) while the context is open."""
        async with self._http.stream("GET", path, params=query) as answer:
            assert answer.is_success, f"{path}: {answer.status_code}"
            yield _events(answer.aiter_lines())


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, Json]]:
    kind = ""
    async for line in lines:
        if line.startswith("id:"):
            kind = line.removeprefix("id:").strip()
        elif line.startswith("data:"):
            yield kind, json.loads(line.removeprefix("data:"))


def task_states(execution: Json) -> list[tuple[str, str]]:
    """(task id, state) of all task runs, sorted."""
    return sorted((run["taskId"], run["state"]["current"]) for run in execution.get("taskRunList") or ())


def has_settled(execution: Json) -> bool:
    """Whether it has ended with every task run; a parallel sibling of a failure may end after it."""
    runs = execution.get("taskRunList") or ()
    return execution["state"]["current"] in ENDED and all(run["state"]["current"] in ENDED for run in runs)


def said(lines: Iterable[Json]) -> list[str]:
    """What the tasks wrote, without the lines of the engine."""
    return [line["message"] for line in lines if "taskId" in line]


def histories(state: Json) -> list[str]:
    """The states of a state object in order."""
    return [moment["state"] for moment in state["histories"]]


def summary(execution: Json) -> str:
    """State, task runs and attempts on one line, for messages."""

    def told(run: Json) -> str:
        attempts = [attempt["state"]["current"] for attempt in run.get("attempts", ())]
        return f"{run['taskId']}={run['state']['current']}{attempts}"

    runs = [told(run) for run in execution.get("taskRunList") or ()]
    return f"{execution['state']['current']} {', '.join(runs)}"
