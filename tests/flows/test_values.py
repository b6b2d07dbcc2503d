"""A flow whose tasks use secrets, the KV store, namespace files and secret inputs, on a real server with its worker."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from segue.testing.servers import PostgresServer
from tests.combinations import COMBINATIONS, Combination
from tests.processes import ServerProcess, running
from tests.rest import RestClient, said, summary

KEY = b64encode(b"0123456789abcdef0123456789abcdef").decode()
FLOW = """
id: values
namespace: company.team
inputs:
  - {id: password, type: SECRET}
  - {id: region, type: STRING, defaults: "{{ kv('region') }}"}
tasks:
  - id: say
    type: io.kestra.plugin.core.log.Log
    message: "{{ secret('API_KEY') }} {{ kv('region') }} {{ read('queries/a.sql') }} {{ inputs.password }}"
  - id: value
    type: io.kestra.plugin.core.debug.Return
    runIf: "{{ secret('API_KEY') == 'k3y-of-the-api' and inputs.password == 'open sesame' }}"
    format: "{{ secret('API_KEY') | length }} {{ inputs.password | length }} {{ kv('limit') * 2 }} {{ inputs.region }}"
  - id: bad
    type: io.kestra.plugin.core.debug.Return
    format: "{{ secret('API_KEY') | number }}"
    allowFailure: true
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("values")
    config = COMBINATIONS[0].config(folder) | {"encryption": {"secret-key": KEY}}
    secret = b64encode(b"k3y-of-the-api").decode()
    process = ServerProcess("values", "standalone", folder, config, environment={"SECRET_API_KEY": secret})
    with running(process):
        yield process


async def test_values_reach_tasks_and_secrets_stay_hidden(server: ServerProcess) -> None:
    async with RestClient(server.addresses.http) as client:
        await client.deploy(FLOW)
        await client.json("PUT", "/namespaces/company.team/kv/region", content="eu-west")
        await client.json("PUT", "/namespaces/company/kv/limit", content="21")
        path = {"path": "queries/a.sql"}
        file = {"fileContent": ("file", b"SELECT 1")}
        await client.json("POST", "/namespaces/company.team/files", params=path, files=file)
        execution = await client.start("company.team", "values", {"password": "open sesame"})
        end = await client.wait(execution["id"])
        assert end["state"]["current"] == "WARNING", summary(end)
        assert said(await client.logs(end["id"]))[0] == "****** eu-west SELECT 1 ******"
        assert (await client.outputs(end["id"]))["value"]["value"] == "14 11 42 eu-west"
        everything = str(end) + str(await client.logs(end["id"]))
        assert "k3y-of-the-api" not in everything
        assert "open sesame" not in everything
        tried = await client.json(
            "POST", f"/executions/{end['id']}/actions/eval", content="{{ outputs.value.value }} {{ secret('API_KEY') }}"
        )
        assert tried == {"result": "14 11 42 eu-west ******"}


def test_the_worker_does_not_inherit_secrets(server: ServerProcess) -> None:
    import psutil

    process = psutil.Process(server.pid)
    assert "SECRET_API_KEY" in process.environ()
    workers = [child for child in process.children() if "worker" in child.cmdline()]
    assert workers
    assert all("SECRET_API_KEY" not in worker.environ() for worker in workers)


def test_an_unusable_key_is_told_at_the_start(tmp_path: Path) -> None:
    config = COMBINATIONS[0].config(tmp_path) | {"encryption": {"secret-key": "c2hvcnQ="}}
    process = ServerProcess("bad-key", "standalone", tmp_path, config)
    with pytest.raises(RuntimeError, match="16, 24 or 32 bytes"):
        process.start()
    process.kill()


async def start(process: ServerProcess) -> httpx.Response:
    """Start the flow on a server that is given no key."""
    with running(process):
        async with RestClient(process.addresses.http) as client:
            await client.deploy(FLOW)
            return await client.request(
                "POST", "/executions/company.team/values", files={"password": (None, "hush"), "region": (None, "eu")}
            )


async def test_without_a_key_secret_inputs_are_refused(tmp_path: Path, postgres_server: PostgresServer) -> None:
    config = Combination("postgresql", "memory").config(tmp_path, postgres_server.new_database())
    answer = await start(ServerProcess("no-key", "standalone", tmp_path, config))
    assert (answer.status_code, "encryption is not configured" in answer.text) == (422, True)


async def test_a_server_on_sqlite_has_a_key_of_its_own(tmp_path: Path) -> None:
    answer = await start(ServerProcess("own-key", "standalone", tmp_path, COMBINATIONS[0].config(tmp_path)))
    assert answer.status_code == 200
    assert "hush" not in answer.text
    assert all(b"hush" not in file.read_bytes() for file in (tmp_path / "data").glob("segue.db*"))
