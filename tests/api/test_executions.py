"""Executions over REST: created with inputs in every form, read, searched, killed, removed."""

import asyncio
from typing import Any

import pytest

from segue.domain.execution.facts import Created, KillRequested
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.ports.queue import Topic
from segue.ports.repositories.journal import Change
from tests.api.conftest import Server, flow

EXECUTIONS = "/api/v1/main/executions"
INPUTS = """inputs:
  - {id: name, type: STRING}
  - {id: count, type: INT, defaults: 3}
  - {id: db.user, type: STRING, required: false}
  - {id: data, type: FILE, required: false}
  - {id: tags, type: ARRAY, itemType: STRING, required: false}
"""


async def finish(server: Server, execution_id: str, state: State = State.SUCCESS) -> None:
    """End an execution the way the executor would."""
    execution = await server.database.executions.get("main", execution_id)
    assert execution is not None
    now = server.ports.clock.now()
    ended = Execution(**{**_fields(execution), "status": execution.status.to(state, now), "is_finished": True})
    assert await server.database.journal.apply([Change(execution=ended)]) == frozenset()


async def found_now(server: Server) -> list[dict[str, Any]]:
    """All executions."""
    return list((await server.client.get(f"{EXECUTIONS}/search")).json()["results"])


async def the_only_one(server: Server) -> str:
    """The id of the execution that is about to be created."""
    async with asyncio.timeout(5):
        while not (found := await found_now(server)):  # noqa: ASYNC110  the server has no event for it
            await asyncio.sleep(0.01)
        return str(found[0]["id"])


def _fields(execution: Execution) -> dict[str, Any]:
    return {name: getattr(execution, name) for name in execution.__struct_fields__}


async def test_an_execution_needs_no_body_and_no_content_type(server: Server) -> None:
    await server.save(flow(more="labels:\n  team: data\n  system.readOnly: true\n"))
    async with server.queue.consume(Topic.EXECUTIONS, 10) as messages:
        created = await server.run()
        assert await asyncio.wait_for(anext(messages), 2) == [created["id"]]
    facts = await server.database.journal.load([created["id"]], set())
    assert [item.fact for item in facts.facts[created["id"]]] == [Created()]
    assert created["state"]["current"] == "CREATED"
    assert created["originalId"] == created["id"]
    assert created["flowRevision"] == 1
    assert created["deleted"] is False
    assert created["taskRunList"] == []
    assert created["metadata"]["originalCreatedDate"] == created["state"]["startDate"]
    assert created["url"] == f"/ui/main/executions/company.team/hello/{created['id']}"
    assert created["labels"] == [
        {"key": "team", "value": "data"},
        {"key": "system.correlationId", "value": created["id"]},
    ]
    read = (await server.client.get(f"{EXECUTIONS}/{created['id']}")).json()
    created.pop("url")
    for moving in (created["state"], read["state"]):
        moving.pop("duration")
    assert read == created


@pytest.mark.parametrize(
    "options",
    [
        {"data": {"name": "x", "db.user": "u", "tags": '["a","b"]'}, "files": {"ignored": ("n", b"z")}},
        {"json": {"name": "x", "db": {"user": "u"}, "tags": ["a", "b"], "unknown": 1}},
        {"json": {"name": "x", "db.user": "u", "tags": ["a", "b"]}},
        {"data": {"name": "x", "db.user": "u", "tags": '["a","b"]'}},
    ],
    ids=["multipart", "json nested", "json dotted", "form"],
)
async def test_inputs_come_in_several_forms(server: Server, options: dict[str, Any]) -> None:
    await server.save(flow(more=INPUTS))
    created = await server.run(**options)
    assert created["inputs"] == {
        "name": "x",
        "count": 3,
        "db": {"user": "u"},
        "data": None,
        "tags": ["a", "b"],
    }


@pytest.mark.parametrize(
    "part",
    [("files", ("data", b"content")), ("data", ("data", b"content")), ("data", ("report.csv", b"content"))],
    ids=["named files", "named twice", "any file name"],
)
async def test_files_are_stored_under_the_execution(server: Server, part: tuple[str, tuple[str, bytes]]) -> None:
    await server.save(flow(more=INPUTS))
    created = await server.run(data={"name": "x"}, files=[part])
    uri = created["inputs"]["data"]
    folder = f"kestra:///company/team/hello/executions/{created['id']}"
    assert uri == f"{folder}/inputs/data/{part[1][0]}"
    assert b"".join([chunk async for chunk in server.storage.get("main", uri)]) == b"content"
    assert (await server.client.delete(f"{EXECUTIONS}/{created['id']}")).status_code == 204
    assert not await server.storage.exists("main", uri)


