"""Executor, controller and worker together: flows from their start to their end."""

from datetime import UTC, datetime

import pytest
from whole import open_whole

from segue.domain.execution.facts import KillRequested
from segue.domain.execution.model import ExecutionTrigger
from segue.domain.execution.state import State
from segue.ports.queue import Topic

CORE = "io.kestra.plugin.core."


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


async def test_two_tasks_pass_an_output_on(whole):
    row, runs = await whole.run(
        f"  - id: greet\n    type: {CORE}output.OutputValues\n"
        '    values:\n      message: "Hello {{ trigger.body.name }}"\n'
        f'  - id: log\n    type: {CORE}log.Log\n    message: "{{{{ outputs.greet.values.message }}}}"\n',
        trigger=ExecutionTrigger("hook", "Webhook", {"body": {"name": "World"}}),
    )
    assert row.state is State.SUCCESS
    assert [run.state for run in runs.values()] == [State.SUCCESS, State.SUCCESS]
    assert await whole.stage.lines(runs["log"].id) == ["INFO Hello World"]


async def test_a_failure_ends_the_execution(whole):
    row, runs = await whole.run(
        f"  - id: bad\n    type: {CORE}execution.Fail\n    errorMessage: no\n"
        f"  - id: never\n    type: {CORE}log.Log\n    message: a\n"
    )
    assert row.state is State.FAILED
    assert list(runs) == ["bad"]


async def test_large_outputs_pass_from_task_to_task(whole):
    row, runs = await whole.run(
        "  - id: big\n    type: test.Big\n    size: 300000\n"
        f'  - id: log\n    type: {CORE}log.Log\n    message: "{{{{ outputs.big.text | length }}}}"\n'
    )
    assert row.state is State.SUCCESS
    assert runs["big"].outputs.uri is not None
    assert await whole.stage.lines(runs["log"].id) == ["INFO 300000"]


async def test_a_loop_gives_each_task_its_value(whole):
    row, _ = await whole.run(
        f"  - id: each\n    type: {CORE}flow.ForEach\n    values: [a, b]\n    tasks:\n"
        f'      - id: log\n        type: {CORE}debug.Return\n        format: "{{{{ taskrun.value }}}}"\n'
        f"  - id: after\n    type: {CORE}log.Log\n"
        "    message: \"{{ outputs.log['a'].value }}{{ outputs.log['b'].value }}\"\n"
    )
    assert row.state is State.SUCCESS
    runs = await whole.stage.database.executions.task_runs(row.id)
    last = next(run for run in runs if run.task_id == "after")
    assert await whole.stage.lines(last.id) == ["INFO ab"]


async def test_a_kill_reaches_the_task(whole):
    execution = await whole.begin("  - id: t\n    type: test.Wait\n")
    worker = whole.stage.workers[0]
    await whole.stage.until(lambda: worker.running)
    await whole.stage.database.executions.submit([(execution.id, KillRequested(datetime.now(UTC)), None)])
    await whole.stage.queue.publish(Topic.EXECUTIONS, [execution.id])
    row, _ = await whole.ended(execution.id)
    assert row.state is State.KILLED
    await whole.stage.until(lambda: not worker.running, 3)
