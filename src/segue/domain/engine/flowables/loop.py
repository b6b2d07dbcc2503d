"""Loop: an execution of its own for every value (flow language 7.10).

What a step reads and writes does not grow with the number of iterations. Values and the marks of iterations are kept
in rows of ``CHUNK`` each, the counters in a row of their own; the outputs of an iteration stay with its execution and
are gathered once, at the end.
"""

from typing import Any

import msgspec

from segue.domain.engine.block import absorb
from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.engine.flowables.loop_values import file_uri, loop_values
from segue.domain.engine.needs import (
    ExecutionNeed,
    FileLines,
    LineCountNeed,
    LinesNeed,
    Needed,
    OutputsNeed,
    RecordsNeed,
)
from segue.domain.engine.references import output_needs, task_references
from segue.domain.engine.rendering import private_outputs
from segue.domain.engine.value_rows import CHUNK, row_owner
from segue.domain.execution.context import item_variables
from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import ChildChanged, Continued
from segue.domain.execution.iterations import iteration_id, iteration_index
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import Caller, Execution, ExecutionKind, LoopItem, LoopPosition, execution_folder
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import OutputNeed
from segue.domain.flow.flowables import FetchType, Loop
from segue.expr import is_truthy

STARTS_PER_STEP = 200
"""Iterations that one step starts at most; the next step goes on."""
_REFERENCES_INSIDE = 16
"""References to outputs that are copied into each iteration; where there are more, all read them from one row."""

_RUNNING, _PAUSED, _SUCCESS, _WARNING, _FAILED, _KILLED, _OTHER = "rpSWFKo"
_MARKS = {State.SUCCESS: _SUCCESS, State.WARNING: _WARNING, State.FAILED: _FAILED, State.KILLED: _KILLED}
_UNDER_WAY = frozenset({_RUNNING, _PAUSED})
_IN_ERROR = frozenset({_FAILED, _KILLED})


class Plan(msgspec.Struct):
    """What is worked out once for a Loop's task run and stays."""

    count: int
    uri: str | None = None
    outputs: tuple[OutputNeed, ...] = ()


class Book(msgspec.Struct):
    """The counters of a Loop's task run. ``started`` is the index of the next iteration."""

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


class Window(msgspec.Struct):
    """The row of values in use: ``values[0]`` is that of iteration ``first``."""

    first: int
    values: list[str]
    keys: list[str] | None = None


