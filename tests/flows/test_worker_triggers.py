"""Triggers that workers evaluate, on a real server with its worker process (flow language 12.8)."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.combinations import Combination
from tests.processes import ServerProcess, running
from tests.rest import Json, RestClient, summary
from tests.web import Web, serving

NAMESPACE = "tests.watching"
CORE = "io.kestra.plugin.core"
PLUGINS = Path(__file__).parent / "trigger_plugins"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def watching(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that knows the triggers of these tests."""
    folder = tmp_path_factory.mktemp(f"watching-{request.param}")
    url = request.getfixturevalue("postgres_server").new_database() if request.param == "postgresql" else ""
    config = Combination(request.param, "memory").config(folder, url)
    config["plugins"] = {"paths": [str(PLUGINS)]}
    process = ServerProcess(f"watching-{request.param}", "standalone", folder, config)
    with running(process):
        yield process


@pytest.fixture
async def client(watching: ServerProcess) -> AsyncIterator[RestClient]:
    """A client of that server."""
    async with RestClient(watching.addresses.http) as connected:
        yield connected


class Watched:
    """A flow with one trigger, and the folder that the trigger watches."""

    def __init__(self, client: RestClient, folder: Path, flow_id: str) -> None:
        self.client = client
        self.folder = folder
        self.flow_id = flow_id

    def source(self, kind: str, more: str = "", top: str = "") -> str:
        return f"""
id: {self.flow_id}
namespace: {NAMESPACE}
{top}
triggers:
  - id: watch
    type: tests.watching.{kind}
    folder: {self.folder}
    {more}
tasks:
  - id: say
    type: {CORE}.log.Log
    message: "{{{{ trigger | toJson }}}}"
"""

    async def deploy(self, kind: str = "Watch", more: str = "interval: PT1S", top: str = "") -> None:
        await self.client.deploy(self.source(kind, more, top))

    def find(self, answer: object) -> None:
        """Let the trigger find something at its next look."""
        new = self.folder / "new"
        new.write_text(json.dumps(answer))
        new.rename(self.folder / "found")

    def notes(self, begin: str = "") -> list[str]:
        path = self.folder / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(begin)]

    async def started(self) -> list[Json]:
        query = f"namespace={NAMESPACE}&flowId={self.flow_id}&size=100&sort=state.startDate:asc"
        found = await self.client.json("GET", f"/executions/search?{query}")
        return list(found["results"])

    async def until_started(self, count: int, seconds: float = 20) -> list[Json]:
        deadline = time.monotonic() + seconds
        while len(found := await self.started()) < count:
            assert time.monotonic() < deadline, f"{len(found)} executions of {self.flow_id}; {self.notes()}"
            await asyncio.sleep(0.1)
        return found

    async def logs(self) -> list[Json]:
        """The lines of the trigger that are of no execution."""
        lines = await self.client.json("GET", f"/logs/search?namespace={NAMESPACE}&flowId={self.flow_id}&size=100")
        return [line for line in lines["results"] if not line.get("executionId")]


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture
async def watched(client: RestClient, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Watched]:
    name = request.node.name.partition("[")[0].removeprefix("test_").replace("_", "-")[:60]
    found = Watched(client, tmp_path, name)
    yield found
    await client.request("DELETE", f"/flows/{NAMESPACE}/{name}")


