"""What comes after a task run, so that it goes when the flow is run again from there (flow language 11.4)."""

from segue.domain.engine.state import MAIN, ExecutionState
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import Dag, EachParallel, EachSequential, ForEach, Parallel
from segue.domain.flow.tasks import Task


def successors(state: ExecutionState, run: TaskRun) -> list[str]:
    """Ids of the task runs that could only begin after ``run``, at its level and around it."""
    found: list[str] = []
    for each in (run, *state.ancestors(run)):
        found += _in_block(state, each)
    return found


def _in_block(state: ExecutionState, run: TaskRun) -> list[str]:
    """Siblings of ``run`` that come after it in the block they stand in."""
    ids = list(state.tally(run.parent_id, MAIN).ids)
    siblings = [state.runs[run_id] for run_id in ids]
    block = None if run.parent_id is None else state.flow.find_task(state.runs[run.parent_id].task_id)
    if isinstance(block, Parallel | EachParallel):
        return []
    if isinstance(block, Dag):
        dependents = _dependents(block, run.task_id)
        return [sibling.id for sibling in siblings if sibling.task_id in dependents]
    later = siblings[ids.index(run.id) + 1 :]
    if isinstance(block, ForEach | EachSequential):
        one_by_one = not isinstance(block, ForEach) or block.concurrency_limit == 1
        return [sibling.id for sibling in later if one_by_one or sibling.iteration == run.iteration]
    return [sibling.id for sibling in later]


def _dependents(dag: Dag, task_id: str) -> set[str]:
    """Tasks that depend on a task, directly or not."""
    found = {task_id}
    grown = True
    while grown:
        more = {node.task.id for node in dag.tasks if not found.isdisjoint(node.depends_on)}
        grown = not more <= found
        found |= more
    return found - {task_id}


def changed_runs(old: ExecutionState, new: ExecutionState, parent: TaskRun | None) -> list[str]:
    """Task runs of ``new`` inside ``parent`` that its revision of the flow would not have made in that order.

    ``new`` is a copy of ``old`` on another revision. Of a block whose list of tasks has changed the beginning
    that is the same stays; a loop whose list has changed keeps nothing.
    """
    tally = new.tally(None if parent is None else parent.id, MAIN)
    runs = [new.runs[run_id] for run_id in tally.ids]
    if parent is None:
        task: Task | None = None
    else:
        task = new.flow.find_task(parent.task_id)
        if task is None or type(task) is not type(old.flow.find_task(parent.task_id)):
            return [run.id for run in runs]
    is_loop = isinstance(task, ForEach | EachSequential | EachParallel)
    dropped: list[str] = []
    for section in dict.fromkeys(_section(old, run) for run in runs):
        before, after = _ids(old, parent, section), _ids(new, parent, section)
        if before == after:
            continue
        same = 0 if is_loop else _common(before, after)
        kept = set(after) if isinstance(task, Dag) else set(before[:same])
        dropped += [run.id for run in runs if _section(old, run) == section and run.task_id not in kept]
    return dropped


def _section(state: ExecutionState, run: TaskRun) -> str:
    node = state.flow.nodes.get(run.task_id)
    return "" if node is None else node.section


def _ids(state: ExecutionState, parent: TaskRun | None, section: str) -> list[str]:
    tasks = state.flow.children(None if parent is None else parent.task_id, section)
    return [task.id for task in tasks if not task.disabled]


def _common(one: list[str], other: list[str]) -> int:
    """How many entries at the beginning of two lists are the same."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
