"""Inputs that were looked at, on the wire (REST API 6.7)."""

from datetime import timedelta
from typing import Any

from segue.domain.durations import format_duration
from segue.domain.flow.inputs import ChoiceInput
from segue.domain.flow.limits import Check
from segue.domain.flow.resolve_inputs import InputFault, InputResult

JsonObject = dict[str, Any]


def wire_result(entry: InputResult) -> JsonObject:
    """One input with what became of it; choices that an expression gives are listed as its values."""
    shown = entry.input.model_dump(mode="json", by_alias=True, exclude_none=True) | {"id": entry.input_id}
    for name, info in type(entry.input).model_fields.items():
        value = getattr(entry.input, name)
        if isinstance(value, timedelta):
            shown[info.alias or name] = format_duration(value)
    if isinstance(entry.input, ChoiceInput) and entry.input.expression is not None and entry.options is not None:
        shown["values"] = list(entry.options)
    result: JsonObject = {
        "input": shown,
        "enabled": entry.enabled,
        "isDefault": entry.is_default,
        "errors": [wire_fault(fault) for fault in entry.errors],
    }
    return result if entry.value is None else result | {"value": entry.value}


def wire_fault(fault: InputFault) -> JsonObject:
    """A fault; ``renderError`` tells a broken expression from a bad value."""
    return {"message": fault.message, "renderError": fault.is_render_error}


def wire_check(check: Check) -> JsonObject:
    """A check that does not hold."""
    return {"message": check.message, "style": check.style, "behavior": check.behavior}
