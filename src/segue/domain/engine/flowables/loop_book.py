"""What a Loop keeps about its iterations: rows whose size does not grow with their number (flow language 7.10).

One row holds what is known from the beginning, one the counters; values and the marks of iterations are kept in rows
of ``CHUNK`` each, so that a step reads and writes those it is about.
"""

from typing import Any

import msgspec

from segue.domain.engine.needs import Needed, OutputsNeed
from segue.domain.engine.progress import Progress
from segue.domain.engine.rendering import private_outputs
from segue.domain.engine.value_rows import CHUNK, row_owner
from segue.domain.execution.facts import ChildChanged
from segue.domain.execution.iterations import iteration_index
from segue.domain.execution.state import State
from segue.domain.execution.task_run import OutputNeed

RUNNING, PAUSED, SUCCESS, WARNING, FAILED, KILLED, OTHER = "rpSWFKo"
"""What is noted of an iteration, a letter each."""

UNDER_WAY = frozenset({RUNNING, PAUSED})
IN_ERROR = frozenset({FAILED, KILLED})
_MARKS = {State.SUCCESS: SUCCESS, State.WARNING: WARNING, State.FAILED: FAILED, State.KILLED: KILLED}


class Plan(msgspec.Struct):
    """What is worked out once for a Loop's task run and stays.

    ``outputs`` are those that expressions inside may read, ``inputs`` and ``variables`` the names of those that each
    iteration takes over (None: all), ``has_trigger`` whether it takes over the variables of the trigger.
    """

    count: int
    uri: str | None = None
    outputs: tuple[OutputNeed, ...] = ()
    inputs: tuple[str, ...] | None = None
    variables: tuple[str, ...] | None = None
    has_trigger: bool = True


class Counters(msgspec.Struct):
    """How far a Loop's task run is. ``started`` is the index of the next iteration."""

    started: int = 0
    running: int = 0
    paused: int = 0
    ended: int = 0
    in_error: int = 0
    warned: int = 0
    is_broken: bool = False
    first: int = 0
    """The index of the first value of the row of values in use, for a file."""
    offset: int = 0
    """Where in the file the next row of values begins."""

    def change(self, old: str, new: str) -> None:
        """Count an iteration that has another mark now."""
        self.running += (new in UNDER_WAY) - (old in UNDER_WAY)
        self.paused += (new == PAUSED) - (old == PAUSED)
        self.ended += (new not in UNDER_WAY) - (old not in UNDER_WAY)
        self.in_error += (new in IN_ERROR) - (old in IN_ERROR)
        self.warned += (new == WARNING) - (old == WARNING)


class Window(msgspec.Struct):
    """The row of values in use: ``values[0]`` is that of iteration ``first``."""

    first: int
    values: list[str]
    keys: list[str] | None = None


class LoopBook:
    """The rows of one task run. What is read raises ``Needed`` while it is not in memory."""

    def __init__(self, progress: Progress, run_id: str) -> None:
        self._progress = progress
        self._run_id = run_id

    def owner(self, row: str) -> str:
        """Under which owner a row is kept."""
        return row_owner(self._run_id, row)

    def read(self, row: str) -> dict[str, Any]:
        """A row."""
        return private_outputs(self._progress.state, self.owner(row))

    def write(self, row: str, value: Any) -> None:
        """Write a row."""
        self._progress.store_private(self.owner(row), msgspec.to_builtins(value))

    def forget(self, row: str) -> None:
        """Drop from memory what is not needed any more; not for a row that was written in this step."""
        self._progress.state.outputs.pop(self.owner(row), None)

    @property
    def plan(self) -> Plan:
        """What is known from the beginning."""
        return msgspec.convert(self.read("plan"), Plan)

    @property
    def counters(self) -> Counters:
        """The counters as they are now; a copy."""
        return msgspec.convert(self.read("book"), Counters)

    def keep(self, counters: Counters) -> None:
        """Write the counters."""
        self.write("book", counters)

    def add_marks(self, counters: Counters, count: int) -> None:
        """Note that ``count`` iterations were started, all of one row."""
        number, place = divmod(counters.started, CHUNK)
        known = self.read(f"marks-{number}")["marks"] if place else ""
        self.write(f"marks-{number}", {"marks": known + RUNNING * count})
        counters.started += count
        counters.running += count
        self.keep(counters)

    def marks_of(self, index: int) -> str:
        """The marks of the row that iteration ``index`` belongs to."""
        found: str = self.read(f"marks-{index // CHUNK}")["marks"]
        return found

    def mark(self, fact: ChildChanged) -> tuple[str, str]:
        """What is noted of an iteration, and what the fact says of it.

        An iteration that is not noted at all was started by another executor, with a newer state than this one: what
        is decided here will be refused, so it may as well change nothing.
        """
        index, new = iteration_index(fact.child_id), _mark(fact)
        marks, place = self.marks_of(index), index % CHUNK
        return (marks[place] if place < len(marks) else new), new

    def note(self, fact: ChildChanged) -> Counters | None:
        """Note what became of an iteration; the counters then, None when that is known already."""
        index = iteration_index(fact.child_id)
        old, new = self.mark(fact)
        if old == new:
            return None
        marks, place, counters = self.marks_of(index), index % CHUNK, self.counters
        counters.change(old, new)
        self.write(f"marks-{index // CHUNK}", {"marks": marks[:place] + new + marks[place + 1 :]})
        self.keep(counters)
        return counters

    def marked(self, letters: frozenset[str]) -> list[int]:
        """The indexes of all iterations with one of these marks."""
        numbers = range(-(-self.counters.started // CHUNK))
        owners = [self.owner(f"marks-{number}") for number in numbers]
        missing = [OutputsNeed(owner) for owner in owners if owner not in self._progress.state.outputs]
        if missing:
            raise Needed(*missing)
        return [
            number * CHUNK + place
            for number in numbers
            for place, mark in enumerate(self.read(f"marks-{number}")["marks"])
            if mark in letters
        ]

    def take_back(self, indexes: list[int]) -> None:
        """Note that these iterations run again."""
        counters = self.counters
        rows: dict[int, list[str]] = {}
        for index in indexes:
            number, place = divmod(index, CHUNK)
            marks = rows.setdefault(number, list(self.read(f"marks-{number}")["marks"]))
            counters.change(marks[place], RUNNING)
            marks[place] = RUNNING
        for number, marks in rows.items():
            self.write(f"marks-{number}", {"marks": "".join(marks)})
        self.keep(counters)


def _mark(fact: ChildChanged) -> str:
    if fact.state.is_terminated and fact.is_finished:
        return _MARKS.get(fact.state, OTHER)
    return PAUSED if fact.state is State.PAUSED else RUNNING
