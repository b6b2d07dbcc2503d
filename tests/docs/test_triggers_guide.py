"""Every flow and request of the page on triggers is run on a server, in their order."""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
from guide import guide_server
from tests.processes import ROOT
from tests.rest import RestClient, said

PAGE = (ROOT / "docs" / "guides" / "triggers.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(http|yaml|logs|json)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMESPACE = "company.guide.triggers"


async def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    seen = []
    with guide_server(tmp_path) as server:
        async with RestClient(server.addresses.http) as client:
            answer: httpx.Response | None = None
            for kind, what, text in BLOCK.findall(PAGE):
                seen.append(kind)
                if kind == "yaml":
                    await client.deploy(text)
                elif kind == "http":
                    answer = await send(client, text)
                elif kind == "json":
                    assert answer is not None
                    check(answer, what, text)
                else:
                    await wait_for_lines(client, what, text.splitlines())
    assert [seen.count(kind) for kind in ("yaml", "http", "json", "logs")] == [3, 7, 3, 2]


async def send(client: RestClient, text: str) -> httpx.Response:
    line, _, body = text.partition("\n")
    method, path = line.split()
    arguments: dict[str, Any] = {"json": json.loads(body)} if body.strip() else {}
    answer = await client.request(method, path.removeprefix("/api/v1/main"), **arguments)
    assert answer.is_success, f"{line}: {answer.status_code} {answer.text}"
    return answer


def check(answer: httpx.Response, what: str, text: str) -> None:
    """A status with the whole body, or a place in the body."""
    if what.isdigit():
        assert answer.status_code == int(what), answer.text
        assert (answer.json() if answer.content else None) == (json.loads(text) if text.strip() else None)
        return
    found = answer.json()
    for part in what.split("."):
        found = found[int(part)] if part.isdigit() else found[part]
    assert found == json.loads(text)


async def wait_for_lines(client: RestClient, flow_id: str, expected: list[str]) -> None:
    """The executions of the flow, in the order of their start, end well and say just that."""
    query = f"namespace={NAMESPACE}&flowId={flow_id}&size=100&sort=state.startDate:asc"
    deadline = time.monotonic() + 40
    while True:
        found = (await client.json("GET", f"/executions/search?{query}"))["results"]
        states = [each["state"]["current"] for each in found]
        if states == ["SUCCESS"] * len(expected) or time.monotonic() > deadline:
            break
        await asyncio.sleep(0.2)
    assert [line for each in found for line in said(await client.logs(each["id"]))] == expected, states
