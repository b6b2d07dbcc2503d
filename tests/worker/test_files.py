"""Files of single tasks, their cache and their log in a file; and what must not get out of the directory."""

import asyncio
import os
from pathlib import Path

import pytest
import worker_plugins
from whole import open_whole

from segue.domain.errors import IllegalPathError, NotFoundError
from segue.domain.execution.state import State
from segue.domain.globs import FilePatterns
from segue.services.worker.folder import Folder

CORE = "io.kestra.plugin.core."


@pytest.fixture
async def whole(tmp_path):
    worker_plugins.RUNS.clear()
    async with open_whole(tmp_path) as opened:
        yield opened


@pytest.fixture
def folder():
    made = Folder()
    yield made
    made.remove()


async def one(whole, task, **fields):
    row, runs = await whole.run(task, **fields)
    return row, runs["t"]


async def content_of(whole, uri):
    return b"".join([chunk async for chunk in whole.stage.storage.get("main", uri)])


async def test_files_go_in_and_come_out(whole):
    made, first = await one(
        whole, "  - id: t\n    type: test.Files\n    write: {x.txt: from before}\n    outputFiles: x.txt\n"
    )
    assert made.state is State.FAILED, "a text is no list"
    made, first = await one(
        whole, "  - id: t\n    type: test.Files\n    write: {x.txt: from before}\n    outputFiles: ['*.txt']\n"
    )
    assert made.state is State.SUCCESS
    uri = (await whole.stage.outputs(first.id))["outputFiles"]["x.txt"]
    row, runs = await whole.run(
        "  - id: a\n    type: test.Files\n    write: {x.txt: 'large {{ workingDir != null }}'}\n    outputFiles: [x.txt]\n"
        "  - id: t\n    type: test.Files\n    fail: true\n    outputFiles: ['**']\n"
        '    inputFiles: |\n      {"d/{{ flow.id }}.txt": "{{ outputs.a.outputFiles[\'x.txt\'] }}", "n": {"a": 1}}\n'
    )
    assert row.state is State.FAILED
    outputs = await whole.stage.outputs(runs["t"].id)
    assert outputs["found"] == {"d/f.txt": "large true", "n": '{"a":1}'}
    assert await content_of(whole, outputs["outputFiles"]["d/f.txt"]) == b"large true"
    assert uri != outputs["outputFiles"]["d/f.txt"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("{'../x': a}", "no path of a file below a folder"),
        ("{'/etc/x': a}", "is absolute"),
        ("{'a/../../x': a}", "no path of a file below a folder"),
        ("{'x': 'file:///etc/passwd'}", "not open to tasks"),
        ("{'x': 'kestra:///io/test/f/executions/OTHER/tasks/t/OTHER-1/data'}", "not related"),
        ("{'x': 'nsfile:///missing.txt'}", "There is no file 'missing.txt'"),
        ("{'x': 'nsfile://other.space/f.txt'}", "is not open to the namespace"),
        ("{'x': '{{ outputs.none }}'}", "outputs"),
    ],
)
async def test_files_that_cannot_be_put_in_place_fail_the_task(whole, files, message):
    row, run = await one(whole, f"  - id: t\n    type: test.Files\n    inputFiles: {files}\n")
    assert row.state is State.FAILED
    assert any(message in line for line in await whole.stage.lines(run.id))


