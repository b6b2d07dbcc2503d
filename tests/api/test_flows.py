"""Flows over REST: saved as written, revised, listed, deleted, validated."""

import asyncio

import msgspec
import pytest

from segue.ports.queue import Channel
from tests.api.conftest import LOG, Server, flow

FLOWS = "/api/v1/main/flows"


async def test_a_saved_flow_comes_back_byte_for_byte(server: Server) -> None:
    text = flow(more="# a comment\r\nlabels:\n  team: data\n")
    saved = await server.save(text)
    assert saved["source"] == text
    assert saved["revision"] == 1
    assert saved["labels"] == [{"key": "team", "value": "data"}]
    assert (saved["disabled"], saved["draft"], saved["deleted"], saved["tenantId"]) == (False, False, False, "main")
    read = (await server.client.get(f"{FLOWS}/company.team/hello")).json()
    assert "source" not in read
    assert read["tasks"] == [{"id": "greet", "type": LOG, "message": "Hello"}]
    with_source = (await server.client.get(f"{FLOWS}/company.team/hello?source=true")).json()
    assert with_source["source"] == text


async def test_a_revision_line_is_taken_out_of_the_source(server: Server) -> None:
    saved = await server.save("revision: 7\n" + flow())
    assert saved["source"] == flow()
    assert saved["revision"] == 1


async def test_an_id_is_taken_once(server: Server) -> None:
    await server.save(flow())
    answer = await server.client.post(FLOWS, content=flow())
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/entity-already-exists")
    assert answer.headers["content-type"].startswith("application/problem+json")


async def test_an_update_makes_a_revision_only_when_something_changed(server: Server) -> None:
    await server.save(flow())
    path = f"{FLOWS}/company.team/hello"
    assert (await server.client.put(path, content=flow())).json()["revision"] == 1
    changed = flow(more="description: changed\n")
    assert (await server.client.put(path, content=changed)).json()["revision"] == 2
    revisions = (await server.client.get(f"{path}/revisions")).json()
    assert [(one["revision"], one["source"]) for one in revisions] == [(1, flow()), (2, changed)]
    first = (await server.client.get(path, params={"revision": 1, "source": "true"})).json()
    assert first["source"] == flow()


@pytest.mark.parametrize(
    ("text", "words"),
    [(flow("other"), "Illegal flow id update"), (flow(namespace="other"), "Illegal namespace update")],
)
async def test_an_update_does_not_move_a_flow(server: Server, text: str, words: str) -> None:
    await server.save(flow())
    answer = await server.client.put(f"{FLOWS}/company.team/hello", content=text)
    assert answer.status_code == 422
    assert words in answer.json()["message"]


async def test_an_update_of_nothing_is_404(server: Server) -> None:
    assert (await server.client.put(f"{FLOWS}/company.team/hello", content=flow())).status_code == 404


async def test_a_deleted_flow_is_gone_but_for_its_revisions(server: Server) -> None:
    await server.save(flow())
    path = f"{FLOWS}/company.team/hello"
    assert (await server.client.delete(path)).status_code == 204
    assert (await server.client.delete(path)).status_code == 404
    assert (await server.client.get(path)).status_code == 404
    deleted = (await server.client.get(f"{path}?allowDeleted=true")).json()
    assert (deleted["deleted"], deleted["revision"]) == (True, 2)
    assert (await server.client.get(f"{path}/revisions")).status_code == 404
    assert len((await server.client.get(f"{path}/revisions?allowDelete=true")).json()) == 2
    assert (await server.client.post("/api/v1/main/executions/company.team/hello")).status_code == 404


async def test_a_draft_may_be_wrong_and_is_skipped(server: Server) -> None:
    await server.save(flow())
    path = f"{FLOWS}/company.team/hello"
    wrong = "id: hello\nnamespace: company.team\ntasks: []\n"
    saved = (await server.client.put(f"{path}?draft=true", content=wrong)).json()
    assert (saved["draft"], saved["revision"]) == (True, 2)
    assert (await server.client.get(path)).json()["revision"] == 1


async def test_lists_and_searches(server: Server) -> None:
    for name, namespace in [("a", "one"), ("b", "one.two"), ("c", "one"), ("d", "other")]:
        await server.save(flow(name, namespace, f"labels:\n  kind: {name}\n"))
    listed = (await server.client.get(f"{FLOWS}/one")).json()
    assert [item["id"] for item in listed] == ["a", "c"]

    async def search(**parameters: str) -> tuple[list[str], int]:
        found = (await server.client.get(f"{FLOWS}/search", params={"sort": "id:asc", **parameters})).json()
        return [item["id"] for item in found["results"]], found["total"]

    assert await search() == (["a", "b", "c", "d"], 4)
    assert await search(namespace="one") == (["a", "b", "c"], 3)
    assert await search(**{"filters[namespace][EQUALS]": "one"}) == (["a", "c"], 2)
    assert await search(**{"filters[NAMESPACE][PREFIX]": "one", "namespace": "other"}) == (["a", "b", "c"], 3)
    assert await search(**{"filters[labels][EQUALS][kind]": "b"}) == (["b"], 1)
    assert await search(**{"filters[labels][EQUALS]": "kind:b"}) == (["b"], 1)
    assert await search(**{"filters[QUERY][EQUALS]": "TWO"}) == (["b"], 1)
    assert await search(page="2", size="3") == (["d"], 4)
    assert await search(page="9", size="3") == ([], 4)
    assert await search(sort="namespace:desc,id:desc") == (["d", "b", "c", "a"], 4)
    assert (await server.client.get(f"{FLOWS}/distinct-namespaces?q=on")).json() == ["one", "one.two"]


