"""Triggers over REST. No scheduler runs here: states are what the API and the store make of them."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from segue.domain.trigger.state import TriggerKey
from segue.ports.clock import SystemClock
from tests.api.conftest import Server, flow

SCHEDULE = "io.kestra.plugin.core.trigger.Schedule"
ROOT = "/api/v1/main/triggers"
NAMES = {"namespace": "company.team", "flowId": "hello", "triggerId": "daily"}


def daily(trigger_id: str = "daily", more: str = "") -> str:
    return f"triggers:\n  - id: {trigger_id}\n    type: {SCHEDULE}\n    cron: '0 3 * * *'\n{more}"


async def lock(server: Server, flow_id: str = "hello", **fields: Any) -> None:
    """Let a trigger wait for an execution, or whatever else a scheduler writes."""
    given = fields or {"execution_id": "e1"}
    key = TriggerKey("main", "company.team", flow_id, "daily")
    found = await server.database.triggers.change(key, lambda state: msgspec.structs.replace(state, **given))
    assert found is not None


async def found(server: Server, query: str = "", root: str = ROOT) -> list[str]:
    """The flows of the triggers that a search finds."""
    answer = await server.client.get(f"{root}/search?{query}")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["total"] >= len(document["results"])
    return [item["state"]["flowId"] for item in document["results"]]


async def test_a_result_has_the_pairs_of_both_releases(server: Server) -> None:
    await server.save(flow(more=daily(more="    stopAfter: [FAILED]\n    description: each night\n")))
    document = (await server.client.get(f"{ROOT}/search")).json()
    (item,) = document["results"]
    assert document["total"] == 1
    assert set(item) == {"trigger", "state", "abstractTrigger", "triggerContext"}
    written = {"id": "daily", "type": SCHEDULE, "cron": "0 3 * * *", "stopAfter": ["FAILED"]}
    assert item["abstractTrigger"] == written | {"description": "each night", "disabled": False}
    assert item["trigger"] == item["abstractTrigger"] | {"when": "true"}
    state = item["state"]
    assert item["triggerContext"] == state
    at = datetime.fromisoformat(state["nextEvaluationDate"])
    assert (at.hour, at > datetime.now(UTC)) == (3, True)
    assert state["nextExecutionDate"] == state["nextEvaluationDate"]
    assert state["updatedAt"] == state["updatedDate"] == state["date"]
    fixed = NAMES | {"tenantId": "main", "kind": "SCHEDULE", "disabled": False, "locked": False}
    assert {key: state[key] for key in fixed} == fixed
    assert state["stopAfter"] == ["FAILED"]
    assert not {"executionId", "backfill", "workerId", "evaluatedAt", "lastTriggeredDate"} & set(state)


async def test_filters(server: Server) -> None:
    now = SystemClock().now()
    for flow_id, namespace in (("one", "company.team"), ("two", "company.team"), ("three", "company.team.sub")):
        await server.save(flow(flow_id, namespace, daily()))
    await server.save(flow("four", "system", daily(more="    disabled: true\n")))
    await lock(server, "one", execution_id="e1", triggered_at=now - timedelta(hours=1))
    await lock(server, "two", disabled=True, pending_at=None, next_at=None)
    cases = {
        "": {"one", "two", "three", "four"},
        "q=TWO": {"two"},
        "namespace=company.team": {"one", "two", "three"},
        "filters[namespace][EQUALS]=company.team": {"one", "two"},
        "filters[namespace][PREFIX]=company": {"one", "two", "three"},
        "filters[namespace][NOT_EQUALS]=system": {"one", "two", "three"},
        "filters[flowId][IN]=one,three": {"one", "three"},
        "filters[flowid][REGEX]=^t": {"two", "three"},
        "filters[FLOW_ID][STARTS_WITH]=t": {"two", "three"},
        "filters[triggerId][CONTAINS]=ail": {"one", "two", "three", "four"},
        "filters[triggerId][EQUALS]=none": set(),
        "filters[triggerState][EQUALS]=DISABLED": {"two", "four"},
        "filters[triggerState][NOT_EQUALS]=DISABLED": {"one", "three"},
        "filters[locked][EQUALS]=true": {"one"},
        "filters[executionId][EQUALS]=e1": {"one"},
        "filters[executionId][NOT_EQUALS]=e1": {"two", "three", "four"},
        "filters[workerId][EQUALS]=w": set(),
        "filters[kind][EQUALS]=POLLING": set(),
        "filters[kind][NOT_IN]=POLLING,REALTIME": {"one", "two", "three", "four"},
        "filters[scope][EQUALS]=SYSTEM": {"four"},
        "filters[scope][IN]=SYSTEM,USER": {"one", "two", "three", "four"},
        "timeRange=PT2H&dateFilter=LAST_TRIGGERED_DATE": {"one"},
        "timeRange=PT2H": {"one", "three"},
        "endDate=2020-01-01T00:00:00Z": set(),
        "filters[lastTriggeredDate][GREATER_THAN]=2020-01-01T00:00:00Z": {"one"},
        "filters[nextExecutionDate][LESS_THAN]=2020-01-01T00:00:00Z": set(),
        "filters[or][0][flowId][EQUALS]=one&filters[or][1][flowId][EQUALS]=four&filters[q][EQUALS]=o": {"one", "four"},
    }
    for query, expected in cases.items():
        assert set(await found(server, query)) == expected, query


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("filters[labels][EQUALS][a]=b", 400),
        ("filters[triggerState][EQUALS]=ASLEEP", 400),
        ("filters[locked][EQUALS]=maybe", 400),
        ("filters[flowId][GREATER_THAN]=a", 400),
        ("filters[flowId][REGEX]=(a%2B)%2B", 400),
        ("dateFilter=NEVER", 400),
        ("startDate=2026-01-02T00:00:00Z&endDate=2026-01-01T00:00:00Z", 422),
        ("startDate=yesterday", 422),
        ("sort=cron:asc", 422),
        ("size=0", 400),
    ],
)
async def test_searches_that_are_refused(server: Server, query: str, status: int) -> None:
    answer = await server.client.get(f"{ROOT}/search?{query}")
    assert answer.status_code == status
    assert answer.json()["message"]


async def test_pages_and_order(server: Server) -> None:
    for number in range(5):
        await server.save(flow(f"f{number}", more=daily()))
    await lock(server, "f3", triggered_at=datetime(2026, 1, 1, tzinfo=UTC))
    await lock(server, "f1", triggered_at=datetime(2026, 1, 2, tzinfo=UTC))
    assert await found(server, "size=2&page=2&sort=flowId:desc") == ["f2", "f1"]
    assert await found(server, "size=2&page=3") == ["f4"]
    assert await found(server, "size=3&sort=lastTriggeredDate:desc") == ["f1", "f3", "f0"]
    assert await found(server, "size=3&sort=lastTriggeredDate:asc,triggerId:asc") == ["f3", "f1", "f0"]
    assert len(await found(server, "sort=nextEvaluationDate:asc", root="/api/v1/triggers")) == 5


async def test_the_triggers_of_a_flow(server: Server) -> None:
    await server.save(flow(more=daily() + f"  - {{id: hourly, type: {SCHEDULE}, cron: '@hourly'}}\n"))
    await server.save(flow("other", more=daily()))
    document = (await server.client.get(f"{ROOT}/company.team/hello?sort=triggerId:desc")).json()
    assert [state["triggerId"] for state in document["results"]] == ["hourly", "daily"]
    document = (await server.client.get(f"{ROOT}/company.team/hello?q=hour&size=1")).json()
    assert (document["total"], document["results"][0]["triggerId"]) == (1, "hourly")
    assert (await server.client.get(f"{ROOT}/company.team/nothing")).json() == {"results": [], "total": 0}


async def test_switching(server: Server) -> None:
    await server.save(flow(more=daily()))
    off = await server.client.put(f"{ROOT}/set-disabled", json=NAMES | {"disabled": True})
    assert (off.status_code, off.json()["disabled"], "nextEvaluationDate" in off.json()) == (200, True, False)
    old = await server.client.put(ROOT, json=off.json() | {"disabled": False})
    assert (old.status_code, old.json()["disabled"], "nextExecutionDate" in old.json()) == (200, False, True)
    assert (await server.client.put(ROOT, json=old.json())).json()["updatedAt"] == old.json()["updatedAt"]
    for body, status in (({"disabled": True}, 422), (NAMES, 422), (NAMES | {"triggerId": "x", "disabled": True}, 404)):
        answer = await server.client.put(f"{ROOT}/set-disabled", json=body)
        assert (answer.status_code, bool(answer.json()["message"])) == (status, True)


async def test_unlocking(server: Server) -> None:
    await server.save(flow(more=daily()))
    path = f"{ROOT}/company.team/hello/daily/unlock"
    refused = await server.client.post(path)
    assert refused.status_code == 409
    assert "Trigger is not locked" in refused.json()["message"]
    await lock(server)
    (item,) = (await server.client.get(f"{ROOT}/search")).json()["results"]
    assert (item["state"]["locked"], item["triggerContext"]["executionId"]) == (True, "e1")
    answer = await server.client.post(path)
    assert (answer.status_code, answer.json()["locked"], "executionId" in answer.json()) == (200, False, False)
    assert (await server.client.post(f"{ROOT}/company.team/hello/x/unlock")).status_code == 404


async def test_restart_and_delete(server: Server) -> None:
    await server.save(flow(more=daily()))
    await lock(server, execution_id="e1", next_at=None, pending_at=None, worker_id="w")
    answer = await server.client.post(f"{ROOT}/company.team/hello/daily/restart")
    state = answer.json()
    assert (answer.status_code, state["executionId"], "workerId" in state) == (200, "e1", False)
    assert "nextEvaluationDate" in state
    await server.client.put(f"{ROOT}/set-disabled", json=NAMES | {"disabled": True})
    assert (await server.client.delete(f"{ROOT}/company.team/hello/daily")).status_code == 204
    (item,) = (await server.client.get(f"{ROOT}/search")).json()["results"]
    assert (item["state"]["disabled"], item["state"]["locked"], "executionId" in item["state"]) == (False, False, False)
    assert "nextEvaluationDate" in item["state"]
    for method, action in (("DELETE", ""), ("POST", "/restart")):
        answer = await server.client.request(method, f"{ROOT}/company.team/hello/x{action}")
        assert answer.status_code == 404


async def test_the_life_of_a_backfill(server: Server) -> None:
    await server.save(flow(more=daily()))
    wanted = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-03T00:00:00+01:00", "inputs": {"a": 1}}
    labels = [{"key": "team", "value": "data"}, {"key": "system.x", "value": "y"}]
    body = NAMES | {"backfill": wanted | {"labels": labels}}
    answer = await server.client.put(f"{ROOT}/backfill/create", json=body)
    assert answer.status_code == 200, answer.text
    backfill = answer.json()["backfill"]
    assert (backfill["start"], backfill["end"]) == ("2026-01-01T00:00:00Z", "2026-01-02T23:00:00Z")
    assert (backfill["paused"], backfill["inputs"], backfill["labels"]) == (False, {"a": 1}, labels[:1])
    assert backfill["currentDate"] == "2026-01-01T00:00:00Z"
    assert backfill["previousNextExecutionDate"] > "2026-01-03"
    again = await server.client.put(f"{ROOT}/backfill/create", json=body)
    assert (again.status_code, "already running" in again.json()["message"]) == (409, True)
    same = await server.client.put(ROOT, json=answer.json())
    assert (same.status_code, same.json()["backfill"]) == (200, backfill)
    unpause = await server.client.put(f"{ROOT}/backfill/unpause", json=NAMES)
    assert (unpause.status_code, "No backfill found" in unpause.json()["message"]) == (409, True)
    paused = await server.client.put(f"{ROOT}/backfill/pause", json=answer.json())
    assert (paused.status_code, paused.json()["backfill"]["paused"]) == (200, True)
    assert paused.json()["nextEvaluationDate"] == backfill["previousNextExecutionDate"]
    going = await server.client.put(f"{ROOT}/backfill/unpause", json=NAMES)
    assert (going.status_code, going.json()["backfill"]["paused"]) == (200, False)
    ended = await server.client.post(f"{ROOT}/backfill/delete", json=NAMES)
    assert (ended.status_code, "backfill" in ended.json()) == (200, False)
    for method, action in (("POST", "delete"), ("PUT", "pause"), ("PUT", "unpause")):
        answer = await server.client.request(method, f"{ROOT}/backfill/{action}", json=NAMES)
        assert (answer.status_code, "No backfill found" in answer.json()["message"]) == (409, True)


async def test_a_backfill_as_in_1x(server: Server) -> None:
    await server.save(flow(more=daily()))
    (item,) = (await server.client.get(f"{ROOT}/search")).json()["results"]
    body = item["triggerContext"] | {"backfill": {"start": "2026-01-01T00:00:00.000Z"}}
    answer = await server.client.put(ROOT, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["backfill"]["start"] == "2026-01-01T00:00:00Z"
    other = NAMES | {"backfill": {"start": "2026-02-01T00:00:00Z"}}
    assert (await server.client.put(ROOT, json=other)).status_code == 409


@pytest.mark.parametrize(
    ("backfill", "status"),
    [
        ({}, 422),
        ({"start": "soon"}, 422),
        ({"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, 422),
        ({"start": "2026-01-02T00:00:00Z", "labels": ["a"]}, 422),
        ({"start": 5}, 422),
    ],
)
async def test_backfills_that_are_refused(server: Server, backfill: dict[str, Any], status: int) -> None:
    await server.save(flow(more=daily()))
    answer = await server.client.put(f"{ROOT}/backfill/create", json=NAMES | {"backfill": backfill})
    assert answer.status_code == status, answer.text
    (item,) = (await server.client.get(f"{ROOT}/search")).json()["results"]
    assert "backfill" not in item["state"]


def named(*flow_ids: str) -> list[dict[str, str]]:
    return [NAMES | {"flowId": flow_id} for flow_id in flow_ids]


async def bulk(server: Server, method: str, path: str, **options: Any) -> int:
    """A bulk call that is accepted; how many it counts, under both names."""
    answer = await server.client.request(method, f"{ROOT}/{path}", **options)
    assert answer.status_code == 202, answer.text
    document = answer.json()
    assert document["operationId"]
    assert document["count"] == document["totalItems"]
    return int(document["count"])


async def test_bulk_by_triggers(server: Server) -> None:
    for flow_id in ("one", "two", "three"):
        await server.save(flow(flow_id, more=daily()))
    body = {"triggers": named("one", "two"), "disabled": True}
    assert await bulk(server, "POST", "set-disabled/by-triggers", json=body) == 2
    assert set(await found(server, "filters[triggerState][EQUALS]=DISABLED")) == {"one", "two"}
    assert await bulk(server, "POST", "set-disabled/by-triggers", json=body | {"disabled": False}) == 2
    assert await found(server, "filters[triggerState][EQUALS]=DISABLED") == []
    await lock(server, "two")
    assert await bulk(server, "POST", "unlock/by-triggers", json=named("one", "two", "two")) == 1
    assert await found(server, "filters[locked][EQUALS]=true") == []
    for flow_id in ("one", "three"):
        wanted = NAMES | {"flowId": flow_id, "backfill": {"start": "2026-01-01T00:00:00Z"}}
        assert (await server.client.put(f"{ROOT}/backfill/create", json=wanted)).status_code == 200
    every = named("one", "two", "three")
    for action in ("pause", "unpause", "delete"):
        assert await bulk(server, "POST", f"backfill/{action}/by-triggers", json=every) == 2, action
    await lock(server, "two")
    assert await bulk(server, "DELETE", "delete/by-triggers", json=every) == 3
    assert await found(server, "filters[locked][EQUALS]=true") == []


async def test_one_unknown_trigger_refuses_the_whole_call(server: Server) -> None:
    await server.save(flow(more=daily()))
    body = {"triggers": [NAMES, NAMES | {"flowId": "none"}], "disabled": True}
    answer = await server.client.post(f"{ROOT}/set-disabled/by-triggers", json=body)
    assert answer.status_code == 400
    assert [item["invalidValue"] for item in answer.json()["invalids"]] == ["company.team.none.daily"]
    assert await found(server, "filters[triggerState][EQUALS]=DISABLED") == []
    for content in (b"", b"{}", b"[1]"):
        answer = await server.client.post(f"{ROOT}/unlock/by-triggers", content=content)
        assert answer.status_code == 422, content
    assert (await server.client.post(f"{ROOT}/backfill/stop/by-query")).status_code == 404


async def test_bulk_by_query(server: Server) -> None:
    for flow_id in ("one", "two", "three"):
        await server.save(flow(flow_id, more=daily()))
    await lock(server, "one")
    assert await bulk(server, "POST", "unlock/by-query?filters[namespace][PREFIX]=company") == 1
    assert await bulk(server, "POST", "set-disabled/by-query?filters[flowId][STARTS_WITH]=t") == 2
    assert set(await found(server, "filters[triggerState][EQUALS]=DISABLED")) == {"two", "three"}
    assert await bulk(server, "POST", "set-disabled/by-query?disabled=false") == 3
    wanted = NAMES | {"flowId": "one", "backfill": {"start": "2026-01-01T00:00:00Z"}}
    assert (await server.client.put(f"{ROOT}/backfill/create", json=wanted)).status_code == 200
    for action in ("pause", "unpause", "delete"):
        assert await bulk(server, "POST", f"backfill/{action}/by-query?namespace=company") == 1, action
    for flow_id in ("one", "two", "three"):
        await lock(server, flow_id)
    leaf = {"field": "FLOW_ID", "operation": "IN", "value": ["one", "two"]}
    assert await bulk(server, "DELETE", "delete/by-query", json={"filters": [leaf]}) == 2
    assert await found(server, "filters[locked][EQUALS]=true") == ["three"]
    either = {"logical": "or", "children": [leaf, {"field": "q", "operation": "EQUALS", "value": "thr"}]}
    assert await bulk(server, "DELETE", "delete/by-query", json={"filters": [either]}) == 3
    assert await bulk(server, "DELETE", "delete/by-query?filters[flowId][EQUALS]=one") == 1


@pytest.mark.parametrize(
    "filters",
    [
        [1],
        [{"field": "flowId"}],
        [{"field": "flowId", "operation": "LIKE", "value": "x"}],
        [{"field": "flowId", "operation": "EQUALS", "value": {"a": {}}}],
        [{"logical": "xor", "children": []}],
        [{"logical": "or"}],
        [{"field": "flowId", "operation": "EQUALS", "value": "x"}] * 101,
    ],
)
async def test_filters_in_a_body_that_are_refused(server: Server, filters: list[Any]) -> None:
    answer = await server.client.request("DELETE", f"{ROOT}/delete/by-query", json={"filters": filters})
    assert answer.status_code == 400, answer.text


async def test_a_large_query_goes_on_after_the_answer(server: Server) -> None:
    more = "".join(f"  - {{id: t{number}, type: {SCHEDULE}, cron: '@daily'}}\n" for number in range(600))
    await server.save(flow(more=f"triggers:\n{more}"))
    assert await bulk(server, "POST", "set-disabled/by-query") == 600
    for _ in range(200):
        document = (await server.client.get(f"{ROOT}/search?filters[triggerState][EQUALS]=ENABLED")).json()
        if document["total"] == 0:
            return
    pytest.fail(f"{document['total']} triggers are still enabled")


async def test_export(server: Server) -> None:
    for flow_id in ("two", "one"):
        await server.save(flow(flow_id, more=daily()))
    await lock(server, "one")
    answer = await server.client.get(f"{ROOT}/export/by-query/csv?filters[namespace][EQUALS]=company.team")
    assert answer.headers["content-type"].startswith("text/csv")
    head, one, two = csv.reader(io.StringIO(answer.text))
    assert dict(zip(head, one, strict=True)) | {"nextEvaluationDate": "", "updatedAt": ""} == NAMES | {
        "flowId": "one", "kind": "SCHEDULE", "disabled": "false", "locked": "true", "nextEvaluationDate": "",
        "lastTriggeredDate": "", "evaluatedAt": "", "executionId": "e1", "workerId": "", "backfill": "",
        "updatedAt": "",
    }  # fmt: skip
    assert two[1] == "two"
    assert (await server.client.get(f"{ROOT}/export/by-query/csv?filters[flowId][EQUALS]=x")).text.count("\n") == 1
