"""Flow triggers on a real server: chains, fan-ins, inputs, circles (flow language 12.6)."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.combinations import COMBINATIONS
from tests.processes import ServerProcess, running
from tests.rest import RestClient, summary

TRIGGER = "io.kestra.plugin.core.trigger.Flow"
RETURN = "io.kestra.plugin.core.debug.Return"
LOG = "io.kestra.plugin.core.log.Log"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("followers")
    config = COMBINATIONS[0].config(folder) | {"limits": {"trigger-chain": 6}}
    process = ServerProcess("followers", "standalone", folder, config)
    with running(process):
        yield process


def source(namespace: str, flow_id: str, rows: int = 1) -> str:
    return f"""
id: {flow_id}
namespace: {namespace}
inputs:
  - {{id: fails, type: BOOL, defaults: false}}
tasks:
  - id: load
    type: {RETURN}
    format: "{{{{ inputs.fails ? nothing : {rows} }}}}"
outputs:
  - {{id: rows, type: INT, value: "{{{{ outputs.load.value }}}}"}}
"""


async def started(client: RestClient, namespace: str, flow_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The executions of a flow once there are ``count`` and all are over, oldest first."""
    async with asyncio.timeout(20):
        while True:
            found = await client.json(
                "GET", "/executions/search", params={"namespace": namespace, "flowId": flow_id, "size": 100}
            )
            ended = [item for item in found["results"] if item["state"]["current"] in {"SUCCESS", "FAILED", "WARNING"}]
            if len(ended) >= count:
                return sorted(ended, key=lambda item: item["state"]["startDate"])
            await asyncio.sleep(0.05)


async def never_started(client: RestClient, namespace: str, flow_id: str) -> None:
    """Nothing is started within a moment in which others are."""
    await asyncio.sleep(0.7)
    found = await client.json("GET", "/executions/search", params={"namespace": namespace, "flowId": flow_id})
    assert found["total"] == 0


