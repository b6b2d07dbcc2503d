"""Schedules on a real server: dates start executions, and what a user does to them."""

import asyncio
import time
from datetime import datetime, timedelta
from itertools import pairwise

from tests.rest import Json, RestClient, said, summary

NAMESPACE = "tests.schedules"
CORE = "io.kestra.plugin.core"


def flow(flow_id: str, body: str) -> str:
    return f"id: {flow_id}\nnamespace: {NAMESPACE}\n{body.replace('$CORE', CORE)}"


EVERY_SECOND = "type: $CORE.trigger.Schedule\n    cron: '* * * * * *'\n    withSeconds: true"


async def started(client: RestClient, flow_id: str) -> list[Json]:
    """The executions of a flow, oldest first."""
    query = f"namespace={NAMESPACE}&flowId={flow_id}&size=100&sort=state.startDate:asc"
    found = await client.json("GET", f"/executions/search?{query}")
    return list(found["results"])


async def until_started(client: RestClient, flow_id: str, count: int, seconds: float = 20) -> list[Json]:
    deadline = time.monotonic() + seconds
    while len(found := await started(client, flow_id)) < count:
        assert time.monotonic() < deadline, f"{len(found)} executions of {flow_id}"
        await asyncio.sleep(0.1)
    return found


async def test_every_date_starts_one_execution_with_its_variables(client: RestClient) -> None:
    source = flow(
        "every",
        f"""
labels: {{team: data}}
inputs:
  - {{id: who, type: STRING}}
triggers:
  - id: second
    {EVERY_SECOND}
    timezone: Asia/Tokyo
    allowConcurrent: true
    labels: {{at: "{{{{ trigger.date }}}}"}}
    inputs: {{who: "date {{{{ trigger.date }}}}"}}
tasks:
  - id: say
    type: $CORE.log.Log
    message: "{{{{ inputs.who }}}} {{{{ schedule.next }}}} {{{{ trigger.previous }}}}"
""",
    )
    await client.deploy(source)
    found = await until_started(client, "every", 3)
    await client.json("DELETE", f"/flows/{NAMESPACE}/every")
    dates = [datetime.fromisoformat(each["trigger"]["variables"]["date"]) for each in found]
    assert all(date.utcoffset() == timedelta(hours=9) for date in dates)
    assert {after - before for before, after in pairwise(dates)} == {timedelta(seconds=1)}
    end = await client.wait(found[0]["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    assert (end["trigger"]["id"], end["trigger"]["type"]) == ("second", f"{CORE}.trigger.Schedule")
    labels = {label["key"]: label["value"] for label in end["labels"]}
    date = end["trigger"]["variables"]["date"]
    assert labels == {"team": "data", "at": date, "system.from": "trigger", "system.correlationId": end["id"]}
    around = [(dates[0] + timedelta(seconds=step)).isoformat() for step in (1, -1)]
    assert said(await client.logs(end["id"])) == [f"date {date} {around[0]} {around[1]}"]
    late = datetime.fromisoformat(end["state"]["startDate"]) - dates[0]
    assert timedelta(0) <= late < timedelta(seconds=2)


async def test_the_next_date_waits_for_the_end_of_the_execution(client: RestClient) -> None:
    await client.deploy(
        flow(
            "one-by-one",
            f"""
triggers:
  - id: second
    {EVERY_SECOND}
tasks:
  - {{id: s, type: $CORE.flow.Sleep, duration: PT1.5S}}
""",
        )
    )
    found = await until_started(client, "one-by-one", 3)
    await client.json("DELETE", f"/flows/{NAMESPACE}/one-by-one")
    first, second = found[:2]
    end = await client.wait(first["id"])
    assert datetime.fromisoformat(second["state"]["startDate"]) >= datetime.fromisoformat(end["state"]["endDate"])
    dates = [datetime.fromisoformat(each["trigger"]["variables"]["date"]) for each in found]
    assert dates[1] - dates[0] == timedelta(seconds=1), "a date that passed meanwhile is started afterwards"


async def test_stop_after_and_inputs_that_do_not_fit(client: RestClient) -> None:
    await client.deploy(
        flow(
            "stopped",
            f"""
inputs:
  - {{id: number, type: INT}}
triggers:
  - id: second
    {EVERY_SECOND}
    stopAfter: [FAILED]
    inputs: {{number: "{{{{ 'no number' }}}}"}}
tasks:
  - {{id: s, type: $CORE.log.Log, message: m}}
""",
        )
    )
    (only,) = await until_started(client, "stopped", 1)
    end = await client.wait(only["id"])
    assert end["state"]["current"] == "FAILED", summary(end)
    assert "number" in (await client.logs(end["id"]))[0]["message"]
    await asyncio.sleep(2.5)
    assert len(await started(client, "stopped")) == 1


async def test_a_disabled_flow_starts_nothing(client: RestClient) -> None:
    source = flow(
        "resting",
        f"""
triggers:
  - id: second
    {EVERY_SECOND}
tasks:
  - {{id: s, type: $CORE.log.Log, message: m}}
""",
    )
    await client.deploy(source)
    await until_started(client, "resting", 1)
    await client.deploy(source + "disabled: true\n")
    await asyncio.sleep(0.5)
    before = len(await started(client, "resting"))
    await asyncio.sleep(2)
    assert len(await started(client, "resting")) == before
    await client.deploy(source)
    await until_started(client, "resting", before + 1)
    await client.json("DELETE", f"/flows/{NAMESPACE}/resting")
