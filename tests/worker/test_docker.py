"""Script tasks in containers: a real worker, a real engine (Podman's service of the Docker Engine API)."""

import asyncio
import secrets
import time
from datetime import UTC, datetime

import pytest
from whole import open_whole

from segue.domain.execution.facts import KillRequested
from segue.domain.execution.state import State
from segue.plugins.scripts.runner.docker import sweep
from segue.plugins.scripts.runner.docker.address import Address
from segue.plugins.scripts.runner.docker.engine import Engine
from segue.plugins.scripts.runner.docker.leases import take, this_machine
from segue.ports.queue import Topic
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
    state, outputs, lines = await run(whole, shell("echo 1; sleep 0.2", "echo 2 >&2; sleep 0.2", "echo 3", "printf 4"))
    assert state is State.SUCCESS, lines
    assert list(outputs["taskRunner"]) == ["containerId"]
    assert [line for line in lines if "DEBUG" not in line] == ["INFO 1", "ERROR 2", "INFO 3", "INFO 4"]


async def ask(server, method, path, body=None):
    async with Engine(Address(server.url, "http://docker", socket=str(server.socket))) as engine:
        return await engine.ask(method, path, body=body)


async def left_behind(server):
    found = await ask(server, "GET", "/containers/json?all=true")
    volumes = await ask(server, "GET", "/volumes")
    return [entry["Names"][0].removeprefix("/") for entry in found] + [volume["Name"] for volume in volumes["Volumes"]]


async def content_of(whole, uri):
    return b"".join([chunk async for chunk in whole.stage.storage.get("main", uri)]).decode()


async def test_files_go_in_and_come_back(whole, podman_server):
    state, outputs, lines = await run(
        whole,
        shell(
            "cat in.txt && echo from $(cat sub/deep.txt)",
            "mv in.txt moved.txt; mkdir -p new/er; cat sub/deep.txt > new/er/file.csv",
            "ln -s /etc/passwd secret.csv; ln -s new/er/file.csv same.csv",
            "echo $WORKING_DIR {{ workingDir }}; echo x > {{ outputFiles['named.bin'] }}; chmod 751 named.bin",
            "exit 7",
            more="    inputFiles: {in.txt: hello, sub/deep.txt: below}\n"
            "    outputFiles: ['**.csv', '*.txt', 'named.bin', 'new/**']\n",
        ),
    )
    assert (state, outputs["exitCode"]) == (State.FAILED, 7), lines
    assert "INFO hellofrom below" in lines
    given, rendered = next(line for line in lines if "/segue-" in line and "INFO" in line).split()[1:]
    assert given == rendered
    files = outputs["outputFiles"]
    assert {name: await content_of(whole, uri) for name, uri in files.items()} == {
        "moved.txt": "hello",
        "new/er/file.csv": "below",
        "named.bin": "x\n",
    }
    assert "WARN 1 entries were not fetched from the container: secret.csv" in lines
    assert await left_behind(podman_server) == []


async def test_many_and_long_lines_and_protocol(whole):
    state, outputs, lines = await run(
        whole,
        shell(
            "seq 1 2000",
            "printf 'a%.0s' $(seq 1 40000); echo",
            """echo '::{"outputs": {"text": "'$(printf 'b%.0s' $(seq 1 20000))'"}}::'""",
        ),
    )
    assert state is State.SUCCESS, lines[-5:]
    assert [line for line in lines if line[5:].isdecimal()] == [f"INFO {number}" for number in range(1, 2001)]
    assert [len(line) for line in lines if line.startswith("INFO aaa")] == [32_005, 8_005]  # the log cuts lines
    assert outputs["vars"] == {"text": "b" * 20_000}


async def test_output_directory_and_environment(whole, monkeypatch):
    monkeypatch.setenv("OF_THE_WORKER", "secret")
    state, outputs, lines = await run(
        whole,
        shell(
            "mkdir $OUTPUT_DIR/a && echo 1 > {{ outputDir }}/a/f.txt",
            "echo given $GIVEN, worker $OF_THE_WORKER",
            more="    outputDirectory: true\n    env: {GIVEN: 5}\n",
        ),
    )
    assert state is State.SUCCESS, lines
    assert list(outputs["outputFiles"]) == ["a/f.txt"]
    assert "INFO given 5, worker " in lines or "INFO given 5, worker" in lines


