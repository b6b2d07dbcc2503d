"""The expressions the engine evaluates itself: their variables, and what they need loaded first."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import msgspec

from segue.domain.engine.needs import Needed, OutputsNeed
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.context import execution_roots, format_instant, namespace_root
from segue.domain.execution.task_run import OutputNeed, TaskRun, began_at
from segue.domain.flow.input_values import Encrypt
from segue.expr import Dialect, References
from segue.expr.references import EVERYTHING, ValueOf


class Renderer(Protocol):
    """What the engine needs of the expression language, over the values of one execution.

    Rendering raises ``Needed`` for secrets, KV values and files that are not fetched yet. ``segue.ports.rendering``
    has one.
    """

    def for_dialect(self, dialect: Dialect | None) -> Self:
        """The same for the flows of one dialect."""
        ...

    def render(self, text: str, context: Mapping[str, Any]) -> str | None:
        """Text to text."""
        ...

    def render_value(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Every text inside ``value`` rendered."""
        ...

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """Text to a native value; a lone expression keeps its type."""
        ...

    @property
    def encrypt(self) -> Encrypt | None:
        """Stores secrets among inputs and outputs; None when the server cannot."""
        ...

    def references_of(self, value: Any) -> References:
        """What the texts inside ``value`` name."""
        ...


class OutputsView(Mapping[str, Any]):
    """The root ``outputs`` (flow language 7.2): ``outputs[task][value]...``, loaded on demand.

    A look-up of outputs that are not in memory raises ``Needed`` with all that the task has. In an iteration
    of a Loop the outputs of earlier tasks around the loop are here too (7.10); its own hide them.
    """

    __slots__ = ("_place", "_state")

    def __init__(self, state: ExecutionState, place: "Place | None" = None) -> None:
        """With a ``place`` only what its expressions can reach is loaded and given."""
        self._state = state
        self._place = place

    def __getitem__(self, task_id: str) -> Any:
        state = self._state
        if task_id not in self:
            raise KeyError(task_id)
        available = available_outputs(state, task_id, self._place)
        missing = [
            OutputsNeed(item.task_run_id, item.reference.uri)
            for item in available
            if item.task_run_id not in state.outputs
        ]
        if missing:
            raise Needed(*missing)
        merged: dict[str, Any] = {}
        for item in available:
            place = merged
            for value in item.values:
                place = place.setdefault(value, {})
            place.update(state.outputs[item.task_run_id])
        return merged

    def __contains__(self, task_id: object) -> bool:
        return has_outputs(self._state, str(task_id))

    def __iter__(self) -> Iterator[str]:
        return (task_id for task_id in tasks_with_outputs(self._state))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Place(NamedTuple):
    """Where expressions are evaluated: what they name, and the roots of the task run they belong to."""

    named: References
    roots: Mapping[str, Any] = {}
    values: tuple[str, ...] = ()
    """The values of the iterations around, outermost first."""

    def keys_into(self, task_id: str) -> set[tuple[str, ...]]:
        """With which values the outputs of a task are looked up; shorter ones stand for all that begin so."""
        found = {self._resolved(path[1:]) for path in self.named.placed_outputs if path[:1] == (task_id,)}
        is_open = EVERYTHING in self.named.unknown or () in self.named.placed_outputs
        return {()} if is_open or not found else found

    def _resolved(self, keys: Sequence[str]) -> tuple[str, ...]:
        found: list[str] = []
        for key in keys:
            if not isinstance(key, ValueOf):
                found.append(key)
            elif key == EVERYTHING:
                found += self.values
            else:
                value = _dig(self.roots, key.split("."))
                if value is None:
                    break
                found.append(value)
        return tuple(found)


def _dig(place: Any, keys: Sequence[str]) -> str | None:
    for key in keys:
        if isinstance(place, list):
            index = int(key)
            place = place[index] if index < len(place) else None
        elif isinstance(place, Mapping):
            place = place.get(key)
        else:
            return None
    return place if isinstance(place, str) else None


def available_outputs(state: ExecutionState, task_id: str, place: Place | None = None) -> list[OutputNeed]:
    """The outputs a task has so far: those of its task runs, else those found around the loop it runs in.

    With a ``place`` those only that its expressions can reach, so that an iteration among thousands reads its own.
    """
    keys = {()} if place is None else place.keys_into(task_id)
    runs = {run.id: run for each in keys for run in state.runs_at(task_id, each)}
    own = [
        OutputNeed(run.id, task_id, state.values_of(run), run.outputs)
        for run in runs.values()
        if run.outputs is not None
    ]
    if own or state.has_outputs(task_id):
        return own
    return [item for item in outputs_around(state) if item.task_id == task_id]


def has_outputs(state: ExecutionState, task_id: str) -> bool:
    """Whether a task has outputs so far, of its own or around the loop it runs in."""
    return state.has_outputs(task_id) or any(item.task_id == task_id for item in outputs_around(state))


