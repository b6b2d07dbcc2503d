"""The engine: compiles with a cache, renders text and nested values (expression language 1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from segue.expr.callables import Spec
from segue.expr.compile import Compiler, Names
from segue.expr.compile_tags import compile_tree
from segue.expr.dialects import Dialect
from segue.expr.errors import EvaluationError, ExpressionError, LimitError
from segue.expr.filters import FILTERS
from segue.expr.functions import FUNCTIONS
from segue.expr.lexer import without_raw_tags
from segue.expr.limits import Limits
from segue.expr.reference_collector import collect
from segue.expr.references import EVERYTHING, NO_REFERENCES, References, union
from segue.expr.runtime import Scope, State
from segue.expr.services import NO_SERVICES, Services
from segue.expr.tags import parse_template
from segue.expr.template import Template
from segue.expr.tests import TESTS

__all__ = ["Engine", "has_template"]

_ANALYSIS_DEPTH = 8
_HALVES = re.compile("[\ud800-\udfff]")
_LONGEST_CACHED = 50_000


def has_template(text: str) -> bool:
    """Whether the text has any region; a text without is its own rendering."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text)


def _storable(text: str) -> str:
    """The text without halves of UTF-16 pairs, which JSON escapes can make and nothing can store."""
    if text.isascii() or not _HALVES.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Engine:
    """Compiles and renders; one per process role. Thread-safe: its only state is the cache of compiled texts.

    `functions` adds functions by name: called with the evaluated positional arguments.
    """

    def __init__(
        self,
        *,
        dialect: Dialect = Dialect.V2,
        limits: Limits = Limits(),  # noqa: B008 - immutable
        cache_size: int = 1000,
        functions: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.dialect = dialect
        self.limits = limits
        extra = {name: Spec(name, call, None, True, False) for name, call in (functions or {}).items()}
        self._names = Names(FILTERS, {**FUNCTIONS, **extra}, TESTS)
        self._cached = lru_cache(maxsize=cache_size)(self._compile)

    def compile(self, text: str, dialect: Dialect | None = None) -> Template:
        """The compiled text, from the cache if it was compiled before.

        Raises:
            ExpressionSyntaxError: the text is no template.
            LimitError: it is too long or nests too deeply.
        """
        return (self._cached if len(text) <= _LONGEST_CACHED else self._compile)(text, dialect or self.dialect)

    def _compile(self, text: str, dialect: Dialect) -> Template:
        limits = self.limits
        if len(text) > limits.max_template_length:
            raise LimitError("max_template_length", limits.max_template_length, "The template is too long")
        try:
            tree = parse_template(text, dialect, limits.max_depth)
            compiler = Compiler(text, self._names, dialect, limits, bound=tree.bound, macros=tree.macros)
            compiled = compile_tree(tree, compiler)
        except LimitError as error:
            raise error.at(text, 0) from None
        except RecursionError:
            raise LimitError("max_depth", limits.max_depth, "The expression nests too deeply").at(text, 0) from None
        return Template(text, compiled, lambda: self._references(text, dialect))

    def _references(self, text: str, dialect: Dialect) -> References:
        """Found in a tree of its own: most renderings never ask, and compiled texts do not keep theirs."""
        depth = self.limits.max_depth
        try:
            return collect(parse_template(text, dialect, depth), self._analyse(dialect, _ANALYSIS_DEPTH))
        except RecursionError:
            raise LimitError("max_depth", depth, "The expression nests too deeply").at(text, 0) from None

    def _analyse(self, dialect: Dialect, depth: int) -> Callable[[str], References]:
        """References of a constant text that a template renders; beyond the depth it needs everything."""

        def analyse(text: str) -> References:
            if not has_template(text):
                return NO_REFERENCES
            if depth == 0:
                return References(unknown=frozenset({EVERYTHING}))
            try:
                tree = parse_template(text, dialect, self.limits.max_depth)
            except ExpressionError:
                return NO_REFERENCES
            return collect(tree, self._analyse(dialect, depth - 1))

        return analyse

    def _state(self, context: Mapping[str, Any], services: Services | None, dialect: Dialect | None) -> State:
        def render_text(text: str, outer: State, recursive: bool) -> str | None:
            return self._nested(text, outer, recursive, dialect)

        return State(context, services or NO_SERVICES, self.limits, render_text)

    def render(
        self,
        text: str | None,
        context: Mapping[str, Any],
        services: Services | None = None,
        *,
        dialect: Dialect | None = None,
    ) -> str | None:
        """The text rendered to text (1.2): None only for None; output that is null gives an empty string.

        Raises:
            ExpressionError: the text is no template, or its evaluation fails.
            Interrupt: raised by a lookup or a service, passed on as it is.
        """
        if text is None or not has_template(text):
            return text
        return _storable(self.compile(text, dialect).render(self._state(context, services, dialect)) or "")

    def render_typed(
        self,
        text: str | None,
        context: Mapping[str, Any],
        services: Services | None = None,
        *,
        dialect: Dialect | None = None,
    ) -> Any:
        """The text rendered to a native value (1.4). Raises what `render` raises."""
        if text is None or not has_template(text):
            return text
        return self.compile(text, dialect).render_typed(self._state(context, services, dialect))

    def render_value(
        self,
        value: Any,
        context: Mapping[str, Any],
        services: Services | None = None,
        *,
        dialect: Dialect | None = None,
    ) -> Any:
        """Every text inside maps (keys too), lists and sets rendered (1.2, "render object").

        A text that produces no output at all becomes None; other values are returned untouched. Raises what
        `render` raises.
        """
        if isinstance(value, str):
            if not has_template(value):
                return value
            text = self.compile(value, dialect).render(self._state(context, services, dialect))
            return None if text is None else _storable(text)
        if isinstance(value, Mapping):
            result: dict[Any, Any] = {}
            for key, item in value.items():
                rendered = self.render(key, context, services, dialect=dialect) if isinstance(key, str) else key
                if rendered not in result:
                    result[rendered] = self.render_value(item, context, services, dialect=dialect)
            return result
        if isinstance(value, list | tuple):
            return [self.render_value(item, context, services, dialect=dialect) for item in value]
        if isinstance(value, set | frozenset):
            return {self.render_value(item, context, services, dialect=dialect) for item in value}
        return value

    def references(self, text: str, dialect: Dialect | None = None) -> References:
        """What the text may look at (13). Raises ExpressionSyntaxError or LimitError like `compile`."""
        return self.compile(text, dialect).references() if has_template(text) else NO_REFERENCES

    def references_of(self, value: Any, dialect: Dialect | None = None) -> References:
        """The union over every text in nested maps and lists. Raises what `references` raises."""
        if isinstance(value, str):
            return self.references(value, dialect)
        if isinstance(value, Mapping):
            parts = [self.references_of(each, dialect) for pair in value.items() for each in pair]
            return union(parts)
        if isinstance(value, list | tuple | set | frozenset):
            return union(self.references_of(each, dialect) for each in value)
        return NO_REFERENCES

    def _nested(self, text: str, outer: State, recursive: bool, dialect: Dialect | None) -> str | None:
        """`render()` inside a template: sees every variable visible there, shares the limits of the whole."""
        limits = self.limits
        if outer.render_depth >= limits.max_render_depth:
            message = f"Maximum render() nesting depth ({limits.max_render_depth}) exceeded"
            raise LimitError("max_render_depth", limits.max_render_depth, message)
        state = State(Scope(outer) if outer.scopes else outer.context, outer.services, limits, outer.render_text)
        state.full_context = outer.full_context
        state.render_depth, state.depth = outer.render_depth + 1, outer.depth
        state.keep_raw = recursive
        state.secrets, state.produced_length = outer.secrets, outer.produced_length
        state.steps, state.checkpoint, state.started_at = outer.steps, outer.checkpoint, outer.started_at
        result: str | None = text
        try:
            for _ in range(limits.max_render_passes if recursive else 1):
                before = result
                state.step(1 + (len(before or "") >> 6))
                result = self.compile(before, dialect).render(state) if before and has_template(before) else before
                if result == before:
                    break
                state.produced(result or "")
                state.scopes = []
            else:
                if recursive:
                    raise EvaluationError("Too many rendering attempts")
        finally:
            outer.produced_length = state.produced_length
            outer.steps, outer.checkpoint, outer.started_at = state.steps, state.checkpoint, state.started_at
        if recursive and result and "{%" in result:
            result = without_raw_tags(result)
        return result
