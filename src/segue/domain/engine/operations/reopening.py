"""Taking up again what has ended: which task runs run again, which go, which stay (flow language 11.3, 11.4)."""

from collections.abc import Collection, Iterable

import msgspec

from segue.domain.engine.block import restart_run
from segue.domain.engine.flowables import BEHAVIOURS
from segue.domain.engine.progress import Progress
from segue.domain.engine.state import MAIN, ExecutionState, phase_of
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import WorkingDirectory

_TO_RESTART = frozenset({State.FAILED, State.PAUSED})
_TO_RESTART_IN_LOOP = _TO_RESTART | {State.KILLED}
"""A Loop counts iterations that were killed as failed, so its restart takes them up too (flow language 7.10)."""


def in_side_branch(state: ExecutionState, run: TaskRun) -> bool:
    """Whether a task run belongs to an ``errors``, ``finally`` or ``afterExecution`` of any level."""
    return any(_phase(state, each) != MAIN for each in (run, *state.ancestors(run)))


def runs_to_restart(state: ExecutionState) -> list[TaskRun]:
    """The task runs a restart begins with: those that failed or pause, the innermost ones.

    A failure that a task around it absorbed is left alone, unless there is no other. What was killed beside them
    runs again too.
    """
    states = _TO_RESTART if state.root_task_id is None else _TO_RESTART_IN_LOOP
    ended = [run for run in state.runs.values() if run.state in states and not in_side_branch(state, run)]
    chosen = [run for run in ended if not _is_absorbed(state, run)] or ended
    around = {ancestor.id for run in chosen for ancestor in state.ancestors(run)}
    targets = [run for run in chosen if run.id not in around]
    return [*targets, *beside(state, targets, frozenset({State.KILLED}))] if targets else []


def beside(state: ExecutionState, targets: Collection[TaskRun], states: Collection[State]) -> list[TaskRun]:
    """Task runs in ``states`` in the blocks around the targets: they would end those blocks again at once."""
    known = {run.id for run in targets}
    blocks: set[str | None] = {None} | {ancestor.id for run in targets for ancestor in state.ancestors(run)}
    return [
        run
        for run in state.runs.values()
        if run.state in states
        and run.id not in known
        and run.id not in blocks
        and run.parent_id in blocks
        and not in_side_branch(state, run)
    ]


def reopen(progress: Progress, targets: Iterable[TaskRun], *, anew: bool) -> None:
    """Let ``targets`` run again and what is around them go on; side branches of every level are removed.

    With ``anew`` engine tasks start from the beginning; otherwise each goes on as its behaviour has it.
    """
    remove_side_branches(progress)
    for target in targets:
        run = progress.state.runs.get(target.id)
        if run is not None:
            _reopen_one(progress, _restarted_as(progress.state, run), anew=anew)


def prepare(progress: Progress, targets: Iterable[TaskRun]) -> None:
    """Raise ``Needed`` for what ``reopen`` will read of these task runs, before anything is changed."""
    for target in targets:
        task = progress.state.flow.get_task(target.task_id)
        behaviour = BEHAVIOURS.get(type(task))
        if behaviour is not None:
            behaviour(progress, task, target).prepare_restart()


def begin_anew(progress: Progress, run: TaskRun) -> TaskRun:
    """A task run from its beginning: RESTARTED, without what was inside it."""
    for child_id in progress.state.child_ids(run.id):
        progress.remove(progress.state.runs[child_id])
    if run.outputs is not None:
        run = progress.update(msgspec.structs.replace(run, outputs=None))
        progress.state.outputs.pop(run.id, None)
    return restart_run(progress, run)


def reopen_around(progress: Progress, run: TaskRun) -> None:
    """What is around a task run goes on."""
    for ancestor in progress.state.ancestors(run):
        if ancestor.state is not State.RUNNING:
            moved = progress.begin_attempt(ancestor, progress.now)
            progress.move(moved, State.RUNNING)


def reopen_execution(progress: Progress) -> None:
    """The execution itself goes on: RESTARTED, not finished, without outputs of the flow.

    A caller that has not heard of an end, as ``afterExecution`` was still under way, hears of no restart either.
    """
    execution = progress.execution
    is_unheard = execution.state.is_terminated and not execution.is_finished
    progress.change_execution(is_finished=False, outputs=None)
    if is_unheard:
        progress.change_execution(status=execution.status.to(State.RESTARTED, progress.now))
    else:
        progress.move_execution(State.RESTARTED)


def remove_runs(progress: Progress, run_ids: Collection[str]) -> None:
    """Take back task runs with all that is inside them."""
    for run_id in run_ids:
        run = progress.state.runs.get(run_id)
        if run is not None:
            progress.remove(run)


def remove_side_branches(progress: Progress) -> None:
    """Take back the task runs of ``errors``, ``finally`` (every level) and ``afterExecution``."""
    state = progress.state
    remove_runs(progress, [run.id for run in state.runs.values() if _phase(state, run) != MAIN])


def _reopen_one(progress: Progress, run: TaskRun, *, anew: bool) -> None:
    behaviour = BEHAVIOURS.get(type(progress.state.flow.get_task(run.task_id)))
    if anew or behaviour is None:
        begin_anew(progress, run)
    else:
        behaviour(progress, progress.state.flow.get_task(run.task_id), run).restart()
    reopen_around(progress, progress.state.runs[run.id])


def _restarted_as(state: ExecutionState, run: TaskRun) -> TaskRun:
    """The task run itself, or the outermost WorkingDirectory around it: that runs as a whole."""
    whole = run
    for ancestor in state.ancestors(run):
        if isinstance(state.flow.get_task(ancestor.task_id), WorkingDirectory):
            whole = ancestor
    return whole


def _is_absorbed(state: ExecutionState, run: TaskRun) -> bool:
    return any(ancestor.state.is_terminated and ancestor.state is not State.FAILED for ancestor in state.ancestors(run))


def _phase(state: ExecutionState, run: TaskRun) -> str:
    node = state.flow.nodes.get(run.task_id)
    return MAIN if node is None else phase_of(node.section)
