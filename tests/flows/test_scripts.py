"""Scripts on a real server: through the API to the worker's process and back."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from tests.rest import Json, RestClient, said, summary

NAMESPACE = "tests.scripts"
SCRIPTS = "io.kestra.plugin.scripts"


def flow(flow_id: str, body: str) -> str:
    return f"id: {flow_id}\nnamespace: {NAMESPACE}\n{body.replace('$SCRIPTS', SCRIPTS)}"


async def run(client: RestClient, flow_id: str, body: str) -> Json:
    await client.deploy(flow(flow_id, body))
    started = await client.start(NAMESPACE, flow_id)
    return await client.wait(started["id"])


async def test_outputs_files_and_insights(client: RestClient) -> None:
    end = await run(
        client,
        "script-parts",
        """
tasks:
  - id: t
    type: $SCRIPTS.python.Script
    inputFiles: {in.txt: "a file"}
    outputFiles: [out.txt]
    script: |
      open("out.txt", "w").write(open("in.txt").read().upper())
      print('::{"outputs": {"answer": 42}}::')
      print("said")
  - id: use
    type: $SCRIPTS.shell.Commands
    commands: ["cat {{ outputs.t.outputFiles['out.txt'] }} && echo ' {{ outputs.t.vars.answer }}'"]
""",
    )
    assert end["state"]["current"] == "SUCCESS", summary(end)
    assert {"said", "A FILE 42"} <= set(said(await client.logs(end["id"])))
    insights = await client.json("GET", f"/executions/{end['id']}/insights")
    assert "Command" in str(insights)


async def test_a_killed_execution_leaves_no_process(client: RestClient, tmp_path: Path) -> None:
    place = tmp_path / "pid"
    await client.deploy(
        flow(
            "script-killed",
            f"tasks:\n  - id: t\n    type: {SCRIPTS}.shell.Commands\n    commands:\n"
            f"      - (trap '' TERM; sleep 100) &\n      - echo $! $$ > {place}.new && mv {place}.new {place}\n"
            "      - sleep 100\n",
        )
    )
    started = await client.start(NAMESPACE, "script-killed")
    await until(place.exists)
    begun = time.monotonic()
    await client.kill(started["id"])
    end = await client.wait(started["id"])
    assert end["state"]["current"] == "KILLED", summary(end)
    await until(lambda: not any(is_alive(int(pid)) for pid in place.read_text().split()))
    assert time.monotonic() - begun < 10


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  processes tell nobody
            await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


async def test_scripts_see_nothing_of_the_server(client: RestClient) -> None:
    end = await run(client, "script-env", "tasks:\n  - {id: t, type: $SCRIPTS.shell.Script, script: env}\n")
    names = {line.partition("=")[0] for line in said(await client.logs(end["id"]))}
    assert {"PATH", "WORKING_DIR"} <= names
    assert not {name for name in names if name.startswith(("SEGUE_C", "KESTRA_", "SECRET_"))}


async def test_a_flow_with_a_wrong_runner_is_refused(client: RestClient) -> None:
    body = "tasks:\n  - {id: t, type: $SCRIPTS.shell.Script, script: x, taskRunner: {type: no.Such}}\n"
    answer = await client.request("POST", "/flows", content=flow("wrong", body), headers={"content-type": "text/yaml"})
    assert answer.status_code == 422
    assert "tasks[0].taskRunner.type: Invalid type: no.Such" in answer.text
