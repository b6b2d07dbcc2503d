"""Namespaces over REST (REST API 4.7, 4.14), and what they give to flows that are checked and evaluated."""

import json
from typing import Any

import pytest

from .conftest import LOG, Server, flow

ROOT = "/api/v1/main/namespaces"
DEFAULTS = [{"type": LOG, "values": {"level": "WARN"}}]


async def store(server: Server, id_: str, **fields: Any) -> dict[str, Any]:
    answer = await server.client.put(f"{ROOT}/{id_}", json={"id": id_, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def search(server: Server, query: str = "") -> list[str]:
    answer = await server.client.get(f"{ROOT}/search?size=100&{query}")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["total"] == len(found["results"])
    return [item["id"] for item in found["results"]]


async def test_a_namespace_is_created_read_changed_and_deleted(server: Server) -> None:
    body = {"id": "a.b", "description": "Team B", "variables": {"x": 1}, "pluginDefaults": DEFAULTS}
    created = await server.client.post(ROOT, json=body)
    assert (created.status_code, created.json()) == (200, {"deleted": False, "revision": 1, **body})
    assert (await server.client.get("/api/v1/namespaces/a.b")).json() == created.json()
    again = await server.client.post(ROOT, json=body)
    assert (again.status_code, again.json()["type"].rsplit("/", 1)[-1]) == (409, "entity-already-exists")
    changed = await server.client.put(f"{ROOT}/a.b", json={"variables": {"y": None}})
    expected = {"id": "a.b", "deleted": False, "revision": 2, "variables": {"y": None}, "pluginDefaults": []}
    assert changed.json() == expected
    gone = await server.client.delete(f"{ROOT}/a.b")
    assert (gone.status_code, gone.content) == (204, b"")
    missing = await server.client.delete(f"{ROOT}/a.b")
    assert (missing.status_code, missing.json()["detail"]) == (404, "Namespace a.b not found")
    assert (await server.client.get(f"{ROOT}/a.b")).json() == {"id": "a.b", "deleted": False}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("[]", 422, "the body is no namespace"),
        ("{", 422, "the body is no namespace"),
        ('{"variables": 1}', 422, "the body is no namespace"),
        ("{}", 422, "id: must not be null"),
        ('{"id": "A"}', 422, "id: must match"),
        ('{"id": "a..b"}', 422, "Illegal namespace"),
        ('{"id": "a", "pluginDefaults": [{"values": 1}]}', 422, "pluginDefaults[0].type: must be the type of a plugin"),
        ('{"id": "a", "pluginDefaults": [{"type": "t", "values": {}, "forced": 1}]}', 422, "[0].forced: must be true"),
        ('{"id": "a", "quotas": [{"limit": 1}]}', 422, "quotas: is not supported by this server"),
        ('{"id": "a", "secretConfiguration": {"token": "hush"}}', 422, "secretConfiguration: is not supported"),
    ],
)
async def test_what_is_no_namespace_is_refused(server: Server, body: str, status: int, words: str) -> None:
    answer = await server.client.post(ROOT, content=body)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert "hush" not in answer.text
    assert await search(server) == []


async def test_the_id_in_the_body_must_be_that_of_the_path(server: Server) -> None:
    answer = await server.client.put(f"{ROOT}/a", json={"id": "b"})
    assert (answer.status_code, "Illegal namespace id update" in answer.json()["detail"]) == (422, True)


async def test_settings_that_say_nothing_are_no_hindrance(server: Server) -> None:
    """Clients send the defaults of all fields along."""
    isolation = {"enabled": False, "deniedServices": []}
    await store(server, "a", allowedNamespaces=[], storageIsolation=isolation, secretReadOnly=False, quotas=None)


async def test_namespaces_of_flows_and_those_above_are_listed(server: Server) -> None:
    await server.save(flow("one", "company.team.x"))
    await store(server, "stored.deep", description="d")
    everything = ["company", "company.team", "company.team.x", "stored", "stored.deep"]
    assert await search(server) == everything
    assert await search(server, "sort=id:desc") == everything[::-1]
    assert await search(server, "existing=true") == ["stored.deep"]
    assert await search(server, "filters[existingOnly][EQUALS]=true") == ["stored.deep"]
    assert await search(server, "q=TEAM") == ["company.team", "company.team.x"]
    assert await search(server, "filters[q][NOT_EQUALS]=company") == ["stored", "stored.deep"]
    assert await search(server, "filters[namespace][PREFIX]=company.team") == ["company.team", "company.team.x"]
    assert await search(server, "filters[id][NOT_IN]=company,stored") == [
        "company.team",
        "company.team.x",
        "stored.deep",
    ]
    page = (await server.client.get(f"{ROOT}/search?page=2&size=2")).json()
    assert ([item["id"] for item in page["results"]], page["total"]) == (["company.team.x", "stored"], 5)
    wrong = await server.client.get(f"{ROOT}/search?filters[state][EQUALS]=RUNNING")
    assert (wrong.status_code, wrong.json()["type"].rsplit("/", 1)[-1]) == (400, "invalid-query-filters")


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({}, ["company", "company.team", "stored"]),
        ({"q": "team"}, ["company.team"]),
        ({"ids": ["stored", "absent"]}, ["stored"]),
        ({"q": "team", "ids": ["stored"]}, ["company.team", "stored"]),
        ({"existingOnly": True}, ["stored"]),
    ],
)
async def test_namespaces_are_proposed(server: Server, body: dict[str, Any], ids: list[str]) -> None:
    await server.save(flow())
    await store(server, "stored")
    assert (await server.client.post(f"{ROOT}/autocomplete", json=body)).json() == ids


