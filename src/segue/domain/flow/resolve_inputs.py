"""From what was submitted to the inputs of an execution (flow language 4.2); typing of flow outputs (5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from segue.domain.errors import InputInvalidError
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.fields import is_expression
from segue.domain.flow.input_values import (
    Encrypt,
    check_choice,
    check_constraints,
    encrypt_secret,
    parse_value,
    shown,
)
from segue.domain.flow.inputs import (
    ChoiceInput,
    DependsOn,
    FormInput,
    Input,
    InputBase,
    InputType,
    SecretInput,
    SelectInput,
    parse_option,
)
from segue.domain.flow.outputs import Output
from segue.domain.needs import Needed

Render: TypeAlias = Callable[[str, Mapping[str, Any]], Any]
"""Renders a text, typed (a lone expression keeps its type), with the given map as `inputs`.

``Needed`` goes through to the caller, who fetches what is missing and begins again; any other exception it raises is
reported as a fault of the input at hand.
"""

_MASK = "******"


@dataclass(frozen=True, slots=True)
class InputFault:
    """One thing wrong with an input. `is_render_error` tells a broken expression from a bad value, `is_missing` that a
    required input has none."""

    message: str
    is_render_error: bool = False
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class InputResult:
    """What became of one input. A secret's `value` is what is stored, so it is safe to hand on."""

    input: InputBase
    input_id: str
    value: Any
    enabled: bool
    is_default: bool
    errors: tuple[InputFault, ...] = ()
    options: tuple[str, ...] | None = None
    shown_value: str = "null"


@dataclass(frozen=True, slots=True)
class Resolution:
    """All results in the order of declaration, and the values of enabled inputs, nested on dots."""

    entries: tuple[InputResult, ...]
    values: dict[str, Any] = field(default_factory=dict)

    def without_missing(self) -> Resolution:
        """The same, as if required inputs that have no value need not have one."""
        entries = tuple(
            replace(entry, errors=tuple(fault for fault in entry.errors if not fault.is_missing))
            for entry in self.entries
        )
        return replace(self, entries=entries)

    @property
    def errors(self) -> tuple[InputInvalidError, ...]:
        """Every fault as an error, in the order of declaration."""
        return tuple(
            InputInvalidError(entry.input_id, fault.message, entry.shown_value)
            for entry in self.entries
            for fault in entry.errors
        )

    def raise_first(self) -> None:
        """Raise the first `InputInvalidError` if there is any fault."""
        for error in self.errors:
            raise error


def resolve_inputs(
    inputs: Sequence[Input],
    submitted: Mapping[str, Any],
    render: Render,
    encrypt: Encrypt | None = None,
) -> Resolution:
    """Resolve all inputs of a flow, of a pause or of an approval.

    `submitted` maps full ids (dotted for nested inputs and children of forms) to values; maps nested on
    dots, as subflows and triggers pass them, are found as well. Faults are collected, never raised.
    """
    run = _Run(dict(expand_inputs(inputs)), submitted, render, encrypt)
    for input_id in run.inputs:
        run.resolve(input_id)
    entries = tuple(run.results[input_id] for input_id in run.inputs)
    values = {entry.input_id: entry.value for entry in entries if entry.enabled and not entry.errors}
    return Resolution(entries, nest(values))


def expand_inputs(inputs: Iterable[Input]) -> Iterable[tuple[str, InputBase]]:
    """Yield every input that holds a value with its full id: children of a FORM as `<form>.<child>`."""
    for item in inputs:
        if isinstance(item, FormInput):
            for child in item.inputs:
                yield f"{item.id}.{child.id}", child
        else:
            yield item.id, item


