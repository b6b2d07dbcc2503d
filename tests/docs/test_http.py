"""Every flow of the guide is run on a server, against a shop of the test; and so is its plugin."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.combinations import COMBINATIONS
from tests.processes import ROOT, ServerProcess, running
from tests.rest import RestClient, summary
from tests.web import Handler, Web, serving

PAGE = ROOT / "docs" / "guides" / "http.md"
EXAMPLE = re.compile(r"^```yaml\n([^`]*?)^```\n\n```logs (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLUGIN = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LOG = re.compile(r"\bid: (\w+),?\s+type: io\.kestra\.plugin\.core\.log\.Log\b")
TEXT = PAGE.read_text(encoding="utf-8")
TOKEN = "t0ken-of-the-shop"


class Shop(Handler):
    """The server the page talks to."""

    def on_orders(self) -> None:
        if self.rest:
            found = self.rest == "7"
            self.answer(b"a lamp" if found else b"none", 200 if found else 404)
        elif self.command == "POST":
            self.answer(self.body, 201 if self.headers.get("Authorization") == f"Bearer {TOKEN}" else 401)
        else:
            orders = [{"id": 1, "total": 20}, {"id": 2, "total": 30}]
            assert self.url.query == "status=open&field=id&field=total"
            self.answer(json.dumps(orders).encode(), Content_Type="application/json")

    def on_files(self) -> None:
        title = re.search(rb'name="(title)"\r\n\r\nOrders of company.web\r\n', self.body)
        file = re.search(rb'name="(file)"; filename="(.*?)"\r\n.*?\r\n\r\n(.*?)\r\n--', self.body, re.DOTALL)
        assert title is not None
        assert file is not None
        said = f"{title[1].decode()}, {file[1].decode()} {file[2].decode()} of {len(file[3])} bytes"
        self.answer(said.encode(), Content_Type="text/plain")

    def on_export(self) -> None:
        self.answer(b"id,total\n1,20\n", Content_Disposition='attachment; filename="orders.csv"')

    def on_answer(self) -> None:
        words = b'data: {"word": "Hello"}\n\ndata: {"word": " world"}\n\ndata: {"end": true}\n\n'
        self.answer(words, Content_Type="text/event-stream")


@pytest.fixture(scope="module")
def shop() -> Iterator[Web]:
    web = Web()
    web.RequestHandlerClass = Shop
    with serving(web):
        yield web


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shop: Web) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("guide")
    plugin = PLUGIN.findall(TEXT)[0].replace("https://api.example.com", shop.url)
    (folder / "guide_plugin.py").write_text(plugin, encoding="utf-8")
    described = folder / "guide_plugin-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: guide-plugin\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[segue.plugins]\norg.example.GetOrder = guide_plugin:GetOrder\n")
    environment = {
        "SECRET_API_TOKEN": "dDBrZW4tb2YtdGhlLXNob3A=",
        "PYTHONPATH": ":".join([str(folder), *filter(None, sys.path)]),
    }
    process = ServerProcess(
        "guide", "standalone", Path(folder), COMBINATIONS[0].config(folder), environment=environment
    )
    with running(process):
        yield process


@pytest.mark.parametrize(("source", "state", "shown"), EXAMPLE.findall(TEXT), ids=lambda text: text.split("\n")[0][:30])
async def test_the_example_says_what_the_page_shows(
    server: ServerProcess, shop: Web, source: str, state: str, shown: str
) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(source.replace("https://api.example.com", shop.url))
        flow = re.search(r"^id: (\S+)", source)
        assert flow is not None
        started = await client.start("company.web", flow[1])
        ended = await client.wait(started["id"])
        assert ended["state"]["current"] == state, summary(ended)
        writers = LOG.findall(source)
        said = [line["message"] for line in await client.logs(started["id"]) if line.get("taskId") in writers]
        assert "\n".join(said).strip().splitlines() == shown.splitlines()


async def test_the_plugin_of_the_page(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(
            "id: plugin\nnamespace: company.web\ntasks:\n"
            "  - {id: get, type: org.example.GetOrder, number: '{{ 3 + 4 }}'}\n"
            "  - {id: no, type: org.example.GetOrder, number: 8, allowFailure: true}\n"
        )
        started = await client.start("company.web", "plugin")
        ended = await client.wait(started["id"])
        assert ended["state"]["current"] == "WARNING", summary(ended)
        assert (await client.outputs(started["id"]))["get"] == {"order": "a lamp"}
        lines = " ".join(line["message"] for line in await client.logs(started["id"]))
        assert "Failed http request with response code '404' and body:\nnone" in lines


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLE.findall(TEXT)) == 6
    assert len(PLUGIN.findall(TEXT)) == 1
