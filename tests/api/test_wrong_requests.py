"""Whatever comes in, the answer is a problem document that says what is wrong, and never a trace."""

import asyncio
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from segue.api import ApiConfig
from tests.api.conftest import LOG, Server, flow, serving

API = "/api/v1/main"
HEAD = "id: a\nnamespace: b\n"
NASTY = [
    "..",
    "../../etc/passwd",
    "a/../b",
    "'; DROP TABLE flows; --",
    '" OR 1=1 --',
    "%",
    "_",
    "a b",
    "é\u2028\U0001f600",
    "{{ 7 * 7 }}",
    "<script>alert(1)</script>",
    "x" * 5000,
    "\ud7ff\n\r",
]


def check_problem(answer: Any, status: int) -> dict[str, Any]:
    """The body, which must be a problem document of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert {"type", "title", "detail", "instance", "message"} <= body.keys()
    assert "Traceback" not in answer.text
    assert None not in body.values()
    return body


@pytest.mark.parametrize(
    ("text", "slug", "words"),
    [
        (b"id: [a", "invalid-request-body", "Illegal flow yaml"),
        (b"id: a\nid: b\n", "invalid-request-body", "Duplicate field 'id' (line 2, column 1)"),
        (b"", "invalid-request-body", "a map with"),
        (b"- a\n- b\n", "invalid-request-body", "a map with"),
        (b"\xff\xfe\x00", "invalid-request-body", "no UTF-8"),
        (b"id: a\x00b", "invalid-request-body", "not readable"),
        (b"a: &a [*a]", "invalid-request-body", "alias"),
        (b"[" * 5000, "invalid-request-body", "levels"),
        (HEAD.encode() + b"tasks: []", "validation-failed", "tasks"),
        (HEAD.encode() + b"tasks:\n - {id: t, type: io.x.Y}", "invalid-plugin-type", "Invalid type: io.x.Y (line 4)"),
        (flow(more="extra: 1\n").encode(), "validation-failed", "extra"),
        (
            HEAD.encode() + f"tasks:\n - {{id: t, type: {LOG}, mesage: x}}".encode(),
            "validation-failed",
            'tasks[0].mesage: Unrecognized field "mesage"',
        ),
        (
            HEAD.encode() + f"tasks:\n - {{id: t, type: {LOG}}}\n - {{id: t, type: {LOG}}}".encode(),
            "validation-failed",
            "Duplicate task id with name [t]",
        ),
        (b"id: a/../b\nnamespace: b\ntasks: [{id: t, type: " + LOG.encode() + b"}]", "validation-failed", "id"),
        (b'{"id": "a"}', "validation-failed", "namespace"),
    ],
)
async def test_wrong_flows(server: Server, text: bytes, slug: str, words: str) -> None:
    body = check_problem(await server.client.post(f"{API}/flows", content=text), 422)
    assert body["type"].endswith("/" + slug)
    assert words in body["message"]
    if slug != "invalid-request-body":
        assert body["errors"]
        assert all(error["detail"] for error in body["errors"])
    assert (await server.client.get(f"{API}/flows/search")).json()["total"] == 0


async def test_errors_have_pointer_path_and_line(server: Server) -> None:
    text = f"{HEAD}tasks:\n  - id: one\n    type: {LOG}\n  - id: two\n    type: io.x.Y\n"
    body = check_problem(await server.client.post(f"{API}/flows", content=text), 422)
    (error,) = body["errors"]
    assert (error["pointer"], error["line"]) == ("/tasks/1/type", 7)
    assert error["path"] == "tasks[1].type"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("flows/search?sort=id", 422, "Invalid sort parameter"),
        ("flows/search?sort=source:asc", 422, "Invalid sort parameter"),
        ("executions/search?sort=id;drop:asc", 422, "Invalid sort parameter"),
        ("flows/search?page=0", 400, "page"),
        ("flows/search?size=0", 400, "size"),
        ("flows/search?page=99999999999999999999", 400, "page"),
        ("flows/search?page=x", 400, "page"),
        ("flows/search?filters[namespace][LIKE]=a", 400, "Unknown operation LIKE"),
        ("flows/search?filters[namespace][REGEX]=a", 400, "Unsupported operation for namespace: REGEX"),
        ("flows/search?filters[none][EQUALS]=a", 400, "Unsupported field none"),
        ("flows/search?filters[namespace]=a", 400, "filters[field][OPERATION]"),
        ("flows/search?filters[labels][EQUALS]=a", 422, "Invalid label"),
        ("flows/search?filters[q][EQUALS][x]=a", 400, "has no keys"),
        ("flows/search?filters[or][0][namespace][EQUALS]=a", 400, "groups"),
        ("executions/search?filters[or][x][state][EQUALS]=FAILED", 400, "filters[or][number]"),
        ("executions/search?filters[or][0][state]=FAILED", 400, "filters[or][number]"),
        ("executions/search?filters[or][0][color][EQUALS]=red", 400, "Unsupported field color"),
        ("executions/search?filters" + "[and][0]" * 9 + "[state][EQUALS]=FAILED", 400, "nested"),
        ("executions/search?filters[flowId][REGEX]=(a%2B)%2B", 400, "no groups"),
        ("executions/search?filters[flowId][REGEX]=[", 400, "cannot be read"),
        ("executions/search?filters[flowId][GREATER_THAN]=a", 400, "Unsupported operation for flowid: GREATER_THAN"),
        ("executions/search?filters[childFilter][EQUALS]=UNCLE", 400, "Unsupported operation"),
        ("executions/search?dateFilter=BIRTHDAY", 400, "dateFilter must be"),
        ("executions/search?filters[state][EQUALS]=NONE", 400, "must be one of"),
        ("executions/search?filters[startDate][GREATER_THAN]=soon", 422, "date-time"),
        ("executions/search?filters[timeRange][EQUALS]=1h", 422, "duration"),
        ("executions/search?startDate=2020-01-01T00:00:00Z&timeRange=PT1H", 422, "mutually exclusive"),
        ("executions/search?startDate=2020-01-02T00:00:00Z&endDate=2020-01-01T00:00:00Z", 422, "endDate"),
        ("executions?namespace=a", 400, "flowId"),
        ("logs/search?minLevel=LOUD", 400, "level must be"),
        ("logs/x?attempt=-1", 400, "number"),
        ("flows/a/b?revision=0", 400, "revision"),
        ("flows/a/b?revision=99999999999999999999", 400, "revision"),
        ("flows/a/b", 404, "not found"),
        ("executions/none", 404, "not found"),
        ("executions/none/flow", 404, "not found"),
        ("outputs/none", 404, "not found"),
        ("outputs/none/none", 404, "not found"),
        ("dead-letters?size=0", 400, "size"),
        ("nothing/at/all", 404, "nothing at"),
    ],
)
async def test_wrong_readings(server: Server, path: str, status: int, words: str) -> None:
    body = check_problem(await server.client.get(f"{API}/{path}"), status)
    assert words in body["message"]


@pytest.mark.parametrize("text", NASTY)
async def test_nasty_texts_in_paths_and_filters_find_nothing(server: Server, text: str) -> None:
    await server.save(flow())
    await server.run()
    part = quote(text, safe="")
    for path in (f"flows/{part}/{part}", f"executions/{part}", f"outputs/{part}/{part}", f"executions/{part}/follow"):
        assert (await server.client.get(f"{API}/{path}")).status_code in {400, 404, 405}, path
    for method, path in (
        ("POST", f"executions/{part}/{part}"),
        ("POST", f"executions/webhook/{part}/{part}/{part}"),
        ("DELETE", f"flows/{part}/{part}"),
        ("DELETE", f"executions/{part}"),
        ("DELETE", f"executions/{part}/actions/kill"),
        ("PUT", f"flows/{part}/{part}"),
    ):
        answer = await server.client.request(method, f"{API}/{path}", content=flow() if method == "PUT" else None)
        assert answer.status_code in {400, 404, 405}, (method, path, answer.text)
    found = await server.client.get(f"{API}/flows/{part}")
    assert found.status_code == 404 or found.json() == []
    for name in ("q", "namespace", "flowId", "triggerId"):
        parameters = {f"filters[{name}][EQUALS]": text}
        answer = await server.client.get(f"{API}/executions/search", params=parameters)
        assert answer.status_code in {200, 400}, (name, answer.text)
        if answer.status_code == 200:
            assert answer.json() == {"results": [], "total": 0}, name
    logs = await server.client.get(f"{API}/logs/search", params={"q": text, "namespace": text})
    assert logs.json() == {"results": [], "total": 0, "type": "OFFSET"}
    assert (await server.client.get(f"{API}/flows/search")).json()["total"] == 1


async def test_lone_surrogates_and_nul(server: Server) -> None:
    check_problem(await server.client.get(f"{API}/flows/a%00b/c"), 400)
    check_problem(await server.client.get(f"{API}/flows/search?q=%00"), 400)
    answer = await server.client.get(f"{API}/flows/%ff%fe/c")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("executions/kill/by-ids", b"{}"),
        ("executions/kill/by-ids", b"[1]"),
        ("executions/by-ids", b"["),
        ("executions/by-ids", b""),
        ("flows/delete/by-ids", b'[{"id": "a"}]'),
        ("flows/delete/by-ids", b"[" * 2000),
    ],
)
async def test_wrong_bulk_bodies(server: Server, path: str, body: bytes) -> None:
    check_problem(await server.client.request("DELETE", f"{API}/{path}", content=body), 422)


async def test_bodies_over_the_limit(tmp_path: Path) -> None:
    config = ApiConfig(max_body_bytes=1000, max_upload_bytes=5000, max_webhook_bytes=1000)
    async with serving(tmp_path, config) as server:
        check_problem(await server.client.post(f"{API}/flows", content=b"#" * 1001), 413)
        await server.save(flow(more="inputs: [{id: data, type: FILE}]\n"))
        target = f"{API}/executions/company.team/hello"
        check_problem(await server.client.post(target, files={"data": ("a", b"x" * 6000)}), 413)
        check_problem(await server.client.post(target, data={"a": "x" * 1001}, files={"data": ("a", b"x")}), 413)
        json = {"content": b'{"a":"' + b"x" * 1000 + b'"}', "headers": {"content-type": "application/json"}}
        check_problem(await server.client.post(target, **json), 413)
        assert (await server.client.post(target, files={"data": ("a", b"x" * 2000)})).status_code == 200


async def test_other_tenants_and_methods(server: Server) -> None:
    body = check_problem(await server.client.get("/api/v1/other/flows/search"), 400)
    assert "no tenant 'other'" in body["message"]
    refused = await server.client.patch(f"{API}/flows/search")
    check_problem(refused, 405)
    assert "GET" in refused.headers["allow"]
    assert (await server.client.get("/api/v1/flows/search")).json()["total"] == 0


async def test_an_unexpected_error_shows_only_its_trace_id(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def explode(*_: Any) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(server.database.flows, "search", explode)
    with caplog.at_level(logging.ERROR):
        body = check_problem(await server.client.get(f"{API}/flows/search"), 500)
    assert "hunter2" not in str(body)
    assert body["traceId"] in caplog.text


async def test_a_deep_backlog_refuses_new_executions(tmp_path: Path) -> None:
    async with serving(tmp_path, ApiConfig(max_backlog=0)) as server:
        await server.save(flow())
        await server.run()
        await asyncio.sleep(1.05)  # the backlog is looked at once a second
        answer = await server.client.post(f"{API}/executions/company.team/hello")
        body = check_problem(answer, 429)
        assert answer.headers["retry-after"] == "5"
        assert "max_backlog" in body["message"]
