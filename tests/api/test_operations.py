"""What is asked of executions over REST, under the paths of both lines, with an executor that does it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from segue.api import bulk
from tests.api.working import Working, states, text, working


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Working]:
    async with working(tmp_path) as running:
        yield running


def current(execution: dict[str, Any]) -> str:
    return str(execution["state"]["current"])


def labels(execution: dict[str, Any]) -> dict[str, str]:
    return {label["key"]: label["value"] for label in execution["labels"]}


async def messages(stage: Working, execution_id: str) -> list[str]:
    answer = await stage.server.client.get(f"/api/v1/main/logs/{execution_id}")
    return [line["message"] for line in answer.json()]


LINES = pytest.mark.parametrize("prefix", ["/actions", ""], ids=["2.0", "1.x"])


@LINES
async def test_restart(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="hello", b="fail"))
    failed = await stage.run("f", "FAILED")
    stage.failing.clear()
    restarted = await stage.act("POST", f"/{failed['id']}{prefix}/restart")
    assert restarted["id"] == failed["id"]
    assert current(restarted) in {"RESTARTED", "RUNNING", "SUCCESS"}
    ended = await stage.until(failed["id"], "SUCCESS")
    assert states(ended) == {"a": "SUCCESS", "b": "SUCCESS"}
    assert ended["metadata"]["attemptNumber"] == 2
    assert labels(ended)["system.restarted"] == "true"
    refused = await stage.act("POST", f"/{failed['id']}{prefix}/restart", 409)
    assert "No task found to restart execution from!" in refused["message"]
    await stage.act("POST", f"/unknown{prefix}/restart", 404)


async def test_restart_on_another_revision(stage: Working) -> None:
    await stage.server.save(text("f", a="hello", b="fail"))
    failed = await stage.run("f", "FAILED")
    await stage.server.client.put("/api/v1/main/flows/company.team/f", content=text("f", a="hello", b="fine"))
    await stage.act("POST", f"/{failed['id']}/actions/restart?revision=9", 404)
    again = await stage.act("POST", f"/{failed['id']}/actions/restart?revision=2")
    assert again["id"] != failed["id"]
    assert again["parentId"] == failed["id"]
    assert again["flowRevision"] == 2
    ended = await stage.until(again["id"], "SUCCESS")
    assert states(ended) == {"a": "SUCCESS", "b": "SUCCESS"}
    assert current(await stage.get(failed["id"])) == "FAILED"


@LINES
async def test_replay(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="one", b="two", c="three"))
    first = await stage.run("f", "SUCCESS")
    again = await stage.act("POST", f"/{first['id']}{prefix}/replay")
    assert again["parentId"] == again["originalId"] == first["id"]
    assert labels(again)["system.replay"] == "true"
    assert labels(await stage.get(first["id"]))["system.replayed"] == "true"
    await stage.until(again["id"], "SUCCESS")
    run_id = first["taskRunList"][1]["id"]
    partly = await stage.act("POST", f"/{first['id']}{prefix}/replay", params={"taskRunId": run_id})
    ended = await stage.until(partly["id"], "SUCCESS")
    assert states(ended) == {"a": "SUCCESS", "b": "SUCCESS", "c": "SUCCESS"}
    assert ended["taskRunList"][0]["state"]["startDate"] == first["taskRunList"][0]["state"]["startDate"]
    unknown = await stage.act("POST", f"/{first['id']}{prefix}/replay", 404, params={"taskRunId": "none"})
    assert "Task run id 'none' not found in execution" in unknown["message"]


async def test_replay_with_inputs_and_breakpoints(stage: Working) -> None:
    await stage.server.save(text("f", a="one", b="two") + "inputs:\n  - {id: name, type: STRING}\n")
    created = await stage.server.run("company.team/f", json={"name": "old"})
    first = await stage.until(created["id"], "SUCCESS")
    again = await stage.act(
        "POST", f"/{first['id']}/actions/replay-with-inputs?breakpoints=b", data={"name": "new"}, files={"x": b"y"}
    )
    assert again["inputs"] == {"name": "new"}
    held = await stage.until(again["id"], "BREAKPOINT")
    assert states(held) == {"a": "SUCCESS", "b": "BREAKPOINT"}
    assert held["breakpoints"] == [{"id": "b"}]
    await stage.act("POST", f"/{first['id']}/actions/replay-with-inputs", 422, files={"x": b"y"})


@LINES
async def test_pause_and_force_run(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="wait", b="hello"))
    running = await stage.run("f", "RUNNING")
    status = 200 if prefix else 204
    paused = await stage.act("POST", f"/{running['id']}{prefix}/pause", status)
    assert current(paused or await stage.get(running["id"])) == "PAUSED"
    refused = await stage.act("POST", f"/{running['id']}{prefix}/pause", 409)
    assert "current state is 'PAUSED'" in refused["message"]
    stage.held.clear()
    await stage.act("POST", f"/{running['id']}{prefix}/force-run")
    ended = await stage.until(running["id"], "SUCCESS")
    assert [moment["state"] for moment in ended["state"]["histories"]] == [
        "CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "SUCCESS",
    ]  # fmt: skip
    await stage.act("POST", f"/{running['id']}{prefix}/force-run", 409)


@LINES
async def test_breakpoints(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="one", b="two", c="three"))
    held = await stage.run("f", "BREAKPOINT", breakpoints="b,c")
    assert states(held) == {"a": "SUCCESS", "b": "BREAKPOINT"}
    status = 200 if prefix else 204
    await stage.act("POST", f"/{held['id']}{prefix}/resume-from-breakpoint?breakpoints=", status)
    await stage.until(held["id"], "SUCCESS")
    await stage.act("POST", f"/{held['id']}{prefix}/resume-from-breakpoint", 409)


async def test_a_planned_execution_is_made_to_run(stage: Working) -> None:
    await stage.server.save(text("f", a="one"))
    planned = await stage.run("f", "CREATED", scheduleDate="2999-01-01T00:00:00Z")
    await stage.act("POST", f"/{planned['id']}/actions/force-run")
    await stage.until(planned["id"], "SUCCESS")


@LINES
async def test_kill(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="wait"))
    running = await stage.run("f", "RUNNING")
    killed = await stage.act("DELETE", f"/{running['id']}{prefix}/kill", 200 if prefix else 202)
    assert current(killed) == "KILLED"
    await stage.act("DELETE", f"/{running['id']}{prefix}/kill", 409)


@LINES
async def test_change_status(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="fail"))
    failed = await stage.run("f", "FAILED")
    changed = await stage.act("POST", f"/{failed['id']}{prefix}/change-status?status=WARNING")
    assert current(changed) == "WARNING"
    await stage.act("POST", f"/{failed['id']}{prefix}/change-status?status=RUNNING", 409)
    await stage.act("POST", f"/{failed['id']}{prefix}/change-status?status=FINE", 422)
    await stage.act("POST", f"/{failed['id']}{prefix}/change-status", 400)


@LINES
async def test_the_state_of_a_task_run(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="fail", b="hello"))
    failed = await stage.run("f", "FAILED")
    body = {"taskRunId": failed["taskRunList"][0]["id"], "state": "SUCCESS"}
    await stage.act("POST", f"/{failed['id']}{prefix}/state", json=body)
    ended = await stage.until(failed["id"], "SUCCESS")
    assert states(ended) == {"a": "SUCCESS", "b": "SUCCESS"}
    await stage.act("POST", f"/{failed['id']}{prefix}/state", 404, json=body | {"taskRunId": "none"})
    await stage.act("POST", f"/{failed['id']}{prefix}/state", 409, json=body | {"state": "RUNNING"})
    await stage.act("POST", f"/{failed['id']}{prefix}/state", 422, json={"state": "SUCCESS"})


@LINES
async def test_labels(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="wait") + "labels: {team: data}\n")
    running = await stage.run("f", "RUNNING")
    wanted = [{"key": "stage", "value": "one"}]
    await stage.act("POST", f"/{running['id']}{prefix}/labels", 400, json=wanted)
    stage.held.clear()
    await stage.until(running["id"], "SUCCESS")
    changed = await stage.act("POST", f"/{running['id']}{prefix}/labels", json=wanted)
    assert labels(changed) == {"system.correlationId": running["id"], "stage": "one"}
    system = [{"key": "system.readOnly", "value": "true"}]
    await stage.act("POST", f"/{running['id']}{prefix}/labels", 422, json=system)


@LINES
async def test_unqueue_needs_a_queued_execution(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="one"))
    ended = await stage.run("f", "SUCCESS")
    await stage.act("POST", f"/{ended['id']}{prefix}/unqueue?state=RUNNING", 409)
    await stage.act("POST", f"/{ended['id']}{prefix}/unqueue?state=SUCCESS", 422)


@LINES
async def test_unqueue(stage: Working, prefix: str) -> None:
    await stage.server.save(text("f", a="wait") + "concurrency: {limit: 1, behavior: QUEUE}\n")
    first = await stage.run("f", "RUNNING")
    second, third, fourth = [await stage.run("f", "QUEUED") for _ in range(3)]
    ended = await stage.act("POST", f"/{second['id']}{prefix}/unqueue?state=CANCELLED")
    assert current(ended) == "CANCELLED"
    running = await stage.act("POST", f"/{third['id']}{prefix}/unqueue")
    assert current(running) == "RUNNING"
    await stage.act("POST", f"/{fourth['id']}{prefix}/force-run")
    await stage.until(fourth["id"], "RUNNING")
    assert current(await stage.get(first["id"])) == "RUNNING"


async def test_who_asked_is_in_the_log(stage: Working) -> None:
    await stage.server.save(text("f", a="fail"))
    failed = await stage.run("f", "FAILED")
    await stage.act("POST", f"/{failed['id']}/actions/change-status?status=SUCCESS", auth=("ada", "secret"))
    assert "Execution is marked as SUCCESS by ada" in await messages(stage, failed["id"])


async def test_bulk_by_ids_is_all_or_nothing(stage: Working) -> None:
    await stage.server.save(text("bad", a="fail"))
    await stage.server.save(text("good", a="one"))
    failed = [(await stage.run("bad", "FAILED"))["id"] for _ in range(3)]
    fine = (await stage.run("good", "SUCCESS"))["id"]
    refused = await stage.act("POST", "/restart/by-ids", 400, json=[failed[0], fine, "none"])
    assert refused["invalids"] == [
        {"message": "execution not in state FAILED", "propertyPath": "execution", "invalidValue": fine},
        {"message": "execution not found", "propertyPath": "execution", "invalidValue": "none"},
    ]
    stage.failing.clear()
    accepted = await stage.act("POST", "/restart/by-ids", 202, json=[*failed, failed[0]])
    assert accepted["count"] == accepted["totalItems"] == 3
    assert accepted["operationId"]
    for execution_id in failed:
        await stage.until(execution_id, "SUCCESS")
    await stage.act("POST", "/dance/by-ids", 404, json=failed)
    await stage.act("POST", "/restart/by-ids", 422, json={"ids": failed})


async def test_bulk_actions_by_ids(stage: Working) -> None:
    await stage.server.save(text("f", a="wait"))
    ids = [(await stage.run("f", "RUNNING"))["id"] for _ in range(2)]
    for action, state in [("pause", "PAUSED"), ("resume", "RUNNING"), ("pause", "PAUSED"), ("force-run", "RUNNING")]:
        await stage.act("POST", f"/{action}/by-ids", 202, json=ids)
        for execution_id in ids:
            await stage.until(execution_id, state)
    await stage.act("DELETE", "/kill/by-ids", 202, json=ids)
    for execution_id in ids:
        await stage.until(execution_id, "KILLED")
    await stage.act("POST", "/change-status/by-ids?newStatus=SUCCESS", 202, json=ids)
    for execution_id in ids:
        await stage.until(execution_id, "SUCCESS")
    await stage.act("POST", "/change-status/by-ids?newStatus=RUNNING", 422, json=ids)
    body = {"executionsId": ids, "executionLabels": [{"key": "team", "value": "data"}]}
    await stage.act("POST", "/labels/by-ids", 202, json=body)
    await stage.act("POST", "/unqueue/by-ids?state=RUNNING", 400, json=ids)
    replayed = await stage.act("POST", "/replay/by-ids?latestRevision=true", 202, json=ids)
    assert replayed["totalItems"] == 2
    stage.held.clear()
    path = f"/search?filters[parentId][IN]={','.join(ids)}"
    async with asyncio.timeout(5):
        while (await stage.act("GET", path))["total"] < 2:  # noqa: ASYNC110  polls as a client
            await asyncio.sleep(0.01)
    assert [labels(await stage.get(one))["team"] for one in ids] == ["data", "data"]


async def test_bulk_by_query_takes_what_is_in_a_right_state(stage: Working) -> None:
    await stage.server.save(text("f", a="wait"))
    await stage.server.save(text("g", a="one"))
    running = [(await stage.run("f", "RUNNING"))["id"] for _ in range(3)]
    ended = (await stage.run("g", "SUCCESS"))["id"]
    killed = await stage.act("DELETE", "/kill/by-query?filters[namespace][PREFIX]=company", 202)
    assert killed["totalItems"] == 3
    for execution_id in running:
        await stage.until(execution_id, "KILLED")
    labelled = await stage.act(
        "POST", "/labels/by-query?filters[flowId][EQUALS]=f", 202, json=[{"key": "k", "value": "v"}]
    )
    assert labelled["totalItems"] == 3
    replayed = await stage.act("POST", "/replay/by-query?filters[flowId][EQUALS]=g", 202)
    assert replayed["totalItems"] == 1
    assert current(await stage.get(ended)) == "SUCCESS"
    assert (await stage.act("POST", "/pause/by-query?filters[flowId][EQUALS]=none", 202))["totalItems"] == 0


async def test_delete_leaves_what_goes_on(stage: Working) -> None:
    await stage.server.save(text("f", a="wait"))
    await stage.server.save(text("g", a="one"))
    running = (await stage.run("f", "RUNNING"))["id"]
    ended = (await stage.run("g", "SUCCESS"))["id"]
    await stage.act("DELETE", "/by-ids", 400, json=[running, ended])
    assert (await stage.act("DELETE", "/by-query?filters[namespace][EQUALS]=company.team"))["count"] == 1
    await stage.act("GET", f"/{ended}", 404)
    assert (await stage.act("DELETE", "/by-ids?includeNonTerminated=true", json=[running]))["count"] == 1
    await stage.act("GET", f"/{running}", 404)
    assert await messages(stage, ended) == []


LOOP = """id: loop
namespace: company.team
tasks:
  - id: loop
    type: io.kestra.plugin.core.flow.Loop
    values: [1, 2, 3]
    tasks:
      - id: inner
        type: io.kestra.plugin.core.flow.Loop
        values: [1, 2]
        tasks: [{id: t, type: io.kestra.plugin.core.log.Log, message: hello}]