async def test_a_poll_starts_an_execution_with_what_it_found(watched: Watched) -> None:
    await watched.deploy(
        more='interval: PT1S\n    labels: {found: "{{ trigger.name }}"}\n    inputs: {who: "{{ trigger.name }}"}',
        top="inputs: [{id: who, type: STRING}]",
    )
    await until(lambda: len(watched.notes("poll watch")) >= 2)
    assert await watched.started() == []
    watched.find({"name": "a file", "size": 3})
    (only,) = await watched.until_started(1)
    end = await watched.client.wait(only["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    assert end["trigger"]["variables"] == {"name": "a file", "size": 3}
    assert (end["trigger"]["id"], end["trigger"]["type"]) == ("watch", "tests.watching.Watch")
    assert end["inputs"] == {"who": "a file"}
    labels = {label["key"]: label["value"] for label in end["labels"]}
    assert labels == {"found": "a file", "system.from": "trigger", "system.correlationId": end["id"]}
    before = len(watched.notes())
    await until(lambda: len(watched.notes()) > before + 1)
    assert len(await watched.started()) == 1


async def test_the_interval_counts_from_the_end(watched: Watched) -> None:
    await watched.deploy(more="interval: PT2S")
    await until(lambda: len(watched.notes()) >= 1)
    begin = time.monotonic()
    await until(lambda: len(watched.notes()) >= 3)
    assert 3.5 < time.monotonic() - begin < 8


async def test_several_events_start_several_executions(watched: Watched) -> None:
    await watched.deploy("BlockingWatch", "interval: PT1S\n    allowConcurrent: true")
    watched.find([{"number": number} for number in range(5)])
    found = await watched.until_started(5)
    assert sorted(each["trigger"]["variables"]["number"] for each in found) == [0, 1, 2, 3, 4]


async def test_files_that_a_poll_writes_are_those_of_its_execution(watched: Watched) -> None:
    await watched.deploy()
    watched.find("file")
    (only,) = await watched.until_started(1)
    uri = only["trigger"]["variables"]["uri"]
    assert only["id"] in uri
    answer = await watched.client.request("GET", f"/executions/{only['id']}/file", params={"path": uri})
    assert (answer.status_code, answer.text) == (200, "content")


async def test_an_error_is_logged_and_the_next_look_comes(watched: Watched) -> None:
    await watched.deploy()
    watched.find("error")
    await until(lambda: len(watched.notes()) >= 3)
    lines = await watched.logs()
    assert {(line["level"], line["message"]) for line in lines if line["level"] != "DEBUG"} == {
        ("WARN", "the folder is broken")
    }
    assert lines[0]["triggerId"] == "watch"
    assert await watched.started() == []
    watched.find({"ok": True})
    await watched.until_started(1)


async def test_an_error_fails_an_execution_when_that_is_wanted(watched: Watched) -> None:
    await watched.deploy(more="interval: PT1S\n    failOnTriggerError: true\n    stopAfter: [FAILED]")
    watched.find("error")
    (only,) = await watched.until_started(1)
    end = await watched.client.wait(only["id"])
    assert end["state"]["current"] == "FAILED", summary(end)
    assert [line["message"] for line in await watched.client.logs(end["id"])] == ["the folder is broken"]
    before = len(watched.notes())
    await asyncio.sleep(2.5)
    assert len(watched.notes()) <= before + 1, "stopAfter"
    assert len(await watched.started()) == 1


async def test_a_false_condition_keeps_it_from_looking(watched: Watched) -> None:
    await watched.deploy(more='interval: PT1S\n    when: "{{ vars.wanted }}"', top="variables: {wanted: false}")
    await asyncio.sleep(2.5)
    assert watched.notes() == []
    await watched.deploy(more='interval: PT1S\n    when: "{{ vars.wanted }}"', top="variables: {wanted: true}")
    await until(lambda: len(watched.notes()) >= 1)


async def test_a_broken_condition_fails_an_execution(watched: Watched) -> None:
    await watched.deploy(more='interval: PT1H\n    when: "{{ 1 / 0 }}"')
    (only,) = await watched.until_started(1)
    assert only["state"]["current"] == "FAILED", summary(only)
    assert watched.notes() == []


async def test_no_look_while_the_execution_runs(watched: Watched) -> None:
    source = watched.source("Watch", "interval: PT1S").replace(f"type: {CORE}.log.Log", f"type: {CORE}.flow.Sleep")
    await watched.client.deploy(source.replace('message: "{{ trigger | toJson }}"', "duration: PT3S"))
    watched.find({"n": 1})
    (only,) = await watched.until_started(1)
    before = len(watched.notes())
    await watched.client.wait(only["id"])
    assert len(watched.notes()) <= before + 1
    await until(lambda: len(watched.notes()) > before + 1)


async def test_a_change_of_the_flow_ends_the_look_under_way(watched: Watched) -> None:
    watched.find("hang")
    await watched.deploy()
    await until(lambda: len(watched.notes()) == 1)
    (watched.folder / "found").unlink()
    await watched.deploy(more="interval: PT2S")
    await until(lambda: len(watched.notes()) >= 2)
    watched.find({"n": 1})
    await watched.until_started(1)


async def test_another_worker_looks_when_one_is_killed(watched: Watched) -> None:
    watched.find("hang")
    await watched.deploy(more="interval: PT1H")
    await until(lambda: len(watched.notes()) == 1)
    watched.find({"n": 1})
    psutil.Process(int(watched.notes()[0].split()[-1])).kill()
    (only,) = await watched.until_started(1, seconds=60)
    assert only["trigger"]["variables"] == {"n": 1}
    assert len(watched.notes()) == 2


async def test_looks_go_on_after_a_restart(watched: Watched, watching: ServerProcess) -> None:
    watched.find("hang")
    await watched.deploy(more="interval: PT1H")
    await until(lambda: len(watched.notes()) == 1)
    watching.kill()
    watched.find({"n": 1})
    watching.start()
    (only,) = await watched.until_started(1, seconds=60)
    assert only["trigger"]["variables"] == {"n": 1}
    await asyncio.sleep(1)
    assert len(await watched.started()) == 1


async def test_each_event_of_a_stream_starts_one_execution(watched: Watched) -> None:
    await watched.deploy("Numbers", "count: 1000\n    batch: 100")
    await until(lambda: (watched.folder / "stored").exists() and (watched.folder / "stored").read_text() == "1000", 60)
    query = f"namespace={NAMESPACE}&flowId={watched.flow_id}&size=100"
    numbers: list[int] = []
    deadline = time.monotonic() + 60
    while sorted(numbers) != list(range(1000)) and time.monotonic() < deadline:  # pages shift while some still start
        numbers = []
        for page in range(1, 12):
            found = await watched.client.json("GET", f"/executions/search?{query}&page={page}")
            numbers += [each["trigger"]["variables"]["number"] for each in found["results"]]
    assert sorted(numbers) == list(range(1000))
    assert len(watched.notes("begin")) == 1


async def test_a_stream_ends_with_its_trigger_and_begins_elsewhere_when_its_worker_dies(watched: Watched) -> None:
    await watched.deploy("Numbers", "count: 2\n    batch: 1")
    await watched.until_started(2)
    psutil.Process(int(watched.notes("begin")[0].split()[1])).kill()
    await until(lambda: len(watched.notes("begin")) == 2, 60)
    assert len(await watched.started()) == 2
    await watched.deploy("Numbers", "count: 3\n    batch: 1")
    await watched.until_started(3)
    await until(lambda: len(watched.notes("end")) == 1, 20)
    await watched.deploy("Numbers", "count: 3\n    batch: 1\n    disabled: true")
    await until(lambda: len(watched.notes("end")) == 2, 20)
    assert len(watched.notes("begin")) == 3


async def test_a_stream_that_cannot_begin_fails_one_execution_and_is_tried_again(watched: Watched) -> None:
    (watched.folder / "broken").touch()
    await watched.deploy("Numbers", "count: 1")
    (only,) = await watched.until_started(1)
    assert only["state"]["current"] == "FAILED", summary(only)
    assert [line["message"] for line in await watched.client.logs(only["id"])] == ["the source is away"]
    await until(lambda: len(watched.notes("begin")) >= 3)
    assert len(await watched.started()) == 1
    (watched.folder / "broken").unlink()
    await watched.until_started(2)


async def test_a_deleted_flow_looks_no_more(watched: Watched) -> None:
    await watched.deploy()
    await until(lambda: len(watched.notes()) >= 1)
    await watched.client.json("DELETE", f"/flows/{NAMESPACE}/{watched.flow_id}")
    await asyncio.sleep(0.5)
    before = len(watched.notes())
    await asyncio.sleep(2)
    assert len(watched.notes()) == before


def http_source(flow_id: str, uri: str, more: str) -> str:
    return f"""
id: {flow_id}
namespace: {NAMESPACE}
triggers:
  - id: watch
    type: {CORE}.http.Trigger
    interval: PT1S
    uri: {uri}
    {more}
tasks:
  - {{id: say, type: {CORE}.log.Log, message: m}}
"""


async def test_an_address_is_watched(watched: Watched) -> None:
    with serving(Web()) as web:
        more = "params: {state: [new, old]}\n    headers: {X-Own: yes please}\n    stopAfter: [SUCCESS]"
        await watched.client.deploy(http_source(watched.flow_id, f"{web.url}/echo?a=1", more))
        (only,) = await watched.until_started(1)
        variables = only["trigger"]["variables"]
        seen = json.loads(variables["body"])
        assert variables["code"] == 200
        assert variables["uri"].startswith(f"{web.url}/echo?a=1&state=new&state=old")
        assert seen["headers"]["x-own"] == "yes please"
        assert variables["headers"]["content-type"]
        assert only["trigger"]["type"] == f"{CORE}.http.Trigger"


async def test_a_code_is_no_error_and_the_condition_decides(watched: Watched) -> None:
    with serving(Web()) as web:
        await watched.client.deploy(http_source(watched.flow_id, f"{web.url}/status/404", ""))
        await asyncio.sleep(2)
        assert await watched.started() == []
        assert [line for line in await watched.logs() if line["level"] == "WARN"] == []
        more = 'responseCondition: "{{ response.statusCode == 404 }}"'
        await watched.client.deploy(http_source(watched.flow_id, f"{web.url}/status/404", more))
        found = await watched.until_started(1)
        assert found[0]["trigger"]["variables"]["code"] == 404


async def test_a_task_switches_a_trigger(watched: Watched) -> None:
    await watched.deploy(more="interval: PT1S")
    await until(lambda: len(watched.notes()) >= 1)
    toggle = f"""
id: toggle
namespace: {NAMESPACE}
inputs:
  - {{id: enabled, type: BOOL}}
  - {{id: trigger, type: STRING, defaults: watch}}
tasks:
  - id: core
    type: io.kestra.core.tasks.trigger.Toggle
    flowId: {watched.flow_id}
    trigger: "{{{{ inputs.trigger }}}}"
    enabled: true
  - id: kestra
    type: io.kestra.plugin.kestra.triggers.Toggle
    flowId: {watched.flow_id}
    trigger: "{{{{ inputs.trigger }}}}"
    enabled: "{{{{ inputs.enabled }}}}"
"""
    await watched.client.deploy(toggle)
    end = await watched.client.wait((await watched.client.start(NAMESPACE, "toggle", {"enabled": "false"}))["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    await asyncio.sleep(1)
    before = len(watched.notes())
    await asyncio.sleep(2.5)
    assert len(watched.notes()) == before
    end = await watched.client.wait((await watched.client.start(NAMESPACE, "toggle", {"enabled": "true"}))["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    await until(lambda: len(watched.notes()) > before)
    wrong = {"enabled": "true", "trigger": "nobody"}
    end = await watched.client.wait((await watched.client.start(NAMESPACE, "toggle", wrong))["id"])
    messages = [line["message"] for line in await watched.client.logs(end["id"])]
    assert f"Unable to find trigger nobody for the flow {NAMESPACE}.{watched.flow_id}" in messages


def script_source(flow_id: str, folder: Path, more: str = "") -> str:
    return f"""
id: {flow_id}
namespace: {NAMESPACE}
triggers:
  - id: watch
    type: io.kestra.plugin.scripts.shell.ScriptTrigger
    interval: PT1S
    exitCondition: "state=go+d"
    {more}
    script: |
      echo look >> {folder}/notes
      test -f {folder}/found || exit 3
      echo '::{{"outputs": {{"state": "good"}}}}::'
tasks:
  - {{id: say, type: {CORE}.log.Log, message: m}}
"""


async def test_a_script_fires_when_its_condition_begins_to_hold(watched: Watched, watching: ServerProcess) -> None:
    await watched.client.deploy(script_source(watched.flow_id, watched.folder))
    await until(lambda: len(watched.notes()) >= 2)
    assert await watched.started() == []
    watched.find("it")
    (only,) = await watched.until_started(1)
    variables = only["trigger"]["variables"]
    assert (variables["exitCode"], variables["vars"], variables["condition"]) == (0, {"state": "good"}, "state=go+d")
    before = len(watched.notes())
    watching.stop()
    watching.start()
    await until(lambda: len(watched.notes()) >= before + 2, 60)
    assert len(await watched.started()) == 1, "remembered over a restart"
    (watched.folder / "found").unlink()
    before = len(watched.notes())
    await until(lambda: len(watched.notes()) >= before + 2)
    watched.find("it")
    await watched.until_started(2)


async def test_a_script_fires_each_time_when_edges_do_not_matter(watched: Watched) -> None:
    watched.find("it")
    await watched.client.deploy(script_source(watched.flow_id, watched.folder, "edge: false"))
    await watched.until_started(2)
