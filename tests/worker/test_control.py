"""Kills, timeouts, restarts, lost connections."""

import asyncio

import pytest
import worker_plugins
from stage import open_stage

from segue.domain.execution.facts import JobLost, TaskFinished
from segue.domain.execution.state import State
from segue.ports.queue import Channel
from segue.services.maintenance.liveness import Liveness

WAIT = "  - id: t\n    type: test.Wait\n"


@pytest.fixture(autouse=True)
def _release():
    worker_plugins.RELEASE.clear()
    yield
    worker_plugins.RELEASE.set()


@pytest.fixture
async def stage():
    async with open_stage() as stage:
        await stage.add_worker()
        yield stage
        worker_plugins.RELEASE.set()


@pytest.mark.parametrize("kind", ["Wait", "Block", "Stubborn"])
async def test_a_kill_ends_a_task(stage, kind):
    run = await stage.submit(stage.execution(stage.flow(f"  - id: t\n    type: test.{kind}\n")), "t")
    await stage.until(lambda: stage.workers[0].running)
    await asyncio.sleep(0.02)
    await stage.queue.broadcast(Channel.KILLS, [run])
    fact = await stage.finished(run)
    assert (fact.state, fact.message) == (State.KILLED, "The task was killed")


async def test_a_kill_of_somebody_else_is_ignored(stage):
    run = await stage.submit(stage.execution(stage.flow(WAIT + "    seconds: 0.3\n")), "t")
    await stage.until(lambda: stage.workers[0].running)
    await stage.queue.broadcast(Channel.KILLS, ["execution9-1"])
    assert (await stage.finished(run)).state is State.SUCCESS


async def test_a_kill_whose_broadcast_was_lost_arrives_all_the_same(stage, monkeypatch):
    monkeypatch.setattr("segue.services.controller.kills.Kills.check.__kwdefaults__", {"settled": 0.0})
    run = await stage.submit(stage.execution(stage.flow(WAIT)), "t")
    await stage.until(lambda: stage.workers[0].running)
    del stage.jobs.held[run]
    await stage.until(lambda: not stage.workers[0].running, 3)


@pytest.mark.parametrize("kind", ["Wait", "Block", "Stubborn"])
@pytest.mark.parametrize("timeout", ["PT0.1S", "\"{{ 'PT0.1S' }}\""], ids=["literal", "expression"])
async def test_a_timeout_ends_a_task(stage, kind, timeout):
    fact = await stage.run(stage.flow(f"  - id: t\n    type: test.{kind}\n    timeout: {timeout}\n"))
    assert fact.state is State.FAILED
    assert fact.message == "Timeout after 0:00:00.100000"
    assert stage.lines(fact.task_run_id)[-1] == f"ERROR {fact.message}"


async def test_abandoned_threads_do_not_use_up_the_worker():
    async with open_stage() as stage:
        await stage.add_worker(slots=2)
        flow = stage.flow("  - id: t\n    type: test.Stubborn\n    timeout: PT0.05S\n")
        for _ in range(5):
            assert (await stage.run(flow)).state is State.FAILED


async def test_a_running_task_outlives_the_controller_and_loses_no_line():
    async with open_stage() as stage:
        worker = await stage.add_worker(reconnect_delay=0.02)
        flow = stage.flow("  - id: t\n    type: test.Chatty\n    lines: 300\n    pause: 0.002\n")
        run = await stage.submit(stage.execution(flow), "t")
        await stage.until(lambda: len(stage.jobs.logs) > 20)
        port = stage.controller.port
        await stage.controller.stop()
        assert worker.running == 1
        await asyncio.sleep(0.2)
        await stage.start_controller(port)
        fact = await stage.finished(run)
        assert fact.state is State.SUCCESS
        await stage.until(lambda: len(stage.jobs.logs) == 300)
        assert stage.lines(run) == [f"INFO line {number}" for number in range(300)]
        assert len([one for one in stage.jobs.facts if isinstance(one, TaskFinished)]) == 1


