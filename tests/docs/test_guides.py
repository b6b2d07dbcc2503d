"""Every flow of the guides is run on a server; it must end and say what the page shows."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.combinations import COMBINATIONS
from tests.processes import ROOT, ServerProcess, running
from tests.rest import RestClient, summary

PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "guides").glob("*.md")}
FLOW = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^```yaml\n([^`]*?)^```\n\n```logs (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOG = re.compile(r"\bid: (\w+),?\s+type: io\.kestra\.plugin\.core\.log\.Log\b")
EXAMPLES = [
    pytest.param(text, *found, id=f"{page}-{found[0].split()[1]}")
    for page, text in sorted(PAGES.items())
    for found in EXAMPLE.findall(text)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("guide")
    combination = next(one for one in COMBINATIONS if (one.database, one.queue) == ("sqlite", "memory"))
    process = ServerProcess("guide", "standalone", Path(folder), combination.config(folder, "", redis_url=""))
    with running(process):
        yield process


@pytest.mark.parametrize(("page", "source", "state", "shown"), EXAMPLES)
async def test_the_example_says_what_the_page_shows(
    server: ServerProcess, page: str, source: str, state: str, shown: str
) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(*FLOW.findall(page))
        flow = re.search(r"^id: (\S+)", source)
        assert flow is not None
        started = await client.start("company.guide", flow[1])
        ended = await client.wait(started["id"])
        assert ended["state"]["current"] == state, summary(ended)
        writers = LOG.findall(source)
        said = [line["message"] for line in await client.logs(started["id"]) if line.get("taskId") in writers]
        assert said == shown.splitlines()


def test_the_pages_have_their_examples() -> None:
    assert {page: len(EXAMPLE.findall(text)) for page, text in PAGES.items()} == {"control-flow": 8, "files": 3}
