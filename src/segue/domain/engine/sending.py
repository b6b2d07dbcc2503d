"""Jobs for workers: what travels with the task (design D5, D6)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from segue.domain.engine.outgoing import closed_attempts
from segue.domain.engine.progress import Progress
from segue.domain.engine.references import output_needs, task_references
from segue.domain.engine.rendering import Place, run_roots, task_run_variables
from segue.domain.execution.jobs import DEFAULT_WORKER_QUEUE, InnerTask, Job
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import WorkingDirectory
from segue.domain.flow.tasks import Task

_encoder = msgspec.json.Encoder()


def job_roots(progress: Progress, task: Task, run: TaskRun) -> dict[str, Any]:
    """The expression roots that only the engine knows, those the task names. Raises ``Needed``."""
    roots = run_roots(progress.state, run, task_references(progress, task))
    if task.task_cache is not None or isinstance(task, WorkingDirectory):
        roots["taskrun"] = task_run_variables(progress.state, run)  # what is kept for later runs is kept for each value
    return roots


def send(
    progress: Progress, task: Task, run: TaskRun, roots: Mapping[str, Any], inner: tuple[InnerTask, ...] = ()
) -> None:
    """Give a task run to the workers."""
    execution, state = progress.execution, progress.state
    # Roots such as ``taskrun`` and ``parent`` are others inside a WorkingDirectory: no place is told by them there.
    place = Place(task_references(progress, task), {} if inner else roots, state.values_of(run))
    progress.decision.jobs[run.id] = Job(
        task_run_id=run.id,
        execution_id=execution.id,
        flow=execution.flow,
        task_id=task.id,
        attempt=closed_attempts(run) + 1,
        created_at=progress.now,
        worker_queue=DEFAULT_WORKER_QUEUE,
        context=_encoder.encode(roots) if roots else b"{}",
        outputs=tuple(output_needs(state, place)),
        inner=inner,
        values=state.values_of(run) if inner else (),
    )
    progress.decision.dropped_jobs.discard(run.id)
    progress.move(run, State.SUBMITTED)
