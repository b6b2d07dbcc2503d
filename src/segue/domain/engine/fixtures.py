"""Task runs that a fixture replaces: they end without having run (flow language 11.8)."""

from segue.domain.engine.block import absorb
from segue.domain.engine.progress import Progress
from segue.domain.execution.fixtures import Fixture
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.tasks import Task


def replace(progress: Progress, task: Task, run: TaskRun) -> bool:
    """End a task run as its fixture says, if it has one; whether that is so.

    Its attempt has the state of the fixture, without retries; the task run what ``allowFailure`` and
    ``allowWarning`` make of that. A flowable gets no children.
    """
    fixture = _fixture(progress, run)
    if fixture is None:
        return False
    run = progress.begin_attempt(run, progress.now)
    if fixture.state is not State.SKIPPED:
        run = progress.move(run, State.RUNNING)
    if fixture.outputs:
        run = progress.store_outputs(run, fixture.outputs)
    progress.log(LogLevel.INFO, f"The task is not run: a fixture ends it as {fixture.state.value}", run)
    progress.end(run, absorb(task, fixture.state), attempt=fixture.state)
    return True


def _fixture(progress: Progress, run: TaskRun) -> Fixture | None:
    """That of the task and the value of its innermost iteration, else that of the task for every value."""
    execution = progress.execution
    if not execution.fixtures:
        return None
    values = progress.state.values_of(run)
    value = values[-1] if values else None
    if value is None and execution.loop is not None:
        value = execution.loop.item.value
    own = {fixture.value: fixture for fixture in execution.fixtures if fixture.id == run.task_id}
    return own.get(value) or own.get(None)
