"""Limits over REST: figures, repair, and what a new limit does to those who wait."""

import pytest

from segue.domain.execution.facts import SlotGranted
from segue.domain.execution.slots import SlotRequest
from segue.ports.repositories.slots import Taken
from tests.api.conftest import Server, flow

SCOPE = "main/company.team/hello"


async def queue_up(server: Server) -> list[str]:
    """Two executions of a flow with one slot."""
    await server.save(flow(more="concurrency: {limit: 1}"))
    ids = [(await server.run())["id"] for _ in range(2)]
    answers = [await take(server, execution_id) for execution_id in ids]
    assert answers == [Taken(held=True), Taken(held=False, waits=True)]
    for execution_id in ids:
        facts = (await server.database.journal.load([execution_id], [])).facts[execution_id]
        await server.database.journal.forget([fact.seq for fact in facts])
    return ids


async def take(server: Server, execution_id: str) -> Taken:
    found = await server.database.executions.get("main", execution_id)
    assert found is not None
    return await server.database.slots.take(
        SlotRequest(execution_id=execution_id, version=0, scope=SCOPE, revision=1, limit=1, created_at=found.created_at)
    )


async def test_figures(server: Server) -> None:
    answer = await server.client.get("/api/v1/main/concurrency-limit/search")
    assert answer.json() == {"results": [], "total": 0}
    await queue_up(server)
    answer = await server.client.get("/api/v1/concurrency-limit/search")
    entry = {"tenantId": "main", "namespace": "company.team", "flowId": "hello", "running": 1, "queued": 1, "limit": 1}
    assert answer.json() == {"results": [entry], "total": 1}


async def test_a_repair_finds_what_is_true(server: Server) -> None:
    await queue_up(server)
    path = "/api/v1/main/concurrency-limit/company.team/hello"
    body = {"tenantId": "main", "namespace": "company.team", "flowId": "hello", "running": 77}
    assert (await server.client.put(path, json=body)).json()["running"] == 1
    assert (await server.client.put(path, content=b"[")).status_code == 422
    assert (await server.client.put(f"{path}2", json=body)).status_code == 404


@pytest.mark.parametrize("more", ["concurrency: {limit: 2}", ""])
async def test_a_higher_limit_or_none_lets_those_in_who_wait(server: Server, more: str) -> None:
    _, second = await queue_up(server)
    answer = await server.client.put("/api/v1/main/flows/company.team/hello", content=flow(more=more).encode())
    assert answer.is_success, answer.text
    facts = (await server.database.journal.load([second], [])).facts[second]
    assert [fact.fact for fact in facts] == [SlotGranted()]


async def test_a_deleted_execution_lets_the_next_in(server: Server) -> None:
    first, second = await queue_up(server)
    assert (await server.client.delete(f"/api/v1/main/executions/{first}")).is_success
    facts = (await server.database.journal.load([second], [])).facts[second]
    assert [fact.fact for fact in facts] == [SlotGranted()]


async def test_a_check_stops_webhooks_too(server: Server) -> None:
    trigger = "triggers: [{id: w, type: io.kestra.plugin.core.trigger.Webhook, key: secret}]\n"
    for behavior, status, state in (("BLOCK_EXECUTION", 422, None), ("FAIL_EXECUTION", 200, "FAILED")):
        check = f"checks: [{{when: '{{{{ 1 == 2 }}}}', message: not today, behavior: {behavior}}}]"
        await server.save(flow(behavior.lower(), more=trigger + check))
        path = f"/api/v1/main/executions/webhook/company.team/{behavior.lower()}/secret"
        answer = await server.client.post(path)
        assert answer.status_code == status, answer.text
        if state is None:
            assert "not today" in answer.text
        else:
            assert answer.json()["state"]["current"] == state


async def test_inputs_that_are_too_large_are_refused(server: Server) -> None:
    await server.save(flow(more="inputs: [{id: text, type: STRING}]"))
    answer = await server.client.post(
        "/api/v1/main/executions/company.team/hello", json={"text": "x" * (10 * 1024**2 + 1)}
    )
    assert answer.status_code == 413
    assert "limits.max-inputs-size" in answer.text
