"""Files of executions over REST (REST API 5.4)."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from segue.domain.execution.places import execution_folder
from segue.expr.ion.binary_writer import ion_bytes

from .conftest import Server, flow

EXECUTIONS = "/api/v1/main/executions"


async def started(server: Server, flow_id: str = "hello", **options: Any) -> tuple[str, str]:
    """A new execution: its id and its folder."""
    await server.save_or_update(flow(flow_id))
    execution_id = (await server.run(f"company.team/{flow_id}", **options))["id"]
    stored = await server.ports.executions.get("main", execution_id)
    assert stored is not None
    return execution_id, execution_folder(stored.flow, execution_id)


async def put(server: Server, uri: str, content: bytes) -> str:
    async def pieces() -> AsyncIterator[bytes]:
        yield content

    return (await server.storage.put("main", uri, pieces())).uri


async def ask(server: Server, execution_id: str, path: str, what: str = "file", **more: Any) -> Any:
    return await server.client.get(f"{EXECUTIONS}/{execution_id}/{what}", params={"path": path, **more})


async def shown(server: Server, name: str, content: bytes, **more: Any) -> dict[str, Any]:
    execution_id, folder = await started(server)
    uri = await put(server, folder + name, content)
    answer = await ask(server, execution_id, uri, "file/preview", **more)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_download_and_size(server: Server) -> None:
    execution_id, folder = await started(server)
    content = bytes(range(256)) * 10_000
    uri = await put(server, f"{folder}tasks/t/1/data.bin", content)
    answer = await ask(server, execution_id, uri)
    assert answer.status_code == 200
    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="data.bin"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await ask(server, execution_id, uri, "file/metas")).json() == {"size": len(content)}
    one_slash = uri.replace("kestra:///", "kestra:/")
    assert (await ask(server, execution_id, one_slash)).content == content
    old = await server.client.get(f"/api/v1/executions/{execution_id}/file/metas", params={"path": uri})
    assert old.json() == {"size": len(content)}


async def test_names_that_headers_cannot_hold(server: Server) -> None:
    execution_id, folder = await started(server)
    uri = await put(server, f'{folder}Zoë "1".txt', b"x")
    disposition = (await ask(server, execution_id, uri)).headers["content-disposition"]
    assert disposition == "attachment; filename=\"Zo_ _1_.txt\"; filename*=UTF-8''Zo%C3%AB%20%221%22.txt"


@pytest.mark.parametrize("what", ["file", "file/metas", "file/preview"])
async def test_what_is_refused(server: Server, what: str) -> None:
    execution_id, folder = await started(server)
    await put(server, "kestra:///company/team/_files/secret.txt", b"x")
    await put(server, "kestra:///company/team/hello/other.txt", b"x")
    assert (await ask(server, execution_id, f"{folder}nothing.txt", what)).status_code == 404
    assert (await ask(server, "nobody", f"{folder}nothing.txt", what)).status_code == 404
    assert (await server.client.get(f"{EXECUTIONS}/{execution_id}/{what}")).status_code == 400
    foreign = folder.replace(execution_id, "1234567890")
    wrong_place = folder.replace("/hello/", "/another/")
    for path in (
        f"{folder}../../other.txt",
        f"{folder}%2e%2e/%2e%2e/other.txt",
        f"{folder}..\\other.txt",
        f"{folder}a\0b",
        f"{folder}a\r\nb",
        f"{foreign}a.txt",
        f"{wrong_place}a.txt",
        "kestra:///company/team/_files/secret.txt",
        "kestra:///company/team/hello/other.txt",
        "file:///etc/passwd",
        "/etc/passwd",
        "",
    ):
        answer = await ask(server, execution_id, path, what)
        # an encoded dot is a name like any other here: there is no such file; NUL is refused in every address
        expected = 404 if "%2e" in path else 400 if "\0" in path else 422
        assert answer.status_code == expected, (path, answer.text)
    refusal = (await ask(server, execution_id, "file:///etc/passwd", what)).json()
    assert refusal["message"].startswith("Illegal argument: Invalid prefix path")


async def test_files_of_other_executions(server: Server) -> None:
    execution_id, folder = await started(server)
    related, its_folder = await started(server, params={"labels": f"system.correlationId:{execution_id}"})
    other, other_folder = await started(server, "another")
    await put(server, f"{folder}a.txt", b"own")
    await put(server, f"{its_folder}a.txt", b"related")
    uri = await put(server, f"{other_folder}a.txt", b"other")
    assert (await ask(server, execution_id, f"{its_folder}a.txt")).content == b"related"
    assert (await ask(server, related, f"{folder}a.txt")).content == b"own"
    redirect = await ask(server, execution_id, uri)
    assert redirect.status_code == 302
    assert redirect.headers["location"].startswith(f"{EXECUTIONS}/{other}/file?path=kestra%3A%2F%2F%2F")
    assert (await server.client.get(redirect.headers["location"])).content == b"other"
    for what in ("file/metas", "file/preview"):
        assert (await ask(server, execution_id, uri, what)).status_code == 422


async def test_rows_as_lines_of_json(server: Server) -> None:
    execution_id, folder = await started(server)
    lines = b'{a:1,at:2026-01-02T03:04:05Z,none:null}\n\n"text" 7\n{broken\n' + b"9" * 30
    uri = await put(server, f"{folder}rows.ion", lines)
    answer = await ask(server, execution_id, uri, format="JSONL")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.headers["content-disposition"] == 'attachment; filename="rows.jsonl"'
    rows = [msgspec.json.decode(line) for line in answer.content.splitlines()]
    assert rows == [{"a": 1, "at": "2026-01-02T03:04:05Z", "none": None}, "text", 7, "{broken", 10**30 - 1]
    assert (await ask(server, execution_id, uri)).content == lines
    plain = await put(server, f"{folder}a.txt", b"as it is")
    assert (await ask(server, execution_id, plain, format="JSONL")).content == b"as it is"
    binary = await put(server, f"{folder}b.ion", ion_bytes([{"a": 1}, {"a": 2}], 1000))
    assert (await ask(server, execution_id, binary, format="JSONL")).content == b'{"a":1}\n{"a":2}\n'
    many = await put(server, f"{folder}many.ion", b"".join(b"{n:%d}\n" % number for number in range(300_000)))
    found = (await ask(server, execution_id, many, format="JSONL")).content.splitlines()
    assert (len(found), found[-1]) == (300_000, b'{"n":299999}')
    assert (await ask(server, execution_id, uri, format="XML")).status_code == 400


async def test_previews_of_rows(server: Server) -> None:
    found = await shown(server, "a.ion", b"{a:1}\n{a:2}\n{a:3}\n", maxRows=2)
    assert found == {
        "extension": "ion",
        "type": "LIST",
        "content": [{"a": 1}, {"a": 2}],
        "maxLine": 2,
        "truncated": True,
    }
    assert (await shown(server, "a.ion", b"{a:1}\n{a:2}\n", maxRows=2))["truncated"] is False
    binary = await shown(server, "a.ion", ion_bytes([{"a": 1}, {"a": 2}], 1000), maxRows=1)
    assert (binary["content"], binary["truncated"]) == ([{"a": 1}], True)
    table = await shown(server, "a.CSV", '\ufeffa,b\n1,"x\ny"\n2\n3,4,5\n'.encode())
    assert table["content"] == [{"a": "1", "b": "x\ny"}, {"a": "2", "b": ""}, {"a": "3", "b": "4"}]
    assert (table["extension"], table["type"], table["maxLine"]) == ("csv", "LIST", 100)
    assert (await shown(server, "a.tsv", b"a\tb\n1\t2\n"))["content"] == [{"a": "1", "b": "2"}]
    assert (await shown(server, "a.ion", b""))["content"] == []
    big = await shown(server, "big.ion", b'{x:"%s"}\n' % (b"y" * 1_000_000) * 10)
    assert (len(big["content"]), big["truncated"]) == (8, True)


async def test_previews_of_text_and_pictures(server: Server) -> None:
    text = await shown(server, "a.txt", b"one\ntwo\nthree\n", maxRows=2)
    assert (text["type"], text["content"], text["truncated"]) == ("TEXT", "one\ntwo\n", True)
    assert (await shown(server, "a", "é".encode("latin-1"), encoding="ISO-8859-1"))["content"] == "é"
    assert (await shown(server, "a", b"\xff"))["content"] == "\ufffd"
    long = await shown(server, "a.log", b"x" * (3 * 1024 * 1024))
    assert (len(long["content"]), long["truncated"]) == (2 * 1024 * 1024, True)
    assert (await shown(server, "README.md", b"# A"))["type"] == "MARKDOWN"
    picture = await shown(server, "a.png", b"\x89PNG")
    assert (picture["type"], picture["content"]) == ("IMAGE", base64.b64encode(b"\x89PNG").decode())
    assert (await shown(server, "a.pdf", b"%PDF"))["type"] == "PDF"
    assert (await shown(server, "a.txt", b"x", maxRows=1_000_000))["maxLine"] == 5000


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"encoding": "klingon"}, 422),
        ({"encoding": "base64"}, 422),
        ({"encoding": "idna"}, 422),
        ({"encoding": ""}, 422),
        ({"maxRows": "0"}, 400),
        ({"maxRows": "many"}, 400),
    ],
)
async def test_wrong_previews(server: Server, more: dict[str, str], status: int) -> None:
    execution_id, folder = await started(server)
    uri = await put(server, f"{folder}a.txt", b"x")
    assert (await ask(server, execution_id, uri, "file/preview", **more)).status_code == status


async def test_pictures_that_are_too_large(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segue.api.file_previews.MOST_IMAGE_BYTES", 3)
    execution_id, folder = await started(server)
    uri = await put(server, f"{folder}a.png", b"1234")
    assert (await ask(server, execution_id, uri, "file/preview")).status_code == 413
