"""A server that is set to 1.x reads flows that fit both releases as 1.x does, in every one of its processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import ServerProcess, running
from tests.rest import RestClient

FLOW = """id: either
namespace: tests.dialect
variables:
  x: 1
tasks:
  - id: worker
    type: io.kestra.plugin.core.debug.Return
    format: "{{ vars.x ?? 10 + 2 }}"
  - id: engine
    type: io.kestra.plugin.core.flow.If
    condition: "{{ (vars.x ?? 10 + 2) == 3 }}"
    then:
      - id: of_v1
        type: io.kestra.plugin.core.log.Log
        message: 1.x
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    process = ServerProcess("standalone-1.x", "standalone", tmp_path, {"expressions": {"dialect": "1.x"}})
    with running(process):
        yield process.addresses.http


async def test_the_setting_reaches_api_executor_and_worker(url: str) -> None:
    async with RestClient(url) as client:
        (checked,) = await client.json("POST", "/flows/validate", content=FLOW)
        assert "This flow is read as 1.x, as the server is set" in checked["warnings"][0]
        await client.deploy(FLOW)
        execution = await client.start("tests.dialect", "either")
        ended = await client.wait(execution["id"])
        assert ended["state"]["current"] == "SUCCESS"
        assert [run["taskId"] for run in ended["taskRunList"]] == ["worker", "engine", "of_v1"]
        outputs = await client.outputs(execution["id"])
        assert outputs["worker"] == {"value": "3"}
