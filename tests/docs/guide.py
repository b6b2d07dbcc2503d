"""Runs the flows of a guide on a server: each must end and say what the page shows."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.combinations import COMBINATIONS
from tests.processes import ROOT, ServerProcess, running
from tests.rest import RestClient, summary

FLOW = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```yaml\n([^`]*?)^```\n\n```logs (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOG = re.compile(r"\bid: (\w+),?\s+type: io\.kestra\.plugin\.core\.log\.Log\b")


class Guide:
    """A page below `docs/guides`."""

    def __init__(self, name: str) -> None:
        self.text = (ROOT / "docs" / "guides" / name).read_text(encoding="utf-8")
        self.examples: list[tuple[str, str, str]] = EXAMPLE.findall(self.text)

    async def check(self, server: ServerProcess, source: str, state: str, shown: str) -> None:
        """Run one example."""
        async with RestClient(server.addresses.http) as client:
            await client.deploy(*FLOW.findall(self.text))
            flow = re.search(r"^id: (\S+)", source)
            assert flow is not None
            started = await client.start("company.guide", flow[1])
            ended = await client.wait(started["id"])
            assert ended["state"]["current"] == state, summary(ended)
            writers = LOG.findall(source)
            said = [line["message"] for line in await client.logs(started["id"]) if line.get("taskId") in writers]
            assert said == shown.splitlines()


@contextmanager
def guide_server(folder: Path) -> Iterator[ServerProcess]:
    """A standalone server on SQLite."""
    combination = next(one for one in COMBINATIONS if (one.database, one.queue) == ("sqlite", "memory"))
    process = ServerProcess("guide", "standalone", folder, combination.config(folder, "", redis_url=""))
    with running(process):
        yield process