async def test_what_comes_from_above(server: Server) -> None:
    await store(server, "a", variables={"x": 1, "deep": {"u": 1, "v": 1}}, pluginDefaults=DEFAULTS)
    await store(server, "a.b", variables={"y": 2, "deep": {"v": 2}}, pluginDefaults=[{"type": "t", "values": {}}])
    await store(server, "a.b.c", variables={"z": 3})
    answer = await server.client.get(f"{ROOT}/a.b.c/inherited-variables")
    assert answer.json() == {"x": 1, "y": 2, "deep": {"u": 1, "v": 2}}
    answer = await server.client.get(f"{ROOT}/a.b.c/inherited-plugindefaults")
    assert answer.json() == [{"type": "t", "values": {}}, *DEFAULTS]
    assert (await server.client.get(f"{ROOT}/a/inherited-variables")).json() == {}


async def test_defaults_are_part_of_what_is_validated(server: Server) -> None:
    text = flow()
    valid = (await server.client.post("/api/v1/main/flows/validate", content=text)).json()
    assert "constraints" not in valid[0]
    await store(server, "company", pluginDefaults=[{"type": "io.kestra", "values": {"colour": "red"}}])
    (found,) = (await server.client.post("/api/v1/main/flows/validate", content=text)).json()
    assert 'Unrecognized field "colour"' in found["constraints"]
    refused = await server.client.post("/api/v1/main/flows", content=text)
    assert refused.status_code == 422
    await server.client.delete(f"{ROOT}/company")
    await server.save(text)


async def test_variables_are_seen_by_inputs_checks_and_trials(server: Server) -> None:
    await store(server, "company", variables={"greeting": "Hello", "who": "nobody"})
    await store(server, "company.team", variables={"who": "you"})
    inputs = 'inputs:\n  - {id: text, type: STRING, defaults: "{{ namespace.greeting }} {{ namespace.who }}"}\n'
    await server.save(flow(more=inputs))
    execution = await server.run()
    assert execution["inputs"] == {"text": "Hello you"}
    await store(server, "company.team", variables={"who": "them"})
    url = f"/api/v1/main/executions/{execution['id']}/actions/eval"
    answer = await server.client.post(url, content="{{ namespace | toJson }}")
    assert json.loads(answer.json()["result"]) == {"greeting": "Hello", "who": "you"}, "as when it was created"
    assert (await server.run())["inputs"] == {"text": "Hello them"}


async def test_the_editor_offers_variables_of_namespaces(server: Server) -> None:
    await store(server, "company", variables={"word": 1, "two-words": 2})
    answer = await server.client.post("/api/v1/main/flows/expressions", content=flow(more="variables: {v: 1}"))
    assert answer.json()["categories"]["variables"] == ["vars.v", "namespace.word", "namespace['two-words']"]


async def test_a_flow_that_a_default_makes_unreadable_can_be_switched_off_and_is_told_of(server: Server) -> None:
    await server.save(flow())
    await store(server, "company", pluginDefaults=[{"type": LOG, "values": {"timeout": []}}])
    shown = (await server.client.get("/api/v1/main/flows/company.team/hello")).json()
    assert "timeout" in shown["exception"]
    refused = await server.client.post("/api/v1/main/executions/company.team/hello")
    assert (refused.status_code, "Cannot execute an invalid flow" in refused.json()["detail"]) == (409, True)
    body = [{"namespace": "company.team", "id": "hello"}]
    answer = await server.client.post("/api/v1/main/flows/disable/by-ids", json=body)
    assert (answer.status_code, answer.json()["count"]) == (200, 1), answer.text
    await server.client.delete(f"{ROOT}/company")
    assert (await server.client.get("/api/v1/main/flows/company.team/hello")).json()["disabled"] is True
