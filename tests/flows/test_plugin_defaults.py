"""Plugin defaults of the server, seen where they matter: in what a worker does."""

from pathlib import Path

from tests.combinations import Combination
from tests.processes import ServerProcess, running
from tests.rest import RestClient

LOG = "io.kestra.plugin.core.log.Log"
FLOW = f"""
id: levels
namespace: tests.defaults
tasks:
  - {{id: open, type: {LOG}, message: one}}
  - {{id: own, type: {LOG}, message: two, level: ERROR}}
  - {{id: unfinished, type: {LOG}}}
"""


async def test_a_worker_runs_tasks_with_the_servers_defaults(tmp_path: Path) -> None:
    config = Combination("sqlite", "memory").config(tmp_path) | {
        "plugins": {"defaults": [{"type": LOG, "values": {"level": "WARN", "message": "from the server"}}]}
    }
    server = ServerProcess("defaults", "standalone", tmp_path, config)
    with running(server):
        async with RestClient(server.addresses.http) as client:
            await client.deploy(FLOW)
            execution = await client.start("tests.defaults", "levels")
            ended = await client.wait(execution["id"])
            assert ended["state"]["current"] == "SUCCESS"
            lines = await client.logs(execution["id"])
    said = {line["taskId"]: (line["level"], line["message"]) for line in lines if line.get("taskId")}
    assert said == {"open": ("WARN", "one"), "own": ("ERROR", "two"), "unfinished": ("WARN", "from the server")}
