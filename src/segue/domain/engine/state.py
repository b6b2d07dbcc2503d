"""An execution in memory with the indexes that keep a step's cost independent of its history."""

from collections.abc import Iterable, Iterator
from typing import Any

from segue.domain.engine.needs import Need, Needed
from segue.domain.errors import NotFoundError, SegueError
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.compiled import CompiledFlow

MAIN = "main"
ERRORS = "errors"
FINALLY = "finally"
AFTER = "afterExecution"

_PHASES = {"errors": ERRORS, "finally": FINALLY, "afterExecution": AFTER, "listeners": AFTER}


def phase_of(section: str) -> str:
    """Which part of its block a section belongs to: the block's own lists are its main part."""
    return _PHASES.get(section, MAIN)


class Tally:
    """The children of one parent in one phase: their ids in order, and how many are in which state."""

    __slots__ = ("counts", "ids", "open")

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.counts: dict[State, int] = {}
        self.open = 0

    def has(self, state: State) -> bool:
        """Whether any child is in ``state``."""
        return self.counts.get(state, 0) > 0

    @property
    def has_failed(self) -> bool:
        """Whether a child ended in a way that stops its block."""
        return self.has(State.FAILED) or self.has(State.KILLED)


_EMPTY = Tally()


class ExecutionState:
    """The execution, its task runs, and the outputs loaded so far. Owned and changed by one step at a time.

    ``outputs`` holds decoded outputs by owner id; it is a cache and never the truth. ``found`` holds what the
    service found for other needs; it is true for one step only.
    """

    __slots__ = ("_by_task", "_open", "_paused", "_tallies", "execution", "flow", "found", "outputs", "runs")

    def __init__(self, flow: CompiledFlow, execution: Execution, runs: Iterable[TaskRun] = ()) -> None:
        self.flow = flow
        self.execution = execution
        self.runs: dict[str, TaskRun] = {}
        self.outputs: dict[str, Any] = {}
        self.found: dict[Need, Any] = {}
        self._tallies: dict[tuple[str | None, str], Tally] = {}
        self._by_task: dict[str, list[str]] = {}
        self._open: dict[str, None] = {}
        self._paused: dict[str, None] = {}
        for run in runs:
            self.add(run)

    def add(self, run: TaskRun) -> None:
        """Take up a new task run."""
        self.runs[run.id] = run
        self._by_task.setdefault(run.task_id, []).append(run.id)
        tally = self._tally(run)
        tally.ids.append(run.id)
        self._count(tally, run.state, 1)
        if not run.state.is_terminated:
            self._open[run.id] = None
        self._note_pause(run)

    def replace(self, run: TaskRun) -> None:
        """Take up a new version of a task run that is known."""
        old = self.runs[run.id]
        self.runs[run.id] = run
        if old.state is not run.state:
            tally = self._tally(run)
            self._count(tally, old.state, -1)
            self._count(tally, run.state, 1)
            if run.state.is_terminated:
                self._open.pop(run.id, None)
            else:
                self._open[run.id] = None
            self._note_pause(run)

    def remove(self, run: TaskRun) -> None:
        """Forget a task run; its children are to be removed before it."""
        known = self.runs.pop(run.id)
        self._by_task[known.task_id].remove(known.id)
        if not self._by_task[known.task_id]:
            del self._by_task[known.task_id]
        tally = self._tally(known)
        tally.ids.remove(known.id)
        self._count(tally, known.state, -1)
        self._open.pop(known.id, None)
        self._paused.pop(known.id, None)
        self.outputs.pop(known.id, None)

    def find(self, need: Need) -> Any:
        """What the service found. Raises ``Needed`` when it was not asked yet, and the ``SegueError`` it met."""
        if need not in self.found:
            raise Needed(need)
        found = self.found[need]
        if isinstance(found, SegueError):
            raise found
        return found

    def tally(self, parent_id: str | None, phase: str = MAIN) -> Tally:
        """The children of a task run, or of the execution itself for None."""
        return self._tallies.get((parent_id, phase), _EMPTY)

    def child_ids(self, parent_id: str | None) -> list[str]:
        """Ids of all task runs directly inside a task run, whatever branch they belong to."""
        return [run_id for phase in (MAIN, ERRORS, FINALLY, AFTER) for run_id in self.tally(parent_id, phase).ids]

    def runs_of_task(self, task_id: str) -> list[TaskRun]:
        """All task runs of a task, in the order they were made."""
        return [self.runs[run_id] for run_id in self._by_task.get(task_id, ())]

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
        values = [ancestor.value for ancestor in self.ancestors(run) if ancestor.value is not None]
        values.reverse()
        if run.value is not None and not run.is_inner:
            values.append(run.value)
        return tuple(values)

    def open_runs(self) -> list[TaskRun]:
        """Task runs that have not ended."""
        return [self.runs[run_id] for run_id in self._open]

    def paused_runs(self) -> list[TaskRun]:
        """Task runs that wait in PAUSED, the one that was paused first at the beginning."""
        return [self.runs[run_id] for run_id in self._paused]

    @property
    def has_paused_runs(self) -> bool:
        """Whether any task run waits in PAUSED."""
        return bool(self._paused)

    def _note_pause(self, run: TaskRun) -> None:
        if run.state is State.PAUSED:
            self._paused[run.id] = None
        else:
            self._paused.pop(run.id, None)

    def _tally(self, run: TaskRun) -> Tally:
        key = (run.parent_id, self._phase(run))
        found = self._tallies.get(key)
        if found is None:
            found = self._tallies[key] = Tally()
        return found

    def _phase(self, run: TaskRun) -> str:
        try:
            return phase_of(self.flow.get_node(run.task_id).section)
        except NotFoundError:
            return MAIN

    @staticmethod
    def _count(tally: Tally, state: State, by: int) -> None:
        tally.counts[state] = tally.counts.get(state, 0) + by
        if not state.is_terminated:
            tally.open += by
