"""Loops on a server: files, storage, kills, restarts, deletion (flow language 7.10, 7.11)."""

from typing import Any

from tests.rest import Json, RestClient, summary

NAMESPACE = "tests.loops"
CORE = "io.kestra.plugin.core"


def flow(flow_id: str, body: str) -> str:
    return f"id: {flow_id}\nnamespace: {NAMESPACE}\n{body.replace('$CORE', CORE)}"


async def iterations(client: RestClient, execution: Json, size: int = 100) -> list[Json]:
    """The iterations of an execution in the order of their indexes."""
    found = await client.json(
        "GET",
        "/executions/search",
        params={
            "filters[parentId][EQUALS]": execution["id"],
            "filters[kind][EQUALS]": "LOOP",
            "size": str(size),
        },
    )
    rows: list[Json] = found["results"]
    return sorted(rows, key=lambda row: row["loopRun"]["index"])


async def outputs_of(client: RestClient, execution: Json, task_id: str) -> Any:
    return (await client.outputs(execution["id"]))[task_id]


OVER_A_FILE = flow(
    "over-a-file",
    """
inputs: [{id: names, type: FILE}]
tasks:
  - {id: greeting, type: $CORE.debug.Return, format: Hello}
  - id: each
    type: $CORE.flow.Loop
    values: "{{ inputs.names }}"
    concurrencyLimit: 30
    outputs: [{id: said, type: STRING, value: "{{ outputs.say.value }}"}]
    tasks:
      - {id: say, type: $CORE.debug.Return, format: "{{ outputs.greeting.value }} {{ item.value }} of {{ execution.id }}"}
""",
)


async def test_a_loop_over_a_file_of_many_lines(client: RestClient) -> None:
    await client.deploy(OVER_A_FILE)
    lines = "".join(f"name {number}\n" if number % 3 else f'"name {number}"\n\n' for number in range(1200))
    started = await client.json(
        "POST", f"/executions/{NAMESPACE}/over-a-file", files={"names": ("names.ion", lines.encode())}
    )

    end = await client.wait(started["id"], seconds=60)

    assert end["state"]["current"] == "SUCCESS", summary(end)
    found = await outputs_of(client, end, "each")
    assert (found["iterationCount"], found["runningIterations"], found["terminatedIterations"]) == (1200, 0, 1200)
    assert found["outputs"] == {"uri": found["uri"]}
    one = next(row for row in await iterations(client, end) if row["loopRun"]["index"] > 0)
    index = one["loopRun"]["index"]
    assert one["loopRun"]["value"] == f"name {index}"
    assert one["parentId"] == end["id"]
    assert (await outputs_of(client, one, "say"))["value"] == f"Hello name {index} of {end['id']}"


async def test_the_file_of_a_stranger_is_not_read(client: RestClient) -> None:
    await client.deploy(
        OVER_A_FILE,
        flow(
            "stranger",
            """
inputs: [{id: uri, type: STRING}]
tasks:
  - {id: each, type: $CORE.flow.Loop, values: "{{ inputs.uri }}", tasks: [{id: t, type: $CORE.log.Log, message: x}]}
""",
        ),
    )
    owner = await client.json("POST", f"/executions/{NAMESPACE}/over-a-file", files={"names": ("n", b"secret\n")})
    await client.wait(owner["id"])
    uri = owner["inputs"]["names"]

    for wrong in (uri, "kestra:///other/_files/x", uri + "/../x", "kestra:///nonsense"):
        end = await client.wait((await client.start(NAMESPACE, "stranger", {"uri": wrong}))["id"])
        assert end["state"]["current"] == "FAILED", (wrong, summary(end))
        assert await iterations(client, end) == []


