"""Expression roots that follow from an execution row, or its flow, alone (expressions 10.1, 10.5; flow language 3).

Used by the engine for what it evaluates itself and by the controller for what workers evaluate, so that
a template means the same in both places.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from segue.domain.execution.model import Execution, ExecutionTrigger, LoopItem, LoopPosition
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.type_names import canonical_trigger
from segue.domain.labels import nest_labels


def format_instant(at: datetime) -> str:
    """A date as expressions see it: ISO-8601 in UTC with the fraction digits it needs."""
    text = at.isoformat(timespec="microseconds").removesuffix("+00:00")
    return text.rstrip("0").rstrip(".") + "Z" if "." in text else text + "Z"


def flow_roots(flow: CompiledFlow, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The roots there are before an execution exists: ``flow``, ``vars``, ``inputs``, and ``namespace`` if there is."""
    definition = flow.flow
    return {
        "flow": {
            "id": definition.id,
            "namespace": definition.namespace,
            "revision": flow.revision,
            "tenantId": flow.tenant,
        },
        "vars": definition.variables,
        "inputs": inputs,
        **namespace_root(flow),
    }


def trigger_variables(trigger: ExecutionTrigger) -> dict[str, Any]:
    """The root ``trigger``: the trigger's variables (its outputs), and its id and type beside them.

    A variable hides ``id`` and ``type``; ``_context`` has them in every case (expressions 10.5).
    """
    names = {"id": trigger.id, "type": trigger.type}
    return {**names, **trigger.variables, "_context": names}


def item_variables(loop: LoopPosition) -> dict[str, Any]:
    """The root ``item`` inside an iteration of a Loop, with the items of the loops around it (flow language 7.10)."""
    parents = [_item(parent) for parent in loop.parents]
    variables = _item(loop.item) | {"parents": parents}
    if parents:
        variables["parent"] = parents[0]
    return variables


def _item(item: LoopItem) -> dict[str, Any]:
    variables: dict[str, Any] = {"value": item.value, "index": item.index}
    return variables if item.key is None else {**variables, "key": item.key}


def namespace_root(flow: CompiledFlow) -> dict[str, Any]:
    """The root ``namespace``: the variables of the flow's namespaces; nothing when they have none (expressions 10)."""
    variables = flow.settings.variables
    return {"namespace": variables} if variables else {}


def execution_roots(execution: Execution) -> dict[str, Any]:
    """``flow``, ``execution``, ``labels``, and as far as there are any ``inputs``, ``trigger`` and ``item``.

    ``schedule`` is what 1.x calls the variables of a Schedule (flow language 12.3).

    ``execution.id`` inside a Loop is the id of the execution around it (core plugins 2.8).
    """
    loop = execution.loop
    roots: dict[str, Any] = {
        "flow": {
            "id": execution.flow.flow_id,
            "namespace": execution.flow.namespace,
            "revision": execution.flow.revision,
            "tenantId": execution.flow.tenant,
        },
        "execution": {
            "id": execution.id if loop is None else loop.execution_id,
            "state": execution.state.value,
            "startDate": format_instant(execution.status.started_at),
            "originalId": execution.origin_id,
            "attemptNumber": execution.attempt_number,
        },
        "labels": nest_labels(execution.labels),
    }
    if execution.inputs:
        roots["inputs"] = execution.inputs
    if execution.trigger is not None:
        roots["trigger"] = trigger_variables(execution.trigger)
        if canonical_trigger(execution.trigger.type) == "Schedule":
            roots["schedule"] = execution.trigger.variables
    if loop is not None:
        roots["item"] = item_variables(loop)
    return roots
