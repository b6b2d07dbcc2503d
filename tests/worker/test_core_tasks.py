"""Core tasks that use the control plane: files, logs, the KV store, and a task made from a text."""

import msgspec
import pytest
from whole import open_whole

from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.execution.state import State
from segue.expr.ion.reader import read_ion

CORE = "io.kestra.plugin.core."


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


async def content_of(whole, uri):
    return b"".join([chunk async for chunk in whole.stage.storage.get("main", uri)])


async def test_a_text_is_stored_as_a_file_and_measured(whole):
    row, runs = await whole.run(
        f"  - id: t\n    type: {CORE}storage.Write\n"
        '    content: "{{ flow.id }} \\u00e9\\n"\n    extension: ".{{ \'txt\' }}"\n'
        f'  - id: size\n    type: io.kestra.core.tasks.storages.Size\n    uri: "{{{{ outputs.t.uri }}}}"\n'
        f'  - id: empty\n    type: {CORE}storage.Write\n    content: ""\n'
        f'  - id: nothing\n    type: {CORE}storage.Size\n    uri: "{{{{ outputs.empty.uri }}}}"\n'
    )
    assert row.state is State.SUCCESS
    uri = (await whole.stage.outputs(runs["t"].id))["uri"]
    assert uri.startswith(f"kestra:///io/test/f/executions/{row.id}/tasks/t/")
    assert uri.endswith(".txt")
    assert await content_of(whole, uri) == "f é\n".encode()
    assert await whole.stage.outputs(runs["size"].id) == {"size": 5}
    assert await whole.stage.outputs(runs["nothing"].id) == {"size": 0}


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        (f'{CORE}storage.Write\n    content: ""\n    extension: "/../../x"', "cannot be part of a path"),
        (f'{CORE}storage.Write\n    content: ""\n    extension: "\\\\x"', "cannot be part of a path"),
        (f'{CORE}storage.Size\n    uri: "file:///etc/passwd"', "not open to tasks"),
        (f'{CORE}storage.Size\n    uri: "kestra:///io/test/_files/none"', "There is no file"),
        (f'{CORE}storage.Size\n    uri: "nsfile:///none"', "There is no file 'none' in the namespace 'io.test'"),
        (f'{CORE}storage.Size\n    uri: "kestra:///io/other/_files/x"', "is not open to the namespace 'io.test'"),
    ],
)
async def test_files_that_may_not_be(whole, task, reason):
    row, runs = await whole.run(f"  - id: t\n    type: {task}\n")
    assert row.state is State.FAILED
    assert reason in " ".join(await whole.stage.lines(runs["t"].id))


FETCH = CORE + "log.Fetch"
SAY = f"""
  - id: loud
    type: {CORE}log.Log
    message: ['a "b"', "é\\n"]
    level: WARN
  - id: plain
    type: {CORE}log.Log
    message: c
  - id: quiet
    type: {CORE}log.Log
    message: d
    level: DEBUG
"""


async def fetched(whole, properties, **fields):
    row, runs = await whole.run(f"{SAY}\n  - id: t\n    type: {FETCH}\n" + properties, **fields)
    assert row.state is State.SUCCESS, await whole.stage.lines(runs["t"].id)
    outputs = await whole.stage.outputs(runs["t"].id)
    content = (await content_of(whole, outputs["uri"])).decode()
    records = [read_ion(line, all_rows=False) for line in content.splitlines()]
    assert outputs["size"] == len(records)
    return row, records


async def test_logs_of_the_own_execution(whole):
    row, records = await fetched(whole, "")
    assert [record["message"] for record in records] == ['a "b"', "é\n", "c"]
    assert records[0]["level"] == "WARN"
    assert records[0]["executionId"] == row.id
    assert records[0]["timestamp"].endswith("Z")
    _, records = await fetched(whole, "    level: WARN\n")
    assert [record["message"] for record in records] == ['a "b"', "é\n"]
    _, records = await fetched(whole, "    level: TRACE\n    tasksId: [plain, quiet]\n")
    assert [record["taskId"] for record in records] == ["plain", "quiet"]
    _, records = await fetched(whole, "    tasksId: ['{{ \"plain\" }}']\n")
    assert [record["taskId"] for record in records] == ["plain"]
    _, records = await fetched(whole, "    level: ERROR\n")
    assert records == []


