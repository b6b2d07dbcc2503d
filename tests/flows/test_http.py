"""HTTP tasks on a real server: its worker is a process of its own, with the event loop of production."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import psutil
import pytest

from tests.combinations import COMBINATIONS
from tests.processes import ServerProcess, running
from tests.rest import RestClient, said, summary
from tests.web import HttpProxy, Proxy, SocksProxy, Web, serving, tls_web

CORE = "io.kestra.plugin.core."
SIZE = 200 * 1024 * 1024
MOST_GROWN = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("http")
    process = ServerProcess("http", "standalone", folder, COMBINATIONS[0].config(folder))
    with running(process):
        yield process


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serving(Web()) as server:
        yield server


async def run(client: RestClient, name: str, tasks: str) -> tuple[str, str, dict[str, dict[str, object]], str]:
    """State, whole execution as text, outputs by task, and log lines of an execution of these tasks."""
    await client.deploy(f"id: {name}\nnamespace: company.http\ntasks:\n{tasks}")
    started = await client.start("company.http", name)
    ended = await client.wait(started["id"])
    lines = "\n".join(said(await client.logs(started["id"])))
    return ended["state"]["current"], summary(ended), await client.outputs(started["id"]), lines


async def test_fetch_and_use(server: ServerProcess, web: Web) -> None:
    tasks = f"""
  - id: get
    type: io.kestra.plugin.fs.http.Request
    uri: "{web.url}/echo/{{{{ flow.id }}}}"
    method: POST
    body: "{{{{ {{'n': 1}} | toJson }}}}"
  - id: use
    type: {CORE}debug.Return
    format: "{{{{ fromJson(outputs.get.body).body }}}} {{{{ outputs.get.headers['content-type'][0] }}}}"
  - id: words
    type: {CORE}http.SseRequest
    uri: "{web.url}/events?of=ZGF0YTogYQoKZGF0YTogYgoK"
    concatJqExpression: .data
"""
    async with RestClient(server.addresses.http) as client:
        state, shown, outputs, _ = await run(client, "fetch", tasks)
    assert state == "SUCCESS", shown
    assert outputs["use"]["value"] == '{"n":1} application/json'
    assert outputs["words"]["result"] == "ab"


async def test_what_goes_wrong_is_said_as_in_any_other_loop(server: ServerProcess, web: Web) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]
    cases = {
        f"http://127.0.0.1:{closed}/": "Connection refused; is it reachable from the worker?",
        "http://no-such-host.invalid/": "The host of 'http://no-such-host.invalid/' cannot be found",
        f"{web.url}/reset": f"The connection to '{web.url}/reset' broke: Connection reset by peer",
        f"{web.url}/short": "Invalid size, got 10, expected 100",
        f"{web.url}/slow/9": "sent nothing for 0.3 s",
        web.url.replace("http:", "https:"): "The TLS handshake with",
    }
    tasks = "".join(
        f"  - {{id: t{number}, type: {CORE}http.Request, uri: '{uri}', allowFailure: true, "
        "options: {timeout: {readIdleTimeout: PT0.3S}}}\n"
        for number, uri in enumerate(cases)
    )
    async with RestClient(server.addresses.http) as client:
        state, shown, _, lines = await run(client, "wrong", tasks)
    assert state == "WARNING", shown
    for reason in cases.values():
        assert reason in lines


@pytest.mark.parametrize("kind", ["HTTP", "SOCKS"])
async def test_proxies_and_certificates(
    server: ServerProcess, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    proxy = Proxy(HttpProxy if kind == "HTTP" else SocksProxy)
    with serving(tls_web(tmp_path_factory.mktemp("tls"))) as web, serving(proxy):
        tasks = f"""
  - id: get
    type: {CORE}http.Request
    uri: {web.url}/echo
    options:
      proxy: {{type: {kind}, address: 127.0.0.1, port: {proxy.port}}}
      ssl: {{insecureTrustAllCertificates: true}}
  - id: strict
    type: {CORE}http.Request
    uri: {web.url}/echo
    allowFailure: true
"""
        async with RestClient(server.addresses.http) as client:
            state, shown, _, lines = await run(client, f"through-{kind.lower()}", tasks)
        assert state == "WARNING", shown
        assert f"The certificate of '{web.url}/echo' is not trusted: self-signed certificate" in lines
        assert len(proxy.seen) == 1


async def test_a_large_download_needs_no_memory(
    server: ServerProcess, web: Web, capsys: pytest.CaptureFixture[str]
) -> None:
    processes = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    tasks = f"  - {{id: get, type: {CORE}http.Download, uri: '{web.url}/zeros/{SIZE}'}}\n"
    async with RestClient(server.addresses.http) as client:
        await run(client, "small", tasks.replace(f"/zeros/{SIZE}", "/zeros/9999"))
        before = [process.memory_info().rss for process in processes]
        most = list(before)

        async def watch() -> None:
            while True:
                most[:] = [max(old, process.memory_info().rss) for old, process in zip(most, processes, strict=True)]
                await asyncio.sleep(0.02)

        watching = asyncio.create_task(watch())
        state, shown, outputs, _ = await run(client, "large", tasks)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    assert state == "SUCCESS", shown
    assert outputs["get"]["length"] == SIZE
    grown = [(new - old) / 1024 / 1024 for new, old in zip(most, before, strict=True)]
    with capsys.disabled():
        print("\n200 MB downloaded; more memory in each process: " + ", ".join(f"{one:.0f} MB" for one in grown))
    assert max(grown) < MOST_GROWN
