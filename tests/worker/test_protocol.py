"""The controller against workers that do not keep to the protocol: spoken by hand, over real gRPC."""

import asyncio
import contextlib
from datetime import UTC, datetime

import grpc
import pytest
from stage import open_stage

from segue.domain.execution.facts import TaskFinished
from segue.domain.execution.jobs import InnerTask
from segue.domain.execution.state import State
from segue.ports.queue import Channel
from segue.ports.repositories.logs import LogQuery
from segue.proto.generated import worker_pb2 as pb
from segue.proto.generated import worker_pb2_grpc as rpc
from segue.services.controller.sessions import Sessions

LOG = "  - id: t\n    type: io.kestra.plugin.core.log.Log\n    message: a\n"


def introduction(**fields):
    good = {
        "protocol": 1,
        "worker_id": "w" * 22,
        "name": "by hand",
        "slots": 5,
        "worker_queues": ["default"],
    }
    return pb.ConnectRequest(**(good | fields))


class Peer:
    """A worker written by hand."""

    def __init__(self, stub):
        self.stub = stub
        self.metadata = ()
        self.work = None

    async def connect(self, **fields):
        answer = await self.stub.Connect(introduction(**fields))
        self.metadata = (("segue-session", answer.session_id),)
        self.work = self.stub.Work(metadata=self.metadata)
        await self.work.write(pb.WorkRequest(resume=pb.Resume()))
        return answer

    async def job(self):
        await self.work.write(pb.WorkRequest(credits=pb.Credits(slots=1)))
        return (await self.work.read()).jobs.jobs[0]

    async def report(self, number=1, **parts):
        call = self.stub.Report(metadata=self.metadata)
        await call.write(pb.ReportBatch(number=number, **parts))
        ack = await call.read()
        call.cancel()
        return ack.number


def key(job, **fields):
    run = pb.TaskRunKey(
        execution_id=job.execution_id,
        task_run_id=job.task_run_id,
        attempt=job.attempt,
        token=job.token,
        task_id=job.task_id,
        flow=job.flow,
    )
    for name, value in fields.items():
        setattr(run, name, value)
    return run


@contextlib.asynccontextmanager
async def meet(folder, **controller):
    async with (
        open_stage(folder, **controller) as stage,
        grpc.aio.insecure_channel(stage.controller.address) as channel,
    ):
        yield stage, Peer(rpc.WorkerGatewayStub(channel))


async def code_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


@pytest.mark.parametrize(
    "fields",
    [
        {"protocol": 2},
        {"worker_id": "short"},
        {"worker_id": "../../../../etc/passwd"},
        {"name": ""},
        {"name": "x" * 300},
        {"slots": 0},
        {"slots": 1_000_000},
        {"worker_queues": []},
        {"worker_queues": ["'; DROP TABLE jobs"]},
        {"worker_queues": ["q"] * 101},
    ],
    ids=str,
)
async def test_a_bad_introduction_is_refused(tmp_path, fields):
    async with meet(tmp_path) as (_, peer):
        assert await code_of(peer.stub.Connect(introduction(**fields))) is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_worker_without_the_registration_token_is_refused(tmp_path):
    async with meet(tmp_path, registration_token="let me in") as (_, peer):
        refused = grpc.StatusCode.PERMISSION_DENIED
        assert await code_of(peer.stub.Connect(introduction())) is refused
        assert await code_of(peer.stub.Connect(introduction(registration_token="é"))) is refused
        assert (await peer.connect(registration_token="let me in")).session_id


async def test_calls_without_a_session_are_refused(tmp_path):
    async with meet(tmp_path) as (_, peer):
        unknown = grpc.StatusCode.UNAUTHENTICATED
        metadata = (("segue-session", "guessed"),)
        assert await code_of(peer.stub.FetchFlow(pb.FetchFlowRequest())) is unknown
        assert await code_of(peer.stub.FetchFlow(pb.FetchFlowRequest(), metadata=metadata)) is unknown
        assert await code_of(peer.stub.Work(metadata=metadata).read()) is unknown
        assert await code_of(peer.stub.Report(metadata=metadata).read()) is unknown


async def test_a_stream_that_does_not_begin_with_resume_is_ended(tmp_path):
    async with meet(tmp_path) as (_, peer):
        await peer.connect()
        work = peer.stub.Work(metadata=peer.metadata)
        await work.write(pb.WorkRequest(credits=pb.Credits(slots=1)))
        assert await code_of(work.read()) is grpc.StatusCode.INVALID_ARGUMENT


