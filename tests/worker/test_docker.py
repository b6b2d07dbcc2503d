"""Script tasks in containers: a real worker, a real engine (Podman's service of the Docker Engine API)."""

import pytest
from whole import open_whole

from segue.domain.execution.state import State
from segue.testing.servers import PodmanServer

DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
SHELL = "io.kestra.plugin.scripts.shell."


@pytest.fixture
async def whole(tmp_path, podman_server, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", podman_server.url)
    async with open_whole(tmp_path) as opened:
        yield opened


def shell(*commands, more="", options="", image=PodmanServer.IMAGE):
    lines = "".join(f"      - |-\n        {command}\n" for command in commands)
    runner = f"    taskRunner:\n      type: {DOCKER}\n      networkMode: none\n{options}"
    return f"  - id: t\n    type: {SHELL}Commands\n    containerImage: '{image}'\n{runner}{more}    commands:\n{lines}"


async def run(whole, tasks, head=""):
    row, runs = await whole.run(tasks, head)
    return row.state, await outputs_of(whole, runs["t"].id), await whole.stage.lines(runs["t"].id)


async def outputs_of(whole, run_id):
    found = await whole.stage.database.outputs.get_many([run_id])
    return await whole.stage.outputs(run_id) if found else None


async def test_lines_of_both_streams_are_logged(whole):
    state, outputs, lines = await run(whole, shell("echo 1", "echo 2 >&2", "echo 3", "printf 4"))
    assert state is State.SUCCESS, lines
    assert list(outputs["taskRunner"]) == ["containerId"]
    assert [line for line in lines if "DEBUG" not in line] == ["INFO 1", "ERROR 2", "INFO 3", "INFO 4"]