async def test_logs_of_another_execution(whole):
    row, _ = await whole.run(SAY)
    extra = [entry(row, number) for number in range(1203)]
    await whole.stage.database.logs.append(extra)
    _, records = await fetched(whole, f"    executionId: {row.id}\n    namespace: io.test\n    flowId: f\n")
    assert [record["message"] for record in records[3:]] == [line.message for line in extra]
    assert {record["executionId"] for record in records} == {row.id}


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("    executionId: none\n", "There is no execution 'none'"),
        ("    executionId: OTHER\n", "is not open to the namespace 'io.test'"),
        ("    executionId: OTHER\n    namespace: io.test\n    flowId: f\n", "There is no execution"),
        ("    executionId: x\n    namespace: io.test\n", "go together"),
        ("    namespace: io.test\n    flowId: f\n", "go together"),
        ("    level: \"{{ 'LOUD' }}\"\n", "no LogLevel"),
    ],
)
async def test_logs_that_are_not_for_the_flow(whole, properties, reason):
    flow = await whole.stage.flow(SAY)
    other = await whole.stage.execution(msgspec.structs.replace(flow, namespace="io.other"))
    row, runs = await whole.run(f"  - id: t\n    type: {FETCH}\n" + properties.replace("OTHER", other.id))
    assert row.state is State.FAILED
    assert reason in " ".join(await whole.stage.lines(runs["t"].id))


def entry(row, number):
    return LogEntry(
        id=f"extra:{number}",
        tenant="main",
        namespace="io.test",
        flow_id="f",
        execution_id=row.id,
        at=row.created_at,
        level=LogLevel.ERROR,
        message=f"line {number}",
    )


TEMPLATED = CORE + "templating.TemplatedTask"


async def templated(whole, spec, more="", head=""):
    spec = "".join(f"      {line}\n" for line in spec.splitlines())
    row, runs = await whole.run(f"  - id: t\n    type: {TEMPLATED}\n{more}    spec: |\n{spec}", head)
    return row, runs["t"]


async def test_a_task_made_from_a_text_runs_in_place(whole):
    head = "variables: {kind: debug.Return}\n"
    spec = (
        f"type: {CORE}{{{{ vars.kind }}}}\nformat: made by {{{{ flow.id }}}} {{% raw %}}{{{{ task.id }}}}{{% endraw %}}"
    )
    row, run = await templated(whole, spec, head=head)
    assert row.state is State.SUCCESS
    assert await whole.stage.outputs(run.id) == {"value": "made by f t"}
    assert len(await whole.stage.database.executions.task_runs(row.id)) == 1


async def test_a_templated_task_may_have_files(whole):
    spec = 'type: test.Files\nid: other\ninputFiles: {a.txt: x}\nwrite: {b.txt: y}\noutputFiles: ["*.txt"]'
    row, run = await templated(whole, spec)
    assert row.state is State.SUCCESS
    outputs = await whole.stage.outputs(run.id)
    assert outputs["found"] == {"a.txt": "x"}
    assert await content_of(whole, outputs["outputFiles"]["b.txt"]) == b"y"
    row, run = await templated(whole, spec + "\nfail: true")
    assert row.state is State.FAILED
    assert set((await whole.stage.outputs(run.id))["outputFiles"]) == {"a.txt", "b.txt"}
    assert await whole.stage.lines(run.id) == ["ERROR failed on purpose"]


async def test_large_outputs_of_a_templated_task(whole):
    row, run = await templated(whole, "type: test.Big\nsize: 100000")
    assert row.state is State.SUCCESS
    assert run.outputs.size > 100000


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (f"type: {CORE}flow.Sequential\ntasks: []", "must be a runnable task"),
        (f"type: {CORE}flow.WorkingDirectory\ntasks: []", "must be a runnable task"),
        ("type: no.Such", "must be a runnable task"),
        ("message: x", "must be a runnable task"),
        ("type: [1]", "must be a runnable task"),
        (f"type: {TEMPLATED}\nspec: x", f"cannot be of type '{TEMPLATED}'"),
        ("type: io.kestra.core.tasks.templating.templatedtask\nspec: x", f"cannot be of type '{TEMPLATED}'"),
        (f"type: {CORE}log.Log", "message"),
        (f"type: {CORE}log.Log\nmessage: x\ntimeout: [1]", "timeout"),
        ("just text", "map"),
        ("", "map"),
        ("a: [", "Illegal"),
    ],
)
async def test_texts_that_are_no_runnable_task(whole, spec, reason):
    row, run = await templated(whole, spec)
    assert row.state is State.FAILED
    assert reason in " ".join(await whole.stage.lines(run.id))


@pytest.mark.parametrize("kind", ["test.Wait", "test.Block"])
async def test_a_templated_task_ends_with_the_timeout_of_the_outer(whole, kind):
    row, run = await templated(whole, f"type: {kind}", "    timeout: PT0.3S\n")
    assert row.state is State.FAILED
    assert "Timeout" in (await whole.stage.lines(run.id))[-1]
    await whole.stage.until(lambda: not whole.stage.workers[0]._runner.running)
