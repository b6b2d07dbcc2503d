"""What a user does with a server besides running scenarios: examples, webhooks, waiting, killing, following."""

import asyncio
import time
from statistics import quantiles

from tests.processes import ROOT
from tests.rest import Json, RestClient, said, summary, task_states

NAMESPACE = "tests.server"
CORE = "io.kestra.plugin.core"


def flow(flow_id: str, body: str) -> str:
    return f"id: {flow_id}\nnamespace: {NAMESPACE}\n{body.replace('$CORE', CORE)}"


QUICK = flow(
    "quick",
    """
tasks:
  - {id: value, type: $CORE.output.OutputValues, values: {word: hello}}
  - {id: say, type: $CORE.log.Log, message: "{{ outputs.value.values.word }}"}
""",
)


async def test_examples_run_as_their_headers_say(client: RestClient) -> None:
    examples = sorted((ROOT / "examples").glob("*.y*ml"))
    assert examples
    await client.deploy(*(example.read_text() for example in examples))
    expected = {example.stem: "SUCCESS" for example in examples} | {"errors-and-finally": "FAILED", "retry": "WARNING"}
    started = await asyncio.gather(*(client.start("company.team", name) for name in expected))
    ended = await asyncio.gather(*(client.wait(execution["id"]) for execution in started))
    assert {end["flowId"]: end["state"]["current"] for end in ended} == expected, [summary(end) for end in ended]


