"""Every flow of the guide can be stored; those due every second write what the page shows."""

import asyncio
import re
import time
from pathlib import Path

from tests.combinations import COMBINATIONS
from tests.processes import ROOT, ServerProcess, running
from tests.rest import Json, RestClient, said, summary

TEXT = (ROOT / "docs" / "guides" / "schedules.md").read_text(encoding="utf-8")
FLOW = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```yaml\nid: (\S+)\n[^`]*?^```\n\n```logs\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


async def first(client: RestClient, flow_id: str) -> Json:
    """The first execution of a flow, ended."""
    deadline = time.monotonic() + 20
    while True:
        found = await client.json("GET", f"/executions/search?namespace=company.schedules&flowId={flow_id}&size=1")
        if found["results"]:
            return await client.wait(found["results"][0]["id"])
        assert time.monotonic() < deadline, f"{flow_id} was not started"
        await asyncio.sleep(0.1)


async def test_the_flows_of_the_page(tmp_path: Path) -> None:
    combination = next(one for one in COMBINATIONS if (one.database, one.queue) == ("sqlite", "memory"))
    server = ServerProcess("schedules-guide", "standalone", tmp_path, combination.config(tmp_path))
    examples = EXAMPLE.findall(TEXT)
    assert examples
    with running(server):
        async with RestClient(server.addresses.http) as client:
            await client.deploy(*FLOW.findall(TEXT))
            for flow_id, shown in examples:
                ended = await first(client, flow_id)
                assert ended["state"]["current"] == "SUCCESS", summary(ended)
                (line,) = said(await client.logs(ended["id"]))
                assert re.fullmatch(shown, line), line
