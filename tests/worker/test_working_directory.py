"""WorkingDirectory from the flow to its task runs: executor, controller and worker together."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import worker_plugins
from whole import open_whole

from segue.domain.execution.facts import KillRequested
from segue.domain.execution.requests import RestartRequested
from segue.domain.execution.state import State
from segue.ports.queue import Topic

CORE = "io.kestra.plugin.core."


@pytest.fixture
async def whole(tmp_path):
    worker_plugins.RUNS.clear()
    async with open_whole(tmp_path) as opened:
        yield opened


def block(tasks, more=""):
    inner = "".join(f"      {line}\n" for line in tasks.strip("\n").split("\n"))
    return f"  - id: dir\n    type: {CORE}flow.WorkingDirectory\n{more}    tasks:\n{inner}"


def states(runs):
    return {name: run.state.value for name, run in runs.items()}


async def outputs(whole, run):
    return await whole.stage.outputs(run.id)


async def test_tasks_share_a_directory_and_see_each_others_outputs(whole):
    row, runs = await whole.run(
        block(
            """
- id: one
  type: test.Files
  write: {"a/b.txt": "hello"}
- id: two
  type: test.Files
- id: three
  type: io.kestra.plugin.core.debug.Return
  format: "{{ outputs.two.found['a/b.txt'] }} {{ taskrun.parentId == '' }} {{ outputs.one.folder == workingDir }} {{ parent.task.id }}"
"""
        )
        + f"  - id: after\n    type: {CORE}debug.Return\n    format: '{{{{ outputs.three.value }}}}'\n"
    )
    assert row.state is State.SUCCESS
    assert states(runs) == dict.fromkeys(("dir", "one", "two", "three", "after"), "SUCCESS")
    assert (await outputs(whole, runs["after"]))["value"] == "hello false true dir"
    assert {runs[name].parent_id for name in ("one", "two", "three")} == {runs["dir"].id}
    assert [len(run.attempts) for run in runs.values()] == [1] * 5
    folder = (await outputs(whole, runs["one"]))["folder"]
    await whole.stage.until(lambda: not Path(folder).exists())


async def test_input_output_and_namespace_files_of_the_block(whole):
    await write_namespace_file(whole, "sql/q.sql", b"select 1")
    await write_namespace_file(whole, "no.txt", b"no")
    row, runs = await whole.run(
        block(
            """
- id: one
  type: test.Files
  write: {"out/x y.txt": "result"}
""",
            '    inputFiles: {"in.txt": "{{ flow.id }}!", "copy.sql": "nsfile:///sql/q.sql", "empty": null}\n'
            "    outputFiles: ['out/**', 'in.txt']\n    namespaceFiles: {include: ['**/*.sql']}\n",
        )
    )
    assert row.state is State.SUCCESS
    found = (await outputs(whole, runs["one"]))["found"]
    assert found == {"in.txt": "f!", "copy.sql": "select 1", "sql/q.sql": "select 1", "empty": ""}
    stored = (await outputs(whole, runs["dir"]))["outputFiles"]
    assert set(stored) == {"out/x y.txt", "in.txt"}
    assert f"/tasks/dir/{runs['dir'].id}/" in stored["in.txt"]
    assert stored["out/x y.txt"].endswith("-x+y.txt")
    content = b"".join([chunk async for chunk in whole.stage.storage.get("main", stored["out/x y.txt"])])
    assert content == b"result"


async def write_namespace_file(whole, path, content):
    async def chunks():
        yield content

    await whole.stage.files.write("main", "io.test", path, chunks())


async def test_a_failure_stops_the_rest_and_runs_the_error_branch(whole):
    row, runs = await whole.run(
        block(
            """
- id: one
  type: test.Files
  fail: true
- id: never
  type: test.Files
""",
            f"    errors:\n      - id: caught\n        type: {CORE}log.Log\n        message: '{{{{ outputs.one.found }}}}'\n"
            f"    finally:\n      - id: last\n        type: {CORE}log.Log\n        message: x\n",
        )
    )
    assert row.state is State.FAILED
    assert states(runs) == {"dir": "FAILED", "one": "FAILED", "caught": "SUCCESS", "last": "SUCCESS"}


async def test_a_task_is_skipped_absorbed_retried_or_too_slow(whole):
    row, runs = await whole.run(
        block(
            """
- id: skipped
  type: test.Files
  when: "{{ 1 == 2 }}"
- id: absorbed
  type: test.Files
  allowFailure: true
  fail: true
- id: again
  type: test.Count
  succeedsAt: 3
  retry: {type: constant, interval: PT0.01S, maxAttempts: 5}
- id: slow
  type: test.Wait
  timeout: PT0.1S
  allowFailure: true
  allowWarning: true
- id: disabled
  type: test.Wait
  disabled: true
"""
        )
    )
    expected = {"skipped": "SKIPPED", "absorbed": "WARNING", "again": "SUCCESS", "slow": "SUCCESS"}
    assert states(runs) == {"dir": "WARNING"} | expected
    assert row.state is State.WARNING
    ends = [attempt.status.current.value for attempt in runs["again"].attempts]
    assert ends == ["FAILED", "FAILED", "SUCCESS"]
    assert [attempt.status.current.value for attempt in runs["slow"].attempts] == ["FAILED"]
    assert "ERROR Timeout after PT0.1S" in await whole.stage.lines(runs["slow"].id)


async def test_a_condition_that_cannot_be_rendered_fails_the_block(whole):
    row, runs = await whole.run(
        block(
            """
- id: one
  type: io.kestra.plugin.core.debug.Return
  format: 1
