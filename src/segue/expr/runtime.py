"""State of one rendering, and the lookups of it (expression language 4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from datetime import datetime
from typing import Any, NamedTuple

from segue.expr.errors import LimitError, MissingVariableError
from segue.expr.limits import Limits
from segue.expr.members import NO_MEMBER, member_names, read_member
from segue.expr.services import Services
from segue.expr.text import java_text
from segue.expr.values import is_collection, is_list

__all__ = ["Body", "Evaluate", "Place", "Scope", "State", "attribute", "index_key", "root", "texts_in"]

EMPTY: Mapping[str, Any] = {}
_CHECK_EVERY = 200
_TEXT_WORK = 12
_LIST_WORK = 8
_ELEMENT = 16
_PARSED = 8
_MOST_SECRETS = 500
_SHORTEST_SECRET = 4
_LONGEST_SECRET = 100_000
_SEARCHED_VALUES = 200
_LONGEST_KEY = 1000
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)


class State:
    """What the closures of a compiled template work on.

    `context` holds the roots visible now (a macro sees none), `scopes` the variables bound by tags, innermost
    last, `full_context` the roots of the whole rendering, for functions that need to know the flow.
    `render_text` renders another text with the variables visible now.
    `secrets` are texts handed out, which no message may repeat, and texts that were made of them.
    `produced_length` is what all steps have made together (`max_total_length`).
    """

    __slots__ = (
        "blocks",
        "checkpoint",
        "context",
        "depth",
        "filter_input",
        "full_context",
        "keep_raw",
        "limits",
        "produced_length",
        "render_depth",
        "render_text",
        "scopes",
        "secrets",
        "services",
        "started_at",
        "steps",
    )

    def __init__(
        self,
        context: Mapping[str, Any],
        services: Services,
        limits: Limits,
        render_text: Callable[[str, State, bool], str | None],
    ) -> None:
        self.context = context
        self.full_context = context
        self.services = services
        self.limits = limits
        self.render_text = render_text
        self.scopes: list[dict[str, Any]] = []
        self.blocks: Mapping[str, Body] = EMPTY
        self.steps = 0
        self.checkpoint = min(_CHECK_EVERY, limits.max_steps + 1)
        self.started_at: datetime | None = None
        self.depth = 0
        self.render_depth = 0
        self.keep_raw = False
        self.secrets: list[str] = list(services.hidden)
        self.produced_length = 0
        self.filter_input: Any = None

    def step(self, count: int = 1) -> None:
        """Count pieces of work: an iteration, a call, a value visited.

        Raises:
            LimitError: `max_steps` or `max_seconds` is reached.
        """
        self.steps += count
        if self.steps >= self.checkpoint:
            self.check()

    def consumed(self, value: Sized) -> None:
        """Count the work on a large text or container. Raises LimitError."""
        self.step(len(value) >> (_TEXT_WORK if isinstance(value, str) else _LIST_WORK))

    def produced(self, value: Sized) -> None:
        """Count a large text or container that a step has made.

        Raises:
            LimitError: it is too large itself, or everything made so far together is.
        """
        size, limits = len(value), self.limits
        if isinstance(value, str):
            if size > limits.max_output_length:
                raise LimitError("max_output_length", limits.max_output_length, "The text becomes too long")
            self.produced_length += size
        else:
            if size > limits.max_range:
                raise LimitError("max_range", limits.max_range, "The list or map becomes too long")
            self.produced_length += size * _ELEMENT
        if self.produced_length > limits.max_total_length:
            raise LimitError("max_total_length", limits.max_total_length, "The expression makes too much data")

    def parsed(self, text: str) -> None:
        """Count a large text that was read into lists and maps, which need more room than it. Raises LimitError."""
        self.produced_length += len(text) * _PARSED
        if self.produced_length > self.limits.max_total_length:
            limit = self.limits.max_total_length
            raise LimitError("max_total_length", limit, "The expression makes too much data")

    def hand_out(self, secret: str) -> None:
        """Remember a secret: no message of this rendering repeats it."""
        if secret not in self.secrets:
            self.secrets.append(secret)

    def taint(self, inputs: Iterable[Any], result: Any) -> None:
        """A text made from a secret becomes one, unless it shows the secret as it is (then that is masked)."""
        known = self.secrets
        if len(known) >= _MOST_SECRETS or not any(secret in text for text in texts_in(inputs) for secret in known):
            return
        for text in texts_in((result,)):
            if _SHORTEST_SECRET <= len(text) <= _LONGEST_SECRET and not any(secret in text for secret in known):
                known.append(text)
                if self.services.secrets is not None:
                    self.services.secrets.used(text)
                if self.services.derived_secret is not None:
                    self.services.derived_secret(text)

    def check(self) -> None:
        """Compare steps and time with the limits, and set the next checkpoint. Raises LimitError."""
        limits = self.limits
        if self.steps > limits.max_steps:
            raise LimitError("max_steps", limits.max_steps, "The expression takes too many steps")
        self.checkpoint = min(self.steps + _CHECK_EVERY, limits.max_steps + 1)
        if self.services.clock is None:
            return
        now = self.services.clock()
        if self.started_at is None:
            self.started_at = now
        elif (now - self.started_at).total_seconds() > limits.max_seconds:
            raise LimitError("max_seconds", limits.max_seconds, "The expression takes too long")

    def assign(self, name: str, value: Any) -> None:
        """`set`: the innermost scope that has the name, else the outermost for a root of the context."""
        if not self.scopes:
            self.scopes.append({})
        for scope in reversed(self.scopes):
            if name in scope:
                scope[name] = value
                return
        target = self.scopes[0] if name in self.context else self.scopes[-1]
        target[name] = value


Evaluate = Callable[[State], Any]
Body = Callable[[State, list[Any]], None]


class Scope(Mapping[str, Any]):
    """A read-only view of every variable visible now: tag-bound names over the roots of the context."""

    __slots__ = ("_context", "_local")

    def __init__(self, state: State) -> None:
        self._context = state.context
        local: dict[str, Any] = {}
        for scope in state.scopes:
            local.update(scope)
        self._local = local

    def __getitem__(self, key: str) -> Any:
        return self._local[key] if key in self._local else self._context[key]

    def __contains__(self, key: object) -> bool:
        return key in self._local or key in self._context

    def __iter__(self) -> Iterator[str]:
        yield from self._local
        for key in self._context:
            if key not in self._local:
                yield key

    def __len__(self) -> int:
        return sum(1 for _ in self)


def root(state: State, name: str, text: str, pos: int) -> Any:
    """A root variable, innermost scope first.

    Raises:
        MissingVariableError: the name is not bound.
    """
    scopes = state.scopes
    if scopes:
        if name in scopes[-1]:
            return scopes[-1][name]
        for scope in reversed(scopes):
            if name in scope:
                return scope[name]
    try:
        return state.context[name]
    except KeyError:
        pass
    if name == "_context":
        return Scope(state)
    raise MissingVariableError(name, text, pos, Scope(state))


def texts_in(values: Iterable[Any]) -> Iterator[str]:
    """The texts within nested values, of the first two hundred values."""
    waiting = list(values)
    for _ in range(_SEARCHED_VALUES):
        if not waiting:
            return
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting.extend(list(value.values())[:_SEARCHED_VALUES])
        elif is_collection(value):
            waiting.extend(list(value)[:_SEARCHED_VALUES])


class Place(NamedTuple):
    """Where a lookup stands: the source, the position, and for messages the path up to the value looked into."""

    text: str
    pos: int
    owner: str = ""
    """Name of the variable when the value is a root, else empty."""
    path: str = ""
    """The keys that lead to the value, such as `outputs.`; empty when they depend on data."""


def attribute(value: Any, key: Any, place: Place, limits: Limits) -> Any:
    """`value.key` or `value[key]`.

    Raises:
        MissingVariableError: null has no members, the key is absent, the index out of range.
    """
    if value is None:
        raise MissingVariableError(place.owner or _key_text(key), place.text, place.pos)
    if isinstance(value, Mapping):
        return _entry(value, key, place)
    if is_list(value):
        index = index_key(key)
        if index is not None:
            if 0 <= index < len(value):
                return value[index]
            known = [f"0 to {len(value) - 1}"] if len(value) else []
            raise MissingVariableError(_key_text(key), place.text, place.pos, known, place.path)
    if isinstance(key, str):
        member = read_member(value, key, limits)
        if member is not NO_MEMBER:
            return member
    raise MissingVariableError(_key_text(key), place.text, place.pos, member_names(value), place.path)


def _entry(value: Mapping[Any, Any], key: Any, place: Place) -> Any:
    """A map entry; a number is tried as such, then as text (expression language 14)."""
    if isinstance(key, list | dict | set):
        raise MissingVariableError(_key_text(key), place.text, place.pos)
    try:
        return value[key]
    except KeyError:
        pass
    if not isinstance(key, str):
        try:
            return value[_key_text(key)]
        except KeyError:
            pass
    raise MissingVariableError(_key_text(key), place.text, place.pos, value, place.path)


def index_key(key: Any) -> int | None:
    """A list index: an integer, or text that reads as one."""
    if isinstance(key, bool):
        return None
    if isinstance(key, int):
        return key
    if isinstance(key, str) and _INTEGER.fullmatch(key):
        return int(key)
    return None


def _key_text(key: Any) -> str:
    try:
        return java_text(key, _LONGEST_KEY)
    except LimitError:
        return "..."