def outputs_around(state: ExecutionState) -> Sequence[OutputNeed]:
    """The outputs that an iteration of a Loop may read of what ran before the loop. May raise ``Needed``."""
    loop = state.execution.loop
    if loop is None:
        return ()
    if loop.outputs_owner is None:
        return loop.outputs
    kept = private_outputs(state, loop.outputs_owner)
    return msgspec.convert(kept["outputs"], tuple[OutputNeed, ...])


def tasks_with_outputs(state: ExecutionState) -> list[str]:
    """Ids of the tasks that have outputs, each once."""
    around = [item.task_id for item in outputs_around(state)]
    return [task_id for task_id in dict.fromkeys([*state.task_ids(), *around]) if has_outputs(state, task_id)]


def outputs_of(state: ExecutionState, run: TaskRun) -> dict[str, Any]:
    """The outputs of one task run. Raises ``Needed`` when they are not in memory."""
    if run.outputs is None:
        return {}
    return private_outputs(state, run.id)


def private_outputs(state: ExecutionState, owner_id: str) -> dict[str, Any]:
    """Outputs by owner. Raises ``Needed`` when they are not in memory."""
    if owner_id not in state.outputs:
        raise Needed(OutputsNeed(owner_id))
    found: dict[str, Any] = state.outputs[owner_id]
    return found


def task_states(state: ExecutionState) -> dict[str, Any]:
    """The root ``tasks``: ``tasks.<id>.state``, for iterations ``tasks.<id>.<value>.state``."""
    root: dict[str, Any] = {}
    for run in state.runs.values():
        place = root.setdefault(run.task_id, {})
        for value in state.values_of(run):
            place = place.setdefault(value, {})
        place["state"] = run.state.value
    return root


def parents_of(state: ExecutionState, run: TaskRun, *, with_outputs: bool) -> list[dict[str, Any]]:
    """The root ``parents``, nearest first (expressions 10.1).

    Flows of 1.x count only the ancestors that have a value or outputs; all others see every one.
    """
    is_v1 = state.flow.dialect is Dialect.V1
    parents = []
    for ancestor in state.ancestors(run):
        entry: dict[str, Any] = {}
        if ancestor.value is not None:
            entry["taskrun"] = {"value": ancestor.value}
        if with_outputs and ancestor.outputs is not None:
            entry["outputs"] = outputs_of(state, ancestor)
        if entry or not is_v1:
            parents.append({"task": {"id": ancestor.task_id}, **entry})
    return parents


def task_run_variables(state: ExecutionState, run: TaskRun) -> dict[str, Any]:
    """The root ``taskrun``. In flows of 1.x ``taskrun.value`` is null outside loops, elsewhere it is missing there."""
    variables: dict[str, Any] = {
        "id": run.id,
        "startDate": format_instant(began_at(run) or run.status.started_at),
        "attemptsCount": sum(1 for attempt in run.attempts if attempt.status.current.is_terminated),
    }
    if run.parent_id is not None:
        variables["parentId"] = run.parent_id
    if run.value is not None or state.flow.dialect is Dialect.V1:
        variables["value"] = run.value
    if run.iteration is not None:
        variables["iteration"] = run.iteration
    return variables


def run_roots(state: ExecutionState, run: TaskRun, named: References) -> dict[str, Any]:
    """The roots that belong to one task run, only those that ``named`` names."""
    roots: dict[str, Any] = {}
    if named.needs_root("taskrun"):
        roots["taskrun"] = task_run_variables(state, run)
    if named.needs_root("parents") or named.needs_root("parent"):
        parents = parents_of(state, run, with_outputs=True)
        roots["parents"] = parents
        if parents:
            roots["parent"] = parents[0]
    if named.needs_root("tasks"):
        roots["tasks"] = task_states(state)
    return roots | ended_roots(state, named)


def ended_roots(state: ExecutionState, named: References) -> dict[str, Any]:
    """The root ``execution`` with ``execution.outputs``, once the flow has outputs (``afterExecution``)."""
    if not state.execution.has_outputs or not named.needs_root("execution"):
        return {}
    outputs = private_outputs(state, state.execution.id)
    return {"execution": {**execution_roots(state.execution)["execution"], "outputs": outputs}}


def context_for(state: ExecutionState, named: References, run: TaskRun | None = None) -> dict[str, Any]:
    """All variables for an expression evaluated here, in the place of ``run`` or of the execution."""
    context = execution_roots(state.execution)
    roots = {} if run is None else run_roots(state, run, named)
    values = () if run is None else state.values_of(run)
    context["outputs"] = OutputsView(state, Place(named, roots, values))
    variables = state.variables
    if variables:
        context["vars"] = variables
    context.update(namespace_root(state.flow))
    if run is not None:
        task = state.flow.get_task(run.task_id)
        context["task"] = {"id": task.id, "type": task.type}
        context.update(roots)
        return context
    context.update(ended_roots(state, named))
    if named.needs_root("tasks"):
        context["tasks"] = task_states(state)
    return context
