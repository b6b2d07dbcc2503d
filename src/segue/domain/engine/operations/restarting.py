"""Restart: what failed is tried again in the same execution (flow language 11.3)."""

from segue.domain.engine.operations.reopening import prepare, reopen, reopen_execution, runs_to_restart
from segue.domain.engine.progress import Progress
from segue.domain.engine.state import ExecutionState
from segue.domain.errors import IllegalStateError
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.requests import RestartRequested
from segue.domain.execution.task_run import TaskRun
from segue.domain.labels import RESTARTED, Label, merge_labels


def restart(progress: Progress, fact: RestartRequested) -> None:
    """Let the failed and paused task runs run again. Raises ``IllegalStateError`` when there are none."""
    targets = check_restart(progress.state)
    prepare(progress, targets)
    by = f" by {fact.by}" if fact.by else ""
    progress.log(LogLevel.INFO, f"Execution is restarted{by} from {', '.join(run.task_id for run in targets[:10])}")
    reopen(progress, targets, anew=False)
    progress.change_execution(
        labels=merge_labels(progress.execution.labels, [Label(RESTARTED, "true")]),
        attempt_number=progress.execution.attempt_number + 1,
    )
    reopen_execution(progress)


def check_restart(state: ExecutionState) -> list[TaskRun]:
    """The task runs a restart begins with. Raises ``IllegalStateError`` when there are none."""
    targets = runs_to_restart(state)
    if not targets:
        raise IllegalStateError("No task found to restart execution from!")
    return targets
