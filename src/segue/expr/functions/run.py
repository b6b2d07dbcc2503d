"""Functions that know the execution (expression language 8.3), `env`, `http` and `subflow`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError, ServiceMissingError
from segue.expr.runtime import Scope, State
from segue.expr.services import HttpCall, SubflowCall
from segue.expr.text import java_text
from segue.expr.values import ABSENT, is_integer, is_list

__all__ = ["TABLE"]

TABLE = Table()
_ERROR_LOGS = 25
_DURATION = re.compile(r"P(?=.)(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?", re.ASCII)


def _root(state: State, name: str) -> Any:
    """A root variable, or None; lookups may raise `Interrupt`."""
    try:
        return state.full_context[name]
    except KeyError:
        return None


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


@TABLE.add("env", "name", "default", state=True)
def env(state: State, name: Any = None, default: Any = None) -> Any:
    """An entry of `envs`; the default when it is absent or empty."""
    if name is None:
        raise EvaluationError("The 'env' function expects an argument 'name'.")
    value = _field(_root(state, "envs"), java_text(name))
    return default if value is None or value == "" else value


@TABLE.add("currentEachOutput", "outputs", state=True)
def current_each_output(state: State, outputs: Any = ABSENT) -> Any:
    """The entry for the current iteration in the outputs of a task that runs inside a loop (1.x)."""
    if outputs is ABSENT or outputs is None:
        raise EvaluationError("The 'currentEachOutput' function expects an argument 'outputs'.")
    if not isinstance(outputs, Mapping):
        raise EvaluationError("The 'currentEachOutput' function expects an argument 'outputs' with type map.")
    current: Any = outputs
    for parent in reversed(_root(state, "parents") or []):
        value = _field(_field(parent, "taskrun"), "value")
        if value is not None:
            current = _field(current, value)
    return _field(current, _field(_root(state, "taskrun"), "value"))


@TABLE.add("loopOutputs", "outputs", "name")
def loop_outputs(outputs: Any = None, name: Any = None) -> list[Any]:
    """One declared output of every iteration of a loop, null where it is absent."""
    if outputs is None:
        raise EvaluationError("The 'loopOutputs' function expects a non-null argument 'outputs'.")
    if not is_list(outputs):
        raise EvaluationError("The 'loopOutputs' function expects 'outputs' to be a list.")
    if name is None:
        raise EvaluationError("The 'loopOutputs' function expects a non-null argument 'name'.")
    if not isinstance(name, str):
        raise EvaluationError("The 'loopOutputs' function expects 'name' to be a string.")
    return [_field(_field(item, "outputs"), name) for item in outputs]


@TABLE.add("tasksWithState", "state", state=True)
def tasks_with_state(run: State, state: Any = None) -> list[dict[str, Any]]:
    """Tasks and iterations whose state is the given one."""
    if state is None:
        raise EvaluationError("The 'tasksWithState' function expects an argument 'state'.")
    wanted = java_text(state).upper()
    found: list[dict[str, Any]] = []
    tasks = _root(run, "tasks")
    for task_id, entry in tasks.items() if isinstance(tasks, Mapping) else ():
        if not isinstance(entry, Mapping):
            continue
        own = entry.get("state")
        if own is not None and not isinstance(own, Mapping):
            if java_text(own).upper() == wanted:
                found.append({"taskId": task_id, "state": wanted})
            continue
        for value, iteration in entry.items():
            if java_text(_field(iteration, "state")).upper() == wanted:
                found.append({"taskId": task_id, "value": value, "state": wanted})
    return found


@TABLE.add("errorLogs", state=True)
def error_logs(state: State) -> list[Mapping[str, Any]]:
    """Up to 25 entries of level ERROR of this execution, oldest first."""
    if state.services.logs is None:
        raise ServiceMissingError("errorLogs", "logs")
    return list(state.services.logs(_ERROR_LOGS))[:_ERROR_LOGS]


@TABLE.add("iterationOutput", "taskId", "iteration", state=True)
def iteration_output(state: State, task_id: Any = None, iteration: Any = None) -> Any:
    """The `value` output of a task (id or outputs) at an iteration of the loop, by default the previous."""
    current = _field(_root(state, "taskrun"), "iteration")
    if current is None:
        current = _field(_root(state, "item"), "index")
    number = iteration if is_integer(iteration) else (current or 0) - 1
    if task_id is None:
        task_id = _field(_root(state, "task"), "id")
    outputs = task_id if isinstance(task_id, Mapping) else _field(_root(state, "outputs"), java_text(task_id))
    entries = list(outputs.values()) if isinstance(outputs, Mapping) else outputs
    if not is_list(entries) or not 0 <= number < len(entries):
        return None
    return _field(entries[number], "value")


@TABLE.add("parentOutput", "index", state=True)
def parent_output(state: State, index: Any = None) -> Any:
    """Outputs of the direct parent, or of the ancestor of this number (0 is the outermost)."""
    parents = _root(state, "parents") or []
    number = len(parents) - 1 - index if is_integer(index) else 0
    return _field(parents[number], "outputs") if 0 <= number < len(parents) else None


@TABLE.add("http", "uri", "method", "query", "body", "contentType", "headers", "options", "accept", state=True)
def http(state: State, uri: Any = None, *args: Any, **named: Any) -> Any:
    """The decoded body of an HTTP answer."""
    if uri is None:
        raise EvaluationError("The 'http' function expects an argument 'uri'.")
    if state.services.http is None:
        raise ServiceMissingError("http", "http")
    names = ("method", "query", "body", "content_type", "headers", "options", "accept")
    given = {**dict(zip(names, args, strict=False)), **named}
    return state.services.http(
        HttpCall(
            uri=java_text(uri),
            method=java_text(given.get("method") or "GET").upper(),
            query=given.get("query") or {},
            body=given.get("body"),
            content_type=java_text(given.get("content_type") or "application/json"),
            headers=given.get("headers") or {},
            options=given.get("options"),
            accept=java_text(given.get("accept") or "application/json"),
        )
    )


@TABLE.add("subflow", "namespace", "id", "inputs", "revision", "labels", "timeout", state=True)
def subflow(state: State, namespace: Any = None, id: Any = None, inputs: Any = None, *args: Any, **named: Any) -> Any:
    """The result `{id, state, outputs, labels}` of a flow that is run for a form value."""
    if namespace is None or id is None:
        raise EvaluationError("The 'subflow' function expects the arguments 'namespace' and 'id'.")
    scope = Scope(state)
    if "taskrun" in scope or "trigger" in scope:
        raise EvaluationError("The 'subflow' function can only be used at flow-input render time.")
    given = {**dict(zip(("revision", "labels", "timeout"), args, strict=False)), **named}
    timeout, labels = given.get("timeout"), given.get("labels") or {}
    if timeout is not None and not (isinstance(timeout, str) and _DURATION.fullmatch(timeout)):
        raise EvaluationError(
            f"The 'subflow' function expects an ISO-8601 duration as 'timeout', not {java_text(timeout)}"
        )
    for label in labels:
        if java_text(label).startswith("system.") and label != "system.correlationId":
            raise EvaluationError(f"The 'subflow' function does not allow the label '{java_text(label)}'")
    if state.services.subflow is None:
        raise ServiceMissingError("subflow", "subflow")
    return state.services.subflow(
        SubflowCall(java_text(namespace), java_text(id), inputs or {}, given.get("revision"), labels, timeout)
    )
