"""How large an execution may become (design D10). Every error names its limit, and where it can be raised."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from segue.domain.errors import LimitExceededError
from segue.domain.labels import Label

_MEBIBYTE = 1024 * 1024
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Sizes the engine heeds.

    ``inline_output_bytes``: larger outputs go to internal storage. ``max_task_runs``: task runs that one execution
    has at a time. ``max_inputs_bytes`` and ``max_variables_bytes``: inputs, and variables set by tasks, as JSON; what
    is larger belongs into a file. ``max_label_bytes``: keys and values of all labels of an execution. ``call_depth``:
    how many flows may call one another in a row. ``trigger_chain``: how many flow triggers may start one after the
    other. ``calls_at_once``: executions of one ForEachItem that run at the same time.
    """

    inline_output_bytes: int = 64 * 1024
    max_task_runs: int = 500_000
    max_inputs_bytes: int = 10 * _MEBIBYTE
    max_variables_bytes: int = 10 * _MEBIBYTE
    max_label_bytes: int = 64 * 1024
    call_depth: int = 100
    trigger_chain: int = 100
    calls_at_once: int = 1000


DEFAULT_LIMITS = EngineLimits()


def check_inputs(inputs: Mapping[str, Any], limits: EngineLimits) -> None:
    """Raises ``LimitExceededError`` for inputs that are too large."""
    _check("inputs", inputs, limits.max_inputs_bytes, "max-inputs-size")


def check_variables(variables: Mapping[str, Any], limits: EngineLimits) -> None:
    """Raises ``LimitExceededError`` for variables that are too large."""
    _check("variables", variables, limits.max_variables_bytes, "max-variables-size")


def check_labels(labels: Collection[Label], limits: EngineLimits) -> None:
    """Raises ``LimitExceededError`` for labels that are too large."""
    size = sum(len(key.encode()) + len(value.encode()) for key, value in labels)
    if size > limits.max_label_bytes:
        raise LimitExceededError(
            f"The labels have {size} bytes, more than 'limits.max-labels-size' ({limits.max_label_bytes}) allows",
            "max-labels-size",
        )


def check_task_runs(count: int, limits: EngineLimits) -> None:
    """Raises ``LimitExceededError`` when there is no room for one more task run beside ``count``."""
    if count >= limits.max_task_runs:
        raise LimitExceededError(
            f"The execution has {count} task runs, and 'limits.max-task-runs' allows no more: "
            "split the work over subflows or use a Loop",
            "max-task-runs",
        )


def _check(what: str, value: Mapping[str, Any], limit: int, name: str) -> None:
    size = len(_encoder.encode(value)) if value else 0
    if size > limit:
        raise LimitExceededError(
            f"The {what} have {size} bytes, more than 'limits.{name}' ({limit}) allows: "
            "put large values into files, or store them as outputs",
            name,
        )
