"""What tasks show of their inside: over real gRPC into the database."""

import asyncio
import threading

import pytest
import worker_plugins
from stage import open_stage
from test_protocol import LOG, key, meet
from whole import open_whole

from segue.domain.encrypted import is_encrypted
from segue.domain.execution.insights import MAX_CONTENT, MAX_PER_ATTEMPT, InsightKind, InsightState
from segue.domain.execution.state import State
from segue.ports.repositories.insights import InsightQuery
from segue.proto.generated import worker_pb2 as pb

SHOW = "  - id: t\n    type: test.Show\n"


@pytest.fixture
async def stage(tmp_path):
    worker_plugins.RELEASE.clear()
    async with open_stage(tmp_path) as stage:
        await stage.add_worker()
        yield stage
        worker_plugins.RELEASE.set()


async def shown(stage, run):
    query = InsightQuery(tenant="main", execution_id=run.rpartition("-")[0], task_run_id=run)
    return (await stage.database.insights.search(query)).items


async def test_steps_lie_within_each_other_and_fail_with_their_block(stage):
    fact = await stage.run(await stage.flow(SHOW + "    how: steps\n"))
    assert fact.state is State.FAILED
    outer, inner, table, text, broken, link = await shown(stage, fact.task_run_id)
    assert (outer.name, outer.kind, outer.state, outer.parent) == ("outer", "STEP", InsightState.FAILED, None)
    assert outer.content == {"rows": 2, "source": "sales"}
    assert outer.at <= inner.at <= inner.ended_at <= outer.ended_at
    assert (inner.name, inner.state, inner.parent) == ("inner", InsightState.SUCCESS, outer.number)
    assert (table.content, table.parent) == ({"columns": ["id", "name"], "rows": [[1, "a"], [2, None]]}, inner.number)
    assert (text.content, text.parent) == ({"markdown": "*two* rows"}, outer.number)
    assert (broken.name, broken.state, broken.parent) == ("broken", InsightState.FAILED, outer.number)
    assert (link.kind, link.content, link.parent) == (InsightKind.LINK, {"url": "https://example.org/"}, broken.number)
    assert {one.task_id for one in (outer, link)} == {"t"}
    assert {one.attempt for one in (outer, link)} == {0}


async def test_open_steps_are_seen_while_the_task_runs(stage):
    run = await stage.submit(await stage.execution(await stage.flow(SHOW + "    how: wait\n")))
    found = await stage.until(lambda: shown(stage, run))
    assert [(one.name, one.state, one.ended_at) for one in found] == [("waiting", InsightState.RUNNING, None)]
    worker_plugins.RELEASE.set()
    await stage.finished(run)
    (step,) = await shown(stage, run)
    assert (step.state, step.content) == (InsightState.SUCCESS, {"waited": True})


async def test_a_killed_task_leaves_no_open_steps(stage):
    run = await stage.submit(await stage.execution(await stage.flow(SHOW + "    how: wait\n    timeout: PT0.3S\n")))
    fact = await stage.finished(run)
    assert fact.state is State.FAILED
    assert [(one.name, one.state) for one in await shown(stage, run)] == [("waiting", InsightState.FAILED)]


async def test_secrets_are_hidden_in_whatever_is_shown(stage):
    fact = await stage.run(await stage.flow(SHOW + "    how: secret\n"))
    assert fact.state is State.SUCCESS
    found = await shown(stage, fact.task_run_id)
    assert found
    assert "hunter2" not in repr(found)
    assert "******" in repr(found)


async def test_secret_outputs_are_encrypted_by_the_control_plane(stage):
    fact = await stage.run(await stage.flow(SHOW + "    how: encrypt\n"))
    assert fact.state is State.SUCCESS, fact.message
    outputs = await stage.outputs(fact.task_run_id)
    assert is_encrypted(outputs["password"])
    assert is_encrypted(outputs["other"])
    assert outputs["same"] is True
    assert "hunter2" not in repr(outputs)
    assert await stage.lines(fact.task_run_id) == ["INFO the password is ******"]


async def test_what_was_not_encrypted_here_cannot_be_decrypted(stage):
    fact = await stage.run(await stage.flow(SHOW + "    how: decrypt\n"))
    assert fact.state is State.FAILED
    assert "hunter2" not in fact.message


async def test_encryption_that_is_not_configured_is_an_error_of_the_task(tmp_path):
    async with open_stage(tmp_path) as stage:
        stage.values.cipher = None
        await stage.add_worker()
        fact = await stage.run(await stage.flow(SHOW + "    how: encrypt\n"))
        assert (fact.state, fact.message) == (
            State.FAILED,
            "A secret output cannot be encrypted: encryption is not configured",
        )


async def test_what_a_worker_makes_up_is_dropped(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        flow = await stage.flow(LOG)
        own = await stage.submit(await stage.execution(flow))
        await peer.connect()
        job = await peer.job()
        other = await stage.submit(await stage.execution(flow), quiet=True)
        foreign = key(job, execution_id=other.rpartition("-")[0], task_run_id=other)
        good = {"run": key(job), "kind": "TEXT", "name": "n", "content": b'{"markdown":"m"}'}
        bad = [
            {"run": foreign},
            {"kind": "HTML"},
            {"number": MAX_PER_ATTEMPT},
            {"content": b"[1]"},
            {"content": b"no json"},
            {"content": b'{"a":"' + b"x" * MAX_CONTENT + b'"}'},
            {"kind": "LINK", "content": b'{"url":"javascript:alert(1)"}'},
            {"kind": "LINK", "content": b"{}"},
            {"kind": "TEXT", "content": b'{"markdown":1}'},
            {"kind": "TABLE", "content": b'{"columns":[],"rows":[1]}'},
            {"kind": "TABLE", "content": b'{"rows":[]}'},
        ]
        parts = [pb.Insight(**(good | {"number": number} | fields)) for number, fields in enumerate(bad, 1)]
        strange = pb.Insight(**(good | {"name": "x" * 1000, "number": 20, "parent": 20, "state": "LOST"}))
        await peer.report(1, insights=[*parts, strange])
        (one,) = await shown(stage, own)
        assert (one.number, one.parent, one.state, len(one.name)) == (20, None, None, 256)
        assert await shown(stage, other) == []


async def test_what_is_shown_outlives_a_controller(stage):
    run = await stage.submit(await stage.execution(await stage.flow(SHOW + "    how: wait\n")))
    await stage.until(lambda: shown(stage, run))
    restart = asyncio.create_task(stage.restart_controller(0.2))
    await asyncio.sleep(0.1)
    threading.Timer(0.05, worker_plugins.RELEASE.set).start()
    await restart
    await stage.finished(run)
    assert [one.state for one in await shown(stage, run)] == [InsightState.SUCCESS]


async def test_tasks_inside_others_show_under_their_own_task_run(tmp_path):
    async with open_whole(tmp_path) as whole:
        row, runs = await whole.run(
            "  - id: dir\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n    tasks:\n"
            "      - {id: inside, type: test.Show, how: secret}\n"
            "  - id: templated\n    type: io.kestra.plugin.core.templating.TemplatedTask\n"
            "    spec: '{type: test.Show, how: secret}'\n"
        )
        assert row.state is State.SUCCESS
        for task in ("inside", "templated"):
            found = await shown(whole.stage, runs[task].id)
            assert [one.kind for one in found] == ["STEP", "TABLE", "LINK", "TEXT", "PROGRESS"]
            assert {one.task_id for one in found} == {task}
            assert found[0].state is InsightState.SUCCESS
