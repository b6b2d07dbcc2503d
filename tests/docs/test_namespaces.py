"""Every example of the page on namespaces is run on a server, in their order."""

import json
import re
from pathlib import Path

from tests.combinations import COMBINATIONS
from tests.processes import ROOT, ServerProcess, running
from tests.rest import RestClient, said, summary

PAGE = (ROOT / "docs" / "guides" / "namespaces.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(http|yaml|logs)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


async def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    server = ServerProcess("guide", "standalone", tmp_path, COMBINATIONS[0].config(tmp_path))
    source, shown = "", []
    with running(server):
        async with RestClient(server.addresses.http) as client:
            for kind, state, text in BLOCK.findall(PAGE):
                if kind == "http":
                    line, _, body = text.partition("\n")
                    path = line.removeprefix("PUT /api/v1/main")
                    await client.json("PUT", path, json=json.loads(body))
                elif kind == "yaml":
                    source = text
                    await client.deploy(source)
                else:
                    flow_id, namespace = re.findall(r"^(?:id|namespace): (\S+)", source, re.MULTILINE)
                    ended = await client.wait((await client.start(namespace, flow_id))["id"])
                    assert ended["state"]["current"] == state, summary(ended)
                    lines = [one for one in await client.logs(ended["id"]) if one.get("taskId") in {"say", "goes_on"}]
                    assert said(lines) == text.splitlines()
                    shown += [(one["taskId"], one["level"]) for one in lines]
    assert shown == [("say", "INFO"), ("goes_on", "WARN")]
