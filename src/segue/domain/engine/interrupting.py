"""Ending what goes on beside a task that has failed (core plugins 2.2, `onChildFailure`)."""

from collections.abc import Iterable

from segue.domain.engine.kill import close
from segue.domain.engine.needs import ChildrenNeed, ExecutionNeed, Needed
from segue.domain.engine.progress import Progress
from segue.domain.execution.facts import KillRequested
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import ForEachItemCalls, Loop, Subflow

_CALLING = (Subflow, ForEachItemCalls, Loop)


def interrupt_inside(progress: Progress, parent: TaskRun, state: State, failed_task: str) -> None:
    """End every open task run inside ``parent``, at any depth, in ``state``: its sibling ``failed_task`` has failed.

    Executions that these task runs have started are killed. Raises ``Needed`` before anything is changed.
    """
    inside = [
        run
        for run in progress.state.open_runs()
        if any(ancestor.id == parent.id for ancestor in progress.state.ancestors(run))
    ]
    for child_id in _started_by(progress, inside):
        progress.tell(child_id, KillRequested(progress.now), "kill")
    for run in inside:
        progress.log(LogLevel.WARN, f"Task terminated because sibling task '{failed_task}' failed.", run)
        close(progress, run, state)


def _started_by(progress: Progress, runs: Iterable[TaskRun]) -> list[str]:
    """The executions that task runs have started and that have not ended."""
    callers = {run.id for run in runs if isinstance(progress.state.flow.get_task(run.task_id), _CALLING)}
    if not callers:
        return []
    needs = [ExecutionNeed(child_id) for child_id in progress.state.find(ChildrenNeed(progress.execution.id))]
    missing = [need for need in needs if need not in progress.state.found]
    if missing:
        raise Needed(*missing)
    return [need.execution_id for need in needs if _caller_of(progress.state.find(need)) in callers]


def _caller_of(child: Execution | None) -> str | None:
    return None if child is None or child.caller is None else child.caller.task_run_id
