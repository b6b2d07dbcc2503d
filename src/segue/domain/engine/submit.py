"""What becomes of a task run in CREATED: skipped, begun, or given to the workers (flow language 6.4, 10.11)."""

import msgspec

from segue.domain.engine.block import fail_run
from segue.domain.engine.flowables import BEHAVIOURS
from segue.domain.engine.outgoing import closed_attempts
from segue.domain.engine.progress import Progress
from segue.domain.engine.references import output_needs, task_references
from segue.domain.engine.rendering import Place, run_roots
from segue.domain.errors import SegueError
from segue.domain.execution.jobs import DEFAULT_WORKER_QUEUE, Job
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.tasks import RunnableTask, Task
from segue.expr import ExpressionError, is_truthy

_encoder = msgspec.json.Encoder()


def submit(progress: Progress, run: TaskRun) -> None:
    """Move a task run on from CREATED. Raises ``Needed``; then it stays as it is."""
    task = progress.state.flow.get_task(run.task_id)
    try:
        if task.when is not None and not is_truthy(progress.render(task.when, run)):
            _skip(progress, run)
        elif isinstance(task, RunnableTask):
            _send(progress, task, run)
        else:
            _begin(progress, task, run)
    except (ExpressionError, SegueError) as error:
        fail_run(progress, progress.state.runs[run.id], str(error))


def _skip(progress: Progress, run: TaskRun) -> None:
    run = progress.begin_attempt(run, progress.now)
    progress.end(run, State.SKIPPED)


def _begin(progress: Progress, task: Task, run: TaskRun) -> None:
    behaviour = BEHAVIOURS.get(type(task))
    if behaviour is None:
        raise SegueError(
            f"Tasks of type {task.type} cannot be run by this version: the flow is valid, the engine lacks it"
        )
    behaviour(progress, task, run).begin()
    run = progress.state.runs[run.id]
    if run.state in {State.CREATED, State.RESTARTED}:
        run = progress.begin_attempt(run, progress.now)
        progress.move(run, State.RUNNING)


def _send(progress: Progress, task: RunnableTask, run: TaskRun) -> None:
    named = task_references(progress, task)
    execution = progress.execution
    roots = run_roots(progress.state, run, named)
    progress.decision.jobs[run.id] = Job(
        task_run_id=run.id,
        execution_id=execution.id,
        flow=execution.flow,
        task_id=task.id,
        attempt=closed_attempts(run) + 1,
        created_at=progress.now,
        worker_queue=DEFAULT_WORKER_QUEUE,
        context=_encoder.encode(roots) if roots else b"{}",
        outputs=tuple(output_needs(progress.state, Place(named, roots, progress.state.values_of(run)))),
    )
    progress.decision.dropped_jobs.discard(run.id)
    progress.move(run, State.SUBMITTED)