@pytest.mark.parametrize("user", ["ann", "1234", "1234:2345"])
async def test_another_user_may_write_files(whole, user):
    state, outputs, lines = await run(
        whole,
        shell(
            "id -u",
            "cat in.txt > out.txt",
            options=f"      user: '{user}'\n",
            more="    inputFiles: {in.txt: hello}\n    outputFiles: [out.txt]\n",
        ),
    )
    assert state is State.SUCCESS, lines
    assert "INFO 1234" in lines
    assert await content_of(whole, outputs["outputFiles"]["out.txt"]) == "hello"


async def test_limits_are_seen_in_the_container(whole):
    state, _, lines = await run(
        whole,
        shell(
            "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes || "
            "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/memory.max",
            "ls -l /dev/shm; cat /proc/mounts; cat /etc/hosts",
            options="      cpu: {cpus: 0.5}\n      memory: {memory: 64MB}\n      shmSize: 8MB\n"
            "      extraHosts: ['db.example:10.1.2.3']\n",
        ),
    )
    assert state is State.SUCCESS, lines
    assert any(line.startswith("INFO 50000") for line in lines)
    assert f"INFO {64 * 1024 * 1024}" in lines
    assert any("/dev/shm" in line and "size=8192k" in line for line in lines)
    assert any("10.1.2.3" in line and "db.example" in line for line in lines)


async def test_a_container_without_its_time_is_stopped_and_removed(whole, podman_server):
    began = time.monotonic()
    state, _, lines = await run(whole, shell("echo begun", "sleep 100", more="    timeout: PT3S\n"))
    assert state is State.FAILED
    assert lines[-1] == "ERROR Timeout after PT3S"
    assert "INFO begun" in lines
    assert time.monotonic() - began < 20
    await gone(podman_server)


async def gone(server):
    async with asyncio.timeout(20):
        while await left_behind(server):  # noqa: ASYNC110  the engine tells nobody
            await asyncio.sleep(0.1)


async def test_an_unknown_image_is_named(whole, monkeypatch):
    state, _, lines = await run(whole, shell("true", image="no-such-image:9", options="      pullPolicy: NEVER\n"))
    assert state is State.FAILED
    assert lines[-1] == ("ERROR Image 'no-such-image:9' not found on the Docker host, and `pullPolicy` is NEVER")


async def test_an_engine_that_is_not_there(whole, tmp_path):
    options = f"      host: unix://{tmp_path}/none.sock\n"
    state, _, lines = await run(whole, shell("true", options=options))
    assert state is State.FAILED
    assert "Docker execution failed because Docker socket is not accessible." in lines[-1]
    assert f"Tried Docker host: unix://{tmp_path}/none.sock" in lines[-1]


async def test_an_image_is_needed(whole):
    state, _, lines = await run(whole, shell("true", image=" "))
    assert state is State.FAILED
    assert lines[-1] == "ERROR This task runner needs the `containerImage` property to be set"


async def test_volumes_need_the_configuration(whole, tmp_path):
    (tmp_path / "f").write_text("from the host")
    options = f"      volumes: ['{tmp_path}:/host']\n"
    state, _, lines = await run(whole, shell("cat /host/f", options=options))
    assert state is State.FAILED
    assert any("`volumes` is not used" in line and "volume-enabled" in line for line in lines)


async def test_a_mount_shares_the_folder(whole):
    state, outputs, lines = await run(
        whole,
        shell(
            "cat in.txt > out.txt",
            options="      fileHandlingStrategy: MOUNT\n",
            more="    inputFiles: {in.txt: hello}\n    outputFiles: [out.txt]\n",
        ),
    )
    assert state is State.SUCCESS, lines
    assert await content_of(whole, outputs["outputFiles"]["out.txt"]) == "hello"


