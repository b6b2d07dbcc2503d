"""One fault found in a definition: what is wrong, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """A fault at a place of a flow's text.

    `path` is empty for rules about the whole flow (flow language 2.3); `line` and `column` count from one
    and are `None` when the definition did not come from a text.
    """

    path: str
    message: str
    line: int | None = None
    column: int | None = None

    @property
    def with_line(self) -> str:
        """The text with the line at its end, if there is one."""
        return str(self) if self.line is None else f"{self} (line {self.line})"

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message
