"""Insights over REST: an addition of our own."""

from typing import Any

from segue.domain.execution.insights import Insight, InsightKind, InsightState
from segue.ports.repositories.insights import InsightQuery
from segue.testing.samples import NOW
from segue.testing.shown import insight, tell

from .conftest import Server, flow


async def started(server: Server) -> str:
    await server.save_or_update(flow("hello"))
    return str((await server.run("company.team/hello"))["id"])


async def ask(server: Server, execution_id: str, status: int = 200, **parameters: Any) -> Any:
    path = f"/api/v1/main/executions/{execution_id}/insights"
    answer = await server.client.get(path, params=parameters)
    assert answer.status_code == status, answer.text
    return answer.json()


async def store(server: Server, execution_id: str) -> list[Insight]:
    made = [
        insight(execution_id, 0, kind=InsightKind.STEP, state=InsightState.RUNNING, content={"rows": 1}),
        insight(
            execution_id, 1, kind=InsightKind.STEP, state=InsightState.SUCCESS, parent=0, ended_at=NOW.replace(minute=1)
        ),
        insight(execution_id, 2, kind=InsightKind.LINK, content={"url": "https://example.org/"}),
        insight(execution_id, 0, task_run_id=f"{execution_id}-1", at=NOW.replace(hour=13)),
        insight(execution_id, 0, attempt=1, at=NOW.replace(hour=14)),
    ]
    await tell(server.database, *made)
    return made


async def test_an_execution_that_shows_nothing(server: Server) -> None:
    assert await ask(server, await started(server)) == {"results": [], "total": 0}


async def test_insights_on_the_wire(server: Server) -> None:
    execution_id = await started(server)
    await store(server, execution_id)
    found = await ask(server, execution_id)
    assert found["total"] == 5
    assert found["results"][0] == {
        "id": f"{execution_id}-0:0:0",
        "taskId": "t",
        "taskRunId": f"{execution_id}-0",
        "attemptNumber": 0,
        "number": 0,
        "kind": "STEP",
        "name": "insight 0",
        "startDate": "2026-03-01T12:00:00.123456Z",
        "content": {"rows": 1},
        "state": "RUNNING",
    }
    ended = found["results"][1]
    assert (ended["parent"], ended["state"], ended["endDate"]) == (0, "SUCCESS", "2026-03-01T12:01:00.123456Z")
    assert ended["duration"] == 59.0


async def test_filters_and_pages(server: Server) -> None:
    execution_id = await started(server)
    await store(server, execution_id)

    async def names(**parameters: Any) -> list[tuple[str, int]]:
        found = (await ask(server, execution_id, **parameters))["results"]
        return [(one["taskRunId"].rpartition("-")[2], one["attemptNumber"]) for one in found]

    assert await names(taskRunId=f"{execution_id}-1") == [("1", 0)]
    assert await names(attempt=1) == [("0", 1)]
    assert await names(kind="LINK") == [("0", 0)]
    assert await names(page=2, size=3) == [("1", 0), ("0", 1)]
    assert await names(page=3, size=3) == []


async def test_wrong_requests(server: Server) -> None:
    await ask(server, "missing", 404)
    execution_id = await started(server)
    for parameters in ({"kind": "HTML"}, {"size": 0}, {"attempt": "x"}):
        assert (await ask(server, execution_id, 400, **parameters))["title"]


async def test_they_are_documented_and_go_with_the_execution(server: Server) -> None:
    document = (await server.client.get("/swagger/segue.json")).json()
    assert "/api/v1/{tenant}/executions/{execution_id}/insights" in document["paths"]
    execution_id = await started(server)
    made = await store(server, execution_id)
    removed = await server.app.backend.operating.delete("main", [execution_id], logs=False, metrics=False, files=False)
    assert [one.id for one in removed] == [execution_id]
    await ask(server, execution_id, 404)
    query = InsightQuery(tenant="main", execution_id=made[0].execution_id)
    assert (await server.database.insights.search(query)).total == 0
