"""Restart, replay and marking on real servers, where workers read what earlier task runs have left."""

import pytest

from tests.rest import RestClient, histories, said, summary, task_states

NAMESPACE = "tests.operations"
CORE = "io.kestra.plugin.core"
FLOW = f"""
id: again
namespace: {NAMESPACE}
inputs: [{{id: text, type: STRING}}]
tasks:
  - {{id: a, type: {CORE}.debug.Return, format: "{{{{ inputs.text }}}}"}}
  - id: each
    type: {CORE}.flow.ForEach
    values: [x, y]
    tasks: [{{id: b, type: {CORE}.debug.Return, format: "{{{{ taskrun.value }}}}"}}]
  - {{id: c, type: {CORE}.log.Log, message: "{{{{ taskrun.attemptsCount == 1 ? outputs.a.value | length : ko }}}}"}}
  - {{id: d, type: {CORE}.log.Log, message: "{{{{ outputs.b.y.value }}}} after all"}}
"""


@pytest.mark.parametrize("size", [10, 100_000], ids=["in the database", "in storage"])
async def test_a_restart_uses_what_is_there(client: RestClient, size: int) -> None:
    await client.deploy(FLOW)
    started = await client.start(NAMESPACE, "again", {"text": "x" * size})
    failed = await client.wait(started["id"])
    assert failed["state"]["current"] == "FAILED", summary(failed)
    await client.json("POST", f"/executions/{failed['id']}/actions/restart")
    ended = await client.wait(failed["id"], lambda one: one["state"]["current"] == "SUCCESS")
    assert histories(ended["state"]) == ["CREATED", "RUNNING", "FAILED", "RESTARTED", "RUNNING", "SUCCESS"]
    assert said(await client.logs(failed["id"]))[-2:] == [str(size), "y after all"]


@pytest.mark.parametrize("size", [10, 100_000], ids=["in the database", "in storage"])
async def test_a_replay_reads_the_outputs_of_its_source(client: RestClient, size: int) -> None:
    await client.deploy(FLOW)
    started = await client.start(NAMESPACE, "again", {"text": "x" * size})
    failed = await client.wait(started["id"])
    (run,) = [run for run in failed["taskRunList"] if run["taskId"] == "c"]
    again = await client.json("POST", f"/executions/{failed['id']}/actions/replay", params={"taskRunId": run["id"]})
    ended = await client.wait(again["id"])
    assert ended["state"]["current"] == "SUCCESS", summary(ended)
    assert said(await client.logs(again["id"]))[-2:] == [str(size), "y after all"]
    assert (await client.outputs(again["id"]))["a"] == {"value": "x" * size}
    assert task_states(ended) == [
        ("a", "SUCCESS"), ("b", "SUCCESS"), ("b", "SUCCESS"), ("c", "SUCCESS"), ("d", "SUCCESS"), ("each", "SUCCESS"),
    ]  # fmt: skip


async def test_a_task_run_that_is_marked_lets_the_flow_go_on(client: RestClient) -> None:
    await client.deploy(FLOW)
    started = await client.start(NAMESPACE, "again", {"text": "x"})
    failed = await client.wait(started["id"])
    (run,) = [run for run in failed["taskRunList"] if run["taskId"] == "c"]
    body = {"taskRunId": run["id"], "state": "WARNING"}
    await client.json("POST", f"/executions/{failed['id']}/actions/state", json=body)
    ended = await client.wait(failed["id"], lambda one: one["state"]["current"] == "WARNING")
    assert said(await client.logs(failed["id"]))[-1] == "y after all"
    assert ended["state"]["current"] == "WARNING"
