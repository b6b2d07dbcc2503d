"""Figures over REST: of an execution, by name, over time (REST API 4.5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from segue.api.metric_periods import Period, period_of
from segue.api.problems import ProblemError
from segue.domain.execution.model import ExecutionKind
from segue.testing.measured import figure, store
from segue.testing.samples import execution

from .conftest import Server

ROOT = "/api/v1/main/metrics"
DAY = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""


async def test_figures_of_an_execution(server: Server) -> None:
    made = execution(kind=ExecutionKind.TEST)
    await server.database.executions.create([made])
    given: dict[str, Any] = {"execution_id": made.id, "at": DAY}
    await store(server.database, figure(2.0, name="b", tags={"k": "v"}, **given), figure(1.0, task_id="u", **given))
    page = (await server.client.get(f"{ROOT}/{made.id}?sort=value:desc&size=1")).json()
    assert page == {
        "total": 2,
        "results": [
            {
                "namespace": "n",
                "flowId": "f",
                "taskId": "t",
                "executionId": made.id,
                "taskRunId": "e-1",
                "type": "counter",
                "name": "b",
                "value": 2.0,
                "timestamp": "2026-03-02T00:00:00Z",
                "tags": {"k": "v"},
                "executionKind": "TEST",
            }
        ],
    }
    of_task = (await server.client.get(f"/api/v1/metrics/{made.id}?taskId=u")).json()
    assert [item["taskId"] for item in of_task["results"]] == ["u"]
    assert (await server.client.get(f"{ROOT}/absent")).json() == {"results": [], "total": 0}
    wrong = await server.client.get(f"{ROOT}/{made.id}?sort=tags:asc")
    assert wrong.status_code == 422


async def test_names_and_tasks(server: Server) -> None:
    await store(server.database, figure(name="b"), figure(name="a", task_id="u"))
    assert (await server.client.get(f"{ROOT}/names/n/f")).json() == ["a", "b"]
    assert (await server.client.get(f"{ROOT}/names/n/f/u")).json() == ["a"]
    assert (await server.client.get(f"{ROOT}/tasks/n/f")).json() == ["t", "u"]
    assert (await server.client.get(f"{ROOT}/tasks/n/absent")).json() == []


async def aggregates(server: Server, path: str = "n/f/rows", **query: Any) -> dict[str, Any]:
    answer = await server.client.get(f"{ROOT}/aggregates/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_figures_over_time(server: Server) -> None:
    for hours, value in ((0, 1.0), (5, 3.0), (24, 10.0)):
        await store(server.database, figure(value, at=DAY + timedelta(hours=hours)))
    await store(server.database, figure(7.0, task_id="u", at=DAY))
    window = {"startDate": "2026-03-02T00:00:00Z", "endDate": "2026-03-04T12:00:00Z"}
    found = await aggregates(server, "n/f/t/rows", **window)
    assert found == {
        "groupBy": "day",
        "aggregations": [
            {"name": "rows", "value": 4.0, "date": "2026-03-02T00:00:00Z"},
            {"name": "rows", "value": 10.0, "date": "2026-03-03T00:00:00Z"},
            {"name": "rows", "value": 0.0, "date": "2026-03-04T00:00:00Z"},
        ],
    }
    for aggregation, value in (("sum", 11.0), ("avg", 11 / 3), ("min", 1.0), ("MAX", 7.0)):
        found = await aggregates(server, aggregation=aggregation, **window)
        assert found["aggregations"][0]["value"] == pytest.approx(value), aggregation


async def test_weeks_and_months_are_made_of_days(server: Server) -> None:
    for days, value in ((0, 1.0), (6, 3.0), (7, 10.0), (31, 5.0)):
        await store(server.database, figure(value, at=DAY + timedelta(days=days)))
    end = {"endDate": "2026-05-01T00:00:00Z"}
    weeks = await aggregates(server, startDate="2025-10-01T00:00:00Z", aggregation="avg", **end)
    values = {item["date"][:10]: item["value"] for item in weeks["aggregations"]}
    assert weeks["groupBy"] == "week"
    assert next(iter(values)) == "2025-09-29"
    assert (values["2026-03-02"], values["2026-03-09"], values["2026-02-23"]) == (2.0, 10.0, 0.0)
    months = await aggregates(server, startDate="2025-01-15T00:00:00Z", **end)
    values = {item["date"][:10]: item["value"] for item in months["aggregations"]}
    assert (months["groupBy"], len(values)) == ("month", 16)
    assert (values["2026-03-01"], values["2026-04-01"], values["2025-01-01"]) == (14.0, 5.0, 0.0)


async def test_the_last_thirty_days_are_the_default(server: Server) -> None:
    now = datetime.now(UTC)
    await store(server.database, figure(1.0, at=now), figure(1.0, at=now - timedelta(days=31)))
    found = await aggregates(server)
    assert (found["groupBy"], len(found["aggregations"])) == ("day", 31)
    assert sum(item["value"] for item in found["aggregations"]) == 1.0


@pytest.mark.parametrize(
    ("window", "period"),
    [
        (timedelta(minutes=1), Period.MINUTE),
        (timedelta(hours=6), Period.MINUTE),
        (timedelta(hours=6, seconds=1), Period.HOUR),
        (timedelta(days=1), Period.HOUR),
        (timedelta(days=1, seconds=1), Period.DAY),
        (timedelta(days=180), Period.DAY),
        (timedelta(days=181), Period.WEEK),
        (timedelta(days=365), Period.WEEK),
        (timedelta(days=366), Period.MONTH),
    ],
)
def test_the_window_decides_on_the_periods(window: timedelta, period: Period) -> None:
    assert period_of(DAY, DAY + window) is period
    begin = period.begin(DAY + timedelta(hours=5, minutes=7, seconds=9))
    assert period.begin(begin) == begin
    assert period.begin(period.next(begin)) == period.next(begin) > begin


def test_windows_that_are_none() -> None:
    for window in (timedelta(0), timedelta(days=-1), timedelta(days=4000)):
        with pytest.raises(ProblemError):
            period_of(DAY, DAY + window)


@pytest.mark.parametrize(
    ("query", "status"), [("aggregation=median", 400), ("startDate=yesterday", 422), ("startDate=2999-01-01", 422)]
)
async def test_wrong_parameters(server: Server, query: str, status: int) -> None:
    answer = await server.client.get(f"{ROOT}/aggregates/n/f/rows?{query}")
    assert answer.status_code == status
