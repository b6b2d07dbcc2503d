"""WorkingDirectory in the engine: what its worker tells becomes task runs, whatever comes twice or too late."""

from datetime import timedelta
from typing import Any

import pytest

from segue.domain.execution.facts import InnerTaskReported, JobLost, KillRequested
from segue.domain.execution.jobs import Job
from segue.domain.execution.requests import RestartRequested
from segue.domain.execution.state import State
from segue.testing.world import World

DIRECTORY = "io.kestra.plugin.core.flow.WorkingDirectory"
FLOW = f"""
id: f
namespace: io.test
tasks:
  - id: dir
    type: {DIRECTORY}
    tasks:
      - {{id: one, type: t.Log, message: "{{{{ outputs.before.value }}}}"}}
      - {{id: off, type: t.Log, disabled: true}}
      - {{id: two, type: t.Log, allowFailure: true}}
    errors:
      - {{id: caught, type: t.Log}}
    finally:
      - {{id: last, type: t.Log}}
  - {{id: after, type: t.Log}}
"""


@pytest.fixture
def world() -> World:
    """No worker answers for a WorkingDirectory; everything else succeeds."""
    return World(answer=lambda job, _: None if job.inner else State.SUCCESS)


def begun(world: World, source: str = FLOW) -> Job:
    """The job of the WorkingDirectory."""
    world.start(world.deploy(source))
    world.settle()
    return job_of(world)


def job_of(world: World) -> Job:
    (job,) = [job for job in world.jobs.values() if job.inner]
    return job


def tell(world: World, job: Job, task_id: str, state: State, **fields: Any) -> InnerTaskReported:
    """A report of the job's worker."""
    run_id = next(item.task_run_id for item in job.inner if item.task_id == task_id)
    ended = None if state is State.RUNNING else world.now
    given: dict[str, Any] = {"attempt": 1, "task_run_id": run_id} | fields
    fact = InnerTaskReported(
        block_id=job.task_run_id, worker_id="w", state=state, started_at=world.now, ended_at=ended, **given
    )
    world.tell("x", fact)
    world.settle(timers=False)
    return fact


def test_one_job_carries_the_tasks_with_ids_of_their_own(world: World) -> None:
    job = begun(world)
    assert [item.task_id for item in job.inner] == ["one", "two"]
    assert len({job.task_run_id, *(item.task_run_id for item in job.inner)}) == 3
    assert world.states() == {"dir": "SUBMITTED"}


def test_task_runs_appear_as_they_are_told(world: World) -> None:
    job = begun(world)
    tell(world, job, "one", State.RUNNING)
    assert world.states() == {"dir": "RUNNING", "one": "RUNNING"}
    tell(world, job, "one", State.SUCCESS)
    tell(world, job, "two", State.FAILED)
    assert world.states() == {"dir": "RUNNING", "one": "SUCCESS", "two": "WARNING"}
    world.finish(job, State.SUCCESS)
    world.settle()
    assert world.states() == {
        "dir": "WARNING", "one": "SUCCESS", "two": "WARNING", "last": "SUCCESS", "after": "SUCCESS",
    }  # fmt: skip
    assert world.executions["x"].state is State.WARNING
    assert world.histories(task_id="one") == "CREATED RUNNING SUCCESS"
    assert world.histories(task_id="dir") == "CREATED SUBMITTED RUNNING WARNING"
    assert world.run_of("one").parent_id == job.task_run_id
    ids = [run.id for run in world.task_runs["x"].values()]
    assert len(set(ids)) == len(ids) == 5


def test_a_report_told_twice_counts_once(world: World) -> None:
    job = begun(world)
    for _ in range(2):
        tell(world, job, "one", State.FAILED, is_retried=True)
    assert world.histories(task_id="one") == "CREATED RUNNING RETRYING"
    assert len(world.run_of("one").attempts) == 1
    again = tell(world, job, "one", State.SUCCESS, attempt=2)
    world.tell("x", again)
    world.settle()
    assert world.histories(task_id="one") == "CREATED RUNNING RETRYING CREATED RUNNING SUCCESS"
    assert [attempt.status.current for attempt in world.run_of("one").attempts] == [State.FAILED, State.SUCCESS]


def test_a_skipped_task_has_no_running(world: World) -> None:
    job = begun(world)
    tell(world, job, "one", State.SKIPPED)
    assert world.histories(task_id="one") == "CREATED SKIPPED"


