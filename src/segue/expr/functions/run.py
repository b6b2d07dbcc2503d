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
    """An entry of `envs`, the environment variables of the server that flows may see.

    Args:
        name (text): Its name without the prefix, in lower case.
        default (any, optional): The result when it is absent or empty.

    Returns:
        any: Null without a default.

    Raises:
        EvaluationError: there is no name.

    Available: 2.0

    Examples:
        {{ env('api_host') }} {{ env('nope', 'localhost') }} -> api.example.com localhost
    """
    if name is None:
        raise EvaluationError("The 'env' function expects an argument 'name'.")
    value = _field(_root(state, "envs"), java_text(name))
    return default if value is None or value == "" else value


@TABLE.add("currentEachOutput", "outputs", state=True)
def current_each_output(state: State, outputs: Any = ABSENT) -> Any:
    """The entry for the current iteration in the outputs of a task inside `ForEach`.

    Args:
        outputs (map): The outputs of the task, by value of the loop.

    Returns:
        any: Null when there is none.

    Raises:
        EvaluationError: there is no argument, or it is no map.

    Available: 1.x

    Examples:
        {{ currentEachOutput(outputs.each).value }} -> 1
    """
    if outputs is ABSENT or outputs is None:
        raise EvaluationError("The 'currentEachOutput' function expects an argument 'outputs'.")
    if not isinstance(outputs, Mapping):
        raise EvaluationError("The 'currentEachOutput' function expects an argument 'outputs' with type map.")
    current: Any = outputs
    for parent in reversed(_root(state, "parents") or []):
        value = _field(_field(parent, "taskrun"), "value")
        if value is not None:
            current = _field(current, value)
    own = _field(_root(state, "taskrun"), "value")
    return current if own is None else _field(current, own)


@TABLE.add("loopOutputs", "outputs", "name")
def loop_outputs(outputs: Any = None, name: Any = None) -> list[Any]:
    """One declared output of every iteration of a `Loop`.

    Args:
        outputs (list): The list at `outputs.<loop>.outputs`.
        name (text): Name of the output.

    Returns:
        list: Null where an iteration has no such output.

    Raises:
        EvaluationError: an argument is null or of the wrong type.

    Available: 2.0

    Examples:
        {{ loopOutputs(outputs.loop.outputs, 'size') }} -> [10,null]
    """
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
    """Tasks and iterations that are in a state.

    Args:
        state (text): Name of the state, in any case.

    Returns:
        list of maps: `taskId` and `state`, and `value` for iterations.

    Raises:
        EvaluationError: there is no argument.

    Available: 1.x, 2.0

    Examples:
        {{ tasksWithState('failed') }}
            -> [{"taskId":"load","state":"FAILED"},{"taskId":"each","value":"x","state":"FAILED"}]
    """
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
    """The last error messages in the log of this execution, for alerts.

    Returns:
        list of maps: Up to 25 entries, the oldest first, with `taskId`, `level`, `message`, `timestamp` and so on.

    Raises:
        ServiceMissingError: the log cannot be read here; it can where tasks run.

    Available: 1.x, 2.0

    Examples:
        {{ (errorLogs() | first).message }} -> disk is full
    """
    if state.services.logs is None:
        raise ServiceMissingError("errorLogs", "logs")
    return list(state.services.logs(_ERROR_LOGS))[:_ERROR_LOGS]


@TABLE.add("iterationOutput", "taskId", "iteration", state=True)
def iteration_output(state: State, task_id: Any = None, iteration: Any = None) -> Any:
    """The output `value` of a task at an iteration of the loop.

    Args:
        taskId (text or map, optional): Id of the task or its outputs; by default the current task.
        iteration (integer, optional): Number of the iteration from 0; by default the one before.

    Returns:
        any: Null when there is none.

    Available: 2.0

    Examples:
        {{ iterationOutput('each', 1) }} -> 2
    """
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
    """The outputs of an ancestor of the current task.

    Args:
        index (integer, optional): Which one, 0 is the outermost; by default the direct parent.

    Returns:
        map: Null when there is none.

    Available: 2.0

    Examples:
        {{ parentOutput().evaluationResult }} -> true
    """
    parents = _root(state, "parents") or []
    number = len(parents) - 1 - index if is_integer(index) else 0
    return _field(parents[number], "outputs") if 0 <= number < len(parents) else None


@TABLE.add("http", "uri", "method", "query", "body", "contentType", "headers", "options", "accept", state=True)
def http(state: State, uri: Any = None, *args: Any, **named: Any) -> Any:
    """The answer of an HTTP request.

    Args:
        uri (text): The address.
        method (text, default 'GET'): The method.
        query (map, default {}): Parameters added to the address.
        body (any, optional): Written as the content type asks for.
        contentType (text, default 'application/json'): JSON, YAML, a form or text.
        headers (map, default {}): Values are texts or lists of texts.
        options (map, optional): Settings of the HTTP client, as the HTTP tasks have them.
        accept (text, default 'application/json'): What the answer may be.

    Returns:
        any: JSON and YAML as values, else text.

    Raises:
        EvaluationError: there is no address, or the answer is no success.
        ServiceMissingError: expressions may not call here.

    Available: 1.x, 2.0

    Examples:
        {{ http('https://api.example.com/user').name }} -> ada
    """
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
    """The result of another flow, run while a form is shown.

    It may be used in flow inputs only, not in tasks.

    Args:
        namespace (text): Namespace of the flow.
        id (text): Id of the flow.
        inputs (map, default {}): Its inputs.
        revision (integer, optional): Its revision; by default the latest.
        labels (map, default {}): Labels of the execution; those of the system are refused.
        timeout (text, optional): How long it may take, as `PT30S`.

    Returns:
        map: `id`, `state`, `outputs` and `labels` of the execution.

    Raises:
        EvaluationError: an argument is absent or wrong, or there is a `taskrun` or `trigger`.
        ServiceMissingError: flows cannot be run here.

    Available: 1.x, 2.0

    Examples:
        {{ subflow('company.team', 'cities') }} -> error: can only be used at flow-input render time
    """
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
