"""What namespaces give to flows, on a real server: in its engine and in what a worker does."""

from typing import Any

from tests.rest import RestClient, said

LOG = "io.kestra.plugin.core.log.Log"
RETURN = "io.kestra.plugin.core.debug.Return"
FLOW = f"""
id: given
namespace: tests.given.deep
tasks:
  - {{id: first, type: {LOG}, message: "{{{{ namespace.word }}}} {{{{ namespace.map.a }}}} {{{{ namespace.map.b }}}}"}}
  - {{id: fails, type: io.kestra.plugin.core.execution.Fail}}
  - {{id: wait, type: io.kestra.plugin.core.flow.Pause}}
  - {{id: second, type: {LOG}, message: "{{{{ namespace.word }}}}"}}
  - {{id: choice, type: io.kestra.plugin.core.flow.If, condition: "{{{{ namespace.word == 'one' }}}}",
      then: [{{id: then, type: {RETURN}, format: "{{{{ namespace.word }}}}"}}]}}
outputs:
  - {{id: word, type: STRING, value: "{{{{ namespace.word }}}}"}}
"""


async def put(client: RestClient, id_: str, **fields: Any) -> None:
    await client.json("PUT", f"/namespaces/{id_}", json=fields)


async def levels(client: RestClient, execution_id: str) -> dict[str, str]:
    return {line["taskId"]: line["level"] for line in await client.logs(execution_id) if line.get("taskId")}


async def test_defaults_and_variables_are_inherited_and_pinned(client: RestClient) -> None:
    tolerant = {"type": "io.kestra.plugin.core.execution", "values": {"allowFailure": True}}
    loud = {"type": LOG, "values": {"level": "WARN"}}
    await put(
        client,
        "tests.given",
        variables={"word": "above", "map": {"a": "A", "b": "B"}},
        pluginDefaults=[tolerant, {"type": LOG, "values": {"level": "ERROR"}}],
    )
    await put(client, "tests.given.deep", variables={"word": "one", "map": {"b": "own"}}, pluginDefaults=[loud])
    await client.deploy(FLOW)
    execution = await client.start("tests.given.deep", "given")
    paused = await client.wait(execution["id"], until=lambda one: one["state"]["current"] == "PAUSED")
    await put(
        client, "tests.given.deep", variables={"word": "two"}, pluginDefaults=[{**loud, "values": {"level": "INFO"}}]
    )
    await client.request("POST", f"/executions/{paused['id']}/actions/resume")
    ended = await client.wait(paused["id"])
    assert ended["state"]["current"] == "WARNING", "the engine knows the default allowFailure"
    assert ended["outputs"] == {"word": "one"}
    lines = await client.logs(ended["id"])
    assert [line["message"] for line in lines if line.get("taskId") in {"first", "second"}] == ["one A own", "one"]
    found = await levels(client, ended["id"])
    assert (found["first"], found["second"]) == ("WARN", "WARN")
    assert (await client.outputs(ended["id"]))["then"]["value"] == "one"

    replayed = await client.json("POST", f"/executions/{ended['id']}/actions/replay")
    paused = await client.wait(replayed["id"], until=lambda one: one["state"]["current"] == "PAUSED")
    assert "two A B" in said(await client.logs(paused["id"]))
    assert (await levels(client, paused["id"]))["first"] == "INFO"
    await client.kill(paused["id"])
    await client.wait(paused["id"])


async def test_forced_defaults_of_a_namespace_win_over_the_flow(client: RestClient) -> None:
    forced = {"type": LOG, "values": {"level": "WARN"}, "forced": True}
    await put(client, "tests.forced", pluginDefaults=[forced])
    tasks = f"tasks:\n  - {{id: t, type: {LOG}, message: m, level: ERROR}}\n"
    await client.deploy(f"id: f\nnamespace: tests.forced.below\n{tasks}")
    execution = await client.start("tests.forced.below", "f")
    await client.wait(execution["id"])
    assert (await levels(client, execution["id"]))["t"] == "WARN"
