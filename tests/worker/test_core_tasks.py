"""Core tasks that use the control plane: files, logs, the KV store, and a task made from a text."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from whole import open_whole

from segue.domain.errors import SegueError
from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.execution.state import State
from segue.domain.kv import KvContent, KvType
from segue.domain.namespaces import NamespaceAccess
from segue.expr.ion.reader import read_ion
from segue.ports.repositories.kv import KvWrite
from segue.proto.generated import worker_pb2 as pb

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
        ("    level: \"{{ 'LOUD' }}\"\n", "must be one of"),
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


KV = CORE + "kv."


async def kept(whole, key, namespace="io.test"):
    return await whole.stage.database.kv.get("main", namespace, key)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ('"{{ 1 + 1 }}"', "", KvContent(KvType.NUMBER, 2)),
        ('"n {{ 1 + 1 }}"', "", KvContent(KvType.STRING, "n 2")),
        ('"{{ [1, {}] }}"', "", KvContent(KvType.JSON, [1, {}])),
        ('"{{ flow.id }}"', "JSON", "Invalid KV value as JSON"),
        ("[1, '{{ flow.id }}']", "", KvContent(KvType.JSON, [1, "f"])),
        ('"42"', "NUMBER", KvContent(KvType.NUMBER, 42)),
        ("42", "STRING", KvContent(KvType.STRING, "42")),
        ("42", "", KvContent(KvType.NUMBER, 42)),
        ('"{{ true }}"', "STRING", KvContent(KvType.BOOLEAN, True)),
        ("PT5M", "", KvContent(KvType.DURATION, "PT5M")),
        ('"PT5M"', "STRING", KvContent(KvType.STRING, "PT5M")),
        ('"2025-01-02T03:04:05+01:00"', "DATE", KvContent(KvType.DATE, "2025-01-02")),
        ("'\"{{ flow.id }}\"'", "JSON", KvContent(KvType.JSON, "f")),
        ('"x"', "NUMBER", "Invalid KV value as NUMBER"),
    ],
)
async def test_values_are_written_with_their_type(whole, value, kind, expected):
    task = f"  - id: t\n    type: {KV}Set\n    key: k\n    value: {value}\n" + (f"    kvType: {kind}\n" if kind else "")
    row, runs = await whole.run(f"{task}  - id: get\n    type: {KV}Get\n    key: k\n")
    if isinstance(expected, str):
        assert expected in " ".join(await whole.stage.lines(runs["t"].id))
        return
    assert row.state is State.SUCCESS, await whole.stage.lines(runs["t"].id)
    assert (await kept(whole, "k")).content == expected
    assert await whole.stage.outputs(runs["get"].id) == {"value": expected.value}


async def test_keys_are_listed_and_removed_and_inherited(whole):
    now = datetime.now(UTC)
    write = KvWrite(tenant="main", namespace="io", key="up", content=KvContent(KvType.STRING, "above"), at=now)
    await whole.stage.database.kv.put(write)
    row, runs = await whole.run(
        f"  - id: a\n    type: {KV}Set\n    key: p-a\n    value: x\n    ttl: PT1H\n    kvDescription: why\n"
        f"  - id: b\n    type: {KV}Set\n    key: p-b\n    value: x\n"
        f"  - id: c\n    type: {KV}Set\n    key: q\n    value: x\n    namespace: io\n"
        f"  - id: keys\n    type: {KV}GetKeys\n    prefix: p-\n"
        f"  - id: up\n    type: {KV}Get\n    key: up\n"
        f"  - id: gone\n    type: {KV}Delete\n    key: p-b\n"
        f"  - id: again\n    type: {KV}Delete\n    key: p-b\n"
        f"  - id: none\n    type: {KV}Get\n    key: p-b\n"
        f"  - id: strict\n    type: {KV}Get\n    key: p-b\n    errorOnMissing: true\n"
    )
    assert row.state is State.FAILED
    outputs = {name: await whole.stage.outputs(runs[name].id) for name in ("keys", "up", "gone", "again", "none")}
    assert outputs == {
        "keys": {"keys": ["p-a", "p-b"]},
        "up": {"value": "above"},
        "gone": {"deleted": True},
        "again": {"deleted": False},
        "none": {},
    }
    entry_ = await kept(whole, "p-a")
    assert (entry_.description, entry_.expires_at - entry_.updated_at) == ("why", timedelta(hours=1))
    assert await kept(whole, "q", "io") is not None
    assert await whole.stage.lines(runs["strict"].id) == [
        "ERROR No value found for key 'p-b' in namespace 'io.test' and `errorOnMissing` is set to true"
    ]


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("Set\n    key: '-k'\n    value: x", "Key must start with an alphanumeric character"),
        ("Set\n    key: \"{{ '' }}\"\n    value: x", "Key cannot be null or empty"),
        ("Get\n    key: '-k'", "Key must start with an alphanumeric character"),
        ("Set\n    key: k\n    value: x\n    namespace: io.other", "is not open to the namespace 'io.test'"),
        ("Get\n    key: k\n    namespace: io.other", "is not open to the namespace 'io.test'"),
        ("Delete\n    key: k\n    namespace: io.other", "is not open to the namespace 'io.test'"),
        ("GetKeys\n    namespace: io.other", "is not open to the namespace 'io.test'"),
        ("Set\n    key: k\n    value: x\n    ttl: PT0S", "more than zero"),
        ("Set\n    key: there\n    value: x\n    overwrite: false", "Key already exists and `overwrite` is set to"),
        ("Get\n    key: old", "has expired"),
    ],
)
async def test_what_the_store_refuses(whole, task, reason):
    now = datetime.now(UTC)
    there = KvWrite(tenant="main", namespace="io.test", key="there", content=KvContent(KvType.NUMBER, 1), at=now)
    await whole.stage.database.kv.put(there)
    await whole.stage.database.kv.put(msgspec.structs.replace(there, key="old", expires_at=now))
    row, runs = await whole.run(f"  - id: t\n    type: {KV}{task}\n")
    assert row.state is State.FAILED
    assert reason in " ".join(await whole.stage.lines(runs["t"].id))


async def test_nothing_is_written_to_a_namespace_that_is_not_there(whole):
    whole.stage.values.access._namespaces = NamespaceAccess.ALL
    task = f"  - id: t\n    type: {KV}Set\n    key: k\n    value: x\n    namespace: io.tests\n"
    row, runs = await whole.run(task)
    assert row.state is State.FAILED
    assert await whole.stage.lines(runs["t"].id) == ["ERROR The namespace 'io.tests' does not exist"]
    await whole.stage.database.kv.put(
        KvWrite(
            tenant="main", namespace="io.tests", key="other", content=KvContent(KvType.NUMBER, 1), at=row.created_at
        )
    )
    row, _ = await whole.run(task)
    assert row.state is State.SUCCESS


async def test_a_write_that_is_sent_again_is_done_once(whole):
    run = await whole.begin("  - id: t\n    type: test.Wait\n")
    runner = whole.stage.workers[0]._runner
    job = (await whole.stage.until(lambda: list(runner._running.values())))[0].job
    wanted = pb.KvSet(key="k", type="NUMBER", value=b"1", overwrite=False)
    wanted.at.GetCurrentTime()
    for _ in range(2):
        assert await runner.kit.control.call_kv(job, pb.CallKvRequest(set=wanted)) == []
    assert (await kept(whole, "k")).version == 1
    wanted.at.seconds += 1
    with pytest.raises(SegueError, match="already exists"):
        await runner.kit.control.call_kv(job, pb.CallKvRequest(set=wanted))
    wanted.overwrite = True
    wanted.at.seconds = 1
    await runner.kit.control.call_kv(job, pb.CallKvRequest(set=wanted))
    assert (await kept(whole, "k")).updated_at > run.created_at, "a clock that is far off is not believed"
    for broken in (pb.KvSet(key="k", type="LIST", value=b"1"), pb.KvSet(key="k", type="JSON", value=b"{")):
        with pytest.raises(SegueError):
            await runner.kit.control.call_kv(job, pb.CallKvRequest(set=broken))
    with pytest.raises(SegueError, match="expected"):
        await runner.kit.control.call_kv(job, pb.CallKvRequest())
    with pytest.raises(SegueError, match="holds no job"):
        await runner.kit.control.call_kv(pb.Job(token="x"), pb.CallKvRequest(set=wanted))
