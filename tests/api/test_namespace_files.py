"""Namespace files over REST (REST API 4.7, 4.12)."""

import io
import zipfile
from typing import Any

import pytest

from .conftest import Server, flow

FILES = "/api/v1/main/namespaces/company.team/files"


async def write(server: Server, path: str, content: bytes = b"x", name: str = "file") -> list[dict[str, Any]]:
    answer = await server.client.post(FILES, params={"path": path}, files={"fileContent": (name, content)})
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def read(server: Server, path: str, **more: Any) -> bytes | int:
    answer = await server.client.get(FILES, params={"path": path, **more})
    return answer.content if answer.status_code == 200 else answer.status_code


async def names(server: Server, path: str = "") -> list[str]:
    answer = await server.client.get(f"{FILES}/directory", params={"path": path} if path else {})
    assert answer.status_code == 200, answer.text
    return [f"{one['fileName']}{'/' if one['type'] == 'Directory' else ''}" for one in answer.json()]


async def test_a_file_and_its_revisions(server: Server) -> None:
    assert (await write(server, "/queries/a.sql", b"one"))[0]["revision"] == 1
    assert (await write(server, "queries/a.sql", b"two!"))[0]["revision"] == 2
    assert await read(server, "/queries/a.sql") == b"two!"
    assert await read(server, "queries/a.sql", revision=1) == b"one"
    assert await read(server, "queries/a.sql", revision=9) == 404
    revisions = (await server.client.get(f"{FILES}/revisions", params={"path": "queries/a.sql"})).json()
    assert [(one["revision"], one["size"], one["deleted"]) for one in revisions] == [(1, 3, False), (2, 4, False)]
    stats = (await server.client.get(f"{FILES}/stats", params={"path": "queries/a.sql"})).json()
    assert (stats["fileName"], stats["type"], stats["size"]) == ("a.sql", "File", 4)
    assert stats["lastModifiedTime"] >= stats["creationTime"] > 1_600_000_000_000


async def test_folders(server: Server) -> None:
    assert await names(server) == []
    await write(server, "b.txt")
    await write(server, "a/x/deep.txt")
    await server.client.post(f"{FILES}/directory", params={"path": "/empty"})
    assert await names(server) == ["a/", "empty/", "b.txt"]
    assert await names(server, "a") == ["x/"]
    assert await names(server, "/a/x/") == ["deep.txt"]
    assert await names(server, "empty") == []
    assert (await server.client.get(f"{FILES}/directory?path=nope")).status_code == 404
    assert (await server.client.get(f"{FILES}/stats?path=a")).json()["type"] == "Directory"
    assert (await server.client.get(f"{FILES}/stats?path=nope")).status_code == 404
    assert (await server.client.get(f"{FILES}/stats")).json()["type"] == "Directory"
    assert (await server.client.get(f"{FILES}/search?q=DEEP")).json() == ["/a/x/deep.txt"]


async def test_move(server: Server) -> None:
    await write(server, "a/x.txt", b"1")
    await write(server, "a/b/y.txt", b"2")
    moved = await server.client.put(FILES, params={"from": "/a", "to": "/c/d"})
    assert moved.status_code == 200
    assert await read(server, "c/d/b/y.txt") == b"2"
    assert await names(server) == ["c/"]
    for source, target, status in (("nope", "x", 404), ("c", "c/d/e", 422), ("c", "", 422)):
        assert (await server.client.put(FILES, params={"from": source, "to": target})).status_code == status


async def test_delete(server: Server) -> None:
    await server.client.post(f"{FILES}/directory", params={"path": "a"})
    await write(server, "a/b/x.txt")
    await write(server, "y.txt")
    assert (await server.client.delete(FILES, params={"path": "a/b/x.txt"})).status_code == 200
    assert await read(server, "a/b/x.txt") == 404
    assert await names(server) == ["y.txt"], "folders that became empty are gone"
    assert await read(server, "a/b/x.txt", revision=1) == b"x"
    assert (await server.client.delete(FILES, params={"path": "nope"})).status_code == 200


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a//b", "a\\b", "_flows/x.yml", "", "/", "a\x01", "x" * 2000])
async def test_paths_that_are_refused(server: Server, path: str) -> None:
    assert (await server.client.get(FILES, params={"path": path})).status_code == 422
    assert (await server.client.delete(FILES, params={"path": path})).status_code == 422
    if not path.startswith("_flows"):
        answer = await server.client.post(FILES, params={"path": path}, files={"fileContent": ("file", b"x")})
        assert answer.status_code == 422


async def test_an_archive_goes_out_and_in(server: Server) -> None:
    await server.save(flow())
    await write(server, "a/x.txt", b"1")
    await write(server, "a/x.txt", b"2")
    await server.client.post(f"{FILES}/directory", params={"path": "empty"})
    answer = await server.client.get(f"{FILES}/export")
    assert 'filename="company.team_files.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["a/x.txt", "empty/", "_flows/hello.yml"]
        assert archive.read("a/x.txt") == b"2"
    other = "/api/v1/main/namespaces/other.place/files"
    sent = {"fileContent": ("all.zip", answer.content)}
    assert (await server.client.post(other, params={"path": "/"}, files=sent)).status_code == 200
    assert (await server.client.get(other, params={"path": "a/x.txt"})).content == b"2"
    imported = (await server.client.get("/api/v1/main/flows/other.place/hello?source=true")).json()
    assert "namespace: other.place" in imported["source"]
    broken = {"fileContent": ("all.zip", b"PK no zip")}
    assert (await server.client.post(other, params={"path": "/"}, files=broken)).status_code == 422


async def test_an_archive_cannot_leave_its_namespace(server: Server) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("../../escape.txt", "x")
    sent = {"fileContent": ("evil.zip", target.getvalue())}
    assert (await server.client.post(FILES, params={"path": "/"}, files=sent)).status_code == 422
