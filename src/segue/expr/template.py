"""A compiled text and the three ways to render it (expression language 1.2, 1.4)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from segue.expr.compile_tags import Piece, join
from segue.expr.errors import EvaluationError, ExpressionError, Interrupt, LimitError, reason_of
from segue.expr.references import References
from segue.expr.runtime import Body, State

__all__ = ["Template"]


class Template:
    """The result of `Engine.compile`; may be shared by threads.

    `text` is the source. `pieces` are texts and value functions when the template has no tags; else `body`
    writes the output.
    """

    __slots__ = ("_blocks", "_body", "_find_references", "_pieces", "_references", "text")

    def __init__(
        self,
        text: str,
        compiled: tuple[list[Piece] | None, Body, Mapping[str, Body]],
        find_references: Callable[[], References],
    ) -> None:
        self.text = text
        self._pieces, self._body, self._blocks = compiled
        self._find_references = find_references
        self._references: References | None = None

    def references(self) -> References:
        """What the text names, found without evaluating it (13), when first asked. Raises LimitError."""
        if self._references is None:
            self._references = self._find_references()
        return self._references

    def values(self, state: State) -> list[Any]:
        """What the template writes, unconverted, nulls included.

        Raises:
            ExpressionError: any failure of the template; foreign errors are wrapped, `Interrupt` passes.
        """
        try:
            if self._pieces is not None:
                return [piece if piece.__class__ is str else piece(state) for piece in self._pieces]  # type: ignore[operator]
            state.blocks = self._blocks
            out: list[Any] = []
            self._body(state, out)
        except Interrupt:
            raise
        except ExpressionError as error:
            if state.secrets:
                error.hide(state.secrets)
                raise error from None
            raise
        except RecursionError:
            limit = state.limits.max_depth
            raise LimitError("max_depth", limit, "The expression nests too deeply").at(self.text, 0) from None
        except Exception as error:
            raise self._foreign(error, state) from (None if state.secrets else error)
        return out

    def render(self, state: State) -> str | None:
        """The text, or None if the template wrote nothing at all."""
        values = self.values(state)
        if len(values) == 1:
            value = values[0]
            if value is None:
                return None
            if value.__class__ is str and len(value) <= state.limits.max_output_length:
                return value
        return self._joined(values, state)

    def _joined(self, values: list[Any], state: State) -> str | None:
        written = [value for value in values if value is not None]
        if not written:
            return None
        try:
            return join(written, state.limits.max_output_length)
        except Interrupt:
            raise
        except ExpressionError as error:
            error.at(self.text, 0)
            if state.secrets:
                error.hide(state.secrets)
            raise error from None
        except RecursionError:
            limit = state.limits.max_depth
            raise LimitError("max_depth", limit, "The value nests too deeply").at(self.text, 0) from None
        except Exception as error:
            raise self._foreign(error, state) from (None if state.secrets else error)

    def _foreign(self, error: Exception, state: State) -> ExpressionError:
        """The error for a failure that no filter or operator has caught."""
        failure = EvaluationError(f"The expression failed: {reason_of(error)}")
        failure.at(self.text, 0).hide(state.secrets)
        return failure

    def render_typed(self, state: State) -> Any:
        """One piece keeps its type; several become text, read as JSON if one of them is a container."""
        written = [value for value in self.values(state) if value is not None]
        if not written:
            return None
        if len(written) == 1:
            return written[0]
        text = self._joined(written, state)
        if all(isinstance(value, str | int | float | Decimal) for value in written):
            return text
        try:
            return json.loads(text or "")
        except (ValueError, RecursionError):
            return text
