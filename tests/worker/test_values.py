"""What expressions of tasks and of the engine reach: secrets, KV values, files, logs, HTTP, secret inputs."""

import asyncio
import contextlib
import http.server
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec
import pytest
from stage import PLUGINS, open_stage
from tests.web import HttpProxy, Proxy, SocksProxy, serving

from segue.adapters.http.function import HttpFunction, HttpSettings
from segue.adapters.secrets.aes import AesCipher
from segue.domain.encrypted import encrypted
from segue.domain.execution.state import State
from segue.domain.kv import content_of
from segue.expr import Engine
from segue.plugins.registry import PluginRegistry
from segue.ports.queue import Topic
from segue.ports.rendering import Renderer, machine_services
from segue.ports.repositories.catalog import FlowCatalog
from segue.ports.repositories.kv import KvWrite
from segue.ports.repositories.logs import LogQuery
from segue.proto.generated import worker_pb2 as pb
from segue.services.executor import Executor, ExecutorPorts
from segue.services.worker import Worker, WorkerConfig

LOG = "io.kestra.plugin.core.log.Log"
RETURN = "io.kestra.plugin.core.debug.Return"


class Scene:
    """A stage with an executor and a worker whose expressions may call HTTP."""

    def __init__(self, stage):
        self.stage = stage

    async def kv(self, key, value, namespace="io.test", **fields):
        write = KvWrite(tenant="main", namespace=namespace, key=key, content=content_of(value), at=datetime.now(UTC))
        await self.stage.database.kv.put(msgspec.structs.replace(write, **fields))

    async def file(self, path, content, namespace="io.test"):
        async def chunks():
            yield content

        return await self.stage.files.write("main", namespace, path, chunks())

    async def run(self, tasks, head="", **fields):
        execution = await self.stage.execution(await self.stage.flow(tasks, head=head), **fields)
        await self.stage.queue.publish(Topic.EXECUTIONS, [execution.id])

        async def finished():
            row = await self.stage.database.executions.get("main", execution.id)
            return row if row.is_finished else None

        row = await self.stage.until(finished)
        return row, {run.task_id: run for run in await self.stage.database.executions.task_runs(row.id)}

    async def say(self, text, **fields):
        """What a task logs with this message."""
        _, runs = await self.run(f"  - id: t\n    type: {LOG}\n    message: {json.dumps(text)}\n", **fields)
        lines = await self.stage.lines(runs["t"].id)
        return lines[0] if len(lines) == 1 else lines

    async def value(self, text, **fields):
        """What a task makes of this text, without any masking."""
        row, runs = await self.run(f"  - id: t\n    type: {RETURN}\n    format: {json.dumps(text)}\n", **fields)
        assert row.state is State.SUCCESS, await self.stage.lines(runs["t"].id)
        return (await self.stage.outputs(runs["t"].id))["value"]


@pytest.fixture
async def scene(tmp_path):
    async with open_stage(tmp_path) as stage:
        clock = stage.ports.clock
        services = machine_services(clock)
        cipher = stage.values.cipher
        executor = Executor(
            ExecutorPorts(
                journal=stage.database.journal,
                queue=stage.queue,
                catalog=FlowCatalog(stage.database.flows, PluginRegistry(installed=False)),
                storage=stage.storage,
                slots=stage.database.slots,
                followers=stage.database.followers,
                clock=clock,
                renderer=Renderer(Engine(), lambda: services, lambda text: encrypted(cipher.encrypt(text))),
                values=stage.values,
                http=HttpFunction(HttpSettings(timeout=5.0)),
            )
        )
        await executor.start()
        worker = Worker(
            WorkerConfig(endpoints=(stage.controller.address,), slots=4, stop_grace=2.0),
            PluginRegistry(PLUGINS, installed=False),
            services=replace(services, http=HttpFunction(HttpSettings(timeout=5.0, max_response_bytes=1000))),
        )
        await worker.start()
        stage.workers.append(worker)
        await worker.wait_connected()
        yield Scene(stage)
        await executor.stop()


async def test_a_secret_is_used_and_hidden_in_logs(scene):
    scene.stage.secrets["API"] = "hunter2"
    assert await scene.say("with {{ secret('API') }}") == "INFO with ******"
    assert await scene.value("{{ secret('API') | upper }}") == "HUNTER2"


async def test_a_part_of_a_secret_is_hidden_too(scene):
    scene.stage.secrets["DB"] = '{"user": "bob", "password": "s3same"}'
    assert await scene.say("{{ secret('DB', subkey='password') }}") == "INFO ******"
    assert await scene.value("{{ secret('DB', subkey='user') }}") == "bob"