async def test_a_file_name_does_not_leave_the_folder(server: Server) -> None:
    await server.save(flow(more=INPUTS))
    created = await server.run(data={"name": "x"}, files=[("data", ("../../../etc/passwd", b"content"))])
    assert created["inputs"]["data"].endswith(f"{created['id']}/inputs/data/passwd")
    created = await server.run(data={"name": "x"}, files=[("data", ("..", b"content"))])
    assert created["inputs"]["data"].endswith(f"{created['id']}/inputs/data/upload")


async def test_a_large_file_goes_through(server: Server) -> None:
    await server.save(flow(more=INPUTS))
    content = b"0123456789" * 200_000
    created = await server.run(data={"name": "x"}, files=[("data", ("big", content))])
    assert await server.storage.size("main", created["inputs"]["data"]) == len(content)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "Invalid input for `name`, missing required input, but received `null`"),
        ({"json": {"name": "x", "count": "many"}}, "Invalid input for `count`"),
        ({"data": {"name": "x"}, "files": {"data": ("empty", b"")}}, "Can't upload file"),
        ({"params": {"labels": "system.test:x"}, "json": {"name": "x"}}, "System labels"),
        ({"params": {"labels": "nothing"}, "json": {"name": "x"}}, "Invalid label"),
        (
            {"params": [("labels", "k:1"), ("labels", "k:2")], "json": {"name": "x"}},
            "Labels with more than one value: k",
        ),
        ({"params": {"scheduleDate": "soon"}, "json": {"name": "x"}}, "date-time"),
        ({"params": {"kind": "LOOP"}, "json": {"name": "x"}}, "kind must be"),
        ({"json": ["name"]}, "JSON object"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, "no JSON"),
        ({"content": b'{"name": "\xff"}', "headers": {"content-type": "application/json"}}, "no JSON"),
        ({"data": {"name": "x"}, "headers": {"content-type": "multipart/form-data; boundary=b"}}, "no form"),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, "no boundary"),
    ],
)
async def test_wrong_submissions_create_nothing(server: Server, options: dict[str, Any], words: str) -> None:
    await server.save(flow(more=INPUTS))
    answer = await server.client.post(f"{EXECUTIONS}/company.team/hello", **options)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["message"]
    assert (await server.client.get(f"{EXECUTIONS}/search")).json() == {"results": [], "total": 0}


async def test_an_unknown_content_type_is_415(server: Server) -> None:
    await server.save(flow())
    answer = await server.client.post(
        f"{EXECUTIONS}/company.team/hello", content=b"x", headers={"content-type": "image/png"}
    )
    assert answer.status_code == 415


async def test_labels_revision_schedule_and_kind(server: Server) -> None:
    await server.save(flow(more="labels:\n  team: data\n"))
    await server.client.put("/api/v1/main/flows/company.team/hello", content=flow(more="description: d\n"))
    parameters = [
        ("labels", "team: web "),
        ("labels", "team:web"),
        ("labels", "url:http://x"),
        ("labels", "system.correlationId:chain"),
        ("revision", "1"),
        ("scheduleDate", "2999-01-01T00:00:00+02:00"),
        ("kind", "TEST"),
    ]
    created = await server.run(params=parameters)
    assert created["labels"] == [
        {"key": "team", "value": "web"},
        {"key": "url", "value": "http://x"},
        {"key": "system.correlationId", "value": "chain"},
        {"key": "system.test", "value": "true"},
    ]
    assert created["flowRevision"] == 1
    assert created["scheduleDate"] == "2998-12-31T22:00:00Z"
    assert created["kind"] == "TEST"
    assert (await server.client.post(f"{EXECUTIONS}/company.team/hello?revision=9")).status_code == 404
    assert (await server.client.post(f"{EXECUTIONS}/trigger/company.team/hello")).status_code == 200


async def test_disabled_flows_and_unknown_ones(server: Server) -> None:
    await server.save(flow(more="disabled: true\n"))
    disabled = await server.client.post(f"{EXECUTIONS}/company.team/hello")
    assert disabled.status_code == 409
    assert "disabled" in disabled.json()["message"]
    assert (await server.client.post(f"{EXECUTIONS}/company.team/none")).status_code == 404


