"""Executions started by task runs: which flow, with which inputs and labels (flow language 7.9, 7.12)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from segue.domain.engine.needs import FlowNeed, Needed, OutputsNeed
from segue.domain.engine.progress import Progress
from segue.domain.engine.rendering import private_outputs
from segue.domain.errors import DefinitionError, LimitExceededError, NotFoundError, SegueError
from segue.domain.execution.checks import failed_checks, strictest
from segue.domain.execution.context import flow_roots
from segue.domain.execution.creation import NewExecution, StartRequest, create_execution
from segue.domain.execution.facts import ChildChanged
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import Caller, ExecutionKind, ExecutionTrigger
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.flowables import ForEachItemCalls, Subflow
from segue.domain.flow.limits import CheckBehavior
from segue.domain.flow.resolve_inputs import expand_inputs, resolve_inputs
from segue.domain.flow.scalars import parse_instant
from segue.domain.flow.type_names import canonical_type
from segue.domain.ids import derived_id
from segue.domain.labels import SYSTEM_PREFIX, Label, parse_labels
from segue.expr import is_truthy

AnyCall = Subflow | ForEachItemCalls

_TRANSMITTED = frozenset({State.FAILED, State.KILLED, State.WARNING})


def child_id(run: TaskRun, attempt: int, index: int | None) -> str:
    """The id of the execution that an attempt of a task run starts, with its number where there are many."""
    return derived_id(run.status.started_at, run.id, attempt, -1 if index is None else index)


class Call:
    """One task run on its way to start executions of another flow.

    Everything may raise ``Needed``, ``ExpressionError``, and ``SegueError`` for what stands in the way.
    """

    def __init__(self, progress: Progress, task: AnyCall, run: TaskRun) -> None:
        self._progress = progress
        self._task = task
        self._run = run
        self._target: CompiledFlow | None = None

    @property
    def target(self) -> CompiledFlow:
        """The flow to be started: there, enabled and valid."""
        if self._target is None:
            self._target = self._find_target()
        return self._target

    def start(
        self,
        attempt: int,
        roots: Mapping[str, Any] | None = None,
        *,
        index: int | None = None,
        asked_outputs: dict[str, Any] | None = None,
    ) -> str:
        """Start an execution and return its id, always the same for the same attempt and ``index``.

        ``roots`` are put over the variables that the properties see; they hold only for this execution.
        ``index`` and ``asked_outputs``: see ``Caller`` and ``Execution``.
        """
        progress, target = self._progress, self.target
        execution = progress.execution
        depth = execution.depth + 1
        kind = execution.kind
        if depth > progress.limits.call_depth:
            raise LimitExceededError(
                f"Flows call one another {depth} times in a row, more than {progress.limits.call_depth}: "
                f"'{target.flow.namespace}.{target.flow.id}' is not started",
                "call_depth",
            )
        inputs = self._inputs(roots)
        request = StartRequest(
            inputs=inputs,
            is_failed=self._is_failed_by_checks(inputs),
            labels=self._labels(roots),
            trigger=self._trigger(roots),
            kind=ExecutionKind.NORMAL if kind is ExecutionKind.LOOP else kind,
            scheduled_at=self._date(roots),
            caller=Caller(execution.id, self._run.id, self._task.wait, index),
            depth=depth,
            chain=progress.execution.chain,
            asked_outputs=asked_outputs,
        )
        new_id = child_id(self._run, attempt, index)
        made = create_execution(target, request, new_id, progress.now, progress.limits)
        progress.start_execution(NewExecution(execution=made))
        return new_id

    def _render(self, value: Any, roots: Mapping[str, Any] | None = None) -> Any:
        progress = self._progress
        context = progress.context(value, self._run)
        if roots:
            context = {**context, **{name: _joined(context.get(name), root) for name, root in roots.items()}}
        return progress.renderer.render_value(value, context)

    def _find_target(self) -> CompiledFlow:
        namespace, flow_id = (str(self._render(each)) for each in (self._task.namespace, self._task.flow_id))
        revision = self._revision()
        shown = "" if revision is None else f" with revision '{revision}'"
        try:
            target: CompiledFlow = self._progress.state.find(FlowNeed(namespace, flow_id, revision))
        except NotFoundError:
            raise NotFoundError(f"Unable to find flow '{namespace}'.'{flow_id}'{shown}") from None
        except DefinitionError as error:
            raise SegueError(f"Cannot execute an invalid flow: {error.message}") from None
        if target.flow.disabled:
            raise SegueError("Cannot execute a flow which is disabled")
        return target

    def _revision(self) -> int | None:
        if self._task.revision is None:
            return None
        text = str(self._render(self._task.revision)).strip()
        if not text.isdecimal() or int(text) < 1:
            raise SegueError(f"'revision' must be a whole number of at least 1, not {text[:100]!r}")
        return int(text)

    def _inputs(self, roots: Mapping[str, Any] | None) -> dict[str, Any]:
        progress, target = self._progress, self.target
        given = as_map(self._render(self._task.inputs, roots), "inputs")
        declared = {input_id for input_id, _ in expand_inputs(target.flow.inputs)}
        known = declared | {input_id.partition(".")[0] for input_id in declared}
        unknown = sorted(given.keys() - known)
        renderer = progress.renderer.for_dialect(target.dialect)

        def render(text: str, inputs: Mapping[str, Any]) -> Any:
            return renderer.render_typed(text, self._roots_of_target(inputs))

        resolution = resolve_inputs(target.flow.inputs, given, render, progress.renderer.encrypt)
        resolution.raise_first()
        for name in unknown:
            progress.log(LogLevel.WARN, f"The flow called has no input '{name}': it is ignored", self._run)
        return resolution.values

    def _roots_of_target(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What expressions of the flow called see before its execution exists."""
        return flow_roots(self.target, inputs)

    def _is_failed_by_checks(self, inputs: Mapping[str, Any]) -> bool:
        """Whether a check of the flow wants the execution FAILED. Raises ``SegueError`` for one that blocks it."""
        target = self.target
        if not target.flow.checks:
            return False
        renderer, roots = self._progress.renderer.for_dialect(target.dialect), self._roots_of_target(inputs)
        failed = failed_checks(target.flow.checks, lambda text: renderer.render(text, roots))
        if strictest(failed) is CheckBehavior.BLOCK_EXECUTION:
            raise SegueError(
                f"A check of '{target.flow.namespace}.{target.flow.id}' does not hold: {failed[0].message}"
            )
        return strictest(failed) is CheckBehavior.FAIL_EXECUTION

    def _labels(self, roots: Mapping[str, Any] | None) -> tuple[Label, ...]:
        own = {key for key, _ in self.target.flow.labels}
        inherits = is_truthy(str(self._render(self._task.inherit_labels, roots)).lower())
        inherited = [
            label
            for label in self._progress.execution.labels
            if label.key.startswith(SYSTEM_PREFIX) or (inherits and label.key not in own)
        ]
        return (*inherited, *rendered_labels(self._render(_as_data(self._task.labels), roots)))

    def _trigger(self, roots: Mapping[str, Any] | None) -> ExecutionTrigger:
        execution, run = self._progress.execution, self._run
        variables: dict[str, Any] = {
            "executionId": execution.id,
            "namespace": execution.flow.namespace,
            "flowId": execution.flow.flow_id,
            "flowRevision": execution.flow.revision,
            "taskRunId": run.id,
            "taskId": run.task_id,
        }
        if run.value is not None:
            variables["taskRunValue"] = run.value
        iteration = ((roots or {}).get("taskrun") or {}).get("iteration", run.iteration)
        if iteration is not None:
            variables["taskRunIteration"] = iteration
        if execution.loop is not None and execution.caller is not None:
            variables |= {"loopTaskRunId": execution.caller.task_run_id, "loopIndex": execution.loop.item.index}
        return ExecutionTrigger(self._task.id, canonical_type(self._task.type), variables)

    def _date(self, roots: Mapping[str, Any] | None) -> datetime | None:
        if self._task.schedule_date is None:
            return None
        text = str(self._render(self._task.schedule_date, roots) or "").strip()
        if not text:
            return None
        try:
            return parse_instant(text)
        except ValueError as error:
            raise SegueError(f"'scheduleDate' must be a date with a time zone, not {text[:100]!r}: {error}") from None


