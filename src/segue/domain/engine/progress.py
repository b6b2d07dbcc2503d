"""The record of one step: changes the state in memory and notes what is to be written."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from segue.domain.engine.decision import Decision, EngineLimits, NewOutputs
from segue.domain.engine.outgoing import Outgoing
from segue.domain.engine.rendering import Renderer, context_for
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.limits import check_labels, check_task_runs, check_variables
from segue.domain.execution.model import Execution, execution_folder
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import Attempt, OutputReference, TaskRun, task_run_id
from segue.domain.flow.tasks import Task

_encoder = msgspec.json.Encoder()


class Progress(Outgoing):
    """One step of one execution. All changes go through here, so that none is forgotten.

    Not pure inside, pure outside: the same state, facts, time and renderer give the same decision.
    """

    __slots__ = ("limits", "renderer")

    def __init__(
        self,
        state: ExecutionState,
        now: datetime,
        renderer: Renderer,
        decision: Decision,
        limits: EngineLimits,
    ) -> None:
        super().__init__(state, now, decision)
        self.renderer = renderer.for_dialect(state.flow.dialect)
        self.limits = limits

    # The execution

    @property
    def execution(self) -> Execution:
        """The execution as it is now."""
        return self.state.execution

    def move_execution(self, state: State) -> None:
        """Enter a state; nothing happens when it is in it already."""
        before = self.state.execution.state
        status = self.state.execution.status.to(state, self.now)
        if status is not self.state.execution.status:
            self.change_execution(status=status)
            self.tell_change(before)

    def change_execution(self, **changes: Any) -> None:
        """Replace fields of the execution. Raises ``LimitExceededError`` for variables or labels that are too large."""
        if "variables" in changes:
            check_variables(changes["variables"], self.limits)
        if "labels" in changes:
            check_labels(changes["labels"], self.limits)
        self.state.execution = msgspec.structs.replace(self.state.execution, **changes)
        self.decision.execution_changed = True

    # Task runs

    def create_run(
        self, task: Task, parent: TaskRun | None, value: str | None = None, iteration: int | None = None
    ) -> TaskRun:
        """A new task run in CREATED. Raises ``LimitExceededError`` when there are too many."""
        check_task_runs(len(self.state.runs), self.limits)
        ordinal = self.execution.task_run_count + 1
        self.change_execution(task_run_count=ordinal)
        run = TaskRun(
            id=task_run_id(self.execution.id, ordinal),
            execution_id=self.execution.id,
            task_id=task.id,
            parent_id=None if parent is None else parent.id,
            value=value,
            iteration=iteration,
            status=Status.begin(self.now),
        )
        self.state.add(run)
        self.decision.new_runs[run.id] = run
        return run

    def update(self, run: TaskRun) -> TaskRun:
        """Take up a changed task run."""
        self.state.replace(run)
        target = self.decision.new_runs if run.id in self.decision.new_runs else self.decision.changed_runs
        target[run.id] = run
        return run

    def remove(self, run: TaskRun) -> None:
        """Take back a task run with everything inside it: its outputs, job and timers go too."""
        for child_id in self.state.child_ids(run.id):
            self.remove(self.state.runs[child_id])
        if not run.state.is_terminated:
            self.drop_job(run)
        self.state.remove(run)
        self.decision.changed_runs.pop(run.id, None)
        if self.decision.new_runs.pop(run.id, None) is None:
            self.decision.removed_runs.add(run.id)

    def move(self, run: TaskRun, state: State, at: datetime | None = None) -> TaskRun:
        """Enter a state, at ``at`` or now."""
        status = run.status.to(state, at or self.now)
        return run if status is run.status else self.update(msgspec.structs.replace(run, status=status))

    def begin_attempt(self, run: TaskRun, at: datetime, worker_id: str | None = None) -> TaskRun:
        """Open the attempt under way, if it is not open yet."""
        if run.attempts and not run.attempts[-1].status.current.is_terminated:
            return run
        status = Status.begin(at).to(State.RUNNING, at)
        attempts = (*run.attempts, Attempt(status, worker_id))
        return self.update(msgspec.structs.replace(run, attempts=attempts))

    def end_attempt(self, run: TaskRun, state: State, at: datetime, log_file: str | None = None) -> TaskRun:
        """Close the attempt under way, if one is open."""
        if not run.attempts or run.attempts[-1].status.current.is_terminated:
            return run
        last = run.attempts[-1]
        closed = msgspec.structs.replace(last, status=last.status.to(state, at), log_file=log_file or last.log_file)
        return self.update(msgspec.structs.replace(run, attempts=(*run.attempts[:-1], closed)))

    def mark_attempt(self, run: TaskRun, state: State) -> TaskRun:
        """Give the last attempt another end, if there is one."""
        if not run.attempts:
            return run
        last = run.attempts[-1]
        marked = msgspec.structs.replace(last, status=last.status.to(state, self.now))
        return self.update(msgspec.structs.replace(run, attempts=(*run.attempts[:-1], marked)))

    def end(self, run: TaskRun, state: State, *, attempt: State | None = None) -> TaskRun:
        """End a task run and its open attempt; ``attempt`` is the attempt's state where it differs."""
        run = self.end_attempt(run, attempt or state, self.now)
        return self.move(run, state)

    # Outputs

    def store_outputs(self, run: TaskRun, value: dict[str, Any]) -> TaskRun:
        """Set the outputs of a flowable's task run."""
        return self.update(msgspec.structs.replace(run, outputs=self._outputs(run.id, value)))

    def store_flow_outputs(self, value: dict[str, Any]) -> None:
        """Set the outputs of the flow."""
        self.change_execution(outputs=self._outputs(self.execution.id, value))

    def store_private(self, owner_id: str, value: dict[str, Any]) -> None:
        """Keep values of the engine's own, always in the database, under an id that is no task run's."""
        self._outputs(owner_id, value, private=True)

    def store_file(self, uri: str, owner_id: str, value: dict[str, Any]) -> None:
        """Write values into a file of internal storage; ``owner_id`` is unique."""
        payload = _encoder.encode(value)
        reference = OutputReference(len(payload), sha256(payload).hexdigest(), uri)
        self.decision.outputs.append(NewOutputs(owner_id, value, payload, reference))

    def _outputs(self, owner_id: str, value: dict[str, Any], *, private: bool = False) -> OutputReference:
        payload = _encoder.encode(value)
        uri = None
        if len(payload) > self.limits.inline_output_bytes and not private:
            uri = f"{execution_folder(self.execution)}/outputs/{owner_id}.json"
        reference = OutputReference(len(payload), sha256(payload).hexdigest(), uri)
        self.decision.outputs.append(NewOutputs(owner_id, value, payload, reference))
        self.state.outputs[owner_id] = value
        return reference

    # Expressions

    def render(self, text: str, run: TaskRun | None = None) -> str:
        """A text rendered in the place of ``run``. Raises ``ExpressionError`` and ``Needed``."""
        return self.renderer.render(text, self.context(text, run)) or ""

    def render_value(self, value: Any, run: TaskRun | None = None) -> Any:
        """Every text inside ``value`` rendered in the place of ``run``."""
        return self.renderer.render_value(value, self.context(value, run))

    def context(self, value: Any, run: TaskRun | None = None) -> Mapping[str, Any]:
        """The variables for the expressions inside ``value``."""
        return context_for(self.state, self.renderer.references_of(value), run)
