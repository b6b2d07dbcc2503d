"""The server itself: credentials, first calls of clients, description, outputs, operations, management port."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from segue.api import ApiConfig, Credentials, create_management_app
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import OutputReference, TaskRun
from segue.ports.queue import Topic
from segue.ports.repositories.jobs import WorkerLease
from segue.ports.repositories.journal import Change, InlineOutputs
from tests.api.conftest import Server, flow, serving
from tests.api.test_webhooks import URL, hook

USER = Credentials("me@example.com", "Secret123é")


async def test_credentials(tmp_path: Path) -> None:
    async with serving(tmp_path, ApiConfig(credentials=USER)) as server:
        client, path = server.client, "/api/v1/main/flows/search"
        for auth in (None, ("me@example.com", "wrong"), ("", "")):
            refused = await client.get(path, auth=auth)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Basic")
            assert refused.json()["type"].endswith("/unauthenticated")
        for header in ("Bearer x", "Basic", "Basic !!!", "Basic \xff"):
            assert (await client.get(path, headers={"Authorization": header.encode("latin-1")})).status_code == 401
        script = await client.get(path, headers={"X-Requested-With": "XMLHttpRequest"})
        assert "www-authenticate" not in script.headers
        right = httpx.BasicAuth("me@example.com", "Secret123é")
        assert (await client.get(path, auth=right)).status_code == 200
        assert (await client.get("/api/v1/configs")).status_code == 401
        for open_path in ("/ping", "/api/v1/configs/login", "/api/v1/basicAuthValidationErrors"):
            assert (await client.get(open_path)).status_code == 200
        assert (await client.post("/api/v1/main/flows", content=hook(), auth=right)).status_code == 200
        called = await client.post(f"{URL}/secret-key", auth=right)
        assert called.status_code == 200
        assert "authorization" not in called.json()["trigger"]["variables"]["headers"]
        assert (await client.post(f"{URL}/secret-key")).status_code == 200
        assert USER.password not in repr(server.app.backend.config)


async def test_other_sites_and_hosts(tmp_path: Path) -> None:
    async with serving(tmp_path, ApiConfig(allowed_hosts=frozenset({"test"}))) as server:
        foreign = await server.client.post(
            "/api/v1/main/flows", content=flow(), headers={"Origin": "http://evil.example"}
        )
        assert foreign.status_code == 403
        own = await server.client.post("/api/v1/main/flows", content=flow(), headers={"Origin": "http://test"})
        assert own.status_code == 200
        rebound = await server.client.get("/api/v1/main/flows/search", headers={"Host": "evil.example"})
        assert rebound.status_code == 403
        assert (await server.client.get("/ping", headers={"Host": "test:8080"})).status_code == 200


async def test_first_calls_and_description(server: Server) -> None:
    assert (await server.client.get("/ping")).text == "pong"
    configs = (await server.client.get("/api/v1/configs")).json()
    assert (configs["version"], configs["edition"], configs["systemNamespace"]) == ("2.0.0", "OSS", "system")
    assert (await server.client.get("/api/v1/configs/login")).json() == {"isBasicAuthInitialized": True}
    description = (await server.client.get("/swagger/segue.json")).json()
    assert "/api/v1/{tenant}/executions/{namespace}/{flow_id}" in description["paths"]


async def test_outputs_inline_and_stored(server: Server) -> None:
    await server.save(flow())
    created = await server.run()
    execution = await server.database.executions.get("main", created["id"])
    assert execution is not None
    now = server.ports.clock.now()
    inline, stored = b'{"a":1}', b'{"b":2}'
    uri = "kestra:///company/team/hello/outputs"

    async def content() -> AsyncIterator[bytes]:
        yield stored

    await server.storage.put("main", uri, content())
    runs = [
        TaskRun(
            id=f"{execution.id}-{number}",
            execution_id=execution.id,
            task_id=f"t{number}",
            status=Status.begin(now).to(State.RUNNING, now).to(State.SUCCESS, now + timedelta(seconds=1.5)),
            value="v" if number == 0 else None,
            outputs=reference,
        )
        for number, reference in enumerate(
            [OutputReference(len(inline), "x"), OutputReference(len(stored), "y", uri), None]
        )
    ]
    change = Change(
        execution=msgspec.structs.replace(execution, task_run_count=3, outputs=OutputReference(12, "z")),
        new_task_runs=runs,
        outputs=[
            InlineOutputs(runs[0].id, execution.id, inline, "x"),
            InlineOutputs(execution.id, execution.id, b'{"end":true}', "z"),
        ],
    )
    assert await server.database.journal.apply([change]) == frozenset()
    for path in (f"/api/v1/main/outputs/{execution.id}", f"/api/v1/main/outputs/tasks/{execution.id}"):
        assert (await server.client.get(path)).json() == [
            {"taskId": "t0", "taskRunId": runs[0].id, "inline": True, "value": "v"},
            {"taskId": "t1", "taskRunId": runs[1].id, "inline": False},
        ]
        values = [(await server.client.get(f"{path}/{run.id}")).json() for run in runs]
        assert values == [{"a": 1}, {"b": 2}, {}]
        assert (await server.client.get(f"{path}/{execution.id}-9")).status_code == 404
    full = (await server.client.get(f"/api/v1/main/executions/{execution.id}")).json()
    assert full["outputs"] == {"end": True}
    run = full["taskRunList"][0]
    assert (run["executionId"], run["namespace"], run["flowId"]) == (execution.id, "company.team", "hello")
    assert run["state"]["duration"] == "PT1.5S"
    assert "outputs" not in run
    light = (await server.client.get("/api/v1/main/executions/search")).json()["results"][0]
    assert light["outputs"] == {"end": True}


async def test_dead_letters_go_back(server: Server) -> None:
    await server.save(flow())
    created = await server.run()
    loaded = await server.database.journal.load([created["id"]], set())
    await server.database.journal.park(loaded.facts[created["id"]], "it failed", server.ports.clock.now())
    path = "/api/v1/main/dead-letters"
    (letter,) = (await server.client.get(path)).json()
    assert (letter["executionId"], letter["kind"], letter["error"]) == (created["id"], "created", "it failed")
    async with server.queue.consume(Topic.EXECUTIONS, 10) as messages:
        replayed = await server.client.post(f"{path}/{letter['id']}/actions/replay")
        assert replayed.json() == {"executionId": created["id"]}
        assert await anext(messages) == [created["id"]]
    assert (await server.client.get(path)).json() == []
    assert (await server.client.post(f"{path}/{letter['id']}/actions/replay")).status_code == 404
    assert (await server.client.post(f"{path}/{10**30}/actions/replay")).status_code == 404
    assert (await server.client.post(f"{path}/x/actions/replay")).status_code == 404


async def test_workers(server: Server) -> None:
    lease = WorkerLease(
        worker_id="w1",
        name="one",
        worker_queues=("default",),
        slots=4,
        expires_at=server.ports.clock.now() + timedelta(seconds=10),
    )
    await server.database.jobs.renew([lease])
    (worker,) = (await server.client.get("/api/v1/cluster/workers")).json()
    assert (worker["workerId"], worker["workerQueues"], worker["slots"]) == ("w1", ["default"], 4)


@pytest.mark.parametrize(("status", "code"), [("UP", 200), ("DOWN", 503), ("BROKEN", 503)])
async def test_the_management_port(status: str, code: int) -> None:
    def part() -> Mapping[str, str]:
        if status == "BROKEN":
            raise RuntimeError("secret")
        return {"status": status}

    def broken() -> float:
        raise RuntimeError

    app = create_management_app({"queue": part}, {"segue_backlog": lambda: 3.0, "segue_broken": broken})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        health = await client.get("/health")
        assert health.status_code == code
        assert health.json()["status"] == ("UP" if code == 200 else "DOWN")
        assert "secret" not in health.text
        assert (await client.get("/health/readiness")).status_code == code
        assert (await client.get("/health/liveness")).json() == {"status": "UP"}
        assert (await client.get("/version")).json()["serverType"] == "STANDALONE"
        metrics = await client.get("/prometheus")
        assert metrics.text == "# TYPE segue_backlog gauge\nsegue_backlog 3\n"
