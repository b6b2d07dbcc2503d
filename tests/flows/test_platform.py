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
