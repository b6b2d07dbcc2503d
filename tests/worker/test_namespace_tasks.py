"""Namespace files, states and metrics of tasks (core plugins 4, 7, 8), through a real controller and worker."""

import grpc
import msgspec
import pytest
from test_protocol import code_of, key, meet
from whole import open_whole

from segue.domain.execution.state import State
from segue.domain.kv import KvContent, KvType
from segue.expr.ion.binary_writer import ion_bytes
from segue.ports.repositories.kv import KvWrite
from segue.proto.generated import worker_pb2 as pb

CORE = "io.kestra.plugin.core."
LOG = f"  - {{id: t, type: {CORE}log.Log, message: x}}\n"


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


def task(type_, id_="t", **properties):
    return f"  - {msgspec.json.encode({'id': id_, 'type': CORE + type_, **properties}).decode()}\n"


async def run(whole, tasks):
    row, runs = await whole.run(tasks)
    assert row.state is State.SUCCESS, [await whole.stage.lines(run.id) for run in runs.values()]
    return runs


async def fail(whole, tasks):
    row, runs = await whole.run(tasks)
    assert row.state is State.FAILED
    return " ".join(await whole.stage.lines(runs["t"].id))


async def put(whole, *paths, namespace="io.test", content=b"old"):
    async def chunks():
        yield content

    for path in paths:
        await whole.stage.files.write("main", namespace, path, chunks())


async def tree(whole, namespace="io.test"):
    files = whole.stage.files
    return {
        file.path: None if file.is_folder else b"".join([chunk async for chunk in files.read(file)])
        for file in await files.below("main", namespace)
    }


UP, DOWN, DELETE = "namespace.UploadFiles", "namespace.DownloadFiles", "namespace.DeleteFiles"
WRITE = task("storage.Write", "w", content="new", extension=".txt")


async def test_files_are_uploaded_by_their_uris(whole):
    await put(whole, "src.txt", content=b"from a namespace")
    files = {"a/{{ flow.id }}.txt": "{{ outputs.w.uri }}", "b.txt": "nsfile:///src.txt", "no.txt": "nsfile:///none"}
    runs = await run(whole, WRITE + task(UP, namespace="{{ flow.namespace }}", filesMap=files, destination="d/e"))
    assert await tree(whole) == {
        "src.txt": b"from a namespace",
        "d/e/a/f.txt": b"new",
        "d/e/b.txt": b"from a namespace",
    }
    assert await whole.stage.database.outputs.get_many([runs["t"].id]) in ({}, {runs["t"].id: b"{}"})
    assert ("uploaded", 2.0) in [(metric.name, metric.value) for metric in whole.stage.jobs.metrics]
    text = '{"/c.txt": "{{ outputs.w.uri }}"}'
    await run(whole, WRITE + task(UP, namespace="io", filesMap=text))
    assert await tree(whole, "io") == {"c.txt": b"new"}


async def test_files_of_the_working_directory_are_uploaded(whole, tmp_path):
    inner = task(UP, "up", namespace="io.test", files=["**.sql", "d/*"]).replace("  - ", "      - ")
    await run(
        whole,
        f"  - id: t\n    type: {CORE}flow.WorkingDirectory\n"
        "    inputFiles: {q.sql: SELECT 1, d/x.txt: x, other.txt: o}\n"
        f"    tasks:\n{inner}",
    )
    assert await tree(whole) == {"q.sql": b"SELECT 1", "d/x.txt": b"x"}


