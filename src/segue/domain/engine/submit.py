"""What becomes of a task run in CREATED: skipped, replaced, begun, or given to workers (flow language 6.4, 10.11)."""

from segue.domain.engine import fixtures
from segue.domain.engine.block import fail_run
from segue.domain.engine.flowables import BEHAVIOURS
from segue.domain.engine.progress import Progress
from segue.domain.engine.sending import job_roots, send
from segue.domain.errors import SegueError
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.tasks import RunnableTask, Task
from segue.expr import ExpressionError, is_truthy


def submit(progress: Progress, run: TaskRun) -> None:
    """Move a task run on from CREATED. Raises ``Needed``; then it stays as it is."""
    task = progress.state.flow.get_task(run.task_id)
    try:
        if task.when is not None and not is_truthy(progress.render(task.when, run)):
            _skip(progress, run)
        elif fixtures.replace(progress, task, run):
            pass  # it has its end
        elif isinstance(task, RunnableTask):
            send(progress, task, run, job_roots(progress, task, run))
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
