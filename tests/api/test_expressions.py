"""Expressions tried on executions, and those of inputs (REST API 4.3, expression language 10.6)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from segue.domain.encrypted import encrypted
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import Attempt, OutputReference, TaskRun
from segue.domain.kv import content_of
from segue.ports.repositories.journal import Change, InlineOutputs
from segue.ports.repositories.kv import KvWrite
from segue.ports.storage import Storage

from .conftest import CIPHER, Server, flow, serving

NOW = datetime.now(UTC)
INPUTS = "inputs:\n  - id: name\n    type: STRING\n    defaults: world\n"


async def put(server: Server, key: str, value: Any) -> None:
    write = KvWrite(tenant="main", namespace="company.team", key=key, content=content_of(value), at=NOW)
    await server.database.kv.put(write)


async def add_run(server: Server, execution_id: str, outputs: dict[str, Any], uri: str | None = None) -> str:
    """A finished task run with outputs, as an executor writes it."""
    row = await server.database.executions.get("main", execution_id)
    assert row is not None
    payload = msgspec.json.encode(outputs)
    status = Status.begin(NOW).to(State.RUNNING, NOW).to(State.SUCCESS, NOW)
    run = TaskRun(
        id=f"{execution_id}-1",
        execution_id=execution_id,
        task_id="greet",
        status=status,
        value="v",
        attempts=(Attempt(status=status),),
        outputs=OutputReference(len(payload), "d", uri),
    )
    inline = [] if uri else [InlineOutputs(run.id, execution_id, payload, "d")]
    changed = msgspec.structs.replace(row, task_run_count=1)
    assert not await server.database.journal.apply([Change(execution=changed, new_task_runs=[run], outputs=inline)])
    return run.id


async def tried(server: Server, path: str, text: str) -> dict[str, Any]:
    answer = await server.client.post(f"/api/v1/main/executions/{path}", content=text.encode())
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("action", ["actions/eval", "eval"])
async def test_an_expression_sees_the_execution(server: Server, action: str) -> None:
    await server.save(flow(more=INPUTS + "variables:\n  a: '{{ inputs.name }}'\n"))
    execution = (await server.run())["id"]
    run = await add_run(server, execution, {"value": "x" * 3})
    text = (
        "{{ inputs.name | upper }} {{ render(vars.a) }} {{ outputs.greet.v.value }} {{ flow.id }} {{ execution.state }}"
    )
    assert await tried(server, f"{execution}/{action}", text) == {"result": "WORLD world xxx hello CREATED"}
    of_run = await tried(server, f"{execution}/{action}/{run}", "{{ taskrun.value }} {{ task.id }}")
    assert of_run == {"result": "v greet"}
    assert await tried(server, f"{execution}/{action}", "plain") == {"result": "plain"}


async def test_large_outputs_are_read_when_they_are_named(server: Server) -> None:
    await server.save(flow())
    execution = (await server.run())["id"]
    uri = f"kestra:///company/team/hello/executions/{execution}/outputs.json"
    await add_run(server, execution, {}, uri)
    found = await tried(server, f"{execution}/eval", "{{ outputs.greet.v.n }}")
    assert "there is no file" in found["error"]
    await store(server.storage, uri, b'{"n": 5}')
    assert await tried(server, f"{execution}/eval", "{{ outputs.greet.v.n }}") == {"result": "5"}


async def store(storage: Storage, uri: str, content: bytes) -> None:
    async def chunks() -> Any:
        yield content

    await storage.put("main", uri, chunks())


async def test_an_error_has_its_place(server: Server) -> None:
    await server.save(flow())
    execution = (await server.run())["id"]
    found = await tried(server, f"{execution}/actions/eval", "a\n{{ inputs.nope }}")
    assert "result" not in found
    assert "nope" in found["error"] or "inputs" in found["error"]
    assert found["line"] == 2
    assert "at line 2" in found["stackTrace"]
    broken = await tried(server, f"{execution}/actions/eval", "{{ 1 + }}")
    assert (broken["line"], "error" in broken) == (1, True)


async def test_secrets_are_not_told(tmp_path: Path) -> None:
    async with serving(
        tmp_path, secrets={"API": '{"a": "hush"}'}, encrypt=lambda text: encrypted(CIPHER.encrypt(text))
    ) as server:
        await server.save(flow(more="inputs:\n  - id: password\n    type: SECRET\n"))
        execution = (await server.run(json={"password": "hush"}))["id"]
        await put(server, "k", 5)
        for text, wanted in {
            "{{ secret('API') }}": "******",
            "{{ secret('api', subkey='a') }}": "******",
            "{{ secret('API', full=true).value }}": "******",
            "{{ kv('k') + 1 }}": "6",
        }.items():
            assert await tried(server, f"{execution}/eval", text) == {"result": wanted}
        for text in ("{{ inputs.password }}", "{{ inputs }}", "{{ printContext() }}", "{{ secret('API') | length }}"):
            assert "hush" not in str(await tried(server, f"{execution}/eval", text))
        stored = await server.database.executions.get("main", execution)
        assert stored is not None
        assert CIPHER.decrypt(stored.inputs["password"]["value"]) == "hush"
        assert (
            "Cannot find secret for key 'X'."
            in (await tried(server, f"{execution}/eval", "{{ secret('X') }}"))["error"]
        )


async def test_what_may_not_be_tried(server: Server) -> None:
    await server.save(flow())
    execution = (await server.run())["id"]
    for text in ("{{ http('http://127.0.0.1:1') }}", "{{ errorLogs() }}"):
        assert "is not available" in (await tried(server, f"{execution}/eval", text))["error"]
    limit = await tried(
        server, f"{execution}/eval", "{% for i in range(1, 1000000) %}{{ 'xxxxxxxxxxxxxxxx' }}{% endfor %}"
    )
    assert "limit" in limit["error"]


async def test_what_is_not_there(server: Server) -> None:
    assert (await server.client.post("/api/v1/main/executions/nope/actions/eval", content=b"x")).status_code == 404
    await server.save(flow())
    execution = (await server.run())["id"]
    assert (await server.client.post(f"/api/v1/main/executions/{execution}/eval/nope", content=b"x")).status_code == 404
    big = await server.client.post(f"/api/v1/main/executions/{execution}/eval", content=b"x" * 300_000)
    assert big.status_code == 413


async def test_defaults_of_inputs_use_the_store_and_secrets(tmp_path: Path) -> None:
    text = """inputs:
  - id: region
    type: STRING
    defaults: "{{ kv('region') }}"
  - id: size
    type: SELECT
    expression: "{{ kv('sizes') }}"
  - id: token
    type: STRING
    defaults: "{{ secret('TOKEN') }}"
"""
    async with serving(tmp_path, secrets={"TOKEN": "t"}) as server:
        await server.save(flow(more=text))
        await put(server, "region", "eu")
        await put(server, "sizes", ["s", "m"])
        execution = await server.run(json={"size": "m"})
        assert execution["inputs"] == {"region": "eu", "size": "m", "token": "t"}
        refused = await server.client.post("/api/v1/main/executions/company.team/hello", json={"size": "xl"})
        assert refused.status_code == 422
        assert "it must match the values `[s, m]`" in refused.text


async def test_checks_see_secret_inputs_in_plain_text(tmp_path: Path) -> None:
    text = """inputs:
  - id: password
    type: SECRET
checks:
  - when: "{{ inputs.password | length > 3 }}"
    message: too short
    behavior: BLOCK_EXECUTION
"""
    async with serving(tmp_path, encrypt=lambda plain: encrypted(CIPHER.encrypt(plain))) as server:
        await server.save(flow(more=text))
        await server.run(json={"password": "long enough"})
        refused = await server.client.post("/api/v1/main/executions/company.team/hello", json={"password": "abc"})
        assert (refused.status_code, "too short" in refused.text) == (422, True)
