"""Containers from a real server: through the API to the worker's process, to a real engine and back."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from segue.plugins.scripts.runner.docker.address import Address
from segue.plugins.scripts.runner.docker.engine import Engine
from segue.testing.servers import PodmanServer
from tests.combinations import Combination
from tests.processes import ServerProcess, running
from tests.rest import RestClient, said, summary

NAMESPACE = "tests.docker"
DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"


@pytest.fixture
def standalone(tmp_path: Path, podman_server: PodmanServer) -> Iterator[ServerProcess]:
    """A server whose worker finds the engine, and may give containers folders of the machine."""
    settings = {"plugins": {"configurations": [{"type": DOCKER, "values": {"volume-enabled": True}}]}}
    config = Combination("sqlite", "memory").config(tmp_path) | settings
    environment = {"DOCKER_HOST": podman_server.url, "TMPDIR": str(tmp_path)}
    process = ServerProcess("standalone-docker", "standalone", tmp_path, config, environment=environment)
    with running(process):
        yield process


def flow(flow_id: str, commands: str, more: str = "") -> str:
    return f"""id: {flow_id}
namespace: {NAMESPACE}
tasks:
  - id: t
    type: io.kestra.plugin.scripts.shell.Commands
    containerImage: {PodmanServer.IMAGE}
    taskRunner:
      type: {DOCKER}
      networkMode: none
{more}
    commands:
{commands}
"""


async def ask(server: PodmanServer, path: str) -> Any:
    async with Engine(Address(server.url, "http://docker", socket=str(server.socket))) as engine:
        return await engine.ask("GET", path)


async def left_behind(server: PodmanServer) -> list[str]:
    found = await ask(server, "/containers/json?all=true")
    volumes = await ask(server, "/volumes")
    return [entry["Names"][0] for entry in found] + [volume["Name"] for volume in volumes["Volumes"]]


async def nothing_is_left(server: PodmanServer) -> bool:
    return not await left_behind(server)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  containers tell nobody
            await asyncio.sleep(0.1)


async def exists(path: Path) -> None:
    await until(lambda: asyncio.to_thread(path.exists))


async def test_files_volumes_and_insights(
    standalone: ServerProcess, podman_server: PodmanServer, tmp_path: Path
) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "f").write_text("of the machine")
    text = flow(
        "docker-parts",
        '      - cat /host/f in.txt > out.txt\n      - |-\n        echo \'::{"outputs": {"answer": 42}}::\'\n',
        f"      volumes: ['{tmp_path}/host:/host']\n    inputFiles: {{in.txt: ' and a file'}}\n    outputFiles: [out.txt]\n",
    )
    use = (
        "  - id: use\n    type: io.kestra.plugin.scripts.shell.Commands\n"
        "    commands: [\"cat {{ outputs.t.outputFiles['out.txt'] }}; echo ' {{ outputs.t.vars.answer }}'\"]\n"
    )
    async with RestClient(standalone.addresses.http) as client:
        await client.deploy(text + use)
        started = await client.start(NAMESPACE, "docker-parts")
        end = await client.wait(started["id"])
        assert end["state"]["current"] == "SUCCESS", summary(end)
        assert "of the machine and a file 42" in said(await client.logs(end["id"]))
        insights = str(await client.json("GET", f"/executions/{end['id']}/insights"))
        assert all(name in insights for name in ("Start container", "Send files", "Fetch files", "Command"))
    assert await left_behind(podman_server) == []


async def test_a_killed_execution_leaves_no_container(
    standalone: ServerProcess, podman_server: PodmanServer, tmp_path: Path
) -> None:
    commands = "      - trap 'echo ended > /host/ended; exit 0' TERM\n      - touch /host/begun\n      - while true; do sleep 0.1; done\n"
    more = f"      volumes: ['{tmp_path}:/host']\n      killGracePeriod: PT10S\n"
    async with RestClient(standalone.addresses.http) as client:
        await client.deploy(flow("docker-killed", commands, more))
        started = await client.start(NAMESPACE, "docker-killed")
        await exists(tmp_path / "begun")
        await client.kill(started["id"])
        end = await client.wait(started["id"])
        assert end["state"]["current"] == "KILLED", summary(end)
    await exists(tmp_path / "ended")
    await until(lambda: nothing_is_left(podman_server))


@pytest.mark.chaos
async def test_a_container_outlives_its_server_and_is_taken_over(
    standalone: ServerProcess, podman_server: PodmanServer, tmp_path: Path
) -> None:
    commands = (
        "      - echo begun >> /host/begun; echo first > result.txt\n"
        "      - while [ ! -e /host/go ]; do sleep 0.1; done\n"
        "      - echo last; echo last >> result.txt\n"
    )
    more = f"      volumes: ['{tmp_path}:/host']\n    outputFiles: [result.txt]\n"
    async with RestClient(standalone.addresses.http) as client:
        use = (
            "  - id: use\n    type: io.kestra.plugin.scripts.shell.Commands\n"
            "    commands: [\"echo $(cat {{ outputs.t.outputFiles['result.txt'] }})\"]\n"
        )
        await client.deploy(flow("docker-lost", commands, more) + use)
        started = await client.start(NAMESPACE, "docker-lost")
        await exists(tmp_path / "begun")
    await asyncio.to_thread(standalone.kill)
    await asyncio.to_thread(standalone.start)
    async with RestClient(standalone.addresses.http) as client:

        async def is_taken_over() -> bool:
            return "Goes on with the container" in str(await client.logs(started["id"]))

        await until(is_taken_over, 60)
        (tmp_path / "go").touch()
        end = await client.wait(started["id"])
        assert end["state"]["current"] == "SUCCESS", summary(end)
        assert "last" in said(await client.logs(end["id"]))
        assert "first last" in said(await client.logs(end["id"])), "files were written before and after"
    assert (tmp_path / "begun").read_text() == "begun\n"
    assert await left_behind(podman_server) == []
