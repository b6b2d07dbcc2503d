"""Which outputs the expressions of a task may read: worked out once per revision, found for each task run."""

from collections.abc import Iterable

from segue.domain.engine.progress import Progress
from segue.domain.engine.rendering import Place, available_outputs, tasks_with_outputs
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.task_run import OutputNeed
from segue.domain.flow.tasks import Task
from segue.expr import References


def task_references(progress: Progress, task: Task) -> References:
    """What the expressions of a task and of all tasks inside it name; worked out once per revision of the flow."""
    known: dict[str, References] = progress.state.flow.extras.setdefault("references", {})
    found = known.get(task.id)
    if found is None:
        data = task.model_dump(exclude={"id", "type", "retry"})
        found = progress.renderer.references_of(data)
        if any(path[:1] == ("vars",) for path in found.rendered):
            found = progress.renderer.references_of([data, progress.state.flow.flow.variables])
        known[task.id] = found
    return found


def output_needs(state: ExecutionState, place: Place) -> Iterable[OutputNeed]:
    """Outputs that exist already and that the expressions may read."""
    if not place.named.needs_root("outputs"):
        return
    for task_id in named_tasks(state, place.named):
        yield from available_outputs(state, task_id, place)


def named_tasks(state: ExecutionState, named: References) -> list[str]:
    """Ids of the tasks whose outputs may be read: those named, or all that have any where that is not known."""
    everything = () in named.outputs or "*" in named.unknown
    return tasks_with_outputs(state) if everything else sorted({path[0] for path in named.outputs if path})