async def test_only_flows_of_own_jobs_are_given(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        flow = await stage.flow(LOG)
        await peer.connect()
        request = pb.FetchFlowRequest(flow=pb.FlowKey(tenant="main", namespace="io.test", flow_id="f", revision=1))
        call = peer.stub.FetchFlow(request, metadata=peer.metadata)
        assert await code_of(call) is grpc.StatusCode.NOT_FOUND
        await stage.submit(await stage.execution(flow))
        await peer.job()
        assert "io.test" in (await peer.stub.FetchFlow(request, metadata=peer.metadata)).source


@pytest.mark.parametrize(
    "change",
    [
        {"token": "guessed"},
        {"token": ""},
        {"task_run_id": "x" * 5000},
        {"task_run_id": "other-1", "execution_id": "other"},
        {"execution_id": "other"},
        {"task_id": "../t"},
        {"attempt": 4_000_000_000},
    ],
    ids=str,
)
async def test_a_result_for_somebody_elses_run_changes_nothing(tmp_path, change):
    async with meet(tmp_path) as (stage, peer):
        run = await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()
        claimed = key(job, **change)
        result = pb.Result(run=claimed, state="SUCCESS")
        line = pb.LogLine(id=f"{claimed.task_run_id}:0:0", run=claimed, level="INFO", message="x")
        assert await peer.report(results=[result], logs=[line]) == 1
        assert await stage.held() == {run}
        if claimed.execution_id != job.execution_id:
            assert (await stage.database.logs.lines(LogQuery(tenant="main")))[0] == []
        assert not [fact for fact in await stage.facts(run) if isinstance(fact, TaskFinished)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state": "RUNNING"}, "a state that no attempt can end in"),
        ({"state": ""}, "a state that no attempt can end in"),
        ({"state": "SUCCESS", "outputs": b"[1]"}, "no JSON object"),
        ({"state": "SUCCESS", "outputs": b"{"}, "no JSON object"),
        ({"state": "SUCCESS", "outputs": b"\xff\xfe"}, "no JSON object"),
        ({"state": "SUCCESS", "outputs": b'{"a":"' + b"x" * 70_000 + b'"}'}, "larger than 65536 bytes"),
        (
            {"state": "SUCCESS", "stored_outputs": pb.StoredOutputs(uri="kestra:///other/x", size=1)},
            "outside of the folder",
        ),
    ],
    ids=["running", "no-state", "list", "cut", "no-text", "large", "foreign-file"],
)
async def test_a_malformed_result_is_a_failure_of_its_task(tmp_path, fields, message):
    async with meet(tmp_path) as (stage, peer):
        run = await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()
        await peer.report(results=[pb.Result(run=key(job), **fields)])
        fact = await stage.finished(run)
        assert fact.state is State.FAILED
        assert message in fact.message


async def test_outputs_lie_directly_in_the_folder_of_their_task_run(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        run = await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()
        uri = f"kestra:///io/test/f/executions/{job.execution_id}/tasks/t/{run}/../other/x"
        stored = pb.StoredOutputs(uri=uri, size=1)
        await peer.report(results=[pb.Result(run=key(job), state="SUCCESS", stored_outputs=stored)])
        assert (await stage.finished(run)).state is State.FAILED


async def test_a_result_told_twice_counts_once(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        run = await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()
        result = pb.Result(run=key(job), state="SUCCESS", outputs=b'{"a":1}')
        line = pb.LogLine(id=f"{run}:0:0", run=key(job), level="INFO", message="once")
        assert await peer.report(1, results=[result, result], logs=[line]) == 1
        assert await peer.report(1, results=[result], logs=[line]) == 1
        assert len([fact for fact in await stage.facts(run) if isinstance(fact, TaskFinished)]) == 1
        assert await stage.lines(run) == ["INFO once"]


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "other-1:0:0"},
        {"id": "x" * 1000},
        {"level": "LOUD"},
        {"level": ""},
    ],
    ids=str,
)
async def test_malformed_lines_are_dropped_and_the_rest_is_kept(tmp_path, fields):
    async with meet(tmp_path) as (stage, peer):
        run = await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()
        good = {"id": f"{run}:0:0", "level": "INFO", "message": "m"}
        lines = [pb.LogLine(run=key(job), **(good | fields)), pb.LogLine(run=key(job), **good)]
        await peer.report(logs=lines)
        assert await stage.lines(run) == ["INFO m"]


