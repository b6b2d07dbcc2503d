"""Flows that call flows and wait for people, on real servers (flow language 7.9, 7.12 to 7.14)."""

from typing import Any

from tests.processes import ServerProcess
from tests.rest import Json, RestClient, summary, task_states

NAMESPACE = "tests.children"
CORE = "io.kestra.plugin.core"


def flow(flow_id: str, body: str) -> str:
    return f"id: {flow_id}\nnamespace: {NAMESPACE}\n{body.replace('$CORE', CORE)}"


CHILD = flow(
    "child",
    """
inputs: [{id: items, type: FILE}, {id: number, type: INT}]
tasks:
  - {id: lines, type: $CORE.debug.Return, format: "{{ inputs.items | split('/') | last }}-{{ inputs.number }}"}
outputs: [{id: line, type: STRING, value: "{{ outputs.lines.value }}"}]
""",
)
EACH = flow(
    "each",
    """
inputs: [{id: file, type: FILE}]
tasks:
  - id: each
    type: $CORE.flow.ForEachItem
    items: "{{ inputs.file }}"
    batch: {rows: 2}
    namespace: tests.children
    flowId: child
    inputs: {items: "{{ taskrun.items }}", number: "{{ taskrun.iteration }}"}
""",
)


async def outputs(client: RestClient, execution: Json, task_id: str) -> Any:
    (run,) = [run for run in execution["taskRunList"] if run["taskId"] == task_id]
    return await client.json("GET", f"/outputs/{execution['id']}/{run['id']}")