async def test_webhook_starts_an_execution_with_its_body(client: RestClient) -> None:
    await client.deploy(
        flow(
            "hook",
            """
triggers:
  - {id: in, type: $CORE.trigger.Webhook, key: a-key-for-tests}
tasks:
  - id: o
    type: $CORE.output.OutputValues
    values: {name: "{{ trigger.body.name }}", q: "{{ trigger.parameters.q[0] }}"}
outputs:
  - {id: name, type: STRING, value: "{{ outputs.o.values.name }} {{ outputs.o.values.q }}"}
""",
        )
    )
    answer = await client.json(
        "POST", f"/executions/webhook/{NAMESPACE}/hook/a-key-for-tests?q=7", json={"name": "Ada", "list": [1]}
    )
    end = await client.wait(answer["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    assert end["outputs"] == {"name": "Ada 7"}
    assert end["trigger"]["id"] == "in"
    wrong = await client.request("POST", f"/executions/webhook/{NAMESPACE}/hook/another-key", json={})
    assert wrong.status_code == 404


async def test_wait_answers_with_the_end(client: RestClient) -> None:
    await client.deploy(
        flow(
            "waited",
            """
tasks:
  - {id: s, type: $CORE.flow.Sleep, duration: PT0.3S}
  - {id: r, type: $CORE.debug.Return, format: done}
outputs:
  - {id: o, type: STRING, value: "{{ outputs.r.value }}"}
afterExecution:
  - {id: after, type: $CORE.log.Log, message: "it was {{ execution.state }}"}
""",
        )
    )
    end = await client.start(NAMESPACE, "waited", wait="true")
    assert end["state"]["current"] == "SUCCESS"
    assert end["outputs"] == {"o": "done"}
    assert ("after", "SUCCESS") in task_states(end)
    assert said(await client.logs(end["id"]))[-1] == "it was SUCCESS"


async def test_kill_ends_a_running_task_at_once(client: RestClient) -> None:
    await client.deploy(
        flow(
            "killed",
            """
tasks:
  - id: p
    type: $CORE.flow.Parallel
    tasks:
      - {id: long, type: $CORE.flow.Sleep, duration: PT60S}
      - {id: short, type: $CORE.log.Log, message: m}
  - {id: never, type: $CORE.log.Log, message: m}
errors:
  - {id: e, type: $CORE.log.Log, message: m}
""",
        )
    )
    started = await client.start(NAMESPACE, "killed")
    await client.wait(started["id"], lambda execution: ("long", "RUNNING") in task_states(execution))
    began = time.monotonic()
    await client.kill(started["id"])
    end = await client.wait(started["id"], seconds=10)
    assert end["state"]["current"] == "KILLED", summary(end)
    assert time.monotonic() - began < 5
    end = await client.wait(started["id"], lambda execution: ("long", "KILLED") in task_states(execution))
    assert task_states(end) == [("long", "KILLED"), ("p", "KILLED"), ("short", "SUCCESS")]
    again = await client.request("DELETE", f"/executions/{started['id']}/actions/kill")
    assert again.status_code == 409


async def test_following_an_execution_ends_with_its_end(client: RestClient) -> None:
    await client.deploy(
        flow(
            "followed",
            """
tasks:
  - {id: a, type: $CORE.flow.Sleep, duration: PT0.5S}
  - {id: b, type: $CORE.log.Log, message: m}
""",
        )
    )
    started = await client.start(NAMESPACE, "followed")
    seen: list[tuple[str, Json]] = []
    async with asyncio.timeout(20), client.events(f"/executions/{started['id']}/follow") as events:
        async for event in events:
            seen.append(event)  # noqa: PERF401  what came before a timeout is shown
    assert seen[-1][0] == "end"
    assert seen[-1][1]["state"]["current"] == "SUCCESS"
    assert len(seen) >= 2, "no progress was told"
    versions = [len(execution["taskRunList"]) for _, execution in seen]
    assert versions == sorted(versions)


async def test_following_and_downloading_log_lines(client: RestClient) -> None:
    lines = "\n".join(f"      - line {number}" for number in range(50))
    await client.deploy(
        flow(
            "talker",
            f"""
tasks:
  - {{id: pause, type: $CORE.flow.Sleep, duration: PT0.5S}}
  - id: talk
    type: $CORE.log.Log
    message:
{lines}
  - {{id: loud, type: $CORE.log.Log, level: ERROR, message: the end}}
""",
        )
    )
    started = await client.start(NAMESPACE, "talker")
    followed: list[str] = []
    async with asyncio.timeout(20), client.events(f"/logs/{started['id']}/follow") as events:
        async for _, line in events:
            followed.append(line["message"])
            if line["message"] == "the end":
                break
    end = await client.wait(started["id"])
    assert end["state"]["current"] == "SUCCESS"
    assert followed[1:] == [*(f"line {number}" for number in range(50)), "the end"]
    stored = await client.logs(started["id"])
    assert said(stored) == followed
    text = (await client.request("GET", f"/logs/{started['id']}/download")).text
    assert [line.split(" ", 2)[2] for line in text.splitlines()] == [line["message"] for line in stored]
    assert any(line.endswith(" ERROR the end") for line in text.splitlines())
    errors = await client.json("GET", f"/logs/{started['id']}?minLevel=ERROR")
    assert [line["message"] for line in errors] == ["the end"]


async def test_twenty_megabytes_of_output_disturb_nobody(client: RestClient) -> None:
    """The large output goes to storage in pieces; executions beside it are as quick as ever."""
    piece = "{% for i in range(1, 7000) %}{{ vars.kilobyte }}{% endfor %}"
    await client.deploy(
        QUICK,
        flow(
            "large",
            f"""
variables: {{kilobyte: "{"k" * 1000}"}}
tasks:
  - id: big
    type: $CORE.output.OutputValues
    values: {{a: "{piece}", b: "{piece}", c: "{piece}"}}
  - {{id: read, type: $CORE.log.Log, message: "{{{{ outputs.big.values.a | length }}}}"}}
""",
        ),
    )
    large = await client.start(NAMESPACE, "large")
    small = []
    for _ in range(40):
        small.append(await client.start(NAMESPACE, "quick"))
        await asyncio.sleep(0.05)
    ended = await asyncio.gather(*(client.wait(execution["id"]) for execution in small))
    assert {end["state"]["current"] for end in ended} == {"SUCCESS"}
    took = sorted(_seconds(end) for end in ended)
    print(f"beside 20 MB: median {took[20] * 1000:.0f} ms, p95 {quantiles(took, n=20)[-1] * 1000:.0f} ms")
    assert quantiles(took, n=20)[-1] < 1.5
    end = await client.wait(large["id"])
    assert end["state"]["current"] == "SUCCESS", summary(end)
    assert said(await client.logs(large["id"])) == ["7000000"]
    [entry] = await client.json("GET", f"/outputs/{large['id']}")
    assert entry["inline"] is False
    content = (await client.request("GET", f"/outputs/{large['id']}/{entry['taskRunId']}")).content
    assert len(content) > 21_000_000


async def test_two_hundred_executions_at_once(client: RestClient) -> None:
    await client.deploy(QUICK)
    before = await client.count(NAMESPACE, "quick", ["SUCCESS"])
    await client.start_many(NAMESPACE, "quick", 200)
    deadline = time.monotonic() + 20
    while await client.count(NAMESPACE, "quick", ["SUCCESS"]) < before + 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def _seconds(execution: Json) -> float:
    from datetime import datetime

    state = execution["state"]
    begin, end = (datetime.fromisoformat(state[name]) for name in ("startDate", "endDate"))
    return (end - begin).total_seconds()
