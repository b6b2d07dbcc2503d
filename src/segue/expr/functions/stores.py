"""`secret` and `kv` (expression language 8.4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError, ServiceMissingError
from segue.expr.runtime import State
from segue.expr.text import java_text, json_text

__all__ = ["TABLE", "flow_field"]

TABLE = Table()


def flow_field(state: State, name: str) -> str:
    """A field of the root `flow`, or an empty text."""
    try:
        flow = state.full_context["flow"]
    except KeyError:
        return ""
    value = flow.get(name) if isinstance(flow, Mapping) else None
    return "" if value is None else java_text(value)


@TABLE.add("secret", "key", "namespace", "subkey", "full", state=True)
def secret(state: State, key: Any = None, namespace: Any = None, subkey: Any = None, full: Any = False) -> Any:
    """A secret, one field of it, or (`full`) a map with its value and metadata.

    What it returns is hidden in logs and error messages.

    Args:
        key (text): Name of the secret.
        namespace (text, optional): Whose secret; by default the flow's namespace.
        subkey (text, optional): A field of a secret that is a JSON object.
        full (boolean, default false): Whether a map with `value` and `metadata` is wanted.

    Returns:
        text or map: Containers of a `subkey` as JSON text.

    Raises:
        EvaluationError: no such secret or field; never caught by `??`. No message holds the secret's text.
        ServiceMissingError: there are no secrets here.

    Available: 1.x, 2.0

    Examples:
        {{ secret('API') | length }} -> 6
        {{ secret('CFG', subkey='user') }} -> bob
        {{ secret('NOPE') ?? 'x' }} -> error: Cannot find secret for key 'NOPE'.
    """
    if key is None:
        raise EvaluationError("The 'secret' function expects an argument 'key'.")
    if subkey is not None and full is True:
        raise EvaluationError("The 'secret' function cannot be called with both 'subkey' and 'full'.")
    if state.services.secrets is None:
        raise ServiceMissingError("secret", "secrets")
    name = java_text(key)
    where = flow_field(state, "namespace") if namespace is None else java_text(namespace)
    found = state.services.secrets.read(where, name)
    if found is None:
        raise EvaluationError(f"Cannot find secret for key '{name}'.")
    if found.is_masked:
        return {"value": found.value} if full is True else found.value
    state.hand_out(found.value)
    if full is True:
        metadata = {"metadata": dict(found.metadata)} if found.metadata else {}
        return {"value": found.value, **metadata}
    if subkey is None:
        return found.value
    field = _field(found.value, java_text(subkey), name)
    state.hand_out(field)
    state.services.secrets.used(field)
    return field


def _field(value: str, subkey: str, name: str) -> str:
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise EvaluationError(
            f"Failed to read secret sub-key '{subkey}' from secret '{name}'."
            " Ensure the secret contains valid JSON value."
        )
    if subkey not in parsed:
        raise EvaluationError(f"Cannot find secret sub-key '{subkey}' in secret '{name}'.")
    field = parsed[subkey]
    return json_text(field) if isinstance(field, list | dict) else java_text(field)


def _candidates(flow_namespace: str) -> list[str]:
    """The namespace, then its ancestors."""
    parts = flow_namespace.split(".")
    return [".".join(parts[:size]) for size in range(len(parts), 0, -1)]


@TABLE.add("kv", "key", "namespace", "errorOnMissing", state=True)
def kv(state: State, key: Any = None, namespace: Any = None, error_on_missing: Any = True) -> Any:
    """A typed value of the key-value store.

    Args:
        key (text): Name of the value.
        namespace (text, optional): Only this namespace; by default the flow's, then its ancestors.
        errorOnMissing (boolean, default true): Whether a missing or expired value is an error, or null.

    Returns:
        any: Text, number, boolean, date, duration, list or map.

    Raises:
        EvaluationError: there is no such value, or its time is over.
        ServiceMissingError: there is no store here.

    Available: 1.x, 2.0

    Examples:
        {{ kv('name') }} {{ kv('cfg').a[1] }} {{ kv('up') }} -> ada 2 parent
        {{ kv('none', errorOnMissing=false) ?? 'd' }} -> d
        {{ kv('none') }} -> error: The key 'none' does not exist in the namespace 'company.team'.
    """
    if key is None:
        raise EvaluationError("The 'kv' function expects an argument 'key'.")
    if state.services.kv is None:
        raise ServiceMissingError("kv", "kv")
    name = java_text(key)
    where = flow_field(state, "namespace") if namespace is None else java_text(namespace)
    for each in _candidates(where) if namespace is None else [where]:
        found = state.services.kv.read(each, name)
        if found is None:
            continue
        if not found.expired:
            return found.value
        if error_on_missing is False:
            return None
        raise EvaluationError("The requested value has expired")
    if error_on_missing is False:
        return None
    raise EvaluationError(f"The key '{name}' does not exist in the namespace '{where}'.")