async def test_checks_block_or_fail(server: Server) -> None:
    checks = """inputs:
  - {id: mode, type: STRING}
checks:
  - {when: "{{ inputs.mode != 'block' }}", message: not now}
  - {when: "{{ inputs.mode != 'fail' }}", message: never, behavior: FAIL_EXECUTION}
"""
    await server.save(flow(more=checks))
    blocked = await server.client.post(f"{EXECUTIONS}/company.team/hello", json={"mode": "block"})
    assert blocked.status_code == 422
    assert "not now" in blocked.json()["message"]
    failed = await server.run(json={"mode": "fail"})
    assert failed["state"]["current"] == "FAILED"
    assert (await server.run(json={"mode": "go"}))["state"]["current"] == "CREATED"


async def test_inputs_are_validated_without_an_execution(server: Server) -> None:
    await server.save(flow(more=INPUTS))
    answer = (await server.client.post(f"{EXECUTIONS}/company.team/hello/validate", json={"count": "x"})).json()
    results = {item["input"]["id"]: item for item in answer["inputs"]}
    assert results["name"]["errors"] == [{"message": "missing required input", "renderError": False}]
    assert results["count"]["errors"]
    assert results["db.user"]["errors"] == []
    assert (await server.client.get(f"{EXECUTIONS}/search")).json()["total"] == 0


async def test_wait_answers_when_everything_is_over(server: Server) -> None:
    await server.save(flow())
    waiting = asyncio.create_task(server.run(params={"wait": "true"}))
    execution_id = await the_only_one(server)
    assert not waiting.done()
    await finish(server, execution_id)
    answer = await asyncio.wait_for(waiting, 5)
    assert answer["state"]["current"] == "SUCCESS"
    assert answer["state"]["endDate"]


async def test_search_filters_and_pages(server: Server) -> None:
    await server.save(flow("one", "a"))
    await server.save(flow("two", "a.b"))
    first = await server.run("a/one", params={"labels": "k:v"})
    second = await server.run("a.b/two")
    third = await server.run("a.b/two")
    await finish(server, second["id"], State.FAILED)

    async def search(**parameters: str) -> list[str]:
        answer = await server.client.get(f"{EXECUTIONS}/search", params=parameters)
        assert answer.status_code == 200, answer.text
        return sorted(item["id"] for item in answer.json()["results"])

    everything = sorted([first["id"], second["id"], third["id"]])
    assert await search() == everything
    assert await search(**{"filters[state][EQUALS]": "FAILED,KILLED"}) == [second["id"]]
    assert await search(**{"filters[state][NOT_IN]": "[FAILED]"}) == sorted([first["id"], third["id"]])
    assert await search(state="FAILED") == [second["id"]]
    assert await search(**{"filters[flowid][EQUALS]": "one"}) == [first["id"]]
    assert await search(**{"filters[labels][EQUALS][k]": "v"}) == [first["id"]]
    assert await search(**{"filters[labels][EQUALS][k]": "%"}) == []
    assert await search(**{"filters[namespace][PREFIX]": "a.b"}) == sorted([second["id"], third["id"]])
    assert await search(namespace="a") == everything
    assert await search(**{"filters[timeRange][EQUALS]": "PT1H"}) == everything
    assert await search(**{"filters[startDate][GREATER_THAN]": "2999-01-01T00:00:00Z"}) == []
    assert await search(**{"filters[endDate][LESS_THAN]": "2999-01-01T00:00:00+00:00"}) == everything
    assert await search(**{"filters[q][EQUALS]": second["id"]}) == [second["id"]]
    assert await search(**{"filters[kind][EQUALS]": "TEST"}) == []
    groups = {"filters[or][0][state][EQUALS]": "FAILED", "filters[or][1][flowId][STARTS_WITH]": "on"}
    assert await search(**groups) == sorted([first["id"], second["id"]])
    assert await search(**groups, **{"filters[namespace][EQUALS]": "a"}) == [first["id"]]
    nested = {
        "filters[or][0][and][0][flowId][CONTAINS]": "w",
        "filters[or][0][and][1][state][EQUALS]": "CREATED",
        "filters[or][1][labels][EQUALS][k]": "v",
    }
    assert await search(**nested) == sorted([first["id"], third["id"]])
    assert await search(**{"filters[flowId][REGEX]": "^t.o$"}) == sorted([second["id"], third["id"]])
    assert await search(**{"filters[labels][NOT_EQUALS][k]": "v"}) == sorted([second["id"], third["id"]])
    assert await search(**{"filters[childFilter][EQUALS]": "MAIN"}) == everything
    assert await search(**{"filters[childFilter][EQUALS]": "CHILD"}) == []
    assert await search(**{"filters[scope][EQUALS]": "SYSTEM"}) == []
    assert await search(**{"filters[scope][EQUALS]": "USER,SYSTEM"}) == everything
    assert await search(**{"filters[startDate][GREATER_THAN]": "2000-01-01T00:00:00Z", "dateFilter": "END_DATE"}) == [
        second["id"]
    ]
    pages = [
        (await server.client.get(f"{EXECUTIONS}/search", params={"page": n, "size": 1, "sort": "id:asc"})).json()
        for n in (1, 2, 3, 4)
    ]
    assert [page["total"] for page in pages] == [3, 3, 3, 3]
    assert [item["id"] for page in pages for item in page["results"]] == everything
    assert "taskRunList" not in pages[0]["results"][0]
    listed = await server.client.get(EXECUTIONS, params={"namespace": "a.b", "flowId": "two"})
    assert listed.json()["total"] == 2


