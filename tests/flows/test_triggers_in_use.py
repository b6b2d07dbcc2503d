"""Triggers used over REST on a real server: schedulers, workers and requests together."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.combinations import COMBINATIONS
from tests.processes import ServerProcess, running
from tests.rest import RestClient, summary

NAMESPACE = "tests.triggers"
CORE = "io.kestra.plugin.core"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("triggers")
    process = ServerProcess("triggers", "standalone", folder, COMBINATIONS[0].config(folder))
    with running(process):
        yield process


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[RestClient]:
    async with RestClient(server.addresses.http) as connected:
        yield connected


def flow(flow_id: str, body: str) -> str:
    return f"id: {flow_id}\nnamespace: {NAMESPACE}\n{body.replace('$CORE', CORE)}"


def key(flow_id: str) -> dict[str, str]:
    return {"namespace": NAMESPACE, "flowId": flow_id, "triggerId": "t"}


async def until(what: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := await what()):
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.1)
    return found


async def state_of(client: RestClient, flow_id: str) -> dict[str, Any]:
    document = await client.json("GET", f"/triggers/{NAMESPACE}/{flow_id}")
    return dict(document["results"][0])


async def test_a_schedule_is_switched_and_unlocked(client: RestClient) -> None:
    source = flow(
        "ticks",
        """
triggers: [{id: t, type: $CORE.trigger.Schedule, cron: "* * * * * *", withSeconds: true}]
tasks: [{id: wait, type: $CORE.flow.Sleep, duration: PT60S}]
""",
    )
    await client.deploy(source)

    async def locked() -> Any:
        state = await state_of(client, "ticks")
        return state if state["locked"] else None

    state = await until(locked)
    first = state["executionId"]
    assert state["lastTriggeredDate"] < state["nextEvaluationDate"]
    found = await client.json("GET", f"/executions/search?namespace={NAMESPACE}&filters[triggerId][EQUALS]=t")
    assert [each["id"] for each in found["results"]] == [first]
    found = await client.json("GET", f"/triggers/search?filters[executionId][EQUALS]={first}")
    assert [item["trigger"]["cron"] for item in found["results"]] == ["* * * * * *"]
    await client.json("POST", f"/triggers/{NAMESPACE}/ticks/t/unlock")

    async def second() -> Any:
        state = await state_of(client, "ticks")
        return state.get("executionId") not in {None, first}

    await until(second)
    off = await client.json("PUT", "/triggers/set-disabled", json=key("ticks") | {"disabled": True})
    assert (off["disabled"], "nextEvaluationDate" in off) == (True, False)
    await client.json("POST", f"/triggers/{NAMESPACE}/ticks/t/unlock")
    count = await client.count(NAMESPACE, "ticks")
    await asyncio.sleep(2)
    assert await client.count(NAMESPACE, "ticks") == count
    answer = await client.json("POST", "/triggers/set-disabled/by-query?disabled=false&filters[flowId][EQUALS]=ticks")
    assert answer["totalItems"] == 1

    async def more() -> bool:
        return await client.count(NAMESPACE, "ticks") > count

    await until(more)
    await client.json("DELETE", f"/flows/{NAMESPACE}/ticks")
    assert (await client.json("GET", "/triggers/search?filters[flowId][EQUALS]=ticks"))["total"] == 0


async def test_a_backfill_is_paused_and_goes_on(client: RestClient) -> None:
    source = flow(
        "past",
        """
