"""Counts over the children of a task run, kept while they change, so that no step walks over all of them."""

from segue.domain.execution.state import State


class Groups:
    """The iterations of a loop whose iterations are task runs of one execution (flow language 7.8).

    ``size`` is how many task runs a whole iteration has. An iteration is waiting when none of its task runs is
    open and some are still to come, and complete when none is.
    """

    __slots__ = ("_open", "complete", "made", "size", "waiting")

    def __init__(self, size: int) -> None:
        self.size = size
        self.made: dict[int, int] = {}
        """Task runs by iteration."""
        self.waiting: dict[int, None] = {}
        self.complete = 0
        self._open: dict[int, int] = {}

    def change(self, index: int, made: int, is_open: int) -> None:
        """Count task runs that were made (or taken back: -1), and that are open now (or not any more: -1)."""
        if self._is_complete(index):
            self.complete -= 1
        self.made[index] = self.made.get(index, 0) + made
        self._open[index] = self._open.get(index, 0) + is_open
        if self._is_complete(index):
            self.complete += 1
        if self._open[index] == 0 and self.made[index] < self.size:
            self.waiting[index] = None
        else:
            self.waiting.pop(index, None)

    def _is_complete(self, index: int) -> bool:
        return self.made.get(index, 0) >= self.size and self._open[index] == 0


class Tally:
    """The children of one parent in one phase: their ids in order, and how many are in which state."""

    __slots__ = ("counts", "groups", "ids", "open")

    def __init__(self, size: int = 0) -> None:
        """``size`` is that of the iterations, should the children belong to some."""
        self.ids: dict[str, None] = {}
        self.counts: dict[State, int] = {}
        self.open = 0
        self.groups = Groups(size)

    def add(self, run_id: str, state: State, iteration: int | None) -> None:
        """A child was made."""
        self.ids[run_id] = None
        self._count(state, 1)
        if iteration is not None:
            self.groups.change(iteration, 1, not state.is_terminated)

    def remove(self, run_id: str, state: State, iteration: int | None) -> None:
        """A child was taken back."""
        del self.ids[run_id]
        self._count(state, -1)
        if iteration is not None:
            self.groups.change(iteration, -1, -(not state.is_terminated))

    def move(self, old: State, new: State, iteration: int | None) -> None:
        """A child went from one state to another."""
        self._count(old, -1)
        self._count(new, 1)
        if iteration is not None and old.is_terminated is not new.is_terminated:
            self.groups.change(iteration, 0, 1 if old.is_terminated else -1)

    def has(self, state: State) -> bool:
        """Whether any child is in ``state``."""
        return self.counts.get(state, 0) > 0

    @property
    def has_failed(self) -> bool:
        """Whether a child ended in a way that stops its block."""
        return self.has(State.FAILED) or self.has(State.KILLED)

    def _count(self, state: State, by: int) -> None:
        self.counts[state] = self.counts.get(state, 0) + by
        if not state.is_terminated:
            self.open += by