@pytest.mark.parametrize(
    ("conflict", "content", "revision"),
    [(None, b"new", 2), ("OVERWRITE", b"new", 2), ("SKIP", b"old", 1), ("{{ 'ERROR' }}", b"old", 1)],
)
async def test_conflicts(whole, conflict, content, revision):
    await put(whole, "a.txt")
    more = {} if conflict is None else {"conflict": conflict}
    files = {"a.txt": "{{ outputs.w.uri }}", "b.txt": "{{ outputs.w.uri }}"}
    tasks = WRITE + task(UP, namespace="io.test", filesMap=files, **more)
    if conflict == "{{ 'ERROR' }}":
        assert "The file 'a.txt' exists already in the namespace 'io.test'" in await fail(whole, tasks)
    else:
        await run(whole, tasks)
        assert (await tree(whole))["b.txt"] == b"new"
    assert (await tree(whole))["a.txt"] == content
    assert (await whole.stage.files.get("main", "io.test", "a.txt")).revision == revision


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"namespace": "io.test"}, "files or filesMap is required"),
        ({"namespace": "io.test", "filesMap": {"a": 1}}, "filesMap must be a Map<String, String>"),
        ({"namespace": "other", "filesMap": {"a": "nsfile:///x"}}, "is not open to the namespace 'io.test'"),
        ({"namespace": "io.test", "filesMap": {"../a": "nsfile:///x"}}, "is no path of a file below a folder"),
        ({"namespace": "io.test", "filesMap": {"_flows/a": "nsfile:///x"}}, "the place of flows"),
        ({"namespace": "io.test", "filesMap": {"a": "file:///etc/passwd"}}, "not open to tasks"),
        ({"namespace": "io.test", "filesMap": {"a": "kestra:///io/other/_files/x"}}, "not open to the namespace"),
    ],
)
async def test_what_cannot_be_uploaded_is_told(whole, properties, reason):
    await put(whole, "x")
    await put(whole, "x", namespace="io.other")
    assert reason in await fail(whole, task(UP, **properties))
    assert await tree(whole) == {"x": b"old"}