@pytest.mark.parametrize("option", ["delete", "wait"])
async def test_a_container_is_left_when_that_is_asked_for(whole, podman_server, option):
    state, outputs, lines = await run(whole, shell("sleep 0.5; exit 0", options=f"      {option}: false\n"))
    assert (state, outputs["exitCode"]) == (State.SUCCESS, 0), lines
    id_ = outputs["taskRunner"]["containerId"]
    found = await ask(podman_server, "GET", f"/containers/{id_}/json")
    labels = found["Config"]["Labels"]
    assert labels["kestra.io/task-id"] == "t"
    assert {name.removeprefix("kestra.io/") for name in labels if name.startswith("kestra.io/")} == {
        "namespace",
        "flow-id",
        "task-id",
        "execution-id",
        "taskrun-id",
        "taskrun-attempt",
    }
    name = found["Name"].removeprefix("/")
    await ask(podman_server, "DELETE", f"/containers/{id_}?force=true")
    await ask(podman_server, "DELETE", f"/volumes/{name}?force=true")


async def test_docker_of_old(whole):
    task = (
        f"  - id: t\n    type: {SHELL}Commands\n    runner: DOCKER\n"
        f"    docker: {{image: '{PodmanServer.IMAGE}', networkMode: none, entryPoint: [/bin/echo, said]}}\n"
        "    commands: [ls]\n"
    )
    state, outputs, lines = await run(whole, task)
    assert state is State.SUCCESS, lines
    assert any(line.startswith("INFO said /bin/sh -c") for line in lines)
    assert outputs["outputFiles"] == {}


async def orphan(server, suffix, **labels):
    name = f"orphan-{suffix}-{secrets.token_hex(4)}"
    own = {f"segue.io/{key}": value for key, value in labels.items()}
    body = {"Image": server.IMAGE, "Cmd": ["sleep", "1000"], "Labels": own, "HostConfig": {"NetworkMode": "none"}}
    await ask(server, "POST", "/volumes/create", {"Name": name, "Labels": own})
    await ask(server, "POST", f"/containers/create?name={name}", body)
    await ask(server, "POST", f"/containers/{name}/start")
    return name


async def test_what_dead_workers_left_is_removed(whole, podman_server, monkeypatch):
    monkeypatch.setattr(sweep, "_last", {})
    here = this_machine()
    dead = await orphan(podman_server, "dead", machine=here, resumable="false")
    waiting = await orphan(podman_server, "waiting", machine=here, resumable="true")
    held = await orphan(podman_server, "held", machine=here, resumable="false")
    foreign = await orphan(podman_server, "foreign", machine="another", resumable="false")
    lease = take(held)
    await ask(podman_server, "POST", "/volumes/create", {"Name": "alone", "Labels": {"segue.io/machine": here}})
    assert (await run(whole, shell("true")))[0] is State.SUCCESS
    assert sorted(await left_behind(podman_server)) == sorted([waiting, held, foreign] * 2)
    monkeypatch.setattr(sweep, "_last", {})
    monkeypatch.setattr(sweep, "TAKEN_OVER_WITHIN", 0)
    assert (await run(whole, shell("true")))[0] is State.SUCCESS
    assert sorted(await left_behind(podman_server)) == sorted([held, foreign] * 2)
    assert dead not in str(await left_behind(podman_server))
    lease.release()
    for name in (held, foreign):
        await ask(podman_server, "DELETE", f"/containers/{name}?force=true")
        await ask(podman_server, "DELETE", f"/volumes/{name}?force=true")


async def test_a_kill_removes_a_container_that_heeds_no_signal(whole, podman_server):
    execution = await whole.begin(shell("trap '' TERM", "echo begun", "while true; do sleep 1; done"))

    async def begun():
        runs = await whole.stage.database.executions.task_runs(execution.id)
        return runs and "INFO begun" in await whole.stage.lines(runs[0].id)

    await whole.stage.until(begun)
    executions = whole.stage.database.executions
    await executions.submit([(execution.id, KillRequested(datetime.now(UTC)), None)])
    await whole.stage.queue.publish(Topic.EXECUTIONS, [execution.id])
    row, _ = await whole.ended(execution.id)
    assert row.state is State.KILLED
    await gone(podman_server)
