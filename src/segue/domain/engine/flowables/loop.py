"""Loop: an execution of its own for every value (flow language 7.10).

What a step reads and writes does not grow with the number of iterations (``loop_book``). The outputs of an iteration
stay with its execution and are gathered once, at the end.
"""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import msgspec

from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.engine.flowables.loop_book import IN_ERROR, PAUSED, UNDER_WAY, Counters, LoopBook, Plan, Window
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
from segue.domain.engine.progress import Progress
from segue.domain.engine.references import output_needs, task_references
from segue.domain.engine.rendering import Place
from segue.domain.engine.value_rows import CHUNK
from segue.domain.errors import SegueError
from segue.domain.execution.context import item_variables
from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import ChildChanged, Continued
from segue.domain.execution.iterations import iteration_id
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import (
    Caller,
    Execution,
    ExecutionKind,
    ExecutionTrigger,
    LoopItem,
    LoopPosition,
    execution_folder,
)
from segue.domain.execution.requests import RestartRequested, ResumeRequested
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import FetchType, Loop
from segue.expr import References, is_truthy
from segue.expr.references import EVERYTHING, Path

STARTS_PER_STEP = 200
"""Iterations that one step starts at most; the next step goes on."""
_REFERENCES_INSIDE = 16
"""References to outputs that are copied into each iteration; where there are more, all read them from one row."""
_SMALL_BYTES = 4096
"""Inputs, variables and trigger variables up to this size are copied whole, larger ones as far as they are named."""