async def test_a_result_reached_while_the_controller_is_away_is_kept():
    async with open_stage() as stage:
        worker = await stage.add_worker(reconnect_delay=0.02)
        run = await stage.submit(stage.execution(stage.flow(WAIT + "    seconds: 0.2\n")), "t")
        await stage.until(lambda: worker.running)
        port = stage.controller.port
        await stage.controller.stop()
        await stage.until(lambda: not worker.running)
        assert run in stage.jobs.held
        await stage.start_controller(port)
        assert (await stage.finished(run)).state is State.SUCCESS
        assert stage.lines(run) == ["INFO waiting", "INFO waited"]


async def test_a_large_output_waits_for_the_controller():
    async with open_stage() as stage:
        worker = await stage.add_worker(reconnect_delay=0.02)
        flow = stage.flow(
            "  - id: t\n    type: test.Wait\n    seconds: 0.1\n  - id: big\n    type: test.Big\n    size: 300000\n"
        )
        await stage.run(flow)
        port = stage.controller.port
        run = await stage.submit(stage.execution(flow), "big", quiet=True)
        stage.controller.worker_count  # noqa: B018
        await stage.controller.stop()
        await stage.start_controller(port)
        assert (await stage.finished(run)).outputs.size > 300_000
        assert worker.running == 0


async def test_jobs_that_never_reached_the_worker_are_given_out_again():
    async with open_stage() as stage:
        await stage.add_worker(reconnect_delay=0.02)
        execution = stage.execution(stage.flow(WAIT + "    seconds: 0.01\n"))
        run = await stage.submit(execution, "t", quiet=True)
        worker_id = next(iter(stage.jobs.leases))
        job = stage.jobs.ready_jobs.pop()
        stage.jobs.held[run] = (worker_id, "never-arrived", job)
        port = stage.controller.port
        await stage.controller.stop()
        await stage.start_controller(port)
        assert (await stage.finished(run)).state is State.SUCCESS


async def test_a_job_lost_to_another_worker_is_stopped_at_resume():
    async with open_stage() as stage:
        worker = await stage.add_worker(reconnect_delay=0.02)
        run = await stage.submit(stage.execution(stage.flow(WAIT)), "t")
        await stage.until(lambda: worker.running)
        port = stage.controller.port
        await stage.controller.stop()
        del stage.jobs.held[run]
        await stage.start_controller(port)
        await stage.until(lambda: not worker.running, 3)


async def test_a_result_with_an_old_token_changes_nothing():
    async with open_stage() as stage:
        await stage.add_worker()
        run = await stage.submit(stage.execution(stage.flow(WAIT + "    seconds: 0.2\n")), "t")
        await stage.until(lambda: stage.workers[0].running)
        _, _, job = stage.jobs.held[run]
        stage.jobs.held[run] = ("somebody-else", "new-token", job)
        await stage.until(lambda: f"{run}:0:1" in stage.jobs.logs)
        await asyncio.sleep(0.05)
        assert not [fact for fact in stage.jobs.facts if isinstance(fact, TaskFinished)]
        assert run in stage.jobs.held


async def test_reports_wait_while_the_database_is_away():
    async with open_stage() as stage:
        await stage.add_worker()
        run = await stage.submit(stage.execution(stage.flow(WAIT + "    seconds: 0.1\n")), "t")
        await stage.until(lambda: stage.workers[0].running)
        stage.jobs.away = True
        await asyncio.sleep(0.5)
        assert run in stage.jobs.held
        stage.jobs.away = False
        assert (await stage.finished(run)).state is State.SUCCESS
        assert stage.lines(run) == ["INFO waiting", "INFO waited"]


async def test_a_report_that_cannot_be_stored_becomes_a_failure(stage, monkeypatch):
    accept = stage.jobs.accept

    async def refuse_outputs(report):
        if any(result.outputs for result in report.results):
            raise ValueError("poison")
        return await accept(report)

    monkeypatch.setattr(stage.jobs, "accept", refuse_outputs)
    bad = await stage.run(stage.flow("  - id: t\n    type: test.Big\n    size: 5\n"))
    assert (bad.state, bad.message) == (
        State.FAILED,
        "The result of the task could not be stored: ValueError",
    )
    harmless = "  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: a\n"
    good = await stage.run(stage.flow(harmless, name="harmless"))
    assert good.state is State.SUCCESS


