"""Open executions in memory, so that a hot one is not read again for each step (design D3)."""

from collections import OrderedDict
from collections.abc import Collection

from segue.domain.engine.state import ExecutionState


class StateCache:
    """Least recently used states, bounded in executions and in task runs.

    What is in here may be out of date: the version guards every write, and a loser is dropped.
    """

    def __init__(self, executions: int, task_runs: int) -> None:
        self._executions = executions
        self._task_runs = task_runs
        self._held = 0
        self._states: OrderedDict[str, tuple[ExecutionState, int]] = OrderedDict()

    @property
    def ids(self) -> Collection[str]:
        """Ids of the executions held."""
        return self._states.keys()

    def take(self, execution_id: str) -> ExecutionState | None:
        """Remove and return a state: it is somebody's to change until it is put back."""
        found = self._states.pop(execution_id, None)
        if found is None:
            return None
        self._held -= found[1]
        return found[0]

    def put(self, state: ExecutionState) -> None:
        """Keep a state that is as the database has it; finished executions are not kept."""
        if state.execution.is_finished:
            return
        size = len(state.runs) + 1
        self._states[state.execution.id] = (state, size)
        self._held += size
        while self._states and (len(self._states) > self._executions or self._held > self._task_runs):
            _, (_, dropped) = self._states.popitem(last=False)
            self._held -= dropped
