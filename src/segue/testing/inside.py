"""The worker of a WorkingDirectory in a ``World``: one attempt of a task inside, or the end of the whole, at a time.

What it has done so far is read from the task runs, so that it may tell something twice while facts lie unread.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from segue.domain.engine.retry import next_attempt_at, retry_of
from segue.domain.execution.facts import InnerTaskReported
from segue.domain.execution.jobs import Job
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import Attempt, TaskRun
from segue.domain.flow.retry import RetryBehavior
from segue.expr import is_truthy

if TYPE_CHECKING:
    from segue.testing.world import Outcome, World

Answer = Callable[[Job, "World"], "Outcome"]


def next_inside(job: Job, world: "World", answer: Answer) -> InnerTaskReported | State:
    """What the worker tells next: of a task inside, or how the whole has ended."""
    runs = world.task_runs[job.execution_id]
    for item in job.inner:
        run = runs.get(item.task_run_id)
        if run is None or not run.state.is_terminated:
            return _attempt(job, world, answer, item.task_id, item.task_run_id)
        if run.state is State.FAILED:
            return State.FAILED
    return State.SUCCESS


def _attempt(job: Job, world: "World", answer: Answer, task_id: str, run_id: str) -> InnerTaskReported:
    state = world.state(job.execution_id)
    task = state.flow.get_task(task_id)
    run = state.runs.get(run_id) or TaskRun(
        id=run_id,
        execution_id=job.execution_id,
        task_id=task_id,
        parent_id=job.task_run_id,
        status=Status.begin(world.now),
    )
    is_new = run_id not in state.runs
    if is_new:
        state.add(run)
        world.task_runs[job.execution_id][run_id] = run  # for the time of the answer, which may look at it
    own = msgspec.structs.replace(job, task_id=task_id, task_run_id=run_id, inner=())
    fields: dict[str, Any] = {}
    ended = [attempt for attempt in run.attempts if attempt.status.current.is_terminated]
    if task.when is not None and not is_truthy(world.render(own, task.when)):
        end = State.SKIPPED
    else:
        outcome = answer(own, world)
        end = outcome[0] if isinstance(outcome, tuple) else outcome or State.SUCCESS
    if end is State.FAILED:
        attempt = Attempt(Status.begin(world.now).to(State.FAILED, world.now))
        retry = retry_of(state, run)
        tried = msgspec.structs.replace(run, attempts=(*ended, attempt))
        may = retry is not None and retry.behavior is not RetryBehavior.CREATE_NEW_EXECUTION
        fields["is_retried"] = may and retry is not None and next_attempt_at(retry, tried, world.now) is not None
    if is_new:
        del world.task_runs[job.execution_id][run_id]
    return InnerTaskReported(
        block_id=job.task_run_id,
        task_run_id=run_id,
        attempt=len(ended) + 1,
        worker_id="w",
        state=end,
        started_at=world.now,
        ended_at=world.now,
        **fields,
    )
