"""An execution in memory with the indexes that keep a step's cost independent of its history."""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from segue.domain.engine.needs import Need, Needed
from segue.domain.engine.open_runs import OpenRuns
from segue.domain.engine.tally import Tally
from segue.domain.errors import NotFoundError, SegueError
from segue.domain.execution.model import Execution
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.compiled import CompiledFlow

MAIN = "main"
ERRORS = "errors"
FINALLY = "finally"
AFTER = "afterExecution"

_ALL_PHASES = (MAIN, ERRORS, FINALLY, AFTER)
_PHASES = {"errors": ERRORS, "finally": FINALLY, "afterExecution": AFTER, "listeners": AFTER}


def phase_of(section: str) -> str:
    """Which part of its block a section belongs to: the block's own lists are its main part."""
    return _PHASES.get(section, MAIN)


_EMPTY = Tally()

Key = TypeVar("Key")


class ExecutionState(OpenRuns):
    """The execution, its task runs, and the outputs loaded so far. Owned and changed by one step at a time.

    ``outputs`` holds decoded outputs by owner id; it is a cache and never the truth. ``found`` holds what the
    service found for other needs; it is true for one step only.
    """

    __slots__ = (
        "_by_task",
        "_by_values",
        "_tallies",
        "_values",
        "execution",
        "flow",
        "found",
        "outputs",
    )

    def __init__(self, flow: CompiledFlow, execution: Execution, runs: Iterable[TaskRun] = ()) -> None:
        super().__init__()
        self.flow = flow
        self.execution = execution
        self.outputs: dict[str, Any] = {}
        self.found: dict[Need, Any] = {}
        self._tallies: dict[tuple[str | None, str], Tally] = {}
        self._by_task: dict[str, dict[str, None]] = {}
        self._values: dict[str, tuple[str, ...]] = {}
        self._by_values: dict[tuple[str, tuple[str, ...]], dict[str, None]] = {}
        for run in runs:
            self.add(run)

    def add(self, run: TaskRun) -> None:
        """Take up a new task run."""
        self.runs[run.id] = run
        self._by_task.setdefault(run.task_id, {})[run.id] = None
        values = self._values.get(run.parent_id or "", ())
        if run.value is not None and not run.is_inner:
            values = (*values, run.value)
        if values:
            self._values[run.id] = values
            self._by_values.setdefault((run.task_id, values), {})[run.id] = None
        self._tally(run).add(run.id, run.state, run.iteration)
        self.note(run)

    def replace(self, run: TaskRun) -> None:
        """Take up a new version of a task run that is known."""
        old = self.runs[run.id]
        self.runs[run.id] = run
        if old.state is not run.state:
            self._tally(run).move(old.state, run.state, run.iteration)
            self.note(run)

    def remove(self, run: TaskRun) -> None:
        """Forget a task run; its children are to be removed before it."""
        known = self.runs[run.id]
        self.forget(known.id)
        _drop(self._by_task, known.task_id, known.id)
        values = self._values.pop(known.id, ())
        if values:
            _drop(self._by_values, (known.task_id, values), known.id)
        self._tally(known).remove(known.id, known.state, known.iteration)
        for phase in _ALL_PHASES:
            self._tallies.pop((known.id, phase), None)
        self.outputs.pop(known.id, None)

    def find(self, need: Need) -> Any:
        """What the service found. Raises ``Needed`` when it was not asked yet, and the ``SegueError`` it met."""
        if need not in self.found:
            raise Needed(need)
        found = self.found[need]
        if isinstance(found, SegueError):
            raise found
        return found

    @property
    def root_task_id(self) -> str | None:
        """The task whose lists are the execution's own: the Loop of an iteration, None for those of the flow."""
        loop = self.execution.loop
        return None if loop is None else loop.task_id

    def top_phase(self, run: TaskRun) -> str:
        """Which part of the execution's root block a task run belongs to in the end."""
        return _phase(self.flow, [run, *self.ancestors(run)][-1])

    @property
    def variables(self) -> dict[str, Any]:
        """The root ``vars``: those of the flow, or what tasks have made of them."""
        own = self.execution.variables
        return self.flow.flow.variables if own is None else own

    def tally(self, parent_id: str | None, phase: str = MAIN) -> Tally:
        """The children of a task run, or of the execution itself for None."""
        return self._tallies.get((parent_id, phase), _EMPTY)

    def child_ids(self, parent_id: str | None) -> list[str]:
        """Ids of all task runs directly inside a task run, whatever branch they belong to."""
        return [run_id for phase in _ALL_PHASES for run_id in self.tally(parent_id, phase).ids]

    def has_open_children(self, parent_id: str) -> bool:
        """Whether a task run directly inside a task run has not ended."""
        return any(self.tally(parent_id, phase).open for phase in _ALL_PHASES)

    def runs_of_task(self, task_id: str) -> list[TaskRun]:
        """All task runs of a task, in the order they were made."""
        return [self.runs[run_id] for run_id in self._by_task.get(task_id, ())]

    def runs_at(self, task_id: str, keys: tuple[str, ...]) -> list[TaskRun]:
        """The task runs of a task whose values agree with ``keys``, as far as both go (flow language 7.2)."""
        first = next(iter(self._by_task.get(task_id, ())), None)
        if first is None:
            return []
        depth = len(self._values.get(first, ()))
        if depth <= len(keys):
            found = self._by_values.get((task_id, keys[:depth]), {}) if depth else self._by_task[task_id]
            return [self.runs[run_id] for run_id in found]
        return [run for run in self.runs_of_task(task_id) if self.values_of(run)[: len(keys)] == keys]

    def has_outputs(self, task_id: str) -> bool:
        """Whether a task run of this task has outputs."""
        return any(self.runs[run_id].outputs is not None for run_id in self._by_task.get(task_id, ()))

    def task_ids(self) -> Iterable[str]:
        """Ids of the tasks that have task runs."""
        return self._by_task.keys()

    def ancestors(self, run: TaskRun) -> Iterator[TaskRun]:
        """The task runs around ``run``, nearest first."""
        parent_id = run.parent_id
        while parent_id is not None:
            parent = self.runs[parent_id]
            yield parent
            parent_id = parent.parent_id

    def values_of(self, run: TaskRun) -> tuple[str, ...]:
        """The iteration values that lead to ``run``, outermost first (flow language 7.2)."""
        return self._values.get(run.id, ())

    def _tally(self, run: TaskRun) -> Tally:
        key = (run.parent_id, _phase(self.flow, run))
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = Tally(_iteration_size(self.flow, self.runs.get(run.parent_id or ""), run))
        return found


def _iteration_size(flow: CompiledFlow, parent: TaskRun | None, run: TaskRun) -> int:
    """How many tasks an iteration of the loop has that ``run`` stands in."""
    if parent is None or run.iteration is None:
        return 0
    return sum(1 for task in flow.children(parent.task_id) if not task.disabled)


def _phase(flow: CompiledFlow, run: TaskRun) -> str:
    try:
        return phase_of(flow.get_node(run.task_id).section)
    except NotFoundError:
        return MAIN


def _drop(index: dict[Key, dict[str, None]], key: Key, run_id: str) -> None:
    del index[key][run_id]
    if not index[key]:
        del index[key]