async def test_one_task_wherever_it_stands(server: Server) -> None:
    nested = f"""errors:
  - id: outer
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - {{id: inner, type: {LOG}, message: deep}}
"""
    await server.save(flow(more=nested))
    path = f"{FLOWS}/company.team/hello/tasks"
    assert (await server.client.get(f"{path}/inner")).json() == {"id": "inner", "type": LOG, "message": "deep"}
    assert (await server.client.get(f"{path}/none")).status_code == 404


async def test_validation_answers_per_document_without_nulls(server: Server) -> None:
    bad = "id: bad\nnamespace: company\ntasks:\n  - id: t\n    type: io.nowhere.Thing\n"
    answer = await server.client.post(f"{FLOWS}/validate", content=f"{flow()}\n---\n{bad}\n---\nid: [broken\n")
    assert answer.status_code == 200
    good, unknown, broken = answer.json()
    assert "constraints" not in good
    assert (good["index"], good["flow"], good["namespace"], good["outdated"]) == (0, "hello", "company.team", False)
    assert "Invalid type: io.nowhere.Thing" in unknown["constraints"]
    assert "line 5" in unknown["constraints"]
    assert "Illegal flow source" in broken["constraints"]
    assert b"null" not in answer.content


async def test_validation_warns_of_expressions_with_two_readings(server: Server) -> None:
    text = flow().replace("message: Hello", 'message: "{{ trigger.date ?? execution.startDate | date }}"')
    written_for_v1 = text + "taskDefaults:\n  - type: other\n    values: {a: 1}\n"
    answer = (await server.client.post(f"{FLOWS}/validate", content=f"{text}\n---\n{written_for_v1}")).json()
    assert all("constraints" not in item for item in answer)
    (of_v2,), (of_v1,) = (item["warnings"] for item in answer)
    for warning in (of_v2, of_v1):
        assert warning.startswith("tasks[0].message: 1.x and 2.0 read `{{ trigger.date ?? ")
        assert "1.x as `(trigger.date ?? execution.startDate) | date`" in warning
        assert "2.0 as `trigger.date ?? (execution.startDate | date)`" in warning
        assert warning.endswith("(line 6)")
    assert "This flow is read as 2.0, as the server is set" in of_v2
    assert "This flow is read as 1.x, because of its other properties and types" in of_v1


async def test_validation_of_files_names_them(server: Server) -> None:
    files = [("files", ("a.yml", flow().encode())), ("files", ("b.yml", b"nonsense"))]
    answer = (await server.client.post(f"{FLOWS}/validate", files=files)).json()
    assert [(item["filename"], "constraints" in item) for item in answer] == [("a.yml", False), ("b.yml", True)]


async def test_bulk_replaces_what_it_does_not_name(server: Server) -> None:
    for name, namespace in [("a", "one"), ("b", "one"), ("c", "two")]:
        await server.save(flow(name, namespace))
    body = flow("a", "one", "description: new\n") + "\n---\n" + flow("z", "one")
    answer = await server.client.post(f"{FLOWS}/one", content=body)
    assert [(item["id"], item["deleted"]) for item in answer.json()] == [("b", True), ("a", False), ("z", False)]
    assert [item["id"] for item in (await server.client.get(f"{FLOWS}/two")).json()] == ["c"]
    kept = await server.client.post(f"{FLOWS}/bulk?delete=false", content=flow("x", "three"))
    assert kept.status_code == 200
    assert [item["id"] for item in (await server.client.get(f"{FLOWS}/one")).json()] == ["a", "z"]
    await server.client.post(f"{FLOWS}/one", content="")
    assert (await server.client.get(f"{FLOWS}/one")).json() == []


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("one", flow("a", "two"), "Flow namespace is invalid"),
        ("one", flow("a", "one") + "\n---\n" + flow("a", "one"), "Duplicate flow id"),
        ("bulk", flow("a", "one") + "\n---\nid: b\n", "must not be null"),
    ],
)
async def test_a_wrong_bulk_writes_nothing(server: Server, path: str, body: str, words: str) -> None:
    await server.save(flow("kept", "one"))
    answer = await server.client.post(f"{FLOWS}/{path}", content=body)
    assert answer.status_code == 422
    assert words in answer.json()["message"] or path == "bulk"
    assert [item["id"] for item in (await server.client.get(f"{FLOWS}/one")).json()] == ["kept"]


async def test_bulk_deletes(server: Server) -> None:
    for name in "abc":
        await server.save(flow(name, "one"))
    path = f"{FLOWS}/delete/by-ids"
    missing = await server.client.request("DELETE", path, json=[{"namespace": "one", "id": n} for n in "ax"])
    assert missing.status_code == 404
    done = await server.client.request("DELETE", path, json=[{"namespace": "one", "id": "a"}])
    assert (done.json()["count"], done.json()["totalItems"]) == (1, 1)
    rest = await server.client.delete(f"{FLOWS}/delete/by-query?filters[namespace][EQUALS]=one")
    assert rest.json()["count"] == 2


async def test_news_of_another_process_are_heard(server: Server) -> None:
    await server.save(flow())
    assert (await server.run())["flowRevision"] == 1
    stored = await server.database.flows.get("main", "company.team", "hello")
    assert stored is not None
    newer = msgspec.structs.replace(stored, source=flow(more="description: new\n"))
    await server.database.flows.save(newer)
    assert (await server.run())["flowRevision"] == 1
    await server.queue.broadcast(Channel.FLOWS, ["main/company.team/hello"])
    await asyncio.sleep(0.05)
    assert (await server.run())["flowRevision"] == 2


async def test_a_revision_of_a_deleted_flow_does_not_start(server: Server) -> None:
    await server.save(flow())
    await server.client.delete(f"{FLOWS}/company.team/hello")
    answer = await server.client.post("/api/v1/main/executions/company.team/hello?revision=1")
    assert answer.status_code == 404
