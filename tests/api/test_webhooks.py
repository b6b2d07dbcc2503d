"""Webhooks: keys, variables, conditions, inputs, files, waiting."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from segue.domain.execution.state import State
from tests.api.conftest import WEBHOOK, Server, flow, serving
from tests.api.test_executions import finish, the_only_one

URL = "/api/v1/main/executions/webhook/company.team/hello"


def hook(more: str = "", key: str = "secret-key") -> str:
    """A flow with one webhook."""
    return flow(more=f"triggers:\n  - id: hook\n    type: {WEBHOOK}\n    key: {key!r}\n{more}")


async def trigger_of(server: Server, answer: Any) -> dict[str, Any]:
    """The trigger's variables as they are stored."""
    assert answer.status_code == 200, answer.text
    execution = await server.database.executions.get("main", answer.json()["id"])
    assert execution is not None
    assert execution.trigger is not None
    return execution.trigger.variables


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_every_method_starts_the_flow(server: Server, method: str) -> None:
    await server.save(hook())
    answer = await server.client.request(method, f"{URL}/secret-key?a=1&a=2&b=", headers={"X-Thing": "x"})
    body = answer.json()
    assert body["trigger"]["id"] == "hook"
    assert body["state"]["current"] == "CREATED"
    assert body["flowRevision"] == 1
    assert body["url"].endswith(body["id"])
    variables = await trigger_of(server, answer)
    assert variables["parameters"] == {"a": ["1", "2"], "b": [""]}
    assert variables["headers"]["x-thing"] == ["x"]
    assert variables["body"] is None


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b'{"a": [1, 2]}', {"a": [1, 2]}),
        (b'[{"a": 1}]', [{"a": 1}]),
        (b"plain", "plain"),
        (b"{broken", "{broken"),
        (b'"text"', '"text"'),
        (b"\xff\x00", base64.b64encode(b"\xff\x00").decode()),
    ],
)
async def test_bodies(server: Server, content: bytes, seen: Any) -> None:
    await server.save(hook())
    variables = await trigger_of(server, await server.client.post(f"{URL}/secret-key", content=content))
    assert variables["body"] == seen


async def test_without_the_tenant(server: Server) -> None:
    await server.save(hook())
    path = URL.replace("/main", "")
    assert (await server.client.post(f"{path}/secret-key")).status_code == 200


async def test_refusals(server: Server) -> None:
    await server.save(hook())
    for path in ("wrong", "secret-key/below", "secret-ke", "secret-key%00"):
        answer = await server.client.post(f"{URL}/{path}")
        assert answer.status_code == (400 if "%00" in path else 404), path
    unknown = await server.client.post(URL.replace("hello", "none") + "/secret-key")
    assert unknown.status_code == 404
    await server.client.put("/api/v1/main/flows/company.team/hello", content=hook("    disabled: true\n"))
    assert (await server.client.post(f"{URL}/secret-key")).status_code == 404
    await server.client.put("/api/v1/main/flows/company.team/hello", content=hook() + "disabled: true\n")
    assert (await server.client.post(f"{URL}/secret-key")).status_code == 409


async def test_a_key_may_be_a_secret(tmp_path: Path) -> None:
    async with serving(tmp_path, secrets={"KEY": "from-secret"}) as server:
        await server.save(hook(key="{{ secret('KEY') }}"))
        assert (await server.client.post(f"{URL}/from-secret")).status_code == 200
        assert (await server.client.post(f"{URL}/other")).status_code == 404


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('    when: "{{ trigger.body.a == 1 }}"\n', 200),
        ('    when: "{{ trigger.body.a == 2 }}"\n', 204),
        ('    when: "{{ trigger.body.none.deep }}"\n', 204),
        (
            """    conditions:
      - type: io.kestra.plugin.core.condition.Expression
        expression: "{{ trigger.headers['x-go'][0] == 'yes' }}"
""",
            200,
        ),
        (
            """    conditions:
      - type: io.kestra.plugin.core.condition.Not
        conditions:
          - {type: io.kestra.plugin.core.condition.Expression, expression: 'true'}
""",
            204,
        ),
    ],
)
async def test_conditions(server: Server, condition: str, status: int) -> None:
    await server.save(hook(condition))
    answer = await server.client.post(f"{URL}/secret-key", json={"a": 1}, headers={"X-Go": "yes"})
    assert answer.status_code == status, answer.text
    total = (await server.client.get("/api/v1/main/executions/search")).json()["total"]
    assert total == (1 if status == 200 else 0)


async def test_inputs_and_labels_come_from_the_trigger(server: Server) -> None:
    more = """    inputs: {who: "{{ trigger.body.name }}"}
    labels: {from: "{{ trigger.body.name }}", bad: "{{ trigger.body.none.deep }}"}
inputs:
  - {id: who, type: STRING}
  - {id: count, type: INT, defaults: 2}
"""
    await server.save(hook(more))
    body = (await server.client.post(f"{URL}/secret-key", json={"name": "Ann"})).json()
    assert body["inputs"] == {"who": "Ann", "count": 2}
    assert {"key": "from", "value": "Ann"} in body["labels"]
    assert "bad" not in {label["key"] for label in body["labels"]}
    missing = await server.client.post(f"{URL}/secret-key", json={})
    assert missing.status_code == 422


async def test_files_and_stored_bodies(server: Server) -> None:
    await server.save(hook())
    answer = await server.client.post(
        f"{URL}/secret-key", data={"field": "value"}, files={"doc": ("a.txt", b"content", "text/plain")}
    )
    variables = await trigger_of(server, answer)
    assert variables["formFields"] == {"field": ["value"]}
    (part,) = variables["parts"]
    assert (part["name"], part["filename"], part["size"]) == ("doc", "a.txt", 7)
    assert b"".join([chunk async for chunk in server.storage.get("main", part["uri"])]) == b"content"
    await server.client.put("/api/v1/main/flows/company.team/hello", content=hook("    fetchType: STORE\n"))
    variables = await trigger_of(server, await server.client.post(f"{URL}/secret-key", content=b"kept"))
    assert "body" not in variables
    assert b"".join([chunk async for chunk in server.storage.get("main", variables["uri"])]) == b"kept"


@pytest.mark.parametrize(("state", "status"), [(State.SUCCESS, 200), (State.FAILED, 500)])
async def test_wait_answers_with_the_end(server: Server, state: State, status: int) -> None:
    await server.save(hook("    wait: true\n"))
    waiting = asyncio.create_task(server.client.post(f"{URL}/secret-key"))
    await finish(server, await the_only_one(server), state)
    answer = await asyncio.wait_for(waiting, 5)
    assert (answer.status_code, answer.json()["state"]["current"]) == (status, state.value)


async def test_cookies_are_not_kept(server: Server) -> None:
    await server.save(hook())
    answer = await server.client.post(f"{URL}/secret-key", headers={"Cookie": "session=1", "Authorization": "Basic x"})
    headers = (await trigger_of(server, answer))["headers"]
    assert "cookie" not in headers
    assert headers["authorization"] == ["Basic x"]