async def test_lines_go_to_the_flow_of_the_job_whatever_the_worker_claims(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        run = await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()
        run_key = key(job)
        run_key.flow.tenant = "somebody-else"
        await peer.report(logs=[pb.LogLine(id=f"{run}:0:0", run=run_key, level="INFO", message="m")])
        assert await stage.lines(run) == ["INFO m"]


async def test_a_file_can_only_be_written_below_the_own_task_run(tmp_path):
    async with meet(tmp_path, max_file_bytes=100) as (stage, peer):
        run = await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()

        async def write(run_key, name, data=b"data"):
            call = peer.stub.WriteFile(metadata=peer.metadata)
            await call.write(pb.WriteFileRequest(target=pb.WriteTarget(run=run_key, name=name)))
            with contextlib.suppress(asyncio.InvalidStateError):  # refused before the data is sent
                await call.write(pb.WriteFileRequest(data=data))
                await call.done_writing()
            return (await call).file

        stored = await write(key(job), "a.txt")
        assert stored.uri == f"kestra:///io/test/f/executions/{job.execution_id}/tasks/t/{run}/a.txt"
        for name in ("../a", "/etc/passwd", "", "..", "a\0b"):
            assert await code_of(write(key(job), name)) is grpc.StatusCode.INVALID_ARGUMENT
        assert await code_of(write(key(job, token="guessed"), "a")) is grpc.StatusCode.NOT_FOUND
        large = write(key(job), "large", b"x" * 101)
        assert await code_of(large) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert not await stage.storage.exists("main", stored.uri.replace("a.txt", "large"))


async def test_outputs_of_unrelated_executions_are_not_given(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        flow = await stage.flow(LOG)
        other = await stage.execution(flow)
        await stage.store_outputs(f"{other.id}-7", b'{"secret":1}')
        await stage.submit(await stage.execution(flow))
        await peer.connect()
        job = await peer.job()
        for execution_id in (other.id, job.execution_id):
            request = pb.FetchOutputsRequest(execution_id=execution_id, task_run_id=f"{other.id}-7", token=job.token)
            call = peer.stub.FetchOutputs(request, metadata=peer.metadata)
            assert await code_of(call.read()) is grpc.StatusCode.PERMISSION_DENIED


async def test_a_new_connection_of_a_worker_ends_the_old_one(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        await peer.connect()
        await peer.work.write(pb.WorkRequest(heartbeat=pb.Heartbeat()))
        assert (await peer.work.read()).HasField("heartbeat")
        old_work, old_metadata = peer.work, peer.metadata
        await peer.connect()
        assert await old_work.read() is grpc.aio.EOF
        call = peer.stub.FetchFlow(pb.FetchFlowRequest(), metadata=old_metadata)
        assert await code_of(call) is grpc.StatusCode.UNAUTHENTICATED
        assert stage.controller.worker_count == 1


async def test_a_stream_that_opens_while_a_new_connection_is_made_ends():
    sessions = Sessions()
    earlier = sessions.begin(introduction(), 0.0)
    sessions.begin(introduction(), 0.0)
    assert await earlier.open().next() is None


async def test_more_credits_than_slots_are_not_believed(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        flow = await stage.flow(LOG)
        for _ in range(8):
            await stage.submit(await stage.execution(flow), quiet=True)
        await peer.connect()
        await peer.work.write(pb.WorkRequest(credits=pb.Credits(slots=4_000_000_000)))
        assert len((await peer.work.read()).jobs.jobs) == 5
        await asyncio.sleep(0.3)
        assert len(await stage.held()) == 5


async def test_jobs_whose_claim_was_written_but_not_heard_of_are_claimed_again(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        flow = await stage.flow(LOG)
        runs = {await stage.submit(await stage.execution(flow), quiet=True) for _ in range(3)}
        stage.jobs.loses_claims = 2
        await peer.connect()
        await peer.work.write(pb.WorkRequest(credits=pb.Credits(slots=5)))
        jobs = (await peer.work.read()).jobs.jobs
        assert {job.task_run_id for job in jobs} == runs
        assert await stage.held() == runs
        facts = [await stage.facts(run) for run in runs]
        assert facts == [[], [], []], "a claim nobody heard of is no attempt that was lost"


async def test_what_was_claimed_is_sent_though_the_next_claim_fails(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        other = Peer(peer.stub)
        await peer.connect()
        await other.connect(worker_id="v" * 22)
        stage.jobs.fails_claims_of = "v" * 22
        await peer.work.write(pb.WorkRequest(credits=pb.Credits(slots=3)))
        await other.work.write(pb.WorkRequest(credits=pb.Credits(slots=1)))
        flow = await stage.flow(LOG)
        runs = {await stage.submit(await stage.execution(flow), quiet=True) for _ in range(2)}
        await stage.queue.broadcast(Channel.JOBS, ["default"])
        got: set[str] = set()
        async with asyncio.timeout(5):
            while got != runs:  # in one frame or in two
                got |= {job.task_run_id for job in (await peer.work.read()).jobs.jobs}


async def test_jobs_claimed_behind_the_back_of_a_living_worker_are_given_back(tmp_path):
    async with meet(tmp_path, stray_after=0.1) as (stage, peer):
        flow = await stage.flow(LOG)
        await peer.connect()
        held = await stage.submit(await stage.execution(flow))
        assert (await peer.job()).task_run_id == held
        runs = {await stage.submit(await stage.execution(flow), quiet=True) for _ in range(3)}
        claimed = await stage.database.jobs.claim("w" * 22, ["default"], 9, datetime.now(UTC))
        assert {one.job.task_run_id for one in claimed} == runs, "as by a controller that has lost the worker"

        async def free():
            await peer.work.write(pb.WorkRequest(heartbeat=pb.Heartbeat()))
            return await stage.held() == {held}

        await stage.until(free, 5)
        assert [await stage.facts(run) for run in runs] == [[], [], []], "none of them is an attempt that was lost"


async def test_no_job_goes_to_a_worker_that_fell_silent(tmp_path):
    async with meet(tmp_path, lease=0.2) as (stage, peer):
        await peer.connect()
        await peer.work.write(pb.WorkRequest(credits=pb.Credits(slots=5)))
        await stage.until(lambda: not stage.controller.worker_count, 2)
        assert await peer.work.read() is grpc.aio.EOF
        await stage.submit(await stage.execution(await stage.flow(LOG)))
        await asyncio.sleep(0.3)
        assert await stage.jobs.ready() == ["default"]


async def test_a_job_that_cannot_be_read_fails_alone(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        flow = await stage.flow(LOG)
        bad, good = await stage.execution(flow), await stage.execution(flow)
        runs = [await stage.submit(execution, quiet=True) for execution in (bad, good)]
        stage.rows.broken = bad.id
        await peer.connect()
        await peer.work.write(pb.WorkRequest(credits=pb.Credits(slots=2)))
        jobs = (await peer.work.read()).jobs.jobs
        assert [job.task_run_id for job in jobs] == [runs[1]]
        fact = await stage.finished(runs[0])
        assert (fact.state, fact.message) == (State.FAILED, "The task cannot be sent: ValueError")


WITH_INNER = """  - id: dir
    type: io.kestra.plugin.core.flow.WorkingDirectory
    tasks:
      - id: one
        type: io.kestra.plugin.core.log.Log
        message: a
"""


def line_of(run, number=0):
    return pb.LogLine(id=f"{run.task_run_id}:0:{number}", run=run, level="INFO", message="m")


async def test_lines_of_another_execution_are_dropped_even_with_its_true_ids(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        flow = await stage.flow(LOG)
        own, other = await stage.submit(await stage.execution(flow)), None
        await peer.connect()
        job = await peer.job()
        other = await stage.submit(await stage.execution(flow), quiet=True)
        foreign = key(job, execution_id=other.rpartition("-")[0], task_run_id=other)
        guessed = key(job, execution_id=other.rpartition("-")[0], task_run_id=other, token="guessed")
        await peer.report(
            logs=[line_of(key(job)), line_of(foreign), line_of(guessed, 1)],
            metrics=[pb.Metric(run=foreign, type="counter", name="c", value=1)],
        )
        assert await stage.lines(own) == ["INFO m"]
        assert await stage.lines(other) == []
        assert stage.jobs.metrics == []


async def test_lines_that_come_after_the_end_of_a_job_are_kept_for_a_while(tmp_path, monkeypatch):
    async with meet(tmp_path) as (stage, peer):
        run = await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()
        await peer.report(1, results=[pb.Result(run=key(job), state="SUCCESS")])
        await stage.finished(run)
        await peer.report(2, logs=[line_of(key(job), 0)])
        monkeypatch.setattr("segue.services.controller.sessions.LATE_SECONDS", -1.0)
        await peer.report(3, logs=[line_of(key(job), 1)])
        assert await stage.lines(run) == ["INFO m"]


async def test_a_worker_cannot_say_that_it_holds_the_job_of_another(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()
        await peer.connect(worker_id="x" * 22)
        work = peer.stub.Work(metadata=peer.metadata)
        resume = pb.Resume(tokens=[job.token], task_run_ids=[job.task_run_id])
        await work.write(pb.WorkRequest(resume=resume))
        assert list((await work.read()).kill.tokens) == [job.token], "it is told to stop what is not its own"
        read = pb.ReadFileRequest(execution_id=job.execution_id, token=job.token, uri="kestra:///x")
        assert await code_of(peer.stub.ReadFile(read, metadata=peer.metadata).read()) is grpc.StatusCode.NOT_FOUND
        await peer.report(logs=[line_of(key(job))])
        assert await stage.lines(job.task_run_id) == []


async def test_only_tasks_of_the_own_block_can_be_told_of(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        execution = await stage.execution(await stage.flow(WITH_INNER))
        inner = (InnerTask("one", f"{execution.id}-50"),)
        run = await stage.submit(execution, "dir", inner=inner)
        await stage.store_outputs(f"{execution.id}-60", b'{"a":1}')
        await peer.connect()
        job = await peer.job()
        assert [(item.task_id, item.task_run_id) for item in job.inner] == [("one", f"{execution.id}-50")]
        good = key(job, task_run_id=f"{execution.id}-50", task_id="one", attempt=1)
        bad = [
            key(job, task_run_id=f"{execution.id}-60", task_id="one"),
            key(job, task_run_id=f"{execution.id}-50", task_id="other"),
            key(job, task_run_id=f"{execution.id}-50", task_id="one", token="guessed"),
        ]
        reports = [pb.InnerReport(run=each, block_id=run, state="SUCCESS", outputs=b'{"a":2}') for each in (*bad, good)]
        await peer.report(1, inner=reports, logs=[line_of(good)])
        facts = await stage.inner_facts(run)
        assert [(fact.task_run_id, fact.state, fact.attempt) for fact in facts] == [
            (f"{execution.id}-50", State.SUCCESS, 1)
        ]
        assert await stage.outputs(f"{execution.id}-50") == {"a": 2}
        assert await stage.outputs(f"{execution.id}-60") == {"a": 1}
        assert await stage.lines(f"{execution.id}-50") == ["INFO m"]
        await peer.report(2, results=[pb.Result(run=key(job), state="SUCCESS")])
        await peer.report(3, inner=[reports[-1]])
        assert len(await stage.inner_facts(run)) == 1, "the job is over"


async def test_caches_are_those_of_the_own_task(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        await stage.submit(await stage.execution(await stage.flow(LOG)))
        await stage.store_file("kestra:///io/test/f/t/cache/outputs.json", b"kept")
        await peer.connect()
        job = await peer.job()

        async def read(**fields):
            request = pb.ReadFileRequest(execution_id=job.execution_id, token=job.token, cache=pb.CacheKey(**fields))
            return (await peer.stub.ReadFile(request, metadata=peer.metadata).read()).data

        assert await read(name="outputs.json") == b"kept"
        for fields in (
            {"name": "../../secret"},
            {"name": "outputs.json", "object_id": "../" * 10 + "aa"},
            {"name": "outputs.json", "object_id": "A" * 32},
        ):
            assert await code_of(read(**fields)) is grpc.StatusCode.PERMISSION_DENIED
        foreign = read(name="outputs.json", task_run_id="other-1")
        assert await code_of(foreign) is grpc.StatusCode.NOT_FOUND


async def test_files_of_namespaces_that_are_not_open_are_not_listed(tmp_path):
    async with meet(tmp_path) as (stage, peer):
        await stage.submit(await stage.execution(await stage.flow(LOG)))
        await peer.connect()
        job = await peer.job()
        request = pb.ListFilesRequest(execution_id=job.execution_id, token=job.token, namespace="other")
        refused = peer.stub.ListFiles(request, metadata=peer.metadata)
        assert await code_of(refused.read()) is grpc.StatusCode.PERMISSION_DENIED