def test_a_failure_inside_runs_the_error_branch(world: World) -> None:
    job = begun(world)
    tell(world, job, "one", State.FAILED)
    world.finish(job, State.FAILED)
    world.settle()
    assert world.states() == {"dir": "FAILED", "one": "FAILED", "caught": "SUCCESS", "last": "SUCCESS"}
    assert world.executions["x"].state is State.FAILED


def test_a_failure_of_the_block_itself_runs_the_error_branch(world: World) -> None:
    job = begun(world)
    tell(world, job, "one", State.SUCCESS)
    world.finish(job, State.FAILED)
    world.settle()
    assert world.states() == {"dir": "FAILED", "one": "SUCCESS", "caught": "SUCCESS", "last": "SUCCESS"}


@pytest.mark.parametrize("run_id", ["x-1", "x-99", "other-2", "nonsense"])
def test_reports_of_other_task_runs_are_ignored(world: World, run_id: str) -> None:
    job = begun(world)
    tell(world, job, "one", State.SUCCESS, task_run_id=run_id)
    assert world.states() == {"dir": "SUBMITTED"}


def test_a_lost_worker_takes_everything_back(world: World) -> None:
    first = begun(world)
    tell(world, first, "one", State.SUCCESS)
    tell(world, first, "two", State.RUNNING)
    del world.jobs[first.task_run_id]
    world.tell("x", JobLost(first.task_run_id, 1, "w", world.now, world.now))
    world.settle()
    second = job_of(world)
    assert second.attempt == 2
    assert not {item.task_run_id for item in first.inner} & {item.task_run_id for item in second.inner}
    assert world.states() == {"dir": "SUBMITTED"}
    tell(world, first, "one", State.SUCCESS)
    assert world.states() == {"dir": "SUBMITTED"}, "the first worker is not listened to any more"
    tell(world, second, "one", State.SUCCESS)
    world.finish(second, State.SUCCESS)
    world.settle()
    assert world.executions["x"].state is State.SUCCESS
    assert [attempt.status.current.value for attempt in world.run_of("dir").attempts] == ["RESUBMITTED", "SUCCESS"]


def test_a_kill_ends_what_is_inside_and_drops_the_job(world: World) -> None:
    job = begun(world)
    tell(world, job, "one", State.RUNNING)
    world.tell("x", KillRequested(world.now))
    world.settle()
    assert world.states() == {"dir": "KILLED", "one": "KILLED"}
    assert not world.jobs
    tell(world, job, "one", State.SUCCESS)
    assert world.states()["one"] == "KILLED"


def test_a_restart_begins_the_block_anew(world: World) -> None:
    job = begun(world)
    tell(world, job, "one", State.FAILED)
    world.finish(job, State.FAILED)
    world.settle()
    world.tell("x", RestartRequested())
    world.settle()
    again = job_of(world)
    assert world.states() == {"dir": "SUBMITTED"}
    tell(world, again, "one", State.SUCCESS)
    world.finish(again, State.SUCCESS)
    world.settle()
    assert world.executions["x"].state is State.SUCCESS
    assert len(world.run_of("dir").attempts) == 2


def test_beside_a_failed_sibling_the_block_is_left_to_finish(world: World) -> None:
    source = f"""
id: f
namespace: io.test
tasks:
  - id: both
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {{id: bad, type: t.Fail}}
      - id: dir
        type: {DIRECTORY}
        tasks: [{{id: one, type: t.Log}}]
        finally: [{{id: last, type: t.Log}}]
"""
    world.answer = lambda job, _: None if job.inner else State.FAILED
    job = begun(world, source)
    assert world.executions["x"].state in {State.FAILED, State.RUNNING}
    tell(world, job, "one", State.SUCCESS)
    world.finish(job, State.SUCCESS)
    world.answer = lambda job, _: State.SUCCESS
    world.settle()
    assert world.executions["x"].state is State.FAILED
    assert world.states()["one"] == "SUCCESS"
    assert world.states()["dir"] == "SUCCESS"


def test_a_retry_of_the_flow_makes_a_new_execution(world: World) -> None:
    source = FLOW.replace(
        "tasks:", "retry: {type: constant, interval: PT1M, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}\ntasks:", 1
    )
    job = begun(world, source)
    world.now += timedelta(seconds=1)
    tell(world, job, "one", State.FAILED)
    assert world.states() == {"dir": "RETRIED", "one": "RETRIED"}
    assert world.executions["x"].state is State.RETRIED
    assert job.task_run_id not in world.jobs
