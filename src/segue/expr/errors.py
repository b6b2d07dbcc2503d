"""Errors of the expression language, and the one signal that is not an error.

Every failure of a template is an `ExpressionError`. `Interrupt` is the base of foreign signals (for example
"this value has to be fetched first"): nothing in this package catches, wraps or hides it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from itertools import islice

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
    "reason_of",
]

_SHOWN_TEMPLATE = 200
_QUOTED_TEMPLATE = 1000
_NAMES = 20
_READABLE_NAMES = 10
_LONGEST_NAME = 100
_COMPARED_NAMES = 1000
_HIDDEN = "******"


class Interrupt(Exception):  # noqa: N818 - a signal to the caller of the renderer, not an error of the template
    """Base of foreign signals of a lookup or service; passes through every operator, filter and tag."""


class ExpressionError(Exception):
    """Root of all failures of a template.

    `message` is the text without position. `template` is the source, `line` and `column` count from 1 (None until the
    place is known), `piece` is the part of the text at fault. `suggestion` is a name to write instead, and `available`
    the first names that exist there; both are empty where they make no sense.
    """

    def __init__(
        self, message: str, *, piece: str = "", suggestion: str = "", available: Iterable[object] = ()
    ) -> None:
        super().__init__(message)
        self._message = message
        self._template: str | None = None
        self._position = 0
        self._piece = piece
        self._suggestion = suggestion
        self._known = available
        self._hidden: tuple[str, ...] = ()

    def at(self, template: str, position: int, piece: str = "") -> ExpressionError:
        """Add the place, unless a more precise one is already known; returns self, to be raised."""
        if self._template is None:
            self._template = template
            self._position = position
            self._piece = self._piece or piece
        return self

    def hide(self, secrets: Iterable[str]) -> None:
        """Never show these texts, and forget the errors that led here, which may show them."""
        self._hidden = tuple(sorted({*self._hidden, *filter(None, secrets)}, key=len, reverse=True))
        self.args = (self.message,)
        self.__context__ = self.__cause__ = None

    def masked(self, text: str) -> str:
        """The text without what must not be shown."""
        for secret in self._hidden:
            text = text.replace(secret, _HIDDEN)
        return text

    @property
    def message(self) -> str:
        """What went wrong, without the place."""
        return self.masked(self._message)

    @property
    def template(self) -> str | None:
        """The source, None until known."""
        return None if self._template is None else self.masked(self._template)

    @property
    def line(self) -> int | None:
        """Line from 1, None until known."""
        return None if self._template is None else line_of(self._template, self._position)

    @property
    def column(self) -> int | None:
        """Column from 1, None until known."""
        return None if self._template is None else column_of(self._template, self._position)

    @property
    def piece(self) -> str:
        """The part of the text at fault: a name, an operator, a character."""
        return self.masked(self._piece)

    @property
    def suggestion(self) -> str:
        """What may have been meant, or an empty string."""
        return self.masked(self._suggestion)

    @property
    def available(self) -> list[str]:
        """The first names that exist at this place."""
        names = (name for name in self._known if isinstance(name, str))
        return [self.masked(name[:_LONGEST_NAME]) for name in islice(names, _NAMES)]

    def __str__(self) -> str:
        text = self.message
        template = self.template
        if template is not None:
            text += f" ({_shown(template, _SHOWN_TEMPLATE)}:{self.line})"
        return text + self._help()

    def _help(self) -> str:
        near = self.suggestion
        if near:
            return f" (did you mean `{near}`?)"
        few = self._few()
        return f" (there is: {', '.join(f'`{name}`' for name in few)})" if few else ""

    def _few(self) -> list[str]:
        """The names that exist at this place, when they are few enough to be read."""
        if not isinstance(self._known, Collection) or len(self._known) > _READABLE_NAMES:
            return []
        return self.available


class ExpressionSyntaxError(ExpressionError):
    """The text is no template. `advice` is a sentence that says what to do, where there is one."""

    def __init__(
        self,
        message: str,
        template: str,
        position: int,
        *,
        piece: str = "",
        advice: str = "",
        suggestion: str = "",
        available: Iterable[object] = (),
    ) -> None:
        super().__init__(message, piece=piece, suggestion=suggestion, available=available)
        self.advice = advice
        self.at(template, position)

    def _help(self) -> str:
        return super()._help() + (f". {self.advice}" if self.advice else "")


class EvaluationError(ExpressionError):
    """An operator, filter, function or tag cannot work with the values it got."""


class UnknownNameError(EvaluationError):
    """A filter, function, test or argument of this name does not exist."""

    def __init__(self, message: str, name: str, known: Iterable[object]) -> None:
        super().__init__(message, piece=name, suggestion=near_name(name, known), available=sorted(map(str, known)))


class MissingVariableError(ExpressionError):
    """A variable, key or index does not exist. The only error that `??`, `default` and `is defined` catch.

    It is raised and caught often, so that everything but the name is made when asked for. `known` are the names that
    exist there, `path` the keys that led there, such as `outputs.`.
    """

    def __init__(self, name: str, template: str, position: int, known: Iterable[object] = (), path: str = "") -> None:
        super().__init__("", piece=name, available=known)
        self._template = template
        self._position = position
        self._path = path

    @property
    def name(self) -> str:
        """The variable, key or index."""
        return self.piece

    @property
    def message(self) -> str:
        """The sentence of 1.8, with a long template cut."""
        text = _shown(self._template or "", _QUOTED_TEMPLATE)
        return self.masked(f"Unable to find `{self._piece}` used in the expression `{text}` at line {self.line}")

    @property
    def suggestion(self) -> str:
        """The most similar name that does exist, with its path, or an empty string."""
        near = near_name(self._piece, self._known)
        return self.masked(self._path + near) if near else ""

    def __str__(self) -> str:
        return self.message + self._help()


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


def reason_of(error: Exception) -> str:
    """What a failure of Python or a library says, unless it shows objects of the interpreter."""
    if isinstance(error, ExpressionError):
        return error.message
    text = str(error)[:_SHOWN_TEMPLATE]
    return type(error).__name__ if not text or "<" in text else text


def line_of(template: str, position: int) -> int:
    """Line number from 1 of a position; CR LF, CR and LF are one break each (expression language 2.1)."""
    head = template[:position]
    return 1 + head.count("\n") + head.count("\r") - head.count("\r\n")


def column_of(template: str, position: int) -> int:
    """Column from 1 of a position."""
    return position - max(template.rfind("\n", 0, position), template.rfind("\r", 0, position))


def near_name(name: str, known: Iterable[object]) -> str:
    """The most similar of the (first thousand) known names, or an empty string."""
    if len(name) > _LONGEST_NAME:
        return ""
    names = [key for key in islice(known, _COMPARED_NAMES) if isinstance(key, str) and len(key) <= _LONGEST_NAME]
    found = get_close_matches(name, names, n=1, cutoff=0.6)
    if not found:
        found = [each for each in names if each.casefold() == name.casefold()]
    return found[0] if found else ""


def _shown(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "..."