async def test_links_of_the_working_directory_are_not_uploaded(whole, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    inner = (
        f"      - {{id: link, type: test.Link, target: {secret}, name: a.txt}}\n"
        + task(UP, "up", namespace="io.test", files=["*.txt"]).replace("  - ", "      - ")
        + "      - {id: direct, type: test.UploadPath, name: a.txt}\n"
    )
    row, runs = await whole.run(f"  - id: t\n    type: {CORE}flow.WorkingDirectory\n    tasks:\n{inner}")
    assert await tree(whole) == {}
    assert row.state is State.FAILED
    assert "no regular file" in " ".join(await whole.stage.lines(runs["direct"].id))


async def test_files_are_downloaded(whole):
    await put(whole, "a.txt", "d/a.txt", "d/b.sql")
    show = task("debug.Return", "s", format="{{ read(outputs.t.files['/d/a.txt']) }}")
    runs = await run(whole, task(DOWN, namespace="io.test", files="a.txt", destination="/copies") + show)
    files = (await whole.stage.outputs(runs["t"].id))["files"]
    assert set(files) == {"/a.txt", "/d/a.txt"}
    assert files["/d/a.txt"].endswith(f"{runs['t'].id}/copies/d/a.txt")
    assert (await whole.stage.outputs(runs["s"].id))["value"] == "old"
    assert ("downloaded", 2.0) in [(metric.name, metric.value) for metric in whole.stage.jobs.metrics]
    for patterns, found in (
        (["/a.txt"], {"/a.txt"}),
        ("{{ ['**/*.sql', '/a.txt'] }}", {"/d/b.sql", "/a.txt"}),
        ("regex:d/.*", {"/d/a.txt", "/d/b.sql"}),
        ("none", set()),
        ([], set()),
    ):
        runs = await run(whole, task(DOWN, namespace="io.test", files=patterns))
        assert set((await whole.stage.outputs(runs["t"].id))["files"]) == found
    assert "is not open" in await fail(whole, task(DOWN, namespace="company", files="a"))
    assert "must be a pattern" in await fail(whole, task(DOWN, namespace="io.test", files="{{ '[1]' }}"))
    assert "is not open" in await fail(whole, task(DOWN, namespace="../x", files="a"))


async def test_files_and_folders_are_deleted(whole):
    await put(whole, "a/b/c.txt", "a/b/d.txt", "e.txt", "x/y.txt")
    await run(whole, task(DELETE, namespace="io.test", files="c.txt"))
    assert set(await tree(whole)) == {"a/b/d.txt", "e.txt", "x/y.txt"}
    await run(whole, task(DELETE, namespace="io.test", files=["/x/*"]))
    assert await tree(whole) == {"a/b/d.txt": b"old", "e.txt": b"old", "x": None}
    await run(whole, task(DELETE, namespace="io.test", files=["d.txt", "e.txt"], deleteParentFolder=True))
    assert await tree(whole) == {"x": None}
    old = await whole.stage.files.register.get("main", "io.test", "e.txt", 1)
    assert old is not None
    assert not old.is_deleted
    assert [m.value for m in whole.stage.jobs.metrics if m.name == "deleted"] == [1.0, 1.0, 2.0]
    assert "is not open" in await fail(whole, task(DELETE, namespace="company", files="a"))


async def test_what_is_sent_again_is_written_once(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()

        async def write(data=b"data", **fields):
            target = pb.NamespaceTarget(path="a.txt", **fields)
            call = peer.stub.WriteFile(metadata=peer.metadata)
            await call.write(pb.WriteFileRequest(target=pb.WriteTarget(run=key(job), namespace_file=target)))
            await call.write(pb.WriteFileRequest(data=data))
            await call.done_writing()
            return await call

        first = await write(write_id="one")
        again = await write(write_id="one")
        assert (first.revision, again.revision, again.file.uri) == (1, 1, first.file.uri)
        assert await code_of(write(write_id="two")) is grpc.StatusCode.ALREADY_EXISTS
        assert (await write(write_id="three", overwrite=True)).revision == 2


async def test_only_the_holder_of_a_job_deletes(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()

        def delete(token, **fields):
            return peer.stub.DeleteFiles(pb.DeleteFilesRequest(token=token, **fields), metadata=peer.metadata)

        assert await code_of(delete("guessed", paths=["a"])) is grpc.StatusCode.NOT_FOUND
        assert await code_of(delete(job.token, paths=["../a"])) is grpc.StatusCode.PERMISSION_DENIED
        assert await code_of(delete(job.token, paths=["a"] * 1001)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await delete(job.token, paths=["a"])).deleted == []


SET, GET, FORGET = "state.Set", "state.Get", "state.Delete"


async def test_a_state_is_kept_between_executions(whole):
    await run(whole, task(SET, data={"n": "{{ 40 + 2 }}", "deep": {"a": 1}}))
    runs = await run(whole, task("state.Set", data='{{ {"deep": {"b": [1]}, "x": true} }}') + task(GET, "g"))
    assert await whole.stage.outputs(runs["t"].id) == {"count": 3, "key": "f_states_default"}
    data = {"n": "42", "deep": {"a": 1, "b": [1]}, "x": True}
    assert await whole.stage.outputs(runs["g"].id) == {"count": 3, "data": data}
    runs = await run(whole, task(FORGET, errorOnMissing=True) + task(FORGET, "again") + task(GET, "g"))
    assert await whole.stage.outputs(runs["t"].id) == {"deleted": True}
    assert await whole.stage.outputs(runs["again"].id) == {"deleted": False}
    assert await whole.stage.outputs(runs["g"].id) == {"count": 0, "data": {}}
    for type_ in (GET, FORGET):
        message = await fail(whole, task(type_, errorOnMissing=True, name="mine"))
        assert "Unable to find the state file 'f_states_mine'" in message


async def test_states_are_of_a_name_a_flow_a_namespace_or_a_value(whole):
    keys = []
    for properties in ({"name": "{{ 'other' }}"}, {"namespace": True}, {}):
        runs = await run(whole, task(SET, data={"a": 1}, **properties))
        keys.append((await whole.stage.outputs(runs["t"].id))["key"])
    assert keys == ["f_states_other", "states_default", "f_states_default"]
    loop = f"  - id: each\n    type: {CORE}flow.ForEach\n    values: [x, y]\n    tasks:\n"
    for shared, count in ((True, 1), (False, 2)):
        more = {} if shared else {"taskrunValue": False}
        inner = task(SET, "s", data={"{{ taskrun.value }}": 1}, name=f"loop-{count}", **more)
        row, _ = await whole.run(loop + "    " + inner.replace("\n", "\n    ").rstrip() + "\n")
        found = [run for run in await whole.stage.database.executions.task_runs(row.id) if run.task_id == "s"]
        outputs = [await whole.stage.outputs(run.id) for run in found]
        assert sorted(one["count"] for one in outputs) == ([1, 1] if shared else [1, 2])
        assert len({one["key"] for one in outputs}) == (2 if shared else 1)


async def test_states_are_not_those_of_namespaces_above(whole):
    now = whole.stage.ports.clock.now()
    for namespace, content in (("io", KvContent(KvType.JSON, {"a": 1})), ("io.test", None)):
        if content is not None:
            write = KvWrite(tenant="main", namespace=namespace, key="f_states_default", content=content, at=now)
            await whole.stage.database.kv.put(write)
    runs = await run(whole, task(GET))
    assert await whole.stage.outputs(runs["t"].id) == {"count": 0, "data": {}}
    content = KvContent(KvType.STRING, "text")
    write = KvWrite(tenant="main", namespace="io.test", key="f_states_default", content=content, at=now)
    await whole.stage.database.kv.put(write)
    assert "is no state" in await fail(whole, task(GET))
    assert "Key must start with" in await fail(whole, task(SET, name="a/b", data={}))


async def test_metrics_are_published(whole):
    metrics = [
        {"type": "counter", "name": "{{ flow.id }}-rows", "value": "{{ 2 * 3 }}", "tags": {"name": "x", "n": 1}},
        {"type": "gauge", "name": "level", "value": 1.5, "description": "how high"},
        {"type": "timer", "name": "took", "value": "PT1.5S"},
    ]
    await run(whole, task("metric.Publish", metrics=metrics))
    found = [(one.type, one.name, one.value, dict(one.tags)) for one in whole.stage.jobs.metrics]
    assert found == [
        ("counter", "f-rows", 6.0, {"name": "x", "n": "1"}),
        ("gauge", "level", 1.5, {}),
        ("timer", "took", 1500.0, {}),
    ]
    text = "{{ [{'type': 'counter', 'name': 'a', 'value': 1}] | toJson }}"
    await run(whole, task("metric.Publish", metrics=text))
    assert whole.stage.jobs.metrics[-1].name == "a"


@pytest.mark.parametrize(
    "metric",
    [
        {"type": "histogram", "name": "a", "value": 1},
        {"type": "counter", "name": "a"},
        {"type": "counter", "name": "a", "value": "{{ 'many' }}"},
        {"type": "timer", "name": "a", "value": "{{ 'long' }}"},
    ],
)
async def test_metrics_that_are_none(whole, metric):
    row, _ = await whole.run(task("metric.Publish", metrics=[metric]))
    assert row.state is State.FAILED
    assert whole.stage.jobs.metrics == []


async def test_a_part_of_a_batch_of_binary_records_is_text(whole):
    """ForEachItem reads the same files."""

    async def chunks():
        yield ion_bytes([{"a": 1}, {"a": 2}], 1000)

    await whole.stage.files.write("main", "io.test", "in.ion", chunks())
    runs = await run(whole, task("storage.Split", **{"from": "nsfile:///in.ion", "rows": 1}))
    assert len((await whole.stage.outputs(runs["t"].id))["uris"]) == 2
