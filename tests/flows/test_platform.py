"""Tasks that ask the platform, on a real server with its worker process; and over REST, as another server would."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.combinations import COMBINATIONS
from tests.processes import ServerProcess, running
from tests.rest import RestClient, summary

ASKED = """
id: asked
namespace: company.team
labels: {team: a}
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: hello
"""
ASKING = """
id: asking
namespace: company.team
inputs:
  - {id: url, type: STRING}
  - {id: since, type: STRING}
tasks:
  - id: counts
    type: io.kestra.plugin.core.execution.Count
    flows: [{namespace: company.team, flowId: asked}]
    namespaces: [company.team]
    startDate: "{{ inputs.since }}"
    expression: "{{ count > 0 }}"
  - id: near
    type: io.kestra.plugin.kestra.executions.Query
    namespace: company
    flowId: asked
    states: [SUCCESS]
    labels: {team: a}
    startDate: "{{ inputs.since }}"
    endDate: "{{ now() }}"
    fetchType: FETCH
  - id: far
    type: io.kestra.plugin.kestra.executions.Query
    kestraUrl: "{{ inputs.url }}"
    auth: {username: somebody, password: s3cret-word}
    namespace: company
    flowId: asked
    flowScopes: [USER]
    childFilter: MAIN
    states: [SUCCESS]
    labels: {team: a}
    startDate: "{{ inputs.since }}"
    endDate: "{{ now() }}"
    fetchType: FETCH
  - id: near_count
    type: io.kestra.plugin.kestra.executions.Count
    namespaces: [company.team, none]
    flowId: asked
  - id: far_count
    type: io.kestra.plugin.kestra.executions.Count
    kestraUrl: "{{ inputs.url }}"
    namespaces: [company.team, none]
    flowId: asked
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("platform")
    process = ServerProcess("platform", "standalone", folder, COMBINATIONS[0].config(folder))
    with running(process):
        yield process


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[RestClient]:
    async with RestClient(server.addresses.http) as connected:
        yield connected


async def test_the_own_server_and_a_far_one_answer_alike(server: ServerProcess, client: RestClient) -> None:
    await client.deploy(ASKED, ASKING)
    asked = [await client.wait((await client.start("company.team", "asked"))["id"]) for _ in range(3)]
    inputs = {"url": server.addresses.http + "/", "since": asked[1]["state"]["startDate"]}
    end = await client.wait((await client.start("company.team", "asking", inputs))["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    outputs = await client.outputs(end["id"])
    assert outputs["counts"] == {
        "results": [
            {"namespace": "company.team", "flowId": "asked", "count": 2},
            {"namespace": "company.team", "count": 3},
        ],
        "total": 5,
    }
    assert [row["id"] for row in outputs["near"]["rows"]] == [asked[2]["id"], asked[1]["id"]]
    for row in outputs["far"]["rows"]:
        row.pop("url", None)
    assert outputs["near"] == outputs["far"]
    assert outputs["near_count"] == outputs["far_count"] == {"count": 3}


WAITING = """
id: waiting
namespace: company.team
tasks:
  - id: p
    type: io.kestra.plugin.core.flow.Pause
    onResume: [{id: answer, type: STRING}, {id: count, type: INT}]
  - id: after
    type: io.kestra.plugin.core.debug.Return
    format: "{{ outputs.p.onResume.answer }} {{ outputs.p.onResume.count + 1 }}"
"""
ACTING = """
id: acting
namespace: company.team
inputs:
  - {id: paused, type: STRING}
  - {id: victim, type: STRING}
  - {id: old, type: STRING}
  - {id: url, type: STRING, defaults: ""}
pluginDefaults:
  - type: io.kestra.plugin.kestra
    values: {kestraUrl: "{{ inputs.url }}"}
tasks:
  - {id: resume, type: io.kestra.plugin.kestra.executions.Resume, executionId: "{{ inputs.paused }}",
     inputs: {answer: yes it is, count: 41}}
  - {id: kill, type: io.kestra.plugin.kestra.executions.Kill, executionId: "{{ inputs.victim }}"}
  - {id: logs, type: io.kestra.plugin.kestra.logs.Fetch, executionId: "{{ inputs.old }}", tasksId: [say]}
  - {id: read, type: io.kestra.plugin.core.debug.Return, format: "{{ read(outputs.logs.uri) }}"}
  - {id: delete, type: io.kestra.plugin.kestra.executions.Delete, executionId: "{{ inputs.old }}"}
  - {id: list, type: io.kestra.plugin.kestra.flows.List, namespace: company.team}
  - {id: names, type: io.kestra.plugin.kestra.namespaces.List, prefix: company, size: 5}
  - {id: existing, type: io.kestra.plugin.kestra.namespaces.NamespacesWithFlows, prefix: company}
  - {id: export, type: io.kestra.plugin.kestra.flows.Export, namespace: company, labels: {team: a}}
  - {id: some, type: io.kestra.plugin.kestra.flows.ExportById, flows: [{id: asked, namespace: company.team}]}
  - {id: size, type: io.kestra.plugin.core.storage.Size, uri: "{{ outputs.export.flowsZip }}"}
  - {id: size_of_some, type: io.kestra.plugin.core.storage.Size, uri: "{{ outputs.some.flowsZip }}"}
"""


@pytest.mark.parametrize("is_far", [False, True])
async def test_executions_are_acted_on(server: ServerProcess, client: RestClient, is_far: bool) -> None:
    await client.deploy(ASKED, WAITING, ACTING)
    waiting = [(await client.start("company.team", "waiting"))["id"] for _ in range(2)]
    old = await client.wait((await client.start("company.team", "asked"))["id"])
    for one in waiting:
        await client.wait(one, lambda execution: execution["state"]["current"] == "PAUSED")
    inputs = {"paused": waiting[0], "victim": waiting[1], "old": old["id"]}
    inputs |= {"url": server.addresses.http} if is_far else {}
    end = await client.wait((await client.start("company.team", "acting", inputs))["id"])
    assert end["state"]["current"] == "SUCCESS", (summary(end), await client.logs(end["id"]))
    assert (await client.wait(waiting[0]))["state"]["current"] == "SUCCESS"
    assert (await client.outputs(waiting[0]))["after"]["value"] == "yes it is 42"
    assert (await client.wait(waiting[1]))["state"]["current"] == "KILLED"
    assert (await client.request("GET", f"/executions/{old['id']}")).status_code == 404
    outputs = await client.outputs(end["id"])
    assert outputs["logs"]["size"] == 1
    assert "hello" in outputs["read"]["value"]
    assert {"asked", "waiting", "acting"} <= {flow["id"] for flow in outputs["list"]["flows"]}
    assert outputs["names"]["namespaces"] == ["company", "company.team"]
    assert outputs["existing"]["namespaces"] == ["company.team"]
    assert outputs["size"] == outputs["size_of_some"]
    assert outputs["size"]["size"] > 100