async def test_a_missing_secret_fails_the_task(scene):
    line = await scene.say("{{ secret('NOPE') ?? 'x' }}")
    assert line.startswith("ERROR Cannot find secret for key 'NOPE'.")


async def test_values_of_the_store_are_typed_and_inherited(scene):
    await scene.kv("own", {"a": [1, 2]})
    await scene.kv("up", timedelta(hours=1), "io")
    await scene.kv("day", datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC))
    text = "{{ kv('own').a[1] + 1 }} {{ kv('up') }} {{ kv('day') | date('yyyy') }} {{ kv('none', errorOnMissing=false) ?? 'd' }}"
    assert await scene.value(text) == "3 PT1H 2025 d"
    assert "The key 'none' does not exist in the namespace 'io.test'." in await scene.say("{{ kv('none') }}")


async def test_an_expired_value_is_an_error(scene):
    await scene.kv("old", 1, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert "The requested value has expired" in await scene.say("{{ kv('old') }}")


async def test_another_namespace_must_be_open(scene):
    await scene.kv("k", 1, "io.other")
    await scene.file("f.txt", b"x", "io.other")
    scene.stage.secrets["S"] = "x"
    for text in ("kv('k', 'io.other')", "read('f.txt', namespace='io.other')", "secret('S', namespace='io.other')"):
        assert "is not open to the namespace 'io.test'" in str(await scene.say(f"{{{{ {text} }}}}"))


async def test_namespace_files(scene):
    await scene.file("queries/a.sql", b"SELECT 1")
    await scene.file("queries/a.sql", b"SELECT 22")
    text = (
        "{{ read('queries/a.sql') }}|{{ read('/queries/a.sql', revision=1) }}|{{ fileSize('queries/a.sql') }}|"
        "{{ fileExists('b') }}|{{ isFileEmpty('queries/a.sql') }}|{{ fileURI('queries/a.sql') }}|"
        "{{ read('nsfile:///queries/a.sql') }}|{{ read(fileURI('queries/a.sql')) }}"
    )
    uri = "kestra:///io/test/_files/queries/a.sql.v2"
    assert await scene.value(text) == f"SELECT 22|SELECT 1|9|false|false|{uri}|SELECT 22|SELECT 22"
    assert "There is no file 'b' in the namespace 'io.test'" in await scene.say("{{ read('b') }}")
    for path in ("../../x", "a/../../x", "a/%2e%2e/x"):
        assert "ERROR" in await scene.say(f"{{{{ read('{path}') }}}}")


async def test_files_of_the_execution_and_of_nobody_else(scene):
    flow = await scene.stage.flow(f"  - id: t\n    type: {LOG}\n    message: x\n", name="other")
    other = await scene.stage.execution(flow)
    theirs = f"kestra:///io/test/other/executions/{other.id}/tasks/t/x/f.txt"
    await scene.stage.store_file(theirs, b"theirs")
    assert "not allowed to access" in await scene.say(f"{{{{ read('{theirs}') }}}}")
    row, runs = await scene.run(
        "  - id: store\n    type: test.Store\n"
        f'  - id: t\n    type: {LOG}\n    message: "{{{{ read(outputs.store.uri) | length }}}}"\n'
    )
    assert row.state is State.SUCCESS
    assert await scene.stage.lines(runs["t"].id) == ["INFO 300000"]


async def test_the_controller_checks_what_a_worker_asks_for(scene):
    """Whatever a worker sends, its job decides."""
    control = scene.stage.workers[0]._runner.kit.control
    with pytest.raises(Exception, match="holds no job"):
        await control.values(pb.Job(token="made-up", execution_id="x"), [])


async def test_error_logs(scene):
    row, runs = await scene.run(
        "  - id: bad\n    type: io.kestra.plugin.core.execution.Fail\n    errorMessage: because\n",
        head=f'errors:\n  - id: tell\n    type: {LOG}\n    message: "{{{{ errorLogs()[0].message }}}} {{{{ errorLogs()[0].taskId }}}}"\n',
    )
    assert row.state is State.FAILED
    assert await scene.stage.lines(runs["tell"].id) == ["INFO because bad"]


async def test_the_engine_asks_for_values_too(scene):
    await scene.kv("flag", True)
    scene.stage.secrets["MODE"] = "fast-lane"
    await scene.file("mode.txt", b"on")
    row, runs = await scene.run(
        f"  - id: a\n    type: {LOG}\n    message: a\n    runIf: \"{{{{ kv('flag') and secret('MODE') == 'fast-lane' }}}}\"\n"
        f"  - id: b\n    type: {LOG}\n    message: b\n    runIf: \"{{{{ read('mode.txt') == 'off' }}}}\"\n"
        f"  - id: c\n    type: {LOG}\n    message: c\n    runIf: \"{{{{ secret('MODE') | number }}}}\"\n"
    )
    assert [runs[name].state for name in "abc"] == [State.SUCCESS, State.SKIPPED, State.FAILED]
    lines, _ = await scene.stage.database.logs.lines(query(row.id))
    said = " ".join(line.message for line in lines)
    assert "fast-lane" not in said
    assert row.state is State.FAILED


async def test_the_engine_asks_other_servers_and_reads_error_logs(scene, web):
    row, runs = await scene.run(
        "  - id: bad\n    type: io.kestra.plugin.core.execution.Fail\n    errorMessage: because\n",
        head="errors:\n"
        f"  - id: a\n    type: {LOG}\n    message: a\n    runIf: \"{{{{ http('{web}/a').n == 1 }}}}\"\n"
        f"  - id: b\n    type: {LOG}\n    message: b\n    runIf: \"{{{{ errorLogs()[0].message == 'because' }}}}\"\n"
        f"  - id: c\n    type: {LOG}\n    message: c\n    runIf: \"{{{{ http('{web}/bad') }}}}\"\n",
    )
    assert [runs[name].state for name in "abc"] == [State.SUCCESS, State.SUCCESS, State.FAILED]
    assert [call[:2] for call in Handler.calls] == [("GET", "/a"), ("GET", "/bad")], "each once"
    lines, _ = await scene.stage.database.logs.lines(query(row.id))
    assert any("server respond with status 418" in line.message for line in lines)


async def test_others_go_on_while_the_engine_waits_for_an_answer(scene, web):
    Handler.gate.clear()
    waiting = asyncio.create_task(
        scene.run(f"  - id: a\n    type: {LOG}\n    message: a\n    runIf: \"{{{{ http('{web}/slow').n > 0 }}}}\"\n")
    )
    async with asyncio.timeout(5):
        while not Handler.calls:  # noqa: ASYNC110  as the other side sees it
            await asyncio.sleep(0.01)
        row, _ = await scene.run(f"  - id: b\n    type: {LOG}\n    message: b\n")
    assert row.state is State.SUCCESS
    assert not waiting.done()
    Handler.gate.set()
    row, _ = await waiting
    assert row.state is State.SUCCESS
    assert len(Handler.calls) == 1


async def test_a_call_that_is_another_each_time_is_refused_in_the_engine(scene, web):
    row, _ = await scene.run(
        f"  - id: a\n    type: {LOG}\n    message: a\n    runIf: \"{{{{ http('{web}/b?' ~ uuid()).n > 0 }}}}\"\n"
    )
    assert row.state is State.FAILED
    lines, _ = await scene.stage.database.logs.lines(query(row.id))
    assert any("rounds of calls" in line.message for line in lines)
    assert len(Handler.calls) <= 40, "twenty rounds, and a decision may look at a condition twice"


def query(execution_id):
    return LogQuery(tenant="main", execution_id=execution_id)


async def test_secret_inputs_are_plain_for_tasks_only(scene):
    stored = encrypted(scene.stage.values.cipher.encrypt("open sesame"))
    inputs = {"password": stored, "nested": {"token": stored}, "plain": "p"}
    head = "inputs:\n  - id: password\n    type: SECRET\n  - id: plain\n    type: STRING\n"
    text = "{{ inputs.password }} {{ inputs.nested.token | length }} {{ inputs.plain }}"
    assert await scene.say(text, head=head, inputs=inputs) == "INFO ****** 11 p"
    assert await scene.value(text, head=head, inputs=inputs) == "open sesame 11 p"
    assert await scene.value("{{ inputs }}", head=head, inputs={"password": stored}) == '{"password":"open sesame"}'
    row, runs = await scene.run(
        f"  - id: a\n    type: {LOG}\n    message: a\n    runIf: \"{{{{ inputs.password == 'open sesame' }}}}\"\n",
        head=head,
        inputs=inputs,
    )
    assert runs["a"].state is State.SUCCESS
    assert row.inputs["password"] == stored


async def test_what_was_encrypted_with_another_key(scene):
    stored = encrypted(AesCipher("MDAwMDAwMDAwMDAwMDAwMA==").encrypt("x"))
    line = await scene.say("{{ inputs.password }}", inputs={"password": stored})
    assert "A stored secret cannot be decrypted" in line


async def test_secret_outputs_of_the_flow_are_stored_encrypted(scene):
    row, _ = await scene.run(
        f"  - id: a\n    type: {LOG}\n    message: a\n",
        head="outputs:\n  - id: key\n    type: SECRET\n    value: \"{{ 'hush' }}\"\n",
    )
    assert row.state is State.SUCCESS
    outputs = await scene.stage.outputs(row.id)
    assert outputs["key"]["type"] == "io.kestra.datatype:aes_encrypted"
    assert scene.stage.values.cipher.decrypt(outputs["key"]["value"]) == "hush"


class Handler(http.server.BaseHTTPRequestHandler):
    calls: ClassVar[list] = []
    gate = threading.Event()

    def do_GET(self):
        self.calls.append((self.command, self.path, dict(self.headers), b""))
        self.answer()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.calls.append((self.command, self.path, dict(self.headers), body))
        self.answer()

    def answer(self):
        if self.path.startswith("/slow"):
            self.gate.wait(10)
        if self.path.startswith("/bad"):
            self.send_response(418)
            self.end_headers()
            return
        content = b"x" * 5000 if self.path.startswith("/big") else json.dumps({"n": len(self.calls)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def web():
    Handler.calls.clear()
    Handler.gate.set()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_http_is_called_once_though_other_values_come_later(scene, web):
    scene.stage.secrets["TOKEN"] = "t0ken"
    await scene.kv("k", "v")
    await scene.kv("late", "v")
    options = "{'auth': {'type': 'BEARER', 'token': secret('TOKEN')}}"
    more = f"query={{'q': kv('k')}}, headers={{'X-A': 'b'}}, options={options}"
    call = f"http('{web}/a', method='POST', body={{'a': 1}}, {more})"
    text = f"{{{{ {call}.n }}}} {{{{ http('{web}/b').n }}}} {{{{ kv('la' ~ 'te') }}}}"
    assert await scene.value(text) == "1 2 v"
    (first, second) = Handler.calls
    assert first[:2] == ("POST", "/a?q=v")
    assert (first[2]["Authorization"], first[2]["X-A"], first[2]["Content-Type"]) == (
        "Bearer t0ken",
        "b",
        "application/json",
    )
    assert json.loads(first[3]) == {"a": 1}
    assert second[:2] == ("GET", "/b")


async def test_http_failures(scene, web):
    assert "server respond with status 418" in await scene.say(f"{{{{ http('{web}/bad?key=secret') }}}}")
    assert await scene.value(f"{{{{ http('{web}/bad', options={{'allowFailed': true}}) }}}}") == ""
    assert "has more than 1000 bytes" in await scene.say(f"{{{{ http('{web}/big') }}}}")
    refused = await scene.say("{{ http('http://127.0.0.1:1/?token=abc') }}")
    assert "Failed to execute HTTP Request to 'http://127.0.0.1:1/': Cannot connect to" in refused
    assert "Connection refused; is it reachable from the worker?" in refused
    assert "needs an http or https address" in await scene.say("{{ http('file:///etc/passwd') }}")


@pytest.mark.parametrize("kind", ["HTTP", "SOCKS"])
async def test_http_through_a_proxy(scene, web, kind):
    with serving(Proxy(HttpProxy if kind == "HTTP" else SocksProxy, "me:s3cret")) as proxy:
        options = f"'type': '{kind}', 'address': '127.0.0.1', 'username': 'me', 'password': 's3cret'"
        call = f"http('{web}/b', options={{'proxy': {{{options}, 'port': {proxy.port}}}}})"
        assert await scene.value(f"{{{{ {call}.n }}}}") == "1"
        assert len(proxy.seen) == 1
        assert "needs the port of the proxy" in await scene.say(f"{{{{ {call.replace(str(proxy.port), 'null')} }}}}")


async def test_a_random_port_is_free(scene):
    assert 0 < int(await scene.value("{{ randomPort() }}")) < 65536


async def test_what_is_made_of_a_secret_is_hidden_too(scene):
    scene.stage.secrets["API"] = "hunter2-and-more"
    stored = encrypted(scene.stage.values.cipher.encrypt("open sesame"))
    assert await scene.say("{{ secret('API') | upper }} {{ secret('API') | base64encode }}") == "INFO ****** ******"
    line = await scene.say("{{ inputs.password | number }}", inputs={"password": stored})
    assert "open sesame" not in str(line)
    assert "ERROR" in str(line)