async def test_the_flow_of_an_execution_and_the_newest_execution(server: Server) -> None:
    await server.save(flow())
    created = await server.run()
    newest = await server.run()
    await server.client.delete("/api/v1/main/flows/company.team/hello")
    cut = (await server.client.get(f"{EXECUTIONS}/{created['id']}/flow")).json()
    assert cut["tasks"] == [{"id": "greet", "type": "io.kestra.plugin.core.log.Log"}]
    body = [{"namespace": "company.team", "id": "hello"}, {"namespace": "company.team", "id": "never"}]
    latest = (await server.client.post(f"{EXECUTIONS}/latest", json=body)).json()
    assert [(item["id"], item["status"]) for item in latest] == [(newest["id"], "CREATED")]


@pytest.mark.parametrize(("path", "status"), [("actions/kill", 200), ("kill", 202)])
async def test_kill_asks_once(server: Server, path: str, status: int) -> None:
    await server.save(flow())
    created = await server.run()
    target = f"{EXECUTIONS}/{created['id']}/{path}?isOnKillCascade=false"
    for _ in range(2):
        answer = await server.client.delete(target)
        assert (answer.status_code, answer.json()["id"]) == (status, created["id"])
    loaded = await server.database.journal.load([created["id"]], set())
    kills = [item.fact for item in loaded.facts[created["id"]] if isinstance(item.fact, KillRequested)]
    assert [fact.cascade for fact in kills] == [False]
    await finish(server, created["id"])
    assert (await server.client.delete(target)).status_code == 409
    assert (await server.client.delete(f"{EXECUTIONS}/unknown/{path}")).status_code == 404


async def test_bulk_actions_check_all_ids_first(server: Server) -> None:
    await server.save(flow())
    running, ended = await server.run(), await server.run()
    await finish(server, ended["id"])
    refused = await server.client.request(
        "DELETE", f"{EXECUTIONS}/kill/by-ids", json=[running["id"], ended["id"], "none"]
    )
    assert refused.status_code == 400
    assert [(item["invalidValue"], item["message"]) for item in refused.json()["invalids"]] == [
        (ended["id"], "execution already finished"),
        ("none", "execution not found"),
    ]
    done = await server.client.request("DELETE", f"{EXECUTIONS}/kill/by-ids", json=[running["id"]])
    assert done.json()["count"] == done.json()["totalItems"] == 1
    assert done.json()["operationId"]
    refused = await server.client.request("DELETE", f"{EXECUTIONS}/by-ids", json=[running["id"], ended["id"]])
    assert refused.status_code == 400
    options = {"json": [running["id"], ended["id"]], "params": {"includeNonTerminated": "true"}}
    assert (await server.client.request("DELETE", f"{EXECUTIONS}/by-ids", **options)).json()["count"] == 2
    assert (await server.client.get(f"{EXECUTIONS}/search")).json()["total"] == 0


async def test_many_creations_share_commits(server: Server) -> None:
    await server.save(flow())
    created = await asyncio.gather(*(server.run() for _ in range(50)))
    assert len({item["id"] for item in created}) == 50
    assert (await server.client.get(f"{EXECUTIONS}/search")).json()["total"] == 50