- id: two
  type: io.kestra.plugin.core.debug.Return
  runIf: "{{ outputs.failed }}"
"""
        )
    )
    assert row.state is State.FAILED
    assert states(runs) == {"dir": "FAILED", "one": "SUCCESS"}


async def test_in_a_loop_the_value_of_the_block_is_that_of_its_tasks(whole):
    row, _ = await whole.run(
        f"  - id: each\n    type: {CORE}flow.ForEach\n    values: [a, b]\n    tasks:\n"
        f"      - id: dir\n        type: {CORE}flow.WorkingDirectory\n        tasks:\n"
        f"          - id: one\n            type: {CORE}debug.Return\n            format: '{{{{ taskrun.value }}}}'\n"
        f"          - id: two\n            type: {CORE}debug.Return\n"
        "            format: '{{ outputs.one[taskrun.value].value }}{{ parent.taskrun.value }}'\n"
        f"  - id: after\n    type: {CORE}log.Log\n    message: '{{{{ outputs.two.a.value }}}} {{{{ outputs.two.b.value }}}}'\n"
    )
    assert row.state is State.SUCCESS
    runs = await whole.stage.database.executions.task_runs(row.id)
    last = next(run for run in runs if run.task_id == "after")
    assert await whole.stage.lines(last.id) == ["INFO aa bb"]
    assert {(run.task_id, run.value) for run in runs if run.task_id == "one"} == {("one", "a"), ("one", "b")}


async def test_a_kill_reaches_the_task_inside(whole):
    execution = await whole.begin(block("- id: one\n  type: test.Wait\n"))
    worker = whole.stage.workers[0]
    await whole.stage.until(lambda: worker.running)
    await whole.stage.database.executions.submit([(execution.id, KillRequested(datetime.now(UTC)), None)])
    await whole.stage.queue.publish(Topic.EXECUTIONS, [execution.id])
    row, runs = await whole.ended(execution.id)
    assert row.state is State.KILLED
    assert set(states(runs).values()) == {"KILLED"}
    await whole.stage.until(lambda: not worker.running, 3)


async def test_a_lost_worker_lets_the_block_begin_again(whole):
    execution = await whole.begin(
        block("- id: one\n  type: test.Count\n- id: two\n  type: test.Wait\n  seconds: 0.5\n")
    )
    first = whole.stage.workers[0]

    async def told():
        return len(await whole.stage.database.executions.task_runs(execution.id)) >= 2

    await whole.stage.until(told)
    ids = await whole.stage.jobs.end(first.id, datetime.now(UTC))
    await whole.stage.queue.publish(Topic.EXECUTIONS, ids)
    row, runs = await whole.ended(execution.id)
    assert row.state is State.SUCCESS
    assert states(runs) == {"dir": "SUCCESS", "one": "SUCCESS", "two": "SUCCESS"}
    assert [attempt.status.current.value for attempt in runs["dir"].attempts] == ["RESUBMITTED", "SUCCESS"]
    assert worker_plugins.RUNS["one"] == 2
    assert len(await whole.stage.database.executions.task_runs(execution.id)) == 3


async def test_a_restart_runs_the_whole_block_again(whole):
    row, runs = await whole.run(block("- id: one\n  type: test.Count\n- id: two\n  type: test.Files\n  fail: true\n"))
    assert row.state is State.FAILED
    before = {run.id for run in runs.values()}
    await whole.stage.database.executions.submit([(row.id, RestartRequested(), None)])
    await whole.stage.queue.publish(Topic.EXECUTIONS, [row.id])
    await whole.stage.until(lambda: worker_plugins.RUNS["one"] == 2)
    row, runs = await whole.ended(row.id)
    assert states(runs) == {"dir": "FAILED", "one": "SUCCESS", "two": "FAILED"}
    assert runs["dir"].id in before
    assert not before & {runs["one"].id, runs["two"].id}


async def test_the_cache_brings_files_to_the_next_run(whole):
    tasks = block(
        '- id: one\n  type: test.Files\n  write: {"d/a.txt": "kept", "b.bin": "no"}\n',
        "    cache: {patterns: ['**/*.txt'], ttl: PT5M}\n",
    )
    _, first = await whole.run(tasks)
    _, second = await whole.run(tasks)
    assert (await outputs(whole, first["one"]))["found"] == {}
    assert (await outputs(whole, second["one"]))["found"] == {"d/a.txt": "kept"}
    assert await whole.stage.storage.exists("main", "kestra:///io/test/f/dir/cache/cache.zip")
    _, late = await whole.run(tasks.replace("PT5M", "PT0.001S"))
    assert (await outputs(whole, late["one"]))["found"] == {}


async def test_large_outputs_inside_a_block(whole):
    row, runs = await whole.run(
        block(
            "- id: big\n  type: test.Big\n  size: 300000\n"
            f"- id: log\n  type: {CORE}log.Log\n  message: '{{{{ outputs.big.text | length }}}}'\n"
        )
        + f"  - id: after\n    type: {CORE}log.Log\n    message: '{{{{ outputs.big.text | length }}}}'\n"
    )
    assert row.state is State.SUCCESS
    assert f"/tasks/big/{runs['big'].id}/" in runs["big"].outputs.uri
    assert await whole.stage.lines(runs["log"].id) == ["INFO 300000"]
    assert await whole.stage.lines(runs["after"].id) == ["INFO 300000"]


async def test_an_empty_block_succeeds(whole):
    row, runs = await whole.run(block("- id: one\n  type: test.Wait\n  disabled: true\n"))
    assert (row.state, states(runs)) == (State.SUCCESS, {"dir": "SUCCESS"})
