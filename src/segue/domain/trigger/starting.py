"""What a trigger gives to the execution it starts, whoever evaluates it (flow language 12.1, 12.2)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import msgspec

from segue.domain.encrypted import revealed
from segue.domain.errors import LimitExceededError
from segue.domain.execution.checks import failed_checks, strictest
from segue.domain.execution.context import flow_roots
from segue.domain.execution.creation import StartRequest
from segue.domain.execution.limits import DEFAULT_LIMITS, EngineLimits, check_inputs, check_labels
from segue.domain.execution.model import ExecutionTrigger
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.fields import is_expression
from segue.domain.flow.input_values import Encrypt
from segue.domain.flow.limits import CheckBehavior
from segue.domain.flow.resolve_inputs import resolve_inputs
from segue.domain.flow.triggers import FlowTrigger, Trigger
from segue.domain.labels import SYSTEM_PREFIX, Label, merge_labels
from segue.expr import ExpressionError

SYSTEM_FROM = "system.from"
"""What started an execution."""
_FROM_TRIGGER = Label(SYSTEM_FROM, "trigger")


class Scene(Protocol):
    """Renders on behalf of a flow. All of them raise ``ExpressionError``."""

    def render(self, text: str, context: Mapping[str, Any]) -> str | None:
        """Text to text."""
        ...

    def render_typed(self, text: str, context: Mapping[str, Any]) -> Any:
        """Text to a native value."""
        ...

    def render_value(self, value: Any, context: Mapping[str, Any]) -> Any:
        """Every text inside ``value``."""
        ...

    def plain(self, stored: str) -> str:
        """The plain text of what is stored encrypted."""
        ...


class More(NamedTuple):
    """What is put over the trigger's own inputs and labels, as a backfill does."""

    inputs: Mapping[str, Any] = {}
    labels: tuple[Label, ...] = ()


NOTHING_MORE = More()


class Start(msgspec.Struct, frozen=True):
    """How an execution begins: not at all without a ``request``; FAILED with an ``error``.

    ``warnings`` are for the log of the trigger, ``error`` is for the log of the execution.
    """

    request: StartRequest | None
    error: str | None = None
    warnings: tuple[str, ...] = ()


def given_labels(
    trigger: Trigger, render: Callable[[str], str | None], warn: Callable[[str], None]
) -> tuple[Label, ...]:
    """The trigger's labels; one that cannot be rendered is left out with a warning, those of the system too."""
    labels = []
    given = trigger.labels if not isinstance(trigger.labels, str) else ()
    for key, value in given:
        try:
            rendered = render(value) if is_expression(value) else value
        except ExpressionError as error:
            warn(f"label {key} is left out: {error}")
            continue
        if rendered and not key.startswith(SYSTEM_PREFIX):
            labels.append(Label(key, rendered))
    return tuple(labels)


def given_inputs(trigger: Trigger, flow: CompiledFlow, render: Callable[[Any], Any]) -> dict[str, Any]:
    """What the trigger submits as inputs of the flow. Raises what ``render`` raises."""
    if not flow.flow.inputs or not trigger.inputs:
        return {}
    submitted = render(trigger.inputs)
    return submitted if isinstance(submitted, dict) else {}


def start_of(
    flow: CompiledFlow,
    trigger: Trigger,
    scene: Scene,
    variables: Mapping[str, Any],
    *,
    more: More = NOTHING_MORE,
    encrypt: Encrypt | None = None,
    limits: EngineLimits = DEFAULT_LIMITS,
    error: str | None = None,
) -> Start:
    """The execution that a trigger starts with these variables.

    Inputs that cannot be rendered or do not fit give one that is FAILED, as an ``error`` known before does; a check
    of the flow may refuse it. A flow trigger that gives no inputs at all
    may leave out required ones: what needs them fails then.
    """
    warnings: list[str] = []
    own = ExecutionTrigger(trigger.id, trigger.type, dict(variables))
    roots: dict[str, Any] = {"trigger": {"id": trigger.id, "type": trigger.type, **variables}}
    context = flow_roots(flow, {}) | roots
    labels = given_labels(trigger, lambda text: scene.render(text, context), warnings.append)
    labels = merge_labels(labels, more.labels, (_FROM_TRIGGER,))
    failed = StartRequest(labels=labels, trigger=own, is_failed=True)
    if error is not None:
        return Start(failed, error, tuple(warnings))
    try:
        check_labels(labels, limits)
        inputs = _inputs(flow, trigger, scene, roots, more, encrypt)
        check_inputs(inputs, limits)
        behavior = _checked(flow, scene, inputs)
    except (ExpressionError, _InputsError) as fault:
        return Start(failed, f"the inputs of trigger {trigger.id} cannot be used: {fault}", tuple(warnings))
    except LimitExceededError as fault:
        cut = msgspec.structs.replace(failed, labels=(_FROM_TRIGGER,))
        return Start(cut, fault.message, tuple(warnings))
    if behavior is CheckBehavior.BLOCK_EXECUTION:
        return Start(None, None, (*warnings, f"a check of flow {flow.flow.id} refuses the execution"))
    is_failed = behavior is CheckBehavior.FAIL_EXECUTION
    return Start(StartRequest(inputs=inputs, labels=labels, trigger=own, is_failed=is_failed), None, tuple(warnings))


class _InputsError(Exception):
    """All that is wrong with the inputs, as one text."""


def _inputs(
    flow: CompiledFlow,
    trigger: Trigger,
    scene: Scene,
    roots: Mapping[str, Any],
    more: More,
    encrypt: Encrypt | None,
) -> dict[str, Any]:
    if not flow.flow.inputs:
        return {}
    context = {**flow_roots(flow, {}), **roots}
    submitted = given_inputs(trigger, flow, lambda value: scene.render_value(value, context)) | dict(more.inputs)

    def render(text: str, inputs: Mapping[str, Any]) -> Any:
        return scene.render_typed(text, {**flow_roots(flow, inputs), **roots})

    resolution = resolve_inputs(flow.flow.inputs, submitted, render, encrypt)
    if isinstance(trigger, FlowTrigger) and not submitted:
        resolution = resolution.without_missing()
    if resolution.errors:
        raise _InputsError("; ".join(error.message for error in resolution.errors))
    return resolution.values


def _checked(flow: CompiledFlow, scene: Scene, inputs: Mapping[str, Any]) -> CheckBehavior | None:
    if not flow.flow.checks:
        return None
    context = flow_roots(flow, revealed(inputs, scene.plain))
    return strictest(failed_checks(flow.flow.checks, lambda text: scene.render(text, context)))
