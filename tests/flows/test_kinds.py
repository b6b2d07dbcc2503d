"""TEST executions with fixtures, and PLAYGROUND executions (flow language 11.8), on a real server."""

import json

from tests.rest import RestClient, task_states

RETURN = "io.kestra.plugin.core.debug.Return"
FLOW = f"""
id: kinds
namespace: tests.kinds
tasks:
  - {{id: a, type: {RETURN}, format: real a}}
  - {{id: b, type: {RETURN}, format: "{{{{ outputs.a.value }}}} and b"}}
  - {{id: c, type: {RETURN}, format: "{{{{ outputs.b.value }}}} and c"}}
"""


async def found(client: RestClient, **query: str) -> set[str]:
    query |= {"filters[namespace][EQUALS]": "tests.kinds", "size": "100"}
    page = await client.json("GET", "/executions/search", params=query)
    return {one["id"] for one in page["results"]}


async def test_a_test_execution_takes_its_fixtures_for_task_runs(client: RestClient) -> None:
    await client.deploy(FLOW)
    fixtures = [{"id": "a", "outputs": {"value": "pretended"}}, {"id": "c", "state": "WARNING"}]
    started = await client.start("tests.kinds", "kinds", kind="TEST", fixtures=json.dumps(fixtures))
    ended = await client.wait(started["id"])
    assert (ended["kind"], ended["state"]["current"]) == ("TEST", "WARNING")
    assert task_states(ended) == [("a", "SUCCESS"), ("b", "SUCCESS"), ("c", "WARNING")]
    assert (await client.outputs(ended["id"]))["b"]["value"] == "pretended and b"
    assert [fixture["id"] for fixture in ended["fixtures"]] == ["a", "c"]
    assert {"key": "system.test", "value": "true"} in ended["labels"]
    assert ended["id"] not in await found(client)
    assert ended["id"] in await found(client, **{"filters[kind][EQUALS]": "TEST"})


async def test_a_playground_runs_up_to_a_task_and_goes_on_from_what_it_has(client: RestClient) -> None:
    await client.deploy(FLOW)
    started = await client.start("tests.kinds", "kinds", kind="PLAYGROUND", breakpoints="b")
    stood = await client.wait(started["id"], until=lambda one: one["state"]["current"] == "BREAKPOINT")
    assert task_states(stood) == [("a", "SUCCESS"), ("b", "BREAKPOINT")]
    run_of_b = stood["taskRunList"][1]["id"]
    query = {"taskRunId": run_of_b, "breakpoints": "c"}
    replayed = await client.json("POST", f"/executions/{stood['id']}/actions/replay", params=query)
    again = await client.wait(replayed["id"], until=lambda one: one["state"]["current"] == "BREAKPOINT")
    assert (again["kind"], again["parentId"]) == ("PLAYGROUND", stood["id"])
    assert task_states(again) == [("a", "SUCCESS"), ("b", "SUCCESS"), ("c", "BREAKPOINT")]
    outputs = await client.outputs(again["id"])
    assert outputs["b"]["value"] == "real a and b", "the outputs of a were taken over"
    assert again["taskRunList"][0]["state"]["histories"] == stood["taskRunList"][0]["state"]["histories"]
    shown = await found(client, **{"filters[kind][EQUALS]": "PLAYGROUND"})
    assert {stood["id"], again["id"]} <= shown
    assert not {stood["id"], again["id"]} & await found(client)
    await client.json("POST", f"/executions/{again['id']}/actions/resume-from-breakpoint")
    ended = await client.wait(again["id"])
    assert ended["state"]["current"] == "SUCCESS"
    await client.kill(stood["id"])
