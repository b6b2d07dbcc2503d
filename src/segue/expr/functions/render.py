"""`render`, `renderOnce`, the context as a map, blocks (expression language 8.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segue.expr.callables import Table
from segue.expr.calls import LARGE
from segue.expr.compile_tags import join
from segue.expr.errors import EvaluationError, MissingVariableError
from segue.expr.runtime import Scope, State
from segue.expr.text import java_text
from segue.expr.values import ABSENT, is_collection

__all__ = ["TABLE"]

TABLE = Table()
_INTERNAL = frozenset({"_context", "locale", "template", "addSecretConsumer", "workerTaskrun"})


@TABLE.add("render", "toRender", "recursive", state=True)
def render(state: State, to_render: Any = ABSENT, recursive: Any = True) -> Any:
    """A text rendered as a template, with all variables visible now; values of `vars` need it.

    In lists and maps every text is rendered. Recursive rendering goes on until nothing changes, at most
    `max_render_passes` times.

    Args:
        toRender (any): The text, list or map.
        recursive (boolean, default true): Whether the result is rendered again.

    Returns:
        any: A text for a text; other values as they are.

    Raises:
        EvaluationError: an argument is absent or wrong, or the rendered text fails; a variable missing in there is
            not caught by `??`.
        LimitError: rendering nests too deeply.

    Available: 1.x, 2.0

    Examples:
        {{ vars.greeting }} -> Hello {{ inputs.name }}
        {{ render(vars.greeting) }} -> Hello ada
    """
    if to_render is ABSENT:
        raise EvaluationError("The 'render' function expects an argument 'toRender'.")
    if recursive is not None and not isinstance(recursive, bool):
        raise EvaluationError("The 'render' function expects an optional argument 'recursive' with type boolean.")
    return _walk(state, to_render, recursive is not False)


@TABLE.add("renderOnce", "toRender", state=True)
def render_once(state: State, to_render: Any = ABSENT) -> Any:
    """A text rendered one time only: `render(toRender, recursive=false)`.

    Args:
        toRender (any): The text, list or map.

    Returns:
        any: A text for a text; other values as they are.

    Raises:
        EvaluationError: the argument is absent, or the rendered text fails.
        LimitError: rendering nests too deeply.

    Available: 1.x, 2.0

    Examples:
        {{ renderOnce(vars.twice) }} -> {{ inputs.name }}
        {{ render(vars.twice) }} -> ada
    """
    if to_render is ABSENT:
        raise EvaluationError("The 'renderOnce' function expects an argument 'toRender'.")
    return _walk(state, to_render, False)


def _walk(state: State, value: Any, recursive: bool) -> Any:
    state.step()
    if isinstance(value, str):
        try:
            return state.render_text(value, state, recursive)
        except MissingVariableError as error:
            message = error.message
            raise EvaluationError(
                message, piece=error.piece, suggestion=error.suggestion, available=error.available
            ) from error
    if isinstance(value, Mapping):
        return {_walk(state, key, recursive): _walk(state, item, recursive) for key, item in value.items()}
    if is_collection(value):
        return [_walk(state, item, recursive) for item in value]
    return value


@TABLE.add("printContext", state=True, aliases=("fetchContext",))
def print_context(state: State) -> dict[str, Any]:
    """Every variable visible now, for finding out what there is. It needs all outputs, so it is slow.

    Secrets are not among them: they are no variables, and decrypted inputs show as `******`.

    Returns:
        map: Variables by name.

    Available: 1.x, 2.0
    Aliases: fetchContext (2.0)

    Examples:
        {{ printContext() | keys | first }} -> inputs
        {{ printContext().inputs.name }} -> ada
    """
    visible = {key: value for key, value in Scope(state).items() if key not in _INTERNAL}
    return _masked(state, visible) if state.secrets else visible


def _masked(state: State, value: Any) -> Any:
    state.step()
    if isinstance(value, str):
        for secret in state.secrets:
            if secret:
                value = value.replace(secret, "******")
        if len(value) > LARGE:
            state.produced(value)
        return value
    if isinstance(value, Mapping):
        return {key: _masked(state, item) for key, item in value.items()}
    return [_masked(state, item) for item in value] if is_collection(value) else value


@TABLE.add("block", "name", state=True)
def block(state: State, name: Any = None) -> str:
    """A block of this template rendered again.

    Args:
        name (text): Name of the block.

    Returns:
        text: Empty for an unknown name.

    Raises:
        LimitError: too many steps, or a text longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        {% block hi %}Hi {{ inputs.name }}. {% endblock %}{{ block('hi') }} -> "Hi ada. Hi ada. "
    """
    body = state.blocks.get(java_text(name))
    if body is None:
        return ""
    state.step()
    out: list[Any] = []
    body(state, out)
    return join(out, state.limits.max_output_length)


@TABLE.add("parent")
def parent() -> str:
    """Always an error: a template cannot extend another one.

    Returns:
        nothing: It never returns.

    Raises:
        EvaluationError: always.

    Available: 1.x, 2.0

    Examples:
        {{ parent() }} -> error: Can not use parent function if template does not extend another template.
    """
    raise EvaluationError("Can not use parent function if template does not extend another template.")