async def test_an_execution_for_every_batch(client: RestClient, server: ServerProcess) -> None:
    await client.deploy(CHILD, EACH)
    files = {"file": ("lines.txt", b"a\nb\nc\nd\ne\n")}
    started = await client.json("POST", f"/executions/{NAMESPACE}/each", files=files)
    end = await client.wait(started["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    known = await outputs(client, end, "each_items")
    assert known["numberOfBatches"] == 3
    assert known["iterations"] == {"CREATED": 0, "RUNNING": 0, "SUCCESS": 3}
    merged = (await outputs(client, end, "each_merge"))["subflowOutputs"]
    batches = [f"batch-000000{number}.ion" for number in range(3)]
    assert stored(server, merged) == "".join(f'{{"line":"{name}-{number}"}}\n' for number, name in enumerate(batches))
    first = (await outputs(client, end, "each_split"))["splits"].rpartition("/")[0]
    assert [stored(server, f"{first}/{name}") for name in batches] == ["a\nb\n", "c\nd\n", "e\n"]


async def test_batches_whose_flow_has_no_outputs(client: RestClient) -> None:
    await client.deploy(
        flow("mute", "tasks: [{id: t, type: $CORE.log.Log, message: m}]"),
        EACH.replace("id: each\n", "id: each-mute\n", 1).replace("flowId: child", "flowId: mute"),
    )
    files = {"file": ("lines.txt", b"a\nb\nc\n")}
    started = await client.json("POST", f"/executions/{NAMESPACE}/each-mute", files=files)
    end = await client.wait(started["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    assert await outputs(client, end, "each_merge") == {}


def stored(server: ServerProcess, uri: str) -> str:
    """The content of a file of internal storage, as it lies on the server's disk."""
    (found,) = [path for path in server.log.parent.rglob(uri.rpartition("/")[2]) if str(path).endswith(uri[10:])]
    return found.read_text()


async def test_a_flow_called_by_another(client: RestClient) -> None:
    await client.deploy(
        flow("called", "inputs: [{id: n, type: INT}]\ntasks: [{id: t, type: $CORE.flow.Sleep, duration: PT0.1S}]\n"
             "outputs: [{id: n, type: INT, value: '{{ inputs.n + 1 }}'}]"),
        flow("calls", "tasks:\n  - {id: c, type: $CORE.flow.Subflow, namespace: tests.children, flowId: called, "
             "inputs: {n: 41}}\n  - {id: r, type: $CORE.debug.Return, format: '{{ outputs.c.outputs.n }}'}"),
    )  # fmt: skip
    end = await client.wait((await client.start(NAMESPACE, "calls"))["id"])
    assert task_states(end) == [("c", "SUCCESS"), ("r", "SUCCESS")], summary(end)
    assert await outputs(client, end, "r") == {"value": "42"}
    child = await client.get((await outputs(client, end, "c"))["executionId"])
    assert child["trigger"]["variables"]["executionId"] == end["id"]


PAUSE = flow(
    "asks",
    """
tasks:
  - {id: before, type: $CORE.debug.Return, format: "5"}
  - id: p
    type: $CORE.flow.Pause
    onResume:
      - {id: n, type: INT}
      - {id: s, type: STRING, defaults: "{{ outputs.before.value }}"}
      - {id: f, type: FILE, required: false}
  - {id: say, type: $CORE.output.OutputValues, values: {n: "{{ outputs.p.onResume.n }}",
     f: "{{ outputs.p.onResume.f }}"}}
""",
)


def is_paused(execution: Json) -> bool:
    return bool(execution["state"]["current"] == "PAUSED")


async def test_resuming(client: RestClient, server: ServerProcess) -> None:
    await client.deploy(PAUSE)
    started = (await client.start(NAMESPACE, "asks"))["id"]
    await client.wait(started, is_paused)

    seen = await client.json("POST", f"/executions/{started}/actions/resume/validate", files={"n": (None, "x")})
    assert [entry["errors"] != [] for entry in seen["inputs"]] == [True, False, False]
    assert seen["inputs"][1]["value"] == "5"

    refused = await client.request("POST", f"/executions/{started}/actions/resume", files={"n": (None, "x")})
    assert refused.status_code == 422, refused.text
    assert is_paused(await client.get(started))

    given = {"n": (None, "7"), "f": ("f.txt", b"content")}
    answer = await client.json("POST", f"/executions/{started}/actions/resume", files=given)
    assert not is_paused(answer)
    end = await client.wait(started)
    assert [moment["state"] for moment in end["state"]["histories"]] == [
        "CREATED", "RUNNING", "PAUSED", "RESTARTED", "RUNNING", "SUCCESS",
    ]  # fmt: skip
    said = (await outputs(client, end, "say"))["values"]
    assert said["n"] == "7"
    assert stored(server, said["f"]) == "content"

    late = await client.request("POST", f"/executions/{started}/actions/resume", files=given)
    assert late.status_code == 409, late.text


async def test_resuming_as_in_1x(client: RestClient) -> None:
    await client.deploy(
        flow("plain", "tasks: [{id: p, type: $CORE.flow.Pause}, {id: l, type: $CORE.log.Log, message: m}]")
    )
    started = (await client.start(NAMESPACE, "plain"))["id"]
    await client.wait(started, is_paused)
    answer = await client.request("POST", f"/executions/{started}/resume")
    assert answer.status_code == 204
    assert (await client.wait(started))["state"]["current"] == "SUCCESS"


async def test_a_pause_that_ends_by_itself(client: RestClient) -> None:
    await client.deploy(flow("short", "tasks: [{id: p, type: $CORE.flow.Pause, delay: PT0.3S, behavior: WARN}]"))
    end = await client.wait((await client.start(NAMESPACE, "short"))["id"])
    assert end["state"]["current"] == "WARNING", summary(end)


async def test_a_review(client: RestClient) -> None:
    await client.deploy(flow("gate", "tasks: [{id: g, type: $CORE.flow.Approval, commentRequired: ON_DENY, "
                             "inputs: [{id: n, type: INT}]}, {id: l, type: $CORE.log.Log, message: m}]"))  # fmt: skip
    started = (await client.start(NAMESPACE, "gate"))["id"]
    await client.wait(started, is_paused)
    review = f"/executions/{started}/actions/review"
    wrong = [{}, {"decision": "PERHAPS"}, {"decision": "DENIED", "inputs": {"n": 1}}, {"decision": "APPROVED"}]
    assert [(await client.request("POST", review, json=each)).status_code for each in wrong] == [422, 422, 422, 422]
    await client.json("POST", review, json={"decision": "APPROVED", "comment": "fine", "inputs": {"n": 1}})
    end = await client.wait(started)
    assert end["state"]["current"] == "SUCCESS", summary(end)
    known = await outputs(client, end, "g")
    assert (known["decision"], known["comment"], known["inputs"]) == ("APPROVED", "fine", {"n": 1})