class LoopRun(FlowableRun[Loop]):
    """Starts iterations as there is room, counts those that end, gathers their outputs."""

    __slots__ = ("book",)

    advanced_in: ClassVar[frozenset[State]] = frozenset({State.RUNNING, State.PAUSED})

    def __init__(self, progress: Progress, task: Loop, run: TaskRun) -> None:
        super().__init__(progress, task, run)
        self.book = LoopBook(progress, run.id)

    # The beginning

    def begin(self) -> None:
        """Render the values and keep them; count those of a file."""
        rendered = self.progress.render_value(self.task.values, self.run)
        uri = file_uri(rendered)
        plan = self._planned()
        if uri is None:
            values = loop_values(rendered)
            plan.count = len(values.texts)
            for number in range(-(-plan.count // CHUNK)):
                self.book.write(f"values-{number}", values.chunk(number))
        else:
            plan.count, plan.uri = self.progress.state.find(LineCountNeed(uri)), uri
        self.book.write("plan", plan)
        self.book.keep(Counters())
        self._publish(Counters(), plan.count)

    def _planned(self) -> Plan:
        """What the expressions inside the loop name, and each iteration takes over. Raises ``Needed``."""
        named = task_references(self.progress, self.task)
        execution = self.progress.execution
        trigger = execution.trigger
        return Plan(
            count=0,
            outputs=tuple(output_needs(self.progress.state, Place(named))),
            inputs=_taken_over(execution.inputs, named.inputs, named),
            variables=_taken_over(execution.variables or {}, named.variables, named),
            has_trigger=trigger is None or named.needs_root("trigger") or _is_small(trigger.variables),
        )

    def _publish(self, counters: Counters, count: int, **more: Any) -> None:
        outputs = {
            "iterationCount": count,
            "runningIterations": counters.running,
            "terminatedIterations": counters.ended,
            **more,
        }
        if self.progress.state.outputs.get(self.run.id) != outputs:
            self.remember(outputs)

    # Going on

    def advance(self) -> None:
        """End after a failure that counts, else start what there is room for, else end."""
        plan, counters = self.book.plan, self.book.counters
        if counters.in_error and self.task.transmit_failed:
            self.progress.log(LogLevel.ERROR, "An iteration of the loop has failed", self.run)
            self._publish(counters, plan.count)
            self.end(State.FAILED)
            return
        while not counters.is_broken and self._start_some(plan, counters):
            pass
        if counters.running or (counters.started < plan.count and not counters.is_broken):
            self._publish(counters, plan.count)
            return
        results = self._results(plan, counters)
        self._publish(counters, plan.count, **results)
        self.end(State.WARNING if counters.warned and self.task.transmit_failed else State.SUCCESS)

    def _start_some(self, plan: Plan, counters: Counters) -> bool:
        """Start iterations from one row of values; whether there may be more to start in this step."""
        room = plan.count - counters.started
        if self.task.concurrency_limit:
            room = min(room, self.task.concurrency_limit - counters.running)
        if room <= 0:
            return False
        left = STARTS_PER_STEP - len(self.progress.decision.executions)
        if left <= 0:
            key = f"continued:{self.run.id}:{counters.started}"
            self.progress.tell(self.progress.execution.id, Continued(), key)
            return False
        if counters.started % CHUNK:
            self.book.marks_of(counters.started)  # raises Needed before anything is changed
        window = self._window(plan, counters)
        begin = counters.started - window.first
        count = min(room, left, CHUNK - counters.started % CHUNK, len(window.values) - begin)
        pattern = self._pattern(plan)
        for index in range(counters.started, counters.started + count):
            self._start(plan, pattern, window, index)
        self.book.add_marks(counters, count)
        return count > 0

    def _window(self, plan: Plan, counters: Counters) -> Window:
        """The values from the next one on. Raises ``Needed``."""
        if plan.uri is None:
            number, place = divmod(counters.started, CHUNK)
            if number and not place:
                self.book.forget(f"values-{number - 1}")
            return Window(number * CHUNK, **self.book.read(f"values-{number}"))
        if counters.offset:
            window = Window(counters.first, self.book.read("values")["values"])
            if counters.started < window.first + len(window.values):
                return window
        lines: FileLines = self.progress.state.find(LinesNeed(plan.uri, counters.offset))
        if not lines.values:
            raise SegueError(f"{plan.uri} has become shorter: value {counters.started} of {plan.count} is not there")
        counters.first, counters.offset = counters.started, lines.next_offset
        self.book.write("values", {"values": lines.values})
        return Window(counters.first, lines.values)

    def _start(self, plan: Plan, pattern: Execution, window: Window, index: int) -> None:
        parent, place = self.progress.execution, index - window.first
        around = parent.loop
        is_short = len(plan.outputs) <= _REFERENCES_INSIDE
        position = LoopPosition(
            task_id=self.task.id,
            item=LoopItem(index, window.values[place], None if window.keys is None else window.keys[place]),
            execution_id=parent.id if around is None else around.execution_id,
            parents=() if around is None else (around.item, *around.parents),
            outputs=plan.outputs if is_short else (),
            outputs_owner=None if is_short else self.book.owner("plan"),
        )
        iteration = msgspec.structs.replace(pattern, id=iteration_id(self.run.id, index), loop=position)
        self.progress.start_execution(NewExecution(execution=iteration))

    def _pattern(self, plan: Plan) -> Execution:
        """What all iterations have in common."""
        parent = self.progress.execution
        trigger = parent.trigger
        if trigger is not None and not plan.has_trigger:
            trigger = ExecutionTrigger(trigger.id, trigger.type)
        return Execution(
            id="",
            flow=parent.flow,
            status=Status.begin(self.progress.now),
            created_at=self.progress.now,
            labels=parent.labels,
            inputs=_chosen(parent.inputs, plan.inputs),
            variables=None if parent.variables is None else _chosen(parent.variables, plan.variables),
            trigger=trigger,
            parent_id=parent.id,
            caller=Caller(parent.id, self.run.id),
            kind=ExecutionKind.LOOP,
            fixtures=parent.fixtures,
            depth=parent.depth,
            chain=parent.chain,
        )

    # Iterations that change

    def child_changed(self, fact: ChildChanged) -> None:
        """Note what became of an iteration; after its end ask ``breakWhen``."""
        old, new = self.book.mark(fact)
        breaks = old != new and new not in UNDER_WAY and self._breaks(fact)
        counters = self.book.note(fact)
        if counters is None:
            return
        if breaks:
            counters.is_broken = True
            self.book.keep(counters)
        if counters.paused and self.run.state is State.RUNNING:
            self.run = self.progress.move(self.run, State.PAUSED)
        elif not counters.paused and self.run.state is State.PAUSED:
            self.run = self.progress.move(self.run, State.RUNNING)

    def late_child_changed(self, fact: ChildChanged) -> None:
        """Note what became of an iteration after the loop has failed: a restart has to know it."""
        self.book.note(fact)

    def _breaks(self, fact: ChildChanged) -> bool:
        condition = self.task.break_when
        if condition is None or self.book.counters.is_broken:
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

    def _results(self, plan: Plan, counters: Counters) -> dict[str, Any]:
        """The outputs of all iterations, as a list or as a file. Raises ``Needed``."""
        is_stored = self.task.fetch_type is FetchType.STORE or (
            self.task.fetch_type is FetchType.AUTO and plan.uri is not None
        )
        if not self.task.outputs:
            return {} if is_stored else {"outputs": []}
        target = f"{execution_folder(self.progress.execution)}/outputs/{self.run.id}.ion" if is_stored else None
        found = self.progress.state.find(RecordsNeed(self.run.id, counters.started, plan.uri, target))
        return {"uri": found, "outputs": {"uri": found}} if is_stored else {"outputs": found}

    # Again

    def resume(self, fact: ResumeRequested) -> None:
        """Hand the wish on to the first iteration that is paused."""
        paused = self.book.marked(frozenset({PAUSED}))
        if paused:
            forwarded = ResumeRequested(fact.requested_at, inputs=fact.inputs, by=fact.by)
            self.progress.tell(iteration_id(self.run.id, paused[0]), forwarded)

    def prepare_restart(self) -> None:
        """Have the marks of all iterations loaded."""
        if self.run.outputs is not None:
            self.book.marked(IN_ERROR)

    def restart(self) -> None:
        """Restart the iterations that failed or were killed, and the paused ones while the loop waits for them.

        Those that were never started follow by themselves. A loop that had no values yet begins anew.
        """
        if self.run.outputs is None:
            super().restart()
            return
        wanted = IN_ERROR | {PAUSED} if self.run.state is State.PAUSED else IN_ERROR
        indexes = self.book.marked(wanted)
        self.book.take_back(indexes)
        for index in indexes:
            self.progress.tell(iteration_id(self.run.id, index), RestartRequested(), "restart")
        self.run = self.progress.begin_attempt(self.run, self.progress.now)
        self.run = self.progress.move(self.run, State.RUNNING)


def _is_small(values: Mapping[str, Any]) -> bool:
    return not values or len(msgspec.json.encode(values)) <= _SMALL_BYTES


def _taken_over(values: Mapping[str, Any], paths: Collection[Path], named: References) -> tuple[str, ...] | None:
    """The names of values that an iteration takes over; None for all."""
    if () in paths or EVERYTHING in named.unknown or _is_small(values):
        return None
    keys = {path[0] for path in paths}
    return tuple(key for key in values if key in keys)


def _chosen(values: dict[str, Any], names: tuple[str, ...] | None) -> dict[str, Any]:
    return values if names is None else {name: values[name] for name in names if name in values}