async def test_links_are_not_followed(whole, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    row, runs = await whole.run(
        f"  - id: dir\n    type: {CORE}flow.WorkingDirectory\n    outputFiles: ['**']\n    tasks:\n"
        f"      - id: link\n        type: test.Files\n        link: {{a.txt: '{secret}', d: '{tmp_path}'}}\n"
        "      - id: t\n        type: test.Files\n        inputFiles: {'d/secret.txt': overwritten}\n"
        "        allowFailure: true\n"
        "      - id: u\n        type: test.Files\n        inputFiles: {'a.txt': overwritten}\n        allowFailure: true\n"
    )
    assert row.state is State.WARNING
    assert {name: run.state.value for name, run in runs.items()} == {
        "dir": "WARNING", "link": "SUCCESS", "t": "WARNING", "u": "WARNING",
    }  # fmt: skip
    assert (await whole.stage.outputs(runs["dir"].id))["outputFiles"] == {}
    assert secret.read_text() == "secret"


def test_a_folder_opens_regular_files_inside_it_only(folder, tmp_path):
    (tmp_path / "x").write_text("out")
    (folder.path / "link").symlink_to(tmp_path / "x")
    (folder.path / "dir").symlink_to(tmp_path)
    os.mkfifo(folder.path / "pipe")
    with folder.create("a/b/c.txt") as file:
        file.write(b"long text")
    with folder.create("a/b/c.txt") as file:
        file.write(b"text")
    with folder.open("./a/b/c.txt") as file:
        assert file.read() == b"text"
    for path in ("link", "dir/x", "pipe", "../x", "a/b", "a/b/c.txt/d"):
        with pytest.raises((IllegalPathError, NotFoundError)):
            folder.open(path)
    for path in ("link", "dir/x", "pipe", "a/b", "a/b/c.txt/d"):
        with pytest.raises(IllegalPathError):
            folder.create(path)
    assert [file.path for file in folder.find(FilePatterns(["**"]))] == ["a/b/c.txt"]
    assert folder.exists("link")
    assert not folder.exists("none/x")
    assert (tmp_path / "x").read_text() == "out"


@pytest.mark.parametrize(
    ("how", "found", "state"),
    [
        ("OVERWRITE", "two", "SUCCESS"),
        ("IGNORE", "one", "SUCCESS"),
        ("WARN", "one", "SUCCESS"),
        ("FAIL", None, "FAILED"),
    ],
)
async def test_namespace_files_of_several_namespaces(whole, how, found, state):
    for namespace, text in (("io", b"one"), ("io.test", b"two")):

        async def chunks(text=text):
            yield text

        await whole.stage.files.write("main", namespace, "f.txt", chunks())
    options = f"{{namespaces: [io, io.test], ifExists: {how}}}"
    _, run = await one(whole, f"  - id: t\n    type: test.Files\n    namespaceFiles: {options}\n")
    assert run.state.value == state
    if found is not None:
        assert (await whole.stage.outputs(run.id))["found"] == {"f.txt": found}
    metrics = {metric.name for metric in whole.stage.jobs.metrics}
    assert state == "FAILED" or metrics == {"namespacefiles.count", "namespacefiles.duration"}


async def test_outputs_come_from_the_cache_for_equal_properties(whole):
    task = "  - id: t\n    type: test.Count\n    text: '{{ inputs.x }}'\n    taskCache: {enabled: true, ttl: %s}\n"
    for _ in range(2):
        row, run = await one(whole, task % "PT1H", inputs={"x": "a"})
        assert row.state is State.SUCCESS
        assert await whole.stage.outputs(run.id) == {"count": 1, "text": "a"}
    assert worker_plugins.RUNS == {"t": 1}
    await one(whole, task % "PT1H", inputs={"x": "b"})
    assert worker_plugins.RUNS == {"t": 2}
    await one(whole, task % "PT0.001S", inputs={"x": "a"})
    assert worker_plugins.RUNS == {"t": 3}
    await one(whole, task.replace("enabled: true", "enabled: false") % "PT1H", inputs={"x": "a"})
    assert worker_plugins.RUNS == {"t": 4}


async def test_a_failure_is_not_kept(whole):
    for expected in (1, 2):
        row, _ = await one(
            whole, "  - id: t\n    type: test.Count\n    succeedsAt: 9\n    taskCache: {enabled: true}\n"
        )
        assert (row.state, worker_plugins.RUNS["t"]) == (State.FAILED, expected)


async def test_the_log_goes_to_a_file(whole):
    row, run = await one(whole, "  - id: t\n    type: test.Raise\n    logToFile: true\n    logLevel: ERROR\n")
    assert row.state is State.FAILED
    assert await whole.stage.lines(run.id) == []
    (attempt,) = run.attempts
    text = (await content_of(whole, attempt.log_file)).decode()
    assert text.endswith(" ERROR no way with ******\n")
    assert text.count("\n") == 1
    assert Path(attempt.log_file).parent.name == run.id


async def test_a_reader_that_has_enough_ends_the_reading(whole, monkeypatch):
    size, given, is_closed = 200 * 1024 * 1024, 0, asyncio.Event()

    async def get(tenant, uri, offset=0):
        nonlocal given
        try:
            while given < size:
                given += 1024 * 1024
                yield bytes(1024 * 1024)
        finally:
            is_closed.set()

    await whole.stage.files.write("main", "io.test", "large", _chunk(b"x"))
    monkeypatch.setattr(whole.stage.storage, "get", get)
    row, _ = await one(whole, "  - {id: t, type: test.Peek, uri: 'nsfile:///large'}\n")
    assert row.state is State.SUCCESS
    async with asyncio.timeout(5):
        await is_closed.wait()
    assert given < size / 2


async def _chunk(content):
    yield content


async def test_files_among_outputs_from_the_cache_can_be_read_and_not_deleted(whole):
    core = "io.kestra.plugin.core."
    tasks = (
        f"  - {{id: w, type: {core}storage.Write, content: kept, taskCache: {{enabled: true}}}}\n"
        f"  - {{id: r, type: {core}debug.Return, format: '{{{{ read(outputs.w.uri) }}}}'}}\n"
        f"  - {{id: s, type: {core}storage.Size, uri: '{{{{ outputs.w.uri }}}}'}}\n"
        f"  - {{id: d, type: {core}storage.Delete, uri: '{{{{ outputs.w.uri }}}}', when: '{{{{ inputs.x == \"delete\" }}}}'}}\n"
    )
    row, runs = await whole.run(tasks, inputs={"x": "keep"})
    assert row.state is State.SUCCESS
    first = await whole.stage.outputs(runs["w"].id)

    row, runs = await whole.run(tasks, inputs={"x": "delete"})

    assert await whole.stage.outputs(runs["w"].id) == first
    assert await whole.stage.outputs(runs["r"].id) == {"value": "kept"}
    assert await whole.stage.outputs(runs["s"].id) == {"size": 4}
    assert runs["d"].state is State.FAILED
    assert any("is not related" in line for line in await whole.stage.lines(runs["d"].id))
