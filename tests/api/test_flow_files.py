"""Flows in and out as files: zips, texts of many documents, CSV."""

import io
import zipfile

import pytest

from segue.api import flow_archives
from tests.api.conftest import Server, flow

FLOWS = "/api/v1/main/flows"


def zipped(**files: str | bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return target.getvalue()


async def send(server: Server, name: str, content: bytes | str, **query: str) -> object:
    data = content.encode() if isinstance(content, str) else content
    answer = await server.client.post(f"{FLOWS}/import", params=query, files={"fileUpload": (name, data)})
    return answer.json() if answer.status_code == 200 else (answer.status_code, answer.json()["detail"])


async def names(server: Server) -> list[str]:
    found = (await server.client.get(f"{FLOWS}/search?size=100&sort=id:asc")).json()
    return [f"{one['namespace']}.{one['id']}" for one in found["results"]]


async def test_what_is_exported_can_be_imported_byte_for_byte(server: Server) -> None:
    text = flow("one", more="# a comment\r\n")
    await server.save(text)
    await server.save(flow("two"))
    references = [{"namespace": "company.team", "id": "one"}, {"namespace": "company.team", "id": "two"}]
    answer = await server.client.post(f"{FLOWS}/export/by-ids", json=references)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert 'filename="flows.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["company.team.one.yml", "company.team.two.yml"]
        assert archive.read("company.team.one.yml").decode() == text
    again = await server.client.get(f"{FLOWS}/export/by-query?filters[namespace][EQUALS]=company.team")
    assert again.content == answer.content
    for name in ("one", "two"):
        await server.client.delete(f"{FLOWS}/company.team/{name}")
    assert await send(server, "flows.zip", answer.content) == []
    stored = (await server.client.get(f"{FLOWS}/company.team/one?source=true")).json()
    assert (stored["source"], stored["revision"]) == (text, 3)


async def test_an_unknown_flow_is_not_exported(server: Server) -> None:
    answer = await server.client.post(f"{FLOWS}/export/by-ids", json=[{"namespace": "a", "id": "b"}])
    assert answer.status_code == 404


async def test_what_cannot_be_imported_is_named(server: Server) -> None:
    archive = zipped(
        **{"good.yml": flow("good"), "bad.yaml": flow("bad") + "foo: 1\n", "latin.yml": b"id: \xff", "note.txt": "x"},
        empty__x="",
        deep__er__two=flow(),
        **{"../../slip.yml": flow("slip"), ".hidden.yml": "x", "__MACOSX/._good.yml": "x", "none.yml": "# nothing"},
    )
    assert await send(server, "FLOWS.ZIP", archive) == ["bad.yaml", "latin.yml", "none.yml"]
    assert await names(server) == ["company.team.good", "company.team.slip"]
    text = "\n---\n".join([flow("three"), "a: [", flow("four"), "id: x"])
    assert await send(server, "flows.yml", text) == ["1", "3"]
    assert await names(server) == [f"company.team.{name}" for name in ("four", "good", "slip", "three")]


async def test_all_or_nothing(server: Server) -> None:
    text = "\n---\n".join([flow("one"), flow("two") + "foo: 1\n"])
    status, detail = await send(server, "flows.yaml", text, failOnError="true")  # type: ignore[misc]  # refused
    assert status == 422
    assert "Cannot import '1'" in detail
    assert 'Unrecognized field "foo"' in detail
    assert await names(server) == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("flows.tar", b"", "must end with .zip, .yml or .yaml"),
        ("flows.zip", b"no zip", "no readable zip"),
        ("flows.zip", zipped(**{"a.yml": flow()})[:-30], "no readable zip"),
        ("flows.yml", b"\xff\xfe", "no UTF-8"),
    ],
)
async def test_files_that_are_none(server: Server, name: str, content: bytes, words: str) -> None:
    status, detail = await send(server, name, content)  # type: ignore[misc]  # refused
    assert status == 422
    assert words in detail


async def test_a_form_without_the_file(server: Server) -> None:
    answer = await server.client.post(f"{FLOWS}/import", files={"other": ("a.yml", b"x")})
    assert answer.status_code == 422
    assert "fileUpload" in answer.json()["detail"]


async def test_archives_are_limited(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    big = zipped(**{"bomb.yml": "#" * 100_000, "a.yml": flow("a")})
    monkeypatch.setattr(flow_archives, "MAX_ENTRY_BYTES", 50_000)
    assert await send(server, "x.zip", big) == ["bomb.yml"]
    monkeypatch.setattr(flow_archives, "MAX_TOTAL_BYTES", 10_000)
    assert (await send(server, "x.zip", big))[0] == 413  # type: ignore[index]  # refused
    monkeypatch.setattr(flow_archives, "MAX_ENTRIES", 1)
    assert (await send(server, "x.zip", big))[0] == 413  # type: ignore[index]  # refused


async def test_csv(server: Server) -> None:
    await server.save(flow("one", more='description: "a, b"\nlabels: {team: data, x: y}\n'))
    answer = await server.client.get(f"{FLOWS}/export/by-query/csv")
    assert answer.headers["content-type"].startswith("text/csv")
    head, row = answer.text.splitlines()
    assert head == "namespace,id,revision,description,labels,disabled,draft,updated"
    assert row.startswith('company.team,one,1,"a, b","team:data,x:y",false,false,20')
    assert row.endswith("Z")
