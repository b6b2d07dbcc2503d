"""Kills, timeouts, restarts, lost connections."""

import asyncio

import pytest
import worker_plugins
from stage import open_stage

from segue.domain.execution.facts import JobLost, TaskFinished
from segue.domain.execution.state import State
from segue.ports.queue import Channel
from segue.proto.generated import worker_pb2 as pb
from segue.services.controller.kills import Kills
from segue.services.maintenance.liveness import Liveness
from segue.services.worker.control import Connected, Control, Terms

WAIT = "  - id: t\n    type: test.Wait\n"


async def logged(stage, run, count):
    return len(await stage.lines(run)) >= count


async def lost(stage, run):
    return [fact for fact in await stage.facts(run) if isinstance(fact, JobLost)]


@pytest.fixture(autouse=True)
def _release():
    worker_plugins.RELEASE.clear()
    yield
    worker_plugins.RELEASE.set()


@pytest.fixture
async def stage(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker()
        yield stage
        worker_plugins.RELEASE.set()


@pytest.mark.parametrize("kind", ["Wait", "Block", "Stubborn"])
async def test_a_kill_ends_a_task(stage, kind):
    run = await stage.submit(await stage.execution(await stage.flow(f"  - id: t\n    type: test.{kind}\n")), "t")
    await stage.until(lambda: stage.workers[0].running)
    await asyncio.sleep(0.02)
    await stage.queue.broadcast(Channel.KILLS, [run])
    fact = await stage.finished(run)
    assert (fact.state, fact.message) == (State.KILLED, "The task was killed")


async def test_a_kill_of_somebody_else_is_ignored(stage):
    run = await stage.submit(await stage.execution(await stage.flow(WAIT + "    seconds: 0.3\n")), "t")
    await stage.until(lambda: stage.workers[0].running)
    await stage.queue.broadcast(Channel.KILLS, ["execution9-1"])
    assert (await stage.finished(run)).state is State.SUCCESS


async def test_a_kill_whose_broadcast_was_lost_arrives_all_the_same(stage, monkeypatch):
    monkeypatch.setattr(Kills.check, "__kwdefaults__", {"settled": 0.0})
    run = await stage.submit(await stage.execution(await stage.flow(WAIT)), "t")
    await stage.until(lambda: stage.workers[0].running)
    await stage.drop(run)
    await stage.until(lambda: not stage.workers[0].running, 3)


@pytest.mark.parametrize("kind", ["Wait", "Block", "Stubborn"])
@pytest.mark.parametrize("limit", ["PT0.1S", "\"{{ 'PT0.1S' }}\""], ids=["literal", "expression"])
async def test_a_timeout_ends_a_task(stage, kind, limit):
    fact = await stage.run(await stage.flow(f"  - id: t\n    type: test.{kind}\n    timeout: {limit}\n"))
    assert fact.state is State.FAILED
    assert fact.message == "Timeout after PT0.1S"
    assert (await stage.lines(fact.task_run_id))[-1] == f"ERROR {fact.message}"


async def test_abandoned_threads_do_not_use_up_the_worker(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker(slots=2)
        flow = await stage.flow("  - id: t\n    type: test.Stubborn\n    timeout: PT0.05S\n")
        for _ in range(5):
            assert (await stage.run(flow)).state is State.FAILED


async def test_a_running_task_outlives_the_controller_and_loses_no_line(tmp_path):
    async with open_stage(tmp_path) as stage:
        worker = await stage.add_worker()
        flow = await stage.flow("  - id: t\n    type: test.Chatty\n    lines: 300\n    pause: 0.002\n")
        run = await stage.submit(await stage.execution(flow), "t")
        await stage.until(lambda: logged(stage, run, 20))
        port = stage.controller.port
        await stage.controller.stop()
        assert worker.running == 1
        await asyncio.sleep(0.2)
        await stage.start_controller(port)
        fact = await stage.finished(run)
        assert fact.state is State.SUCCESS
        await stage.until(lambda: logged(stage, run, 300))
        assert await stage.lines(run) == [f"INFO line {number}" for number in range(300)]
        assert len([one for one in await stage.facts(run) if isinstance(one, TaskFinished)]) == 1


async def test_a_result_reached_while_the_controller_is_away_is_kept(tmp_path):
    async with open_stage(tmp_path) as stage:
        worker = await stage.add_worker()
        run = await stage.submit(await stage.execution(await stage.flow(WAIT + "    seconds: 0.2\n")), "t")
        await stage.until(lambda: logged(stage, run, 1))
        port = stage.controller.port
        await stage.controller.stop()
        await stage.until(lambda: not worker.running)
        assert run in await stage.held()
        await stage.start_controller(port)
        assert (await stage.finished(run)).state is State.SUCCESS
        assert await stage.lines(run) == ["INFO waiting", "INFO waited"]


async def test_a_call_under_which_the_channel_is_closed_is_made_again():
    """gRPC cancels it, which must not look as if somebody wanted the task to end."""

    class ClosingStub:
        calls = 0

        async def FetchFlow(self, request, **settings):  # noqa: N802  the name in the protocol
            self.calls += 1
            if self.calls == 1:
                raise asyncio.CancelledError
            return pb.FetchFlowResponse(source="the source")

    control, stub = Control(), ClosingStub()
    control.attach(Connected(stub, ()), Terms())
    assert (await control.flow(pb.FlowKey())).source == "the source"
    assert stub.calls == 2


async def test_a_call_whose_caller_is_cancelled_ends():
    class SlowStub:
        async def FetchFlow(self, request, **settings):  # noqa: N802  the name in the protocol
            await asyncio.sleep(60)

    control = Control()
    control.attach(Connected(SlowStub(), ()), Terms())
    call = asyncio.create_task(control.flow(pb.FlowKey()))
    await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_reports_that_died_with_the_controller_are_sent_again(tmp_path):
    async with open_stage(tmp_path) as stage:
        worker = await stage.add_worker()
        run = await stage.submit(await stage.execution(await stage.flow(WAIT + "    seconds: 0.3\n")))
        await stage.until(lambda: logged(stage, run, 1))
        stage.jobs.is_stuck = True
        await stage.until(lambda: not worker.running)
        await asyncio.sleep(0.1)
        stage.jobs.is_stuck = False
        await stage.restart_controller()
        assert (await stage.finished(run)).state is State.SUCCESS
        assert await stage.lines(run) == ["INFO waiting", "INFO waited"]


async def test_a_large_output_waits_for_the_controller(tmp_path):
    async with open_stage(tmp_path) as stage:
        worker = await stage.add_worker()
        flow = await stage.flow(
            "  - id: t\n    type: test.Wait\n    seconds: 0.1\n  - id: big\n    type: test.Big\n    size: 300000\n"
        )
        await stage.run(flow)
        port = stage.controller.port
        run = await stage.submit(await stage.execution(flow), "big", quiet=True)
        await stage.controller.stop()
        await stage.start_controller(port)
        assert (await stage.finished(run)).outputs.size > 300_000
        assert worker.running == 0


async def test_jobs_that_never_reached_the_worker_are_given_out_again(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker()
        execution = await stage.execution(await stage.flow(WAIT + "    seconds: 0.01\n"))
        run = await stage.submit(execution, "t", quiet=True)
        await stage.jobs.claim(stage.workers[0].id, ["default"], 1, stage.ports.clock.now())
        assert run in await stage.held()
        await stage.restart_controller()
        assert (await stage.finished(run)).state is State.SUCCESS


async def test_a_job_lost_to_another_worker_is_stopped_at_resume(tmp_path):
    async with open_stage(tmp_path) as stage:
        worker = await stage.add_worker()
        run = await stage.submit(await stage.execution(await stage.flow(WAIT)), "t")
        await stage.until(lambda: worker.running)
        port = stage.controller.port
        await stage.controller.stop()
        await stage.drop(run)
        await stage.start_controller(port)
        await stage.until(lambda: not worker.running, 3)


async def test_a_result_with_an_old_token_changes_nothing(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker()
        run = await stage.submit(await stage.execution(await stage.flow(WAIT + "    seconds: 0.2\n")), "t")
        await stage.until(lambda: stage.workers[0].running)
        await stage.jobs.release(stage.workers[0].id, [], stage.ports.clock.now())
        other = await stage.jobs.claim("somebody-else", ["default"], 1, stage.ports.clock.now())
        assert [claimed.job.task_run_id for claimed in other] == [run]
        await stage.until(lambda: logged(stage, run, 2))
        await asyncio.sleep(0.05)
        assert not [fact for fact in await stage.facts(run) if isinstance(fact, TaskFinished)]
        assert await stage.jobs.held_by("somebody-else") == [run]


async def test_reports_wait_while_the_database_is_away(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker()
        run = await stage.submit(await stage.execution(await stage.flow(WAIT + "    seconds: 0.4\n")), "t")
        await stage.until(lambda: logged(stage, run, 1))
        stage.jobs.is_away = True
        await asyncio.sleep(0.8)
        assert run in await stage.held()
        stage.jobs.is_away = False
        assert (await stage.finished(run)).state is State.SUCCESS
        assert await stage.lines(run) == ["INFO waiting", "INFO waited"]


async def test_a_report_that_cannot_be_stored_becomes_a_failure(stage):
    stage.jobs.refuses = lambda report: any(result.outputs for result in report.results)
    bad = await stage.run(await stage.flow("  - id: t\n    type: test.Big\n    size: 5\n"))
    assert (bad.state, bad.message) == (
        State.FAILED,
        "The result of the task could not be stored: ValueError",
    )
    harmless = "  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: a\n"
    good = await stage.run(await stage.flow(harmless, name="harmless"))
    assert good.state is State.SUCCESS


async def test_a_dead_worker_loses_its_jobs(tmp_path):
    async with open_stage(tmp_path, lease=0.4) as stage:
        liveness = Liveness(stage.jobs, stage.queue, stage.ports.clock, interval=0.05, lease=0.1)
        await liveness.start()
        worker = await stage.add_worker()
        run = await stage.submit(await stage.execution(await stage.flow(WAIT)), "t")
        await stage.until(lambda: worker.running)
        await asyncio.sleep(0.8)
        assert not await lost(stage, run)
        await worker._cancel_duties()
        await stage.until(lambda: lost(stage, run))
        assert run.rpartition("-")[0] in stage.queue.published
        await liveness.stop()


async def test_a_worker_that_stops_lets_its_tasks_end_and_says_goodbye(tmp_path):
    async with open_stage(tmp_path) as stage:
        worker = await stage.add_worker()
        run = await stage.submit(await stage.execution(await stage.flow(WAIT + "    seconds: 0.3\n")), "t")
        await stage.until(lambda: worker.running)
        await worker.stop()
        assert (await stage.finished(run, 0.1)).state is State.SUCCESS
        assert not await stage.jobs.workers()
        assert stage.controller.worker_count == 0


async def test_tasks_that_outlast_the_grace_period_go_to_others(tmp_path):
    async with open_stage(tmp_path) as stage:
        worker = await stage.add_worker(stop_grace=0.1)
        run = await stage.submit(await stage.execution(await stage.flow(WAIT)), "t")
        await stage.until(lambda: worker.running)
        await worker.stop()
        assert len(await lost(stage, run)) == 1


async def test_no_more_jobs_are_taken_than_there_are_slots(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker(slots=3)
        flow = await stage.flow(WAIT + "    seconds: 0.2\n")
        runs = [await stage.submit(await stage.execution(flow), "t") for _ in range(7)]
        await stage.until(lambda: stage.workers[0].running == 3)
        assert len(await stage.held()) == 3
        for run in runs:
            await stage.finished(run)


async def test_slots_beside_long_tasks_are_filled_again(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker(slots=4)
        long = await stage.flow(WAIT, name="long")
        for _ in range(3):
            await stage.submit(await stage.execution(long), "t")
        await stage.until(lambda: stage.workers[0].running == 3)
        quick = await stage.flow("  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: a\n")
        for _ in range(5):
            assert (await stage.run(quick)).state is State.SUCCESS


async def test_jobs_without_news_are_found_by_looking(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker()
        await asyncio.sleep(0.05)
        execution = await stage.execution(await stage.flow(WAIT + "    seconds: 0.01\n"))
        run = await stage.submit(execution, "t", quiet=True)
        assert (await stage.finished(run, 2)).state is State.SUCCESS


async def test_two_workers_share_the_work(tmp_path):
    async with open_stage(tmp_path) as stage:
        await stage.add_worker(slots=2)
        await stage.add_worker(slots=2)
        flow = await stage.flow(WAIT + "    seconds: 0.1\n")
        runs = [await stage.submit(await stage.execution(flow), "t") for _ in range(8)]
        facts = [await stage.finished(run) for run in runs]
        assert {fact.worker_id for fact in facts} == {worker.id for worker in stage.workers}


async def test_a_job_whose_context_is_too_large_fails_instead_of_blocking(tmp_path):
    async with open_stage(tmp_path, max_message_bytes=200_000) as stage:
        await stage.add_worker()
        run = await stage.submit(await stage.execution(await stage.flow(WAIT)), "t", {"item": {"value": "x" * 150_000}})
        fact = await stage.finished(run)
        assert fact.state is State.FAILED
        assert "context of the task is larger" in fact.message
