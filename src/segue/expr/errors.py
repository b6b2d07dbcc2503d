"""Errors of the expression language, and the one signal that is not an error.

Every failure of a template is an `ExpressionError`. `Interrupt` is the base of foreign signals (for example
"this value has to be fetched first"): nothing in this package catches, wraps or hides it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "EvaluationError",
    "ExpressionError",
    "ExpressionSyntaxError",
    "Interrupt",
    "LimitError",
    "MissingVariableError",
    "PackageMissingError",
    "ServiceMissingError",
    "UnknownNameError",
    "line_of",
    "near_name",
]

_SHOWN_TEMPLATE = 200
_HIDDEN = "******"


class Interrupt(Exception):  # noqa: N818 - a signal to the caller of the renderer, not an error of the template
    """Base of foreign signals of a lookup or service; passes through every operator, filter and tag."""


class ExpressionError(Exception):
    """Root of all failures of a template.

    `message` is the text without position, `template` the source (None until known), `line` counts from 1.
    """

    def __init__(self, message: str, *, template: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.template = template
        self.line = line

    def at(self, template: str, position: int) -> ExpressionError:
        """Add the place, unless a more precise one is already known; returns self, to be raised."""
        if self.template is None:
            self.template = template
            self.line = line_of(template, position)
        return self

    def hide(self, secrets: Iterable[str]) -> None:
        """Replace texts that must not be shown, and forget the errors that led here, which may show them."""
        for secret in secrets:
            if secret:
                self.message = self.message.replace(secret, _HIDDEN)
                self.template = self.template and self.template.replace(secret, _HIDDEN)
        self.args = (self.message,)
        self.__context__ = None

    def __str__(self) -> str:
        if self.template is None:
            return self.message
        shown = self.template
        if len(shown) > _SHOWN_TEMPLATE:
            shown = shown[:_SHOWN_TEMPLATE] + "..."
        return f"{self.message} ({shown}:{self.line})"


class ExpressionSyntaxError(ExpressionError):
    """The text is no template: `column` from 1, `piece` of the text at fault, `suggestion` what to do."""

    def __init__(self, message: str, template: str, position: int, *, piece: str = "", suggestion: str = "") -> None:
        line = line_of(template, position)
        super().__init__(message, template=template, line=line)
        start = max(template.rfind("\n", 0, position), template.rfind("\r", 0, position))
        self.column = position - start
        self.piece = piece
        self.suggestion = suggestion

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}. {self.suggestion}" if self.suggestion else text


class EvaluationError(ExpressionError):
    """An operator, filter, function or tag cannot work with the values it got."""


class UnknownNameError(EvaluationError):
    """A filter, function or test of this name does not exist."""


class MissingVariableError(ExpressionError):
    """A variable, key or index does not exist. The only error that `??`, `default` and `is defined` catch."""

    def __init__(self, name: str, template: str, position: int, known: Iterable[object] = ()) -> None:
        line = line_of(template, position)
        message = f"Unable to find `{name}` used in the expression `{template}` at line {line}"
        super().__init__(message, template=template, line=line)
        self.name = name
        self._known = known

    def hide(self, secrets: Iterable[str]) -> None:
        """As for every error; the name of the variable is kept out too."""
        hidden = list(secrets)
        super().hide(hidden)
        for secret in hidden:
            if secret:
                self.name = self.name.replace(secret, _HIDDEN)

    @property
    def suggestion(self) -> str:
        """The most similar name that does exist, or an empty string."""
        return near_name(self.name, self._known)

    def __str__(self) -> str:
        near = self.suggestion
        return f"{self.message} (did you mean `{near}`?)" if near else self.message


class LimitError(ExpressionError):
    """A limit was reached; `limit` is its name in `Limits`."""

    def __init__(self, limit: str, allowed: float, detail: str = "") -> None:
        super().__init__(f"{detail or 'The expression is too large'} (limit {limit} = {allowed})")
        self.limit = limit


class ServiceMissingError(ExpressionError):
    """The function needs a service that this place does not offer (spec of section 12: clear error)."""

    def __init__(self, function: str, service: str) -> None:
        super().__init__(f"The '{function}' function cannot be used here: the service '{service}' is not available.")
        self.function = function
        self.service = service


class PackageMissingError(ExpressionError):
    """An optional Python package is not installed."""

    def __init__(self, used_by: str, package: str) -> None:
        super().__init__(f"{used_by} needs the Python package '{package}', which is not installed.")
        self.package = package


def line_of(template: str, position: int) -> int:
    """Line number from 1 of a position; CR LF, CR and LF are one break each (expression language 2.1)."""
    head = template[:position]
    return 1 + head.count("\n") + head.count("\r") - head.count("\r\n")


def near_name(name: str, known: Iterable[object]) -> str:
    """The most similar of the known names, or an empty string."""
    names = [key for key in known if isinstance(key, str)]
    found = get_close_matches(name, names, n=1, cutoff=0.6)
    return found[0] if found else ""
