"""Jobs for workers: what travels with the task (design D5, D6)."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from segue.domain.engine.outgoing import closed_attempts
from segue.domain.engine.progress import Progress
from segue.domain.engine.rendering import available_outputs, run_roots, task_run_variables, tasks_with_outputs
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.jobs import DEFAULT_WORKER_QUEUE, InnerTask, Job
from segue.domain.execution.state import State
from segue.domain.execution.task_run import OutputNeed, TaskRun
from segue.domain.flow.flowables import WorkingDirectory
from segue.domain.flow.tasks import Task
from segue.expr import References

_encoder = msgspec.json.Encoder()


def job_roots(progress: Progress, task: Task, run: TaskRun) -> dict[str, Any]:
    """The expression roots that only the engine knows, those the task names. Raises ``Needed``."""
    roots = run_roots(progress.state, run, task_references(progress, task))
    if task.task_cache is not None or isinstance(task, WorkingDirectory):
        roots["taskrun"] = task_run_variables(run)  # what is kept for later runs is kept for each value
    return roots


def send(
    progress: Progress, task: Task, run: TaskRun, roots: Mapping[str, Any], inner: tuple[InnerTask, ...] = ()
) -> None:
    """Give a task run to the workers."""
    execution = progress.execution
    progress.decision.jobs[run.id] = Job(
        task_run_id=run.id,
        execution_id=execution.id,
        flow=execution.flow,
        task_id=task.id,
        attempt=closed_attempts(run) + 1,
        created_at=progress.now,
        worker_queue=DEFAULT_WORKER_QUEUE,
        context=_encoder.encode(roots) if roots else b"{}",
        outputs=tuple(output_needs(progress.state, task_references(progress, task))),
        inner=inner,
        values=progress.state.values_of(run) if inner else (),
    )
    progress.decision.dropped_jobs.discard(run.id)
    progress.move(run, State.SUBMITTED)


def task_references(progress: Progress, task: Task) -> References:
    """What the expressions of a task name; worked out once per revision of the flow."""
    known: dict[str, References] = progress.state.flow.extras.setdefault("references", {})
    found = known.get(task.id)
    if found is None:
        data = task.model_dump(exclude={"id", "type", "retry"})
        found = progress.renderer.references_of(data)
        if any(path[:1] == ("vars",) for path in found.rendered):
            found = progress.renderer.references_of([data, progress.state.flow.flow.variables])
        known[task.id] = found
    return found


def output_needs(state: ExecutionState, named: References) -> Iterable[OutputNeed]:
    """Outputs that exist already and that the expressions may read."""
    if not named.needs_root("outputs"):
        return
    for task_id in named_tasks(state, named):
        yield from available_outputs(state, task_id)


def named_tasks(state: ExecutionState, named: References) -> list[str]:
    """Ids of the tasks whose outputs may be read: those named, or all that have any where that is not known."""
    everything = () in named.outputs or "*" in named.unknown
    return tasks_with_outputs(state) if everything else sorted({path[0] for path in named.outputs if path})