class LoopRun(FlowableRun[Loop]):
    """Starts iterations as there is room, counts those that end, gathers their outputs."""

    __slots__ = ()

    # Rows

    def _owner(self, row: str) -> str:
        return row_owner(self.run.id, row)

    def _read(self, row: str) -> dict[str, Any]:
        return private_outputs(self.progress.state, self._owner(row))

    def _write(self, row: str, value: Any) -> None:
        self.progress.store_private(self._owner(row), msgspec.to_builtins(value))

    def _forget(self, row: str) -> None:
        """Drop from memory what is not needed any more."""
        self.progress.state.outputs.pop(self._owner(row), None)

    @property
    def plan(self) -> Plan:
        """What is known from the beginning."""
        return msgspec.convert(self._read("plan"), Plan)

    @property
    def book(self) -> Book:
        """The counters as they are now; a copy."""
        return msgspec.convert(self._read("book"), Book)

    # The beginning

    def begin(self) -> None:
        """Render the values and keep them; count those of a file."""
        rendered = self.progress.render_value(self.task.values, self.run)
        uri = file_uri(rendered)
        state = self.progress.state
        named = task_references(self.progress, self.task)
        around = tuple(output_needs(state, named))
        if uri is None:
            values = loop_values(rendered)
            count = len(values.texts)
            for number in range(-(-count // CHUNK)):
                self._write(f"values-{number}", values.chunk(number))
        else:
            count = state.find(LineCountNeed(uri))
        self._write("plan", Plan(count, uri, around))
        self._write("book", Book())
        self._publish(Book(), count)

    def _publish(self, book: Book, count: int, **more: Any) -> None:
        counters = {"iterationCount": count, "runningIterations": book.running, "terminatedIterations": book.ended}
        if self.progress.state.outputs.get(self.run.id) != counters | more:
            self.remember(counters | more)

    # Going on

    def advance(self) -> None:
        """End after a failure that counts, else start what there is room for, else end."""
        plan, book = self.plan, self.book
        if book.in_error and self.task.transmit_failed:
            self.progress.log(LogLevel.ERROR, "An iteration of the loop has failed", self.run)
            self._publish(book, plan.count)
            self._end(State.FAILED)
            return
        while not book.is_broken and self._start_some(plan, book):
            pass
        if book.running or (book.started < plan.count and not book.is_broken):
            self._publish(book, plan.count)
            return
        results = self._results(plan, book)
        self._publish(book, plan.count, **results)
        self._end(State.WARNING if book.warned and self.task.transmit_failed else State.SUCCESS)

    def _end(self, state: State) -> None:
        self.progress.end(self.run, absorb(self.task, state), attempt=state)

    def _start_some(self, plan: Plan, book: Book) -> bool:
        """Start iterations from one row of values; whether there may be more to start in this step."""
        room = plan.count - book.started
        if self.task.concurrency_limit:
            room = min(room, self.task.concurrency_limit - book.running)
        if room <= 0:
            return False
        left = STARTS_PER_STEP - len(self.progress.decision.executions)
        if left <= 0:
            self.progress.tell(self.progress.execution.id, Continued(), f"continued:{self.run.id}:{book.started}")
            return False
        number, place = divmod(book.started, CHUNK)
        marks = self._read(f"marks-{number}")["marks"] if place else ""
        window = self._window(plan, book)
        begin = book.started - window.first
        count = min(room, left, CHUNK - place, len(window.values) - begin)
        for index in range(book.started, book.started + count):
            self._start(plan, window, index)
        self._write(f"marks-{number}", {"marks": marks + _RUNNING * count})
        book.started += count
        book.running += count
        self._write("book", book)
        return count > 0

    def _window(self, plan: Plan, book: Book) -> Window:
        """The values from the next one on. Raises ``Needed``."""
        if plan.uri is None:
            number = book.started // CHUNK
            if book.started % CHUNK == 0 and number:
                self._forget(f"values-{number - 1}")
            return Window(number * CHUNK, **self._read(f"values-{number}"))
        if book.offset:
            window = Window(book.first, self._read("values")["values"])
            if book.started < window.first + len(window.values):
                return window
        lines: FileLines = self.progress.state.find(LinesNeed(plan.uri, book.offset))
        if not lines.values:
            raise ValueError(f"{plan.uri} has become shorter: value {book.started} of {plan.count} is not there")
        book.first, book.offset = book.started, lines.next_offset
        self._write("values", {"values": lines.values})
        return Window(book.first, lines.values)

    def _start(self, plan: Plan, window: Window, index: int) -> None:
        parent, place = self.progress.execution, index - window.first
        item = LoopItem(index, window.values[place], None if window.keys is None else window.keys[place])
        around = parent.loop
        is_short = len(plan.outputs) <= _REFERENCES_INSIDE
        position = LoopPosition(
            task_id=self.task.id,
            item=item,
            execution_id=parent.id if around is None else around.execution_id,
            parents=() if around is None else (around.item, *around.parents),
            outputs=plan.outputs if is_short else (),
            outputs_owner=None if is_short else self._owner("plan"),
        )
        self.progress.start_execution(NewExecution(execution=self._iteration(index, position)))

    def _iteration(self, index: int, position: LoopPosition) -> Execution:
        parent = self.progress.execution
        return Execution(
            id=iteration_id(self.run.id, index),
            flow=parent.flow,
            status=Status.begin(self.progress.now),
            created_at=self.progress.now,
            labels=parent.labels,
            inputs=parent.inputs,
            variables=parent.variables,
            trigger=parent.trigger,
            parent_id=parent.id,
            caller=Caller(parent.id, self.run.id),
            loop=position,
            kind=ExecutionKind.LOOP,
        )

    # Iterations that change

    def child_changed(self, fact: ChildChanged) -> None:
        """Note what became of an iteration; after its end ask ``breakWhen``."""
        book = self._noted(fact)
        if book is None:
            return
        if book.paused and self.run.state is State.RUNNING:
            self.run = self.progress.move(self.run, State.PAUSED)
        elif not book.paused and self.run.state is State.PAUSED:
            self.run = self.progress.move(self.run, State.RUNNING)

    def late_child_changed(self, fact: ChildChanged) -> None:
        """Note what became of an iteration after the loop has failed: a restart has to know it."""
        self._noted(fact)

    def _noted(self, fact: ChildChanged) -> Book | None:
        """The counters with the new mark of an iteration, None when it had that mark already."""
        index = iteration_index(fact.child_id)
        number, place = divmod(index, CHUNK)
        row = f"marks-{number}"
        marks, book = self._read(row)["marks"], self.book
        old, new = marks[place], _mark(fact)
        if old == new:
            return None
        if new not in _UNDER_WAY and not book.is_broken and self._breaks(fact):
            book.is_broken = True
        book.running += (new in _UNDER_WAY) - (old in _UNDER_WAY)
        book.paused += (new == _PAUSED) - (old == _PAUSED)
        book.ended += (new not in _UNDER_WAY) - (old not in _UNDER_WAY)
        book.in_error += (new in _IN_ERROR) - (old in _IN_ERROR)
        book.warned += (new == _WARNING) - (old == _WARNING)
        marks = marks[:place] + new + marks[place + 1 :]
        self._write(row, {"marks": marks})
        self._write("book", book)
        return book

    def _breaks(self, fact: ChildChanged) -> bool:
        condition = self.task.break_when
        if condition is None:
            return False
        state, progress = self.progress.state, self.progress
        child: Execution | None = state.find(ExecutionNeed(fact.child_id))
        outputs: dict[str, Any] = {}
        if fact.outputs is not None:
            if fact.child_id not in state.outputs:
                raise Needed(OutputsNeed(fact.child_id, fact.outputs.uri))
            outputs = state.outputs.pop(fact.child_id)
        iteration = {"executionId": fact.child_id, "state": fact.state.value, "outputs": outputs}
        context: dict[str, Any] = {**progress.context(condition, self.run), "iteration": iteration}
        if child is not None and child.loop is not None:
            context["item"] = item_variables(child.loop)
        return is_truthy(progress.renderer.render(condition, context))

    # The end

    def _results(self, plan: Plan, book: Book) -> dict[str, Any]:
        """The outputs of all iterations, as a list or as a file. Raises ``Needed``."""
        is_stored = self.task.fetch_type is FetchType.STORE or (
            self.task.fetch_type is FetchType.AUTO and plan.uri is not None
        )
        if not self.task.outputs:
            return {} if is_stored else {"outputs": []}
        target = f"{execution_folder(self.progress.execution)}/outputs/{self.run.id}.ion" if is_stored else None
        found = self.progress.state.find(RecordsNeed(self.run.id, book.started, plan.uri, target))
        return {"uri": found, "outputs": {"uri": found}} if is_stored else {"outputs": found}

    # Again

    def restart(self) -> list[str]:
        """Count the iterations that failed or were killed as running again, and return their ids.

        The caller restarts these executions and moves the task run back to RUNNING; those that were never started
        follow by themselves. Raises ``Needed`` before anything is changed.
        """
        book = self.book
        rows = {number: self._read(f"marks-{number}")["marks"] for number in range(-(-book.started // CHUNK))}
        failed = [
            number * CHUNK + place
            for number, marks in rows.items()
            for place, mark in enumerate(marks)
            if mark in _IN_ERROR
        ]
        for number, marks in rows.items():
            if not _IN_ERROR.isdisjoint(marks):
                again = marks.replace(_FAILED, _RUNNING).replace(_KILLED, _RUNNING)
                self._write(f"marks-{number}", {"marks": again})
        book.running += len(failed)
        book.ended -= len(failed)
        book.in_error = 0
        self._write("book", book)
        return [iteration_id(self.run.id, index) for index in failed]


def _mark(fact: ChildChanged) -> str:
    if fact.state.is_terminated and fact.is_finished:
        return _MARKS.get(fact.state, _OTHER)
    return _PAUSED if fact.state is State.PAUSED else _RUNNING
