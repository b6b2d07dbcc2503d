"""What the editor asks for: schemas, documents, names."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from segue.plugins.documents import Library
from segue.plugins.registry import PluginRegistry
from segue.sdk import Task
from tests.api.conftest import LOG, Server, flow, serving

ROOTS = ("/api/v1", "/api/v1/main")


@pytest.fixture
async def documented(tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(tmp_path, plugins=Library(PluginRegistry(installed=False))) as running:
        yield running


@pytest.mark.parametrize("root", ROOTS)
async def test_schemas(documented: Server, root: str) -> None:
    answer = await documented.client.get(f"{root}/plugins/schemas/flow")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    schema = answer.json()
    assert schema["properties"]["tasks"]["items"] == {"$ref": "#/definitions/AnyTask"}
    assert LOG in schema["definitions"]
    task = (await documented.client.get(f"{root}/plugins/schemas/TASK?arrayOf=true")).json()
    assert (task["type"], task["items"]) == ("array", {"allOf": [{"$ref": "#/definitions/AnyTask"}]})
    assert LOG in task["definitions"]
    properties = (await documented.client.get(f"{root}/plugins/properties/FLOW")).json()
    assert "afterExecution" in properties["properties"]
    for path in ("schemas/NOTHING", "properties/NOTHING"):
        assert (await documented.client.get(f"{root}/plugins/{path}")).status_code == 404


async def test_documents(documented: Server) -> None:
    async def get(path: str) -> tuple[int, Any]:
        answer = await documented.client.get(f"/api/v1/plugins{path}")
        return answer.status_code, answer.json()

    status, document = await get("/io.kestra.core.tasks.log.Log")
    assert (status, set(document)) == (200, {"markdown", "schema"})
    assert (await get(f"/{LOG}/versions/1.0"))[0] == 200
    assert (await get(f"/{LOG}/versions"))[0] == 200
    for unknown in ("/no.Such", "/no.Such/versions", "/inputs/NOTHING"):
        assert (await get(unknown))[0] == 404
    status, inputs = await get("/inputs")
    assert {"type": "INT", "cls": "io.kestra.core.models.flows.input.IntInput"} in inputs
    assert (await get("/inputs/int"))[0] == 200
    assert await get("/icons") == (200, {})
    status, page = await get("?page=1&size=1")
    assert (page["total"] > 1, len(page["results"])) == (True, 1)
    assert (await get("?q=no.such"))[1] == {"results": [], "total": 0}
    assert (await get("?page=0"))[0] == 400
    triggers = (await get("/triggers?size=100"))[1]
    assert {"Schedule", "ScheduleOnDates", "Webhook", "Flow"} <= {one["name"] for one in triggers["results"]}
    assert triggers["total"] == len(triggers["results"])
    assert (await get("/groups/subgroups"))[0] == 200
    manifest = await documented.client.post("/api/v1/plugins/pluginUiManifest", json=[])
    assert manifest.json() == {"manifest": {}}


async def test_a_server_without_documents(server: Server) -> None:
    assert (await server.client.get("/api/v1/plugins")).status_code == 404


async def test_names_for_expressions(server: Server) -> None:
    more = "inputs: [{id: a-b, type: INT}, {id: f, type: FORM, inputs: [{id: x, type: INT}]}]\nvariables: {v: 1}\n"
    answer = await server.client.post("/api/v1/main/flows/expressions?taskId=other", content=flow(more=more))
    names = answer.json()["categories"]
    assert names["taskOutputs"] == ["outputs.greet"]
    assert names["inputs"] == ["inputs['a-b']", "inputs.f.x"]
    assert names["variables"] == ["vars.v"]
    assert "upper" in names["filters"]
    same = await server.client.post("/api/v1/main/flows/expressions?taskId=greet", content=flow())
    assert same.json()["categories"]["taskOutputs"] == []
    broken = await server.client.post("/api/v1/main/flows/expressions", content="a: [")
    assert broken.json()["categories"]["inputs"] == []
    assert "upper" in (await server.client.get("/api/v1/pebble/filters")).json()
    functions = (await server.client.get("/api/v1/pebble/functions")).json()
    (secret,) = [one for one in functions if one["name"] == "secret"]
    assert secret["arguments"][0] == {"name": "key"}


class Pictured(Task):
    """Has a picture."""

    type: ClassVar[str] = "test.looks.group.Pictured"
    icon: ClassVar[str] = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


async def test_icons(tmp_path: Path) -> None:
    registry = PluginRegistry({"test.Broken": "no.such.module:Broken"}, installed=False)
    registry.add(Pictured)
    async with serving(tmp_path, plugins=Library(registry)) as server:

        async def get(path: str) -> Any:
            return await server.client.get(f"/api/v1/plugins{path}")

        icons = (await get("/icons")).json()
        assert set(icons) == {Pictured.type}
        assert (await get(f"/icons/{Pictured.type}")).json() == icons[Pictured.type]
        assert (await get("/icons/groups")).json()["test.looks.group"]["icon"] == icons[Pictured.type]["icon"]
        picture = await get(f"/icons/{Pictured.type}/icon.svg")
        assert (picture.text, picture.headers["content-type"]) == (Pictured.icon, "image/svg+xml")
        assert "default-src 'none'" in picture.headers["content-security-policy"]
        assert (await get(f"/icons/{LOG}")).json() == {}
        assert (await get(f"/icons/{LOG}/icon.svg")).status_code == 404
        groups = {one["group"]: one for one in (await get("")).json()["results"]}
        (error,) = groups["test"]["errors"]
        assert error["cls"] == "test.Broken"
        assert "no.such.module" in error["error"] or "No module named" in error["error"]