def child_outputs(progress: Progress, fact: ChildChanged) -> dict[str, Any] | None:
    """The flow outputs of an execution that has ended, or what was asked of it. Raises ``Needed``."""
    if fact.asked_owner is not None:
        return private_outputs(progress.state, fact.asked_owner)
    if fact.outputs is None:
        return None
    if fact.child_id not in progress.state.outputs:
        raise Needed(OutputsNeed(fact.child_id, fact.outputs.uri))
    found: dict[str, Any] = progress.state.outputs[fact.child_id]
    return found


def end_state(fact: ChildChanged, *, transmit_failed: bool) -> State:
    """What the end of an execution is for the task run that waits for it (flow language 7.12)."""
    return fact.state if transmit_failed and fact.state in _TRANSMITTED else State.SUCCESS


def log_end(progress: Progress, fact: ChildChanged, run: TaskRun) -> None:
    """Note in the caller's log that an execution has not ended well."""
    level = {State.FAILED: LogLevel.ERROR, State.WARNING: LogLevel.WARN}.get(fact.state)
    if level is not None:
        message = f'Subflow execution [[link execution="{fact.child_id}"]] ends in {fact.state} state'
        progress.log(level, message, run)


def as_map(value: Any, name: str) -> dict[str, Any]:
    """A rendered map, or JSON text of one; values of null are left out. Raises ``SegueError``."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value) if value.strip() else {}
        except msgspec.DecodeError as error:
            raise SegueError(f"'{name}' is no JSON object: {error}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SegueError(f"'{name}' must be a map, not {type(value).__name__}")
    return {str(key): item for key, item in value.items() if item is not None}


def rendered_labels(value: Any) -> tuple[Label, ...]:
    """Labels that a task gives: a map, a list of key and value, or JSON text of one.

    Raises ``SegueError`` for another shape, for labels of the system, and for those without a value.
    """
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value) if value.strip() else None
        except msgspec.DecodeError as error:
            raise SegueError(f"'labels' is no JSON: {error}") from None
    try:
        labels = parse_labels(value)
    except ValueError as error:
        raise SegueError(str(error)) from None
    for label in labels:
        if label.key.startswith(SYSTEM_PREFIX):
            raise SegueError(
                f"System labels can only be set by Kestra itself, offending label: {label.key}={label.value}"
            )
        if not label.value:
            raise SegueError(f"Label values cannot be empty, offending label: {label.key}")
    return labels


def _as_data(labels: Any) -> Any:
    """Labels as plain data, so that the texts in them are rendered."""
    return labels if isinstance(labels, str) else [{"key": key, "value": value} for key, value in labels]


def _joined(own: Any, over: Any) -> Any:
    return {**own, **over} if isinstance(own, Mapping) and isinstance(over, Mapping) else over