async def test_a_dead_worker_loses_its_jobs():
    async with open_stage(lease=0.4) as stage:
        liveness = Liveness(stage.jobs, stage.queue, stage.ports.clock, interval=0.05, lease=0.1)
        await liveness.start()
        worker = await stage.add_worker()
        run = await stage.submit(stage.execution(stage.flow(WAIT)), "t")
        await stage.until(lambda: worker.running)
        await asyncio.sleep(0.8)
        assert not [fact for fact in stage.jobs.facts if isinstance(fact, JobLost)]
        await worker._cancel_duties()
        await stage.until(lambda: [f for f in stage.jobs.facts if isinstance(f, JobLost) and f.task_run_id == run])
        assert run.rpartition("-")[0] in stage.queue.published
        await liveness.stop()


async def test_a_worker_that_stops_lets_its_tasks_end_and_says_goodbye():
    async with open_stage() as stage:
        worker = await stage.add_worker()
        run = await stage.submit(stage.execution(stage.flow(WAIT + "    seconds: 0.3\n")), "t")
        await stage.until(lambda: worker.running)
        await worker.stop()
        assert (await stage.finished(run, 0.1)).state is State.SUCCESS
        await stage.until(lambda: not stage.jobs.leases, 1)
        assert stage.controller.worker_count == 0


async def test_tasks_that_outlast_the_grace_period_go_to_others():
    async with open_stage() as stage:
        worker = await stage.add_worker(stop_grace=0.1)
        run = await stage.submit(stage.execution(stage.flow(WAIT)), "t")
        await stage.until(lambda: worker.running)
        await worker.stop()
        lost = [fact for fact in stage.jobs.facts if isinstance(fact, JobLost)]
        assert [fact.task_run_id for fact in lost] == [run]


async def test_no_more_jobs_are_taken_than_there_are_slots():
    async with open_stage() as stage:
        await stage.add_worker(slots=3)
        flow = stage.flow(WAIT + "    seconds: 0.2\n")
        runs = [await stage.submit(stage.execution(flow), "t") for _ in range(7)]
        await stage.until(lambda: stage.workers[0].running == 3)
        assert len(stage.jobs.held) == 3
        for run in runs:
            await stage.finished(run)


async def test_slots_beside_long_tasks_are_filled_again():
    async with open_stage() as stage:
        await stage.add_worker(slots=4)
        long = stage.flow(WAIT, name="long")
        for _ in range(3):
            await stage.submit(stage.execution(long), "t")
        await stage.until(lambda: stage.workers[0].running == 3)
        quick = stage.flow("  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: a\n")
        for _ in range(5):
            assert (await stage.run(quick)).state is State.SUCCESS


async def test_jobs_without_news_are_found_by_looking():
    async with open_stage() as stage:
        await stage.add_worker()
        await asyncio.sleep(0.05)
        execution = stage.execution(stage.flow(WAIT + "    seconds: 0.01\n"))
        run = await stage.submit(execution, "t", quiet=True)
        assert (await stage.finished(run, 2)).state is State.SUCCESS


async def test_two_workers_share_the_work():
    async with open_stage() as stage:
        await stage.add_worker(slots=2)
        await stage.add_worker(slots=2)
        flow = stage.flow(WAIT + "    seconds: 0.1\n")
        runs = [await stage.submit(stage.execution(flow), "t") for _ in range(8)]
        facts = [await stage.finished(run) for run in runs]
        assert {fact.worker_id for fact in facts} == {worker.id for worker in stage.workers}


async def test_a_job_whose_context_is_too_large_fails_instead_of_blocking():
    async with open_stage(max_message_bytes=200_000) as stage:
        await stage.add_worker()
        run = await stage.submit(stage.execution(stage.flow(WAIT)), "t", {"item": {"value": "x" * 150_000}})
        fact = await stage.finished(run)
        assert fact.state is State.FAILED
        assert "context of the task is larger" in fact.message
