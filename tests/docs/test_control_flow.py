"""Every flow of the guide is run on a server; it must end and say what the page shows."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.combinations import COMBINATIONS
from tests.processes import ROOT, ServerProcess, running
from tests.rest import RestClient, summary

PAGE = ROOT / "docs" / "guides" / "control-flow.md"
FLOW = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```yaml\n([^`]*?)^```\n\n```logs (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOG = re.compile(r"\bid: (\w+),?\s+type: io\.kestra\.plugin\.core\.log\.Log\b")
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("guide")
    combination = next(one for one in COMBINATIONS if (one.database, one.queue) == ("sqlite", "memory"))
    process = ServerProcess("guide", "standalone", Path(folder), combination.config(folder, "", redis_url=""))
    with running(process):
        yield process


@pytest.mark.parametrize(("source", "state", "shown"), EXAMPLE.findall(TEXT), ids=lambda text: text.split("\n")[0][:30])
async def test_the_example_says_what_the_page_shows(server: ServerProcess, source: str, state: str, shown: str) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(*FLOW.findall(TEXT))
        flow = re.search(r"^id: (\S+)", source)
        assert flow is not None
        started = await client.start("company.guide", flow[1])
        ended = await client.wait(started["id"])
        assert ended["state"]["current"] == state, summary(ended)
        writers = LOG.findall(source)
        said = [line["message"] for line in await client.logs(started["id"]) if line.get("taskId") in writers]
        assert said == shown.splitlines()


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLE.findall(TEXT)) == 8
