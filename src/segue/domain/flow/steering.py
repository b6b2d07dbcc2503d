"""Tasks that change their own execution: their properties (flow language 7.18, core plugins 3)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator

from segue.domain.flow.fields import DynamicBool, Text, is_expression
from segue.domain.flow.tasks import Task

EXIT_STATES = ("SUCCESS", "WARNING", "FAILED", "CANCELLED", "KILLED", "CANCELED")
"""What an execution can be ended in; the last is the spelling of 1.x."""


def _exit_state(text: str) -> str:
    if not is_expression(text) and text.strip().upper() not in EXIT_STATES:
        raise ValueError(f"must be one of {', '.join(EXIT_STATES[:-1])}")
    return text


class Exit(Task):
    """Ends the execution at once, in the state that is given."""

    state: Annotated[Text, AfterValidator(_exit_state)] = "SUCCESS"


class Labels(Task):
    """Adds labels to the execution: a map, a list of key and value, or JSON text of one."""

    labels: Any


class SetVariables(Task):
    """Sets variables of the execution."""

    variables: Any
    overwrite: DynamicBool = True


class UnsetVariables(Task):
    """Takes variables of the execution away; their names may be paths with dots."""

    variables: Any
    ignore_missing: DynamicBool = False


class Resume(Task):
    """Lets a paused execution go on (1.x); without an id its own."""

    execution_id: Text | None = None
    namespace: Text | None = None
    flow_id: Text | None = None
    inputs: Any = None