triggers: [{id: t, type: $CORE.trigger.Schedule, cron: "0 0 * * *"}]
tasks: [{id: wait, type: $CORE.flow.Sleep, duration: PT0.5S}]
""",
    )
    await client.deploy(source)
    backfill = {"start": "2026-01-01T00:00:00Z", "end": "2026-01-06T00:00:00Z"}
    await client.json("PUT", "/triggers/backfill/create", json=key("past") | {"backfill": backfill})

    async def begun() -> bool:
        return await client.count(NAMESPACE, "past") >= 1

    await until(begun)
    paused = await client.json("PUT", "/triggers/backfill/pause", json=key("past"))
    assert paused["backfill"]["paused"] is True

    async def idle() -> bool:
        return not (await state_of(client, "past"))["locked"]

    await until(idle)
    count = await client.count(NAMESPACE, "past")
    await asyncio.sleep(1.5)
    assert await client.count(NAMESPACE, "past") == count < 6
    await client.json("PUT", "/triggers/backfill/unpause", json=key("past"))

    async def over() -> bool:
        return "backfill" not in await state_of(client, "past")

    await until(over, 30)
    found = await client.json("GET", f"/executions/search?namespace={NAMESPACE}&flowId=past&size=20")
    dates = sorted(each["trigger"]["variables"]["date"][:10] for each in found["results"])
    assert dates == [f"2026-01-0{day}" for day in range(1, 7)]


async def test_log_lines_of_a_trigger(client: RestClient) -> None:
    source = flow(
        "lines",
        """
triggers:
  - {id: t, type: $CORE.trigger.Schedule, cron: "* * * * * *", withSeconds: true, inputs: {a: "{{ none.deep }}"},
     stopAfter: [FAILED]}
inputs: [{id: a, type: STRING}]
tasks: [{id: wait, type: $CORE.debug.Return}]
""",
    )
    await client.deploy(source)

    async def lines() -> Any:
        return (await client.json("GET", "/logs/search?filters[triggerId][EQUALS]=t&filters[flowId][EQUALS]=lines"))[
            "results"
        ]

    found = await until(lines)
    assert {line["triggerId"] for line in found} == {"t"}
    assert (await client.json("GET", "/logs/search?triggerId=other&flowId=lines"))["total"] == 0


async def test_a_flow_trigger_without_inputs_runs_a_flow_that_requires_some(client: RestClient) -> None:
    up = flow("up", "tasks: [{id: a, type: $CORE.debug.Return}]\n")
    down = """
inputs: [{id: needed, type: STRING}, {id: given, type: STRING, defaults: d}]
triggers:
  - id: t
    type: $CORE.trigger.Flow
    dependsOn: [{namespace: tests.triggers, flowId: up, states: [SUCCESS]}]
    $MORE
tasks: [{id: a, type: $CORE.debug.Return, format: "{{ inputs.given }}"}]
"""
    await client.deploy(
        up,
        flow("down", down.replace("$MORE", "")),
        flow("wrong", down.replace("$MORE", "inputs: {given: x}")),
    )
    await client.wait((await client.start(NAMESPACE, "up"))["id"])

    async def started(flow_id: str) -> Any:
        found = await client.json("GET", f"/executions/search?namespace={NAMESPACE}&flowId={flow_id}")
        return found["results"]

    (execution,) = await until(lambda: started("down"))
    ended = await client.wait(execution["id"])
    assert (ended["state"]["current"], ended["inputs"]) == ("SUCCESS", {"given": "d"}), summary(ended)
    (execution,) = await until(lambda: started("wrong"))
    assert (await client.wait(execution["id"]))["state"]["current"] == "FAILED"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ('"{{ outputs.price.values.code }}"', 202),
        ("\"{{ outputs.answer == 'yes' ? 203 : 500 }}\"", 203),
        ('"{{ outputs.none.deep }}"', 500),
        ('"{{ 700 }}"', 500),
        ("204", 204),
        ("304", 304),
    ],
)
async def test_a_webhook_answers_with_a_code_of_its_execution(client: RestClient, code: str, status: int) -> None:
    source = flow(
        "answer",
        f"""
triggers:
  - {{id: t, type: $CORE.trigger.Webhook, key: k, wait: true, returnOutputs: true, responseContentType: text/plain,
     responseCode: {code}}}
tasks:
  - {{id: price, type: $CORE.output.OutputValues, values: {{code: 202, body: "{{{{ trigger.body ?? 'none' }}}}"}}}}
outputs:
  - {{id: answer, type: STRING, value: "yes"}}
""",
    )
    await client.deploy(source)
    answer = await client.request("GET", f"/executions/webhook/{NAMESPACE}/answer/k")
    assert answer.status_code == status, answer.text
    if status in {204, 304}:
        assert answer.content == b""
    else:
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text == '{"answer":"yes"}'
