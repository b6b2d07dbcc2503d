"""What a template names, found in its tree without evaluating it (expression language 13).

Paths are tuples of text and stand for a value with everything below it. A path ends at the first key that
depends on data, at a method call and at a filter. `reference_collector` finds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

__all__ = ["EVERYTHING", "NO_REFERENCES", "Path", "References", "ValueOf", "union"]

EVERYTHING = "*"
Path = tuple[str, ...]


class ValueOf(str):
    """A key of `outputs` that is the value of an iteration: its text says whose, as `taskrun.value`,
    `parent.taskrun.value` or `parents.N.taskrun.value`; `*` stands for the values of all iterations around."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class References:
    """Everything a text may look at.

    A rendering gives the same with nothing else in its context.

    `roots` are the root variables named. `outputs`, `inputs`, `labels` and `variables` (the root `vars`) are
    key paths below the root; a root of which everything may be looked at gives the empty path. `kv`, `secrets`
    and `files` are constant arguments: `(key,)` or `(key, namespace)`; a call with an argument that depends on
    data puts `kv`, `secret` or `files` into `unknown`. `unknown` also holds roots whose first key depends on
    data, and `*` when everything may be needed: the whole context is shown, or a text is rendered that depends
    on data. `rendered` are paths given to `render()`, root included: their texts have references of their own.
    `functions` are the names of all functions called.

    `placed_outputs` are the same look-ups as `outputs`, but go on where a key is the value of an iteration: that
    key is a `ValueOf`.
    """

    roots: frozenset[str] = frozenset()
    outputs: frozenset[Path] = frozenset()
    placed_outputs: frozenset[Path] = frozenset()
    inputs: frozenset[Path] = frozenset()
    variables: frozenset[Path] = frozenset()
    labels: frozenset[Path] = frozenset()
    kv: frozenset[Path] = frozenset()
    secrets: frozenset[Path] = frozenset()
    files: frozenset[Path] = frozenset()
    rendered: frozenset[Path] = frozenset()
    functions: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()

    def needs_root(self, name: str) -> bool:
        """Whether the value of this root may be looked at."""
        return name in self.roots or EVERYTHING in self.unknown


NO_REFERENCES = References()


def union(parts: Iterable[References]) -> References:
    """Everything that any of the parts may look at."""
    found = [part for part in parts if part is not NO_REFERENCES]
    if not found:
        return NO_REFERENCES
    if len(found) == 1:
        return found[0]
    names = [field.name for field in fields(References)]
    return References(**{name: frozenset().union(*(getattr(part, name) for part in found)) for name in names})