"""


async def test_iterations_go_with_their_loop(stage: Working) -> None:
    await stage.server.save(LOOP)
    ended = await stage.run("loop", "SUCCESS")
    found = await stage.act("GET", "/search?filters[kind][EQUALS]=LOOP&size=50")
    assert found["total"] == 9
    children = await stage.act("GET", f"/search?filters[kind][EQUALS]=LOOP&filters[parentId][EQUALS]={ended['id']}")
    assert children["total"] == 3
    iteration = found["results"][0]["id"]
    await stage.act("POST", f"/{iteration}/actions/replay", 409)
    await stage.act("DELETE", f"/{ended['id']}", 204)
    assert (await stage.act("GET", "/search?filters[kind][EQUALS]=LOOP"))["total"] == 0


async def test_more_than_a_batch_goes_on_after_the_answer(stage: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_BATCH", 2)
    await stage.server.save(text("f", a="fail"))
    ids = [(await stage.run("f", "FAILED"))["id"] for _ in range(5)]
    accepted = await stage.act("POST", "/change-status/by-query?newStatus=WARNING", 202)
    assert accepted["totalItems"] == 5
    for execution_id in ids:
        await stage.until(execution_id, "WARNING")
    assert (await stage.act("DELETE", "/by-query"))["count"] == 5


async def test_a_playground_goes_on_from_its_last_run(stage: Working) -> None:
    await stage.server.save(text("f", a="one", b="two", c="three"))
    held = await stage.run("f", "BREAKPOINT", kind="PLAYGROUND", breakpoints="b")
    await stage.act("DELETE", f"/{held['id']}/actions/kill")
    run_id = held["taskRunList"][1]["id"]
    again = await stage.act("POST", f"/{held['id']}/actions/replay?taskRunId={run_id}&breakpoints=c")
    assert again["kind"] == "PLAYGROUND"
    held = await stage.until(again["id"], "BREAKPOINT")
    assert states(held) == {"a": "SUCCESS", "b": "SUCCESS", "c": "BREAKPOINT"}


async def test_a_namespace_may_be_called_like_an_action(stage: Working) -> None:
    await stage.server.save(text("f", a="one").replace("company.team", "restart"))
    created = await stage.act("POST", "/restart/f")
    assert (await stage.until(created["id"], "SUCCESS"))["namespace"] == "restart"


@pytest.mark.parametrize("name", ["replay", "restart", "labels", "state", "eval"])
async def test_a_flow_may_be_called_like_an_action(stage: Working, name: str) -> None:
    await stage.server.save(text(name, a="one"))
    ended = await stage.run(name, "SUCCESS")
    await stage.act("POST", f"/none/{name}", 404)
    if name == "replay":
        assert (await stage.act("POST", f"/{ended['id']}/{name}"))["parentId"] == ended["id"]


async def test_an_execution_shows_the_variables_of_its_flow(stage: Working) -> None:
    await stage.server.save(text("f", a="one") + "variables: {greeting: hello}\n")
    assert (await stage.run("f", "SUCCESS"))["variables"] == {"greeting": "hello"}


async def test_the_family_is_followed_to_its_end(stage: Working) -> None:
    await stage.server.save(text("f", a="one"))
    ended = await stage.run("f", "SUCCESS")
    answer = await stage.server.client.get(f"/api/v1/main/executions/{ended['id']}/follow-dependencies")
    kinds = [line.removeprefix("id: ") for line in answer.text.splitlines() if line.startswith("id: ")]
    assert kinds == ["start", "end", "end-all"]
    assert f'"executionId":"{ended["id"]}"' in answer.text


async def test_values_for_pickers(stage: Working) -> None:
    await stage.server.save(text("f", a="one"))
    await stage.server.save(text("g", a="one"))
    await stage.run("f", "SUCCESS")
    await stage.run("g", "SUCCESS")
    assert await stage.act("GET", "/distinct-field-values?field=flowId") == ["f", "g"]
    assert await stage.act("GET", "/distinct-field-values?field=FLOW_ID&size=1") == ["f"]
    assert await stage.act("GET", "/distinct-field-values?field=flowId&filters[flowId][NOT_EQUALS]=f") == ["g"]
    await stage.act("GET", "/distinct-field-values?field=labels", 400)
    assert await stage.act("GET", "/namespaces") == ["company.team"]
    assert [one["id"] for one in await stage.act("GET", "/namespaces/company.team/flows")] == ["f", "g"]