async def test_a_list_of_outputs_goes_on_to_the_next_task(client: RestClient) -> None:
    await client.deploy(
        flow(
            "listed",
            """
tasks:
  - id: each
    type: $CORE.flow.Loop
    values: {a: 1, b: 2}
    concurrencyLimit: 0
    outputs: [{id: n, type: INT, value: "{{ outputs.t.value }}"}]
    tasks:
      - {id: t, type: $CORE.debug.Return, format: "{{ item.value | number * 10 }}"}
  - {id: end, type: $CORE.debug.Return, format: "{{ loopOutputs(outputs.each.outputs, 'n') }} {{ outputs.each.outputs[1].item.key }}"}
""",
        )
    )
    end = await client.wait((await client.start(NAMESPACE, "listed"))["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    assert (await outputs_of(client, end, "end"))["value"] == "[10,20] b"


SLOW = flow(
    "slow",
    """
tasks:
  - id: outer
    type: $CORE.flow.Loop
    values: [1, 2]
    concurrencyLimit: 0
    tasks:
      - id: inner
        type: $CORE.flow.Loop
        values: [x, y]
        concurrencyLimit: 0
        tasks:
          - {id: sleep, type: $CORE.flow.Sleep, duration: PT60S}
""",
)


async def test_a_kill_reaches_loops_in_loops_and_deletion_takes_them_along(client: RestClient) -> None:
    await client.deploy(SLOW)
    started = await client.start(NAMESPACE, "slow")

    async def inner() -> list[Json]:
        return [one for row in await iterations(client, started) for one in await iterations(client, row)]

    for _ in range(200):
        if len(rows := await inner()) == 4 and all(row["state"]["current"] == "RUNNING" for row in rows):
            break
    await client.kill(started["id"])
    end = await client.wait(started["id"])
    assert end["state"]["current"] == "KILLED"
    for row in await inner():
        assert (await client.wait(row["id"]))["state"]["current"] == "KILLED"

    rows = [*await iterations(client, started), *await inner()]
    assert len(rows) == 6
    await client.json("DELETE", f"/executions/{started['id']}")
    for row in rows:
        assert (await client.request("GET", f"/executions/{row['id']}")).status_code == 404


async def test_iterations_are_hidden_from_lists(client: RestClient) -> None:
    await client.deploy(
        flow(
            "hidden",
            "tasks: [{id: l, type: $CORE.flow.Loop, values: [1, 2], tasks: [{id: t, type: $CORE.log.Log, message: x}]}]",
        )
    )
    end = await client.wait((await client.start(NAMESPACE, "hidden"))["id"])
    assert len(await iterations(client, end)) == 2
    assert await client.count(NAMESPACE, "hidden") == 1


async def test_a_restart_goes_on_with_what_failed(client: RestClient) -> None:
    body = """
tasks:
  - id: l
    type: $CORE.flow.Loop
    values: [1, 2, 3]
    concurrencyLimit: 2
    outputs: [{id: r, type: STRING, value: "{{ outputs.t.value }}"}]
    tasks:
      - id: c
        type: $CORE.flow.If
        condition: "{{ item.value == '2' and execution.id == outputs.first.value and labels.system.restarted is not defined }}"
        then: [{id: broken, type: $CORE.debug.Return, format: "{{ nothing.at.all }}"}]
      - {id: t, type: $CORE.debug.Return, format: "{{ item.value }}!"}
"""
    first = "\n  - {id: first, type: $CORE.debug.Return, format: '{{ execution.id }}'}"
    await client.deploy(flow("again", body.replace("\ntasks:", f"\ntasks:{first}", 1)))
    failed = await client.wait((await client.start(NAMESPACE, "again"))["id"])
    assert failed["state"]["current"] == "FAILED", summary(failed)
    before = {row["id"]: row["state"]["current"] for row in await iterations(client, failed)}

    await client.json("POST", f"/executions/{failed['id']}/actions/restart")
    end = await client.wait(failed["id"], lambda one: one["state"]["current"] in {"SUCCESS", "FAILED"})

    after = {row["id"]: row["state"]["current"] for row in await iterations(client, end)}
    assert set(before) <= set(after)
    restarted = f"{end['taskRunList'][1]['id']}-1"
    child = await client.get(restarted)
    assert [moment["state"] for moment in child["state"]["histories"]].count("RESTARTED") == 1


async def test_tasks_repeat_until_a_condition_holds(client: RestClient) -> None:
    await client.deploy(
        flow(
            "until",
            """
tasks:
  - id: u
    type: $CORE.flow.LoopUntil
    condition: "{{ outputs.t.value == '3' }}"
    checkFrequency: {interval: PT0.2S}
    tasks:
      - {id: t, type: $CORE.debug.Return, format: "{{ outputs.u.iterationCount }}"}
""",
        )
    )
    end = await client.wait((await client.start(NAMESPACE, "until"))["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    assert [(run["taskId"], run.get("iteration")) for run in end["taskRunList"]] == [("u", None), ("t", 2)]
    states = [moment["state"] for moment in end["state"]["histories"]]
    assert states.count("PAUSED") == 2


async def test_large_outputs_go_into_a_loop_and_out_of_it(client: RestClient) -> None:
    await client.deploy(
        flow(
            "large",
            """
inputs: [{id: piece, type: STRING}]
tasks:
  - id: before
    type: $CORE.debug.Return
    format: "{% for i in range(1, 20000) %}{{ inputs.piece }}{% endfor %}"
  - id: each
    type: $CORE.flow.Loop
    values: [a, b]
    concurrencyLimit: 0
    outputs: [{id: text, type: STRING, value: "{{ outputs.take.value }}"}]
    tasks:
      - id: check
        type: $CORE.flow.If
        condition: "{{ (outputs.before.value | length) == 200000 }}"
        then: [{id: take, type: $CORE.debug.Return, format: "{{ item.value }}{{ outputs.before.value }}"}]
  - {id: end, type: $CORE.debug.Return, format: "{{ outputs.each.outputs[0].outputs.text | length }} {{ outputs.each.outputs[1].outputs.text | slice(0, 11) }}"}
""",
        )
    )
    end = await client.wait((await client.start(NAMESPACE, "large", {"piece": "0123456789"}))["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    assert (await outputs_of(client, end, "end"))["value"] == "200001 b0123456789"


async def test_a_condition_breaks_the_loop_off(client: RestClient) -> None:
    await client.deploy(
        flow(
            "broken-off",
            """
tasks:
  - id: each
    type: $CORE.flow.Loop
    values: [1, 2, 3, 4, 5]
    breakWhen: "{{ iteration.outputs.n == 3 and item.value == '3' and iteration.state == 'SUCCESS' }}"
    outputs: [{id: n, type: INT, value: "{{ outputs.t.value }}"}]
    tasks: [{id: t, type: $CORE.debug.Return, format: "{{ item.value }}"}]
""",
        )
    )
    end = await client.wait((await client.start(NAMESPACE, "broken-off"))["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    found = await outputs_of(client, end, "each")
    assert (found["iterationCount"], found["terminatedIterations"]) == (5, 3)
    assert [one["outputs"]["n"] for one in found["outputs"]] == [1, 2, 3]
