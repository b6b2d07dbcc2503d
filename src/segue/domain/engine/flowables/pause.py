"""A wait for a person or a time (flow language 7.13)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Protocol

import msgspec

from segue.domain.durations import parse_duration
from segue.domain.engine.block import absorb, advance_sides
from segue.domain.engine.flowables.base import FlowableRun
from segue.domain.engine.kill import end_because_of, pause_timer_id
from segue.domain.engine.progress import Progress
from segue.domain.engine.rendering import outputs_of
from segue.domain.engine.state import MAIN
from segue.domain.errors import SegueError
from segue.domain.execution.context import format_instant
from segue.domain.execution.jobs import Timer, TimerKind
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.requests import ResumeRequested
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.flowables import Pause, PauseBehavior
from segue.domain.flow.input_values import Encrypt
from segue.domain.flow.inputs import Input
from segue.domain.flow.resolve_inputs import Resolution, resolve_inputs

_AFTER_THE_TIME = {
    PauseBehavior.RESUME: State.RUNNING,
    PauseBehavior.WARN: State.WARNING,
    PauseBehavior.FAIL: State.FAILED,
    PauseBehavior.CANCEL: State.CANCELLED,
}


class PauseRun(FlowableRun[Pause]):
    """PAUSED until somebody or the time says how it goes on; what was said is kept in the outputs."""

    advanced_in: ClassVar[frozenset[State]] = frozenset({State.RUNNING, State.PAUSED})

    def begin(self) -> None:
        """Forget the end of an earlier pause, before a restart."""
        if self.run.outputs is not None:
            self.run = self.progress.update(msgspec.structs.replace(self.run, outputs=None))

    def advance(self) -> None:
        """Pause first; after the answer run the tasks inside and end."""
        if self.run.outputs is not None:
            self._go_on(outputs_of(self.progress.state, self.run)["resumed"]["to"])
        elif self.run.state is not State.PAUSED:
            self._hold()
        elif self.progress.state.tally(self.run.id, MAIN).has_failed:
            self._answer(State.FAILED, {})

    def timer_due(self, purpose: str) -> None:
        """The time is over: go on as ``behavior`` says, or fail when it was the ``timeout``."""
        if purpose != "pause" or self.run.state is not State.PAUSED or self.run.outputs is not None:
            return
        if self.task.pause_duration is None:
            self.progress.log(LogLevel.ERROR, "Nobody has resumed the task before its timeout", self.run)
            self._answer(self._after_the_timeout(), {})
            return
        text = self.progress.render(str(self.task.behavior), self.run).strip().upper()
        try:
            behavior = PauseBehavior(text)
        except ValueError:
            raise SegueError(f"'behavior' must be one of {', '.join(PauseBehavior)}, not {text[:100]!r}") from None
        self._answer(_AFTER_THE_TIME[behavior], {})

    def _after_the_timeout(self) -> State:
        """FAILED, for ``end`` to absorb. A Pause of 1.x with ``tasks`` goes on to them when its failure is absorbed."""
        absorbed = absorb(self.task, State.FAILED)
        return absorbed if self.section("tasks") else State.FAILED

    def resume(self, fact: ResumeRequested) -> None:
        """Go on with these inputs. Raises ``InputInvalidError`` when they do not fit; the pause then lasts."""
        inputs = fact.inputs
        if not fact.is_resolved:
            inputs = answered_inputs(self.progress, self.task.on_resume, inputs)
        self._answer(State.RUNNING, inputs, fact.by)

    def _hold(self) -> None:
        limit = self.task.timeout if self.task.pause_duration is None else self.task.pause_duration
        set_pause_timer(self.progress, self.run, limit)
        for task in self.section("onPause"):
            self.progress.create_run(task, self.run)
        self.progress.move(self.run, State.PAUSED)

    def _answer(self, state: State, inputs: dict[str, Any], by: str | None = None) -> None:
        """Keep the answer; end at once when there is nothing left to run inside."""
        progress = self.progress
        if state is State.CANCELLED:
            end_because_of(progress, self.run, State.CANCELLED)
            return
        on = format_instant(progress.now)
        self.remember({"onResume": inputs, "resumed": {"by": by, "on": on, "to": state.value}})
        progress.drop_timer(pause_timer_id(self.run))
        names = ("tasks", "finally", "errors") if state is State.FAILED else ("tasks", "finally")
        if any(self.section(name) for name in names) or progress.state.child_ids(self.run.id):
            self.run = progress.move(self.run, State.RUNNING)
        else:
            self.end(State.SUCCESS if state is State.RUNNING else state)

    def _go_on(self, answer: str) -> None:
        has_failed = answer == State.FAILED
        tally = self.progress.state.tally(self.run.id, MAIN)
        tasks = self.section("onPause") if has_failed else (*self.section("onPause"), *self.section("tasks"))
        if not tally.has_failed and not self.sequence(tasks):
            return
        if not advance_sides(self.progress, self.run, has_failed=has_failed):
            return
        state = State.FAILED if has_failed else self.final_state()
        self.end(State.WARNING if state is State.SUCCESS and answer == State.WARNING else state)


def set_pause_timer(progress: Progress, run: TaskRun, limit: timedelta | str | None) -> timedelta | None:
    """Limit a pause and return how long it may last; nothing for no limit. Raises ``SegueError`` for a wrong one."""
    if isinstance(limit, str):
        text = progress.render(limit, run).strip()
        try:
            limit = parse_duration(text) if text else None
        except ValueError as error:
            raise SegueError(f"{text[:100]!r} is no duration: {error}") from None
    if limit is None:
        return None
    timer = Timer(
        id=pause_timer_id(run),
        execution_id=run.execution_id,
        kind=TimerKind.TASK,
        due_at=progress.now + limit,
        task_run_id=run.id,
    )
    progress.decision.timers[timer.id] = timer
    return limit


def answered_inputs(progress: Progress, declared: tuple[Input, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values for the inputs of a pause or a review, typed. Raises ``InputInvalidError`` for the first wrong one."""
    context = progress.context([item.model_dump() for item in declared])
    resolution = resolve_answers(declared, given, context, progress.renderer)
    resolution.raise_first()
    return resolution.values


class AnswerRenderer(Protocol):
    """What resolving answers needs of the expression language."""

    @property
    def encrypt(self) -> Encrypt | None:
        """Stores secrets; None refuses them."""
        ...

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """Text to a native value."""
        ...


def resolve_answers(
    declared: Sequence[Input], given: Mapping[str, Any], context: Mapping[str, Any], renderer: AnswerRenderer
) -> Resolution:
    """Resolve the inputs of a pause or a review: they see what the execution sees, and its inputs below their own.

    Raises ``Needed`` for what is not in memory.
    """
    own = context.get("inputs", {})

    def render(text: str, inputs: Mapping[str, Any]) -> Any:
        return renderer.render_typed(text, {**context, "inputs": {**own, **inputs}})

    return resolve_inputs(declared, given, render, renderer.encrypt)
