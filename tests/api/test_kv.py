"""The KV store and the keys of secrets over REST (REST API 4.7, 5.5)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segue.domain.kv import content_of
from segue.ports.repositories.kv import KvWrite

from .conftest import Server, serving

NS = "/api/v1/main/namespaces/company.team/kv"


async def put(server: Server, key: str, body: str, namespace: str = "company.team", **headers: str) -> None:
    url = f"/api/v1/main/namespaces/{namespace}/kv/{key}"
    answer = await server.client.put(url, content=body.encode(), headers=headers)
    assert (answer.status_code, answer.text) == (200, "")


@pytest.mark.parametrize(
    ("body", "type_", "value"),
    [
        ('"abc"', "STRING", "abc"),
        ("value-inherited", "STRING", "value-inherited"),
        ("42", "NUMBER", 42),
        ("1.5", "NUMBER", 1.5),
        ("true", "BOOLEAN", True),
        ('{"a":[1,null]}', "JSON", {"a": [1, None]}),
        ("PT15M", "DURATION", "PT15M"),
        ("2025-10-13", "DATE", "2025-10-13"),
        ("2023-05-02T01:02:03Z", "DATETIME", "2023-05-02T01:02:03Z"),
        ("2023-05-02T03:02:03+02:00", "DATETIME", "2023-05-02T01:02:03Z"),
    ],
)
async def test_a_value_is_written_and_read(server: Server, body: str, type_: str, value: Any) -> None:
    await put(server, "my.key", body)
    found = (await server.client.get(f"{NS}/my.key")).json()
    assert (found["type"], found["value"], found["revision"]) == (type_, value, 1)
    assert found["updated"]


async def test_content_types_and_tenants_do_not_matter(server: Server) -> None:
    for content_type in ("text/plain", "application/json", "application/x-anything"):
        await put(server, "k", "1", **{"content-type": content_type})
    assert (await server.client.get("/api/v1/namespaces/company.team/kv/k")).json()["revision"] == 3


async def test_ttl_and_description(server: Server) -> None:
    await put(server, "k", "1", ttl="PT1H", description="what it is")
    (entry,) = (await server.client.get("/api/v1/main/kv")).json()["results"]
    assert (entry["description"], entry["version"], entry["revision"]) == ("what it is", 1, 1)
    left = datetime.fromisoformat(entry["expirationDate"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    for ttl in ("-PT1H", "PT0S", "soon"):
        assert (await server.client.put(f"{NS}/k", content=b"1", headers={"ttl": ttl})).status_code == 422


async def test_what_is_refused(server: Server) -> None:
    for key in ("_x", "a b", "ü"):
        assert (await server.client.put(f"{NS}/{key}", content=b"1")).status_code == 422
    broken = await server.client.put(f"{NS}/k", content=b'{"a":')
    assert (broken.status_code, "Invalid JSON value for" in broken.json()["message"]) == (422, True)
    assert (await server.client.put("/api/v1/main/namespaces/a..b/kv/k", content=b"1")).status_code == 422
    assert (await server.client.put(f"{NS}/k", content=b"\xff")).status_code == 422


async def test_missing_and_expired(server: Server) -> None:
    missing = await server.client.get(f"{NS}/nope")
    assert (missing.status_code, "No value found for key" in missing.json()["message"]) == (404, True)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await server.database.kv.put(
        KvWrite(tenant="main", namespace="company.team", key="old", content=content_of(1), at=past, expires_at=past)
    )
    expired = await server.client.get(f"{NS}/old")
    assert (expired.status_code, expired.json()["type"].rpartition("/")[2]) == (410, "resource-expired")
    assert (await server.client.get("/api/v1/main/kv")).json() == {"results": [], "total": 0}
    await put(server, "old", "2")
    assert (await server.client.get(f"{NS}/old")).json()["value"] == 2


async def test_deletion(server: Server) -> None:
    for key in "abc":
        await put(server, key, "1")
    assert (await server.client.delete(f"{NS}/a")).json() is True
    again = await server.client.delete(f"{NS}/a")
    assert (again.status_code, again.json()) == (200, False)
    bulk = await server.client.request("DELETE", NS, json={"keys": ["a", "b", "c"]})
    assert bulk.json() == {"keys": ["b", "c"]}
    assert (await server.client.request("DELETE", NS, json=["a"])).status_code == 422


async def test_lists(server: Server) -> None:
    await put(server, "own", "1")
    await put(server, "both", "1")
    await put(server, "both", "2", "company")
    await put(server, "up", "2", "company")
    await put(server, "other", "3", "elsewhere")

    async def keys(path: str) -> list[str]:
        answer = (await server.client.get(f"/api/v1/main/{path}")).json()
        return [entry["key"] for entry in (answer["results"] if isinstance(answer, dict) else answer)]

    assert await keys("kv?sort=key:asc") == ["both", "both", "other", "own", "up"]
    assert await keys("kv?sort=key:desc&size=2&page=2") == ["other", "both"]
    assert await keys("kv?filters[namespace][EQUALS]=company.team") == ["both", "own"]
    assert await keys("kv?filters[namespace][PREFIX]=company&sort=key:asc") == ["both", "both", "own", "up"]
    assert await keys("kv?filters[q][EQUALS]=TH") == ["both", "both", "other"]
    assert await keys("namespaces/company.team/kv") == ["both", "own"]
    inherited = (await server.client.get(f"{NS}/inheritance")).json()
    assert [(one["key"], one["namespace"]) for one in inherited] == [
        ("both", "company.team"), ("own", "company.team"), ("up", "company")
    ]  # fmt: skip
    assert (await server.client.get("/api/v1/main/kv?sort=value:asc")).status_code == 422
    assert (await server.client.get("/api/v1/main/kv?filters[x][EQUALS]=1")).status_code == 400


async def test_keys_of_secrets(tmp_path: Path) -> None:
    async with serving(tmp_path, secrets={"B": "x", "A": "y"}) as server:
        found = (await server.client.get("/api/v1/main/secrets")).json()
        assert found == {"results": [{"key": "A"}, {"key": "B"}], "total": 2, "readOnly": True}
        page = (await server.client.get("/api/v1/main/namespaces/a.b/secrets?size=1&page=2")).json()
        assert (page["results"], page["total"]) == ([{"key": "B"}], 2)
        inherited = (await server.client.get("/api/v1/main/namespaces/a.b/inherited-secrets")).json()
        assert inherited == {"a.b": ["A", "B"], "a": ["A", "B"]}
