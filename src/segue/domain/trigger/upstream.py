"""Executions as flow triggers see them: whether they count, and what they give (flow language 12.6, 13)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from segue.domain.deep_merge import deep_merge
from segue.domain.execution.context import execution_roots, format_instant
from segue.domain.execution.model import Execution
from segue.domain.execution.state import TERMINATED, State
from segue.domain.flow.preconditions import Filter, FilterField, FilterType, Operand, UpstreamFlow, Where
from segue.domain.flow.triggers import Condition, FlowTrigger, UpstreamDependency
from segue.domain.labels import CORRELATION_ID
from segue.domain.trigger.conditions import ConditionError, ExecutionView, Render, Subject, all_hold
from segue.domain.trigger.gathering import Entry, is_multiple
from segue.expr import is_truthy

_DEFAULT_STATES = TERMINATED | {State.PAUSED}
Matches = Callable[[str, str], bool]
"""Whether a regular expression fits a whole text; bounded in time."""


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """An execution when it entered ``state``.

    ``outputs`` are those of its flow, ``task_outputs`` those of its tasks by task id, both empty as long as nobody
    asks for them.
    """

    execution: Execution
    state: State
    outputs: Mapping[str, Any] = {}
    task_outputs: Mapping[str, Any] = {}
    retried: frozenset[str] = frozenset()
    first_failed_task_id: str | None = None
    last_task_id: str | None = None

    @property
    def view(self) -> ExecutionView:
        """As conditions of 1.x see it."""
        flow = self.execution.flow
        return ExecutionView(
            flow.namespace, flow.flow_id, self.state.value, self.execution.labels, self.outputs, self.retried
        )

    @property
    def roots(self) -> dict[str, Any]:
        """The context of ``when``: that of the execution, with the plain names of the published guide beside it."""
        roots = execution_roots(self.execution)
        outputs = {**self.task_outputs, **self.outputs}
        roots["execution"] = {**roots["execution"], "state": self.state.value, "outputs": self.outputs}
        return {
            **roots,
            "outputs": outputs,
            "namespace": self.execution.flow.namespace,
            "flowId": self.execution.flow.flow_id,
            "state": self.state.value,
            "hasRetryAttempt": bool(self.retried),
        }


class Question:
    """One execution against the entries of one trigger. ``render`` sees the flow that owns the trigger."""

    def __init__(self, upstream: Upstream, owner: Subject, render: Render, matches: Matches) -> None:
        self._upstream = upstream
        self._subject = msgspec.structs.replace(owner, execution=upstream.view)
        self._render = render
        self._matches = matches

    def may_fire(self, trigger: FlowTrigger) -> bool:
        """Whether state, ``when`` and the conditions of the trigger let the execution count at all.

        Raises ``ConditionError`` and what rendering raises.
        """
        if self._upstream.state not in states_of(trigger):
            return False
        if trigger.when is not None and not self._when(trigger.when):
            return False
        return all_hold([item for item in trigger.conditions if not is_multiple(item)], self._render, self._subject)

    def meets(self, entry: Entry) -> bool:
        """Whether the execution is what an entry waits for. Raises as ``may_fire``."""
        if isinstance(entry, Condition):
            return all_hold([entry], self._render, self._subject)
        if isinstance(entry, Where):
            results = (self._fits(item) for item in entry.filters)
            return all(results) if entry.operand is Operand.AND else any(results)
        return self._is(entry)

    def _is(self, entry: UpstreamDependency | UpstreamFlow) -> bool:
        flow = self._upstream.execution.flow
        if entry.namespace not in {None, flow.namespace} or entry.flow_id not in {None, flow.flow_id}:
            return False
        if entry.states and self._upstream.state.value not in {state.upper() for state in entry.states}:
            return False
        if not set(entry.labels) <= set(self._upstream.execution.labels):
            return False
        when = entry.when if isinstance(entry, UpstreamDependency) else None
        return when is None or self._when(when)

    def _when(self, text: str) -> bool:
        return is_truthy(self._render(text, self._upstream.roots))

    def _fits(self, given: Filter) -> bool:
        value = self._value(given)
        if given.field is FilterField.EXPRESSION and given.type not in _ALONE:
            # the expression is what is compared with nothing: it holds or it does not
            return is_truthy(value)
        return self._compare(given, value)

    def _value(self, given: Filter) -> str | None:
        flow = self._upstream.execution.flow
        if given.field is FilterField.EXPRESSION:
            roots = {**self._upstream.roots, "trigger": {"outputs": self._upstream.outputs}}
            return self._render(given.value or "", roots)
        return {
            FilterField.FLOW_ID: flow.flow_id,
            FilterField.NAMESPACE: flow.namespace,
            FilterField.STATE: self._upstream.state.value,
        }[given.field]

    def _compare(self, given: Filter, value: str | None) -> bool:
        if given.type is FilterType.IS_NULL:
            return value is None or value == ""
        if given.type is FilterType.IS_NOT_NULL:
            return value not in {None, ""}
        if given.type is FilterType.IS_TRUE:
            return is_truthy(value)
        if given.type is FilterType.IS_FALSE:
            return value is not None and not is_truthy(value)
        wanted = given.value or ""
        if given.type is FilterType.REGEX:
            return self._matches(wanted, value or "")
        return _COMPARISONS[given.type](value or "", wanted, given.values)


_ALONE = frozenset({FilterType.IS_TRUE, FilterType.IS_FALSE, FilterType.IS_NULL, FilterType.IS_NOT_NULL})
_COMPARISONS: dict[FilterType, Callable[[str, str, Sequence[str]], bool]] = {
    FilterType.EQUAL_TO: lambda value, wanted, _: value == wanted,
    FilterType.NOT_EQUAL_TO: lambda value, wanted, _: value != wanted,
    FilterType.IN: lambda value, _, many: value in many,
    FilterType.NOT_IN: lambda value, _, many: value not in many,
    FilterType.STARTS_WITH: lambda value, wanted, _: value.startswith(wanted),
    FilterType.ENDS_WITH: lambda value, wanted, _: value.endswith(wanted),
    FilterType.CONTAINS: lambda value, wanted, _: wanted in value,
}


def states_of(trigger: FlowTrigger) -> frozenset[State]:
    """The states in which an execution may fire the trigger. Raises ``ConditionError`` for an unknown one."""
    if not trigger.states:
        return _DEFAULT_STATES
    try:
        return frozenset(State(state.upper()) for state in trigger.states)
    except ValueError as error:
        raise ConditionError(f"states of the trigger {trigger.id}: {error}") from None


def variables_of(last: Upstream, outputs: Sequence[tuple[str, str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The root ``trigger`` of the execution that is started.

    ``outputs`` are namespace, flow and flow outputs of all executions that counted, the last one last. They are there
    merged, by flow, and by namespace and flow; a plain key is never hidden.
    """
    execution = last.execution
    ended_at = execution.status.ended_at
    variables: dict[str, Any] = {
        "executionId": execution.id,
        "namespace": execution.flow.namespace,
        "flowId": execution.flow.flow_id,
        "flowRevision": execution.flow.revision,
        "state": last.state.value,
        "executionLabels": {key: value for key, value in execution.labels if key != CORRELATION_ID},
        "startDate": format_instant(execution.status.started_at),
        "endDate": None if ended_at is None else format_instant(ended_at),
        "firstFailedTaskId": last.first_failed_task_id,
        "lastTaskId": last.last_task_id,
    }
    variables = {key: value for key, value in variables.items() if value is not None}
    merged: dict[str, Any] = {}
    for _, _, given in outputs:
        merged = deep_merge(merged, given)
    places: dict[str, Any] = {}
    for namespace, flow_id, given in outputs:
        if given:
            places = deep_merge(places, {namespace: {flow_id: given}, flow_id: given})
    if merged or places:
        variables["outputs"] = {**places, **merged}
    return variables
