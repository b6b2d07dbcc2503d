"""Tasks that change their own execution: their properties (flow language 7.18, core plugins 3)."""

from __future__ import annotations

from typing import Any

from segue.domain.flow.fields import DynamicBool, Text
from segue.domain.flow.tasks import Task

EXIT_STATES = ("SUCCESS", "WARNING", "FAILED", "CANCELLED", "KILLED", "CANCELED")
"""The states an `Exit` may end the execution in; the last is how 1.x spells CANCELLED."""


class Exit(Task):
    """Ends the execution at once, in the state that is given."""

    state: Text = "SUCCESS"


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