def has_secret_inputs(flow: CompiledFlow) -> bool:
    """Whether executions of the flow hold encrypted inputs; worked out once per revision."""
    found: bool | None = flow.extras.get("secret_inputs")
    if found is None:
        found = any(isinstance(item, SecretInput) for _, item in expand_inputs(flow.flow.inputs))
        flow.extras["secret_inputs"] = found
    return found


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn dotted keys into nested maps; a plain value in the way of a nested one gives way."""
    nested: dict[str, Any] = {}
    for key, value in values.items():
        *parents, last = key.split(".")
        place = nested
        for parent in parents:
            child = place.get(parent)
            if not isinstance(child, dict):
                child = place[parent] = {}
            place = child
        place[last] = value
    return nested


def coerce_output(output: Output, value: Any, encrypt: Encrypt | None = None) -> Any:
    """Give a rendered flow output its type. Raise `InputInvalidError` (of kind output) if it does not fit."""
    if value is None:
        if output.required:
            raise InputInvalidError(output.id, "missing required output", None, "output")
        return None
    try:
        parsed = parse_value(output.type, value, output.item_type)
        return encrypt_secret(parsed, encrypt) if output.type is InputType.SECRET else parsed
    except ValueError as error:
        seen = _MASK if output.type is InputType.SECRET else shown(value)
        raise InputInvalidError(output.id, str(error), seen, "output") from None


def _choice(item: Any) -> str:
    """An element of a rendered list as the value of a choice; structures that are none become JSON."""
    try:
        return parse_option(item).value
    except ValueError:
        return shown(item)


class _Fault(Exception):  # noqa: N818  never leaves this module
    """Carries a fault out of nested steps."""

    def __init__(self, message: str, *, is_render_error: bool = False, is_missing: bool = False) -> None:
        super().__init__(message)
        self.fault = InputFault(message, is_render_error, is_missing)


class _Run:
    """One resolution: results by id, filled in the order of dependencies."""

    def __init__(
        self,
        inputs: dict[str, InputBase],
        submitted: Mapping[str, Any],
        render: Render,
        encrypt: Encrypt | None,
    ) -> None:
        self.inputs = inputs
        self.submitted = submitted
        self.render = render
        self.encrypt = encrypt
        self.results: dict[str, InputResult] = {}
        self.plain: dict[str, Any] = {}
        self.pending: set[str] = set()

    def resolve(self, input_id: str) -> None:
        """Resolve one input after those it depends on; one that waits for itself in a circle goes ahead."""
        stack = [input_id]
        while stack:
            current = stack[-1]
            if current in self.results:
                stack.pop()
                continue
            item = self.inputs[current]
            self.pending.add(current)
            waiting = [
                other
                for other in self.dependencies(item)
                if other in self.inputs and other not in self.results and other not in self.pending
            ]
            if waiting:
                stack.extend(reversed(waiting))
                continue
            others = (other for other in self.dependencies(item) if other in self.plain and other != current)
            visible = nest({other: self.plain[other] for other in others})
            self.results[current] = self.result(current, item, visible)

    @staticmethod
    def dependencies(item: InputBase) -> tuple[str, ...]:
        return item.depends_on.inputs if item.depends_on is not None else ()

    def result(self, input_id: str, item: InputBase, visible: Mapping[str, Any]) -> InputResult:
        value, is_default = self.submitted_value(input_id), False
        try:
            if item.depends_on is not None and not self.is_enabled(input_id, item.depends_on, visible):
                return InputResult(item, input_id, None, enabled=False, is_default=False)
        except _Fault as error:
            return InputResult(item, input_id, None, enabled=False, is_default=False, errors=(error.fault,))
        options: tuple[str, ...] | None = None
        try:
            if isinstance(item, ChoiceInput):
                options = self.options(item, visible)
            if value is None:
                value, is_default = self.default(item, visible, options), True
            stored = self.stored(input_id, item, value, options)
        except _Fault as error:
            seen = _MASK if isinstance(item, SecretInput) and value is not None else shown(value)
            return InputResult(
                item,
                input_id,
                None,
                enabled=True,
                is_default=is_default,
                errors=(error.fault,),
                options=options,
                shown_value=seen,
            )
        return InputResult(
            item,
            input_id,
            stored,
            enabled=True,
            is_default=is_default and stored is not None,
            options=options,
        )

    def submitted_value(self, input_id: str) -> Any:
        if input_id in self.submitted:
            return self.submitted[input_id]
        place: Any = self.submitted
        for part in input_id.split("."):
            place = place.get(part) if isinstance(place, Mapping) else None
        return place

    def is_enabled(self, input_id: str, depends_on: DependsOn, visible: Mapping[str, Any]) -> bool:
        """Whether the input is asked for; not while nobody can tell because what its condition looks at is wrong."""
        others = [self.results[other] for other in depends_on.inputs if other != input_id and other in self.results]
        if not all(other.enabled for other in others):
            return False
        if depends_on.condition is None:
            return True
        if any(other.errors for other in others):
            return False
        try:
            return self.render(depends_on.condition, visible) is True
        except Needed:
            raise
        except Exception as error:  # a template may fail in any way
            raise _Fault(f"Invalid condition: {error}", is_render_error=True) from None

    def options(self, item: ChoiceInput, visible: Mapping[str, Any]) -> tuple[str, ...]:
        if item.expression is None:
            return tuple(option.value for option in item.values or ())
        try:
            rendered = self.render(item.expression, visible)
        except Needed:
            raise
        except Exception as error:  # a template may fail in any way
            raise _Fault(f"Cannot render 'expression'. Cause: {error}", is_render_error=True) from None
        if not isinstance(rendered, list | tuple):
            raise _Fault(
                f"Invalid expression result. Expected a list of strings, but received {type(rendered).__name__}",
                is_render_error=True,
            )
        return tuple(_choice(one) for one in rendered if one is not None)

    def default(self, item: InputBase, visible: Mapping[str, Any], options: tuple[str, ...] | None) -> Any:
        if item.defaults is None:
            if isinstance(item, ChoiceInput) and item.auto_select_first and options:
                return options[0] if isinstance(item, SelectInput) else [options[0]]
            return None
        try:
            return self.rendered(item.defaults, visible)
        except Needed:
            raise
        except Exception as error:  # a template may fail in any way
            raise _Fault(f"Invalid default: {error}", is_render_error=True) from None

    def rendered(self, value: Any, visible: Mapping[str, Any]) -> Any:
        """Render the texts inside a default."""
        if is_expression(value):
            return self.render(value, visible)
        if isinstance(value, dict):
            return {key: self.rendered(item, visible) for key, item in value.items()}
        if isinstance(value, list):
            return [self.rendered(item, visible) for item in value]
        return value

    def stored(self, input_id: str, item: InputBase, value: Any, options: tuple[str, ...] | None) -> Any:
        """Parse, check, encrypt; and keep the plain value for those that depend on it."""
        if value is None:
            if item.required:
                raise _Fault("missing required input", is_missing=True)
            self.plain[input_id] = None
            return None
        kind: InputType = item.type  # type: ignore[attr-defined]  # every member of the union has one
        try:
            parsed = parse_value(kind, value, getattr(item, "item_type", None))
            check_constraints(item, parsed)
            if isinstance(item, ChoiceInput):
                check_choice(item, options or (), parsed)
            stored = encrypt_secret(parsed, self.encrypt) if kind is InputType.SECRET else parsed
        except ValueError as error:
            raise _Fault(str(error)) from None
        self.plain[input_id] = parsed
        return stored
