"""The errors of Segue. Every message says what happened, to which id, and what to do about it.

SegueError
├── DefinitionError            a flow (or another definition) cannot be used
│   ├── FlowSyntaxError        the text is no YAML, or passes a limit of the reader
│   └── FlowInvalidError       the text is YAML, but no valid flow; carries all violations
├── InputInvalidError          a value does not fit the input or output it was given for
├── NotFoundError              nothing has this id
├── ConflictError              somebody else changed it
│   └── AlreadyExistsError     one with this id exists already
├── IllegalStateError          the operation does not fit the present state
├── IllegalPathError           a path or URI leaves the place it may name
├── LimitExceededError         a configured limit was reached; the message names it
└── UnavailableError           a service or an optional package is missing
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from segue.domain.violations import Violation


class SegueError(Exception):
    """Root of all errors raised on purpose. `message` is fit to be shown to the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class DefinitionError(SegueError):
    """A definition cannot be used as it is written."""


class FlowSyntaxError(DefinitionError):
    """The text is not readable YAML, repeats a key, or passes a limit of the reader (flow language 1)."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        where = "" if line is None else f" (line {line}, column {column})"
        super().__init__(f"Illegal flow yaml: {message}{where}")
        self.reason = message
        self.line = line
        self.column = column


class FlowInvalidError(DefinitionError):
    """A flow breaks rules of flow language 2.3. `violations` holds all of them, in the order of the text."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("Invalid Flow: " + ", ".join(str(violation) for violation in self.violations))


class InputInvalidError(SegueError):
    """A value does not fit its input or output (flow language 4.2 and 5).

    `value` is already masked where it is secret. `kind` is "input" or "output".
    """

    def __init__(self, input_id: str, message: str, value: Any, kind: str = "input") -> None:
        super().__init__(f"Invalid {kind} for `{input_id}`, {message}, but received `{value}`")
        self.input_id = input_id
        self.reason = message
        self.value = value


class NotFoundError(SegueError):
    """Nothing has the id that was asked for."""


class ConflictError(SegueError):
    """Somebody else changed the object in between, or one with this id exists already."""


class AlreadyExistsError(ConflictError):
    """An object with this id exists already."""


class IllegalPathError(SegueError):
    """A path or storage URI has `..` in it, or names a place that is not its owner's."""


class IllegalStateError(SegueError):
    """The operation does not fit the state the object is in."""


class LimitExceededError(SegueError):
    """A configured limit was reached. `limit` is its name."""

    def __init__(self, message: str, limit: str) -> None:
        super().__init__(message)
        self.limit = limit


class UnavailableError(SegueError):
    """A service or an optional package that the operation needs is not there."""
