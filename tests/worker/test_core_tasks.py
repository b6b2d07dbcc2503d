"""Core tasks that use the control plane: files, logs, the KV store, and a task made from a text."""

import pytest
from whole import open_whole

from segue.domain.execution.state import State

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