async def test_a_chain_carries_outputs_and_the_correlation_on(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(source("chain.src", "a", 7))
        for flow_id, before in (("b", "a"), ("c", "b")):
            upstream = "chain.src" if before == "a" else "chain"
            await client.deploy(
                f"""
id: {flow_id}
namespace: chain
inputs:
  - {{id: rows, type: INT}}
triggers:
  - id: after
    type: {TRIGGER}
    dependsOn: [{{namespace: {upstream}, flowId: {before}, states: [SUCCESS]}}]
    inputs: {{rows: "{{{{ trigger.outputs.rows + 1 }}}}"}}
    labels: {{by: "{{{{ trigger.flowId }}}}"}}
tasks:
  - {{id: say, type: {LOG}, message: "{{{{ trigger.state }}}} {{{{ trigger.outputs.chain }}}}"}}
outputs:
  - {{id: rows, type: INT, value: "{{{{ inputs.rows }}}}"}}
""".replace("{{ trigger.outputs.chain }}", "")
            )
        first = await client.start("chain.src", "a")
        (last,) = await started(client, "chain", "c")
        assert last["state"]["current"] == "SUCCESS", summary(last)
        assert last["inputs"] == {"rows": 9}
        labels = {label["key"]: label["value"] for label in last["labels"]}
        assert labels["by"] == "b"
        assert labels["system.correlationId"] == first["id"]
        (between,) = await started(client, "chain", "b")
        assert between["trigger"]["variables"]["executionId"] == first["id"]
        assert between["trigger"]["variables"]["lastTaskId"] == "load"
        failed = await client.start("chain.src", "a", {"fails": "true"})
        await client.wait(failed["id"])
        assert len(await started(client, "chain", "b")) == 1


async def test_three_flows_of_a_day_start_a_fourth(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        for number, flow_id in enumerate("xyz"):
            await client.deploy(source("fan", flow_id, number))
        await client.deploy(f"""
id: target
namespace: fan
inputs:
  - {{id: all, type: JSON}}
triggers:
  - id: all
    type: {TRIGGER}
    dependsOn: [{{namespace: fan, flowId: x}}, {{namespace: fan, flowId: y}}, {{namespace: fan, flowId: z}}]
    inputs: {{all: "{{{{ trigger.outputs.fan }}}}"}}
tasks: [{{id: say, type: {LOG}, message: "{{{{ inputs.all }}}}"}}]
""")
        for flow_id in "xxy":
            await client.wait((await client.start("fan", flow_id))["id"])
        await never_started(client, "fan", "target")
        await client.start("fan", "z")
        (end,) = await started(client, "fan", "target")
        assert end["inputs"]["all"] == {"x": {"rows": 0}, "y": {"rows": 1}, "z": {"rows": 2}}
        await client.wait((await client.start("fan", "z"))["id"])
        await asyncio.sleep(0.3)
        assert len(await started(client, "fan", "target")) == 1, "all have to happen anew"


async def test_conditions_and_preconditions_of_1x(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(source("old.src", "a"))
        await client.deploy(source("old.src", "b"))
        await client.deploy(f"""
id: on-failure
namespace: old
triggers:
  - id: t
    type: {TRIGGER}
    conditions:
      - {{type: io.kestra.plugin.core.condition.ExecutionStatusCondition, in: [FAILED]}}
      - {{type: io.kestra.plugin.core.condition.ExecutionNamespaceCondition, namespace: old.src, prefix: true}}
tasks: [{{id: say, type: {LOG}, message: "{{{{ trigger.executionId }}}}"}}]
""")
        await client.deploy(f"""
id: both
namespace: old
triggers:
  - id: t
    type: {TRIGGER}
    preconditions:
      id: p
      flows: [{{namespace: old.src, flowId: a, states: [FAILED]}}, {{namespace: old.src, flowId: b}}]
tasks: [{{id: say, type: {LOG}, message: hello}}]
""")
        await client.wait((await client.start("old.src", "a"))["id"])
        await client.wait((await client.start("old.src", "b"))["id"])
        await never_started(client, "old", "on-failure")
        await never_started(client, "old", "both")
        await client.start("old.src", "a", {"fails": "true"})
        await started(client, "old", "on-failure")
        await started(client, "old", "both")


async def test_a_flow_is_started_when_another_pauses(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy("""
id: waits
namespace: pausing
tasks: [{id: wait, type: io.kestra.plugin.core.flow.Pause}]
""")
        await client.deploy(f"""
id: ask
namespace: pausing
triggers:
  - {{id: t, type: {TRIGGER}, states: [PAUSED], dependsOn: [{{flowId: waits}}]}}
tasks: [{{id: say, type: {LOG}, message: hello}}]
""")
        await client.start("pausing", "waits")
        (end,) = await started(client, "pausing", "ask")
        assert end["trigger"]["variables"]["state"] == "PAUSED"


async def test_inputs_that_cannot_be_rendered_give_a_failed_execution(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(source("bad.src", "a"))
        await client.deploy(f"""
id: target
namespace: bad
inputs: [{{id: n, type: INT}}]
triggers:
  - id: t
    type: {TRIGGER}
    dependsOn: [{{namespace: bad.src, flowId: a}}]
    inputs: {{n: "{{{{ trigger.outputs.nothing }}}}"}}
tasks: [{{id: say, type: {LOG}, message: hello}}]
""")
        await client.start("bad.src", "a")
        (end,) = await started(client, "bad", "target")
        assert end["state"]["current"] == "FAILED"


async def test_two_flows_that_trigger_each_other_are_stopped(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        for own, other in (("ping", "pong"), ("pong", "ping")):
            await client.deploy(f"""
id: {own}
namespace: circle
triggers:
  - {{id: t, type: {TRIGGER}, dependsOn: [{{namespace: circle, flowId: {other}}}]}}
tasks: [{{id: say, type: {LOG}, message: hello}}]
""")
        await client.start("circle", "ping")
        await started(client, "circle", "ping", 4)
        await started(client, "circle", "pong", 3)
        await asyncio.sleep(0.7)
        pings = await started(client, "circle", "ping", 4)
        assert len(pings) == 4
        assert len(await started(client, "circle", "pong", 3)) == 3
        lines = await client.logs(pings[-1]["id"])
        assert any("trigger each other in a circle" in line["message"] for line in lines)


async def test_a_flow_saved_before_the_end_is_started_and_one_deleted_is_not(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(source("late.src", "a"))
        follower = f"""
id: target
namespace: late
triggers:
  - {{id: t, type: {TRIGGER}, dependsOn: [{{namespace: late.src, flowId: a}}]}}
tasks: [{{id: say, type: {LOG}, message: hello}}]
"""
        await client.deploy(follower)
        await client.start("late.src", "a")
        await started(client, "late", "target")
        await client.json("PUT", "/flows/late/target", content=follower + "disabled: true\n")
        await client.wait((await client.start("late.src", "a"))["id"])
        await asyncio.sleep(0.5)
        assert len(await started(client, "late", "target")) == 1
