"""YAML text to plain data, with the place of every value.

Scalars are read the way Jackson's YAML reader does (flow language 1): keys are always texts, only six
spellings are booleans, dates and times stay texts, there are no numbers of base sixty. Events of libyaml are
folded with an explicit stack, so that deep nesting costs no call stack; depth, size and the growth through
aliases are limited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import yaml
from yaml._yaml import CParser

from segue.domain.errors import FlowSyntaxError

Path: TypeAlias = tuple[str | int, ...]

_CONSTANTS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_CONSTANTS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_NUMBER = re.compile(
    r"(?P<int>[-+]?(?:0|[1-9][0-9_]*))|(?P<hex>[-+]?0x[0-9a-fA-F_]+)|(?P<octal>[-+]?0[0-7_]+)"
    r"|(?P<float>[-+]?(?:[0-9][0-9_]*)?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*\.(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+)",
    re.ASCII,
)
_NUMBER_START = frozenset("0123456789+-.")
_MAX_NUMBER_LENGTH = 100
_DOCUMENT_MARK = re.compile(r"^---(?=[ \t\r\n]|\Z)[ \t]*", re.MULTILINE)
_BLANK = re.compile(r"(?:[ \t]*(?:#[^\n]*|%[^\n]*|\.\.\.[ \t]*)?(?:\r?\n|\Z))*", re.ASCII)
_TAG = "tag:yaml.org,2002:"


class Position(NamedTuple):
    """A place in a text, counted from one."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What an untrusted text may cost. `max_nodes` counts values after aliases are put in."""

    max_characters: int = 10_000_000
    max_depth: int = 100
    max_nodes: int = 1_000_000
    max_alias_nodes: int = 50_000


DEFAULT_LIMITS = SourceLimits()


@dataclass(frozen=True)
class Document:
    """A text and the data in it. Positions are worked out when first asked for."""

    text: str
    data: dict[str, Any]
    limits: SourceLimits = DEFAULT_LIMITS
    prefix: Path = ()
    """Where in `data` the content of the text stands, when it is a part of a flow."""

    @cached_property
    def positions(self) -> Mapping[Path, Position]:
        """The place of every key (of a map) and item (of a list), by path; `()` is the document itself."""
        positions: dict[Path, Position] = {}
        _read(self.text, self.limits, positions)
        return {(*self.prefix, *path): position for path, position in positions.items()} if self.prefix else positions

    def position(self, path: Path) -> Position | None:
        """Return the place of `path`, or of the nearest thing around it that is in the text."""
        for end in range(len(path), -1, -1):
            found = self.positions.get(path[:end])
            if found is not None:
                return found
        return None


def read_document(text: str, limits: SourceLimits = DEFAULT_LIMITS) -> Document:
    """Read a text that holds one YAML map. Raise `FlowSyntaxError` for anything else."""
    data = _read(text, limits, None)
    if not isinstance(data, dict):
        raise FlowSyntaxError("a map with `id`, `namespace` and `tasks` is expected", 1, 1)
    return Document(text, data, limits)


def read_value(text: str, limits: SourceLimits = DEFAULT_LIMITS) -> Any:
    """Read a text that holds one YAML value of any kind. Raise `FlowSyntaxError` if it does not."""
    return _read(text, limits, None)


def split_documents(text: str) -> list[str]:
    """Cut a text at its `---` lines; parts with nothing but comments are left out."""
    starts = [match.end() for match in _DOCUMENT_MARK.finditer(text)]
    ends = [match.start() for match in _DOCUMENT_MARK.finditer(text)]
    parts = (text[start:end] for start, end in zip([0, *starts], [*ends, len(text)], strict=True))
    return [part.lstrip("\r\n") for part in parts if not _BLANK.fullmatch(part)]


def _read(text: str, limits: SourceLimits, positions: dict[Path, Position] | None) -> Any:
    if len(text) > limits.max_characters:
        raise FlowSyntaxError(f"the text is longer than {limits.max_characters} characters")
    try:
        return _Builder(limits, positions).build(CParser(text).get_event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise FlowSyntaxError(reason, *((mark.line + 1, mark.column + 1) if mark else ())) from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise FlowSyntaxError(f"the text is not readable: {str(error).splitlines()[0]}") from None


def read_scalar(text: str) -> Any:
    """Type a plain scalar: null, boolean, number, or the text itself."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _NUMBER_START or len(text) > _MAX_NUMBER_LENGTH:
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    digits = text.replace("_", "")
    try:
        if match.lastgroup == "float":
            number = float(digits)
            return number if abs(number) != float("inf") else text
        return int(digits, {"int": 10, "hex": 16, "octal": 8}[match.lastgroup or "int"])
    except ValueError:  # such as 0x_ or 0_
        return text


def _tagged_scalar(tag: str, text: str) -> Any:
    """Apply one of YAML's own tags; a tag of somebody's own means text."""
    value = read_scalar(text) if tag in {f"{_TAG}{kind}" for kind in ("int", "float", "bool", "null")} else text
    if tag == f"{_TAG}float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


@dataclass(slots=True)
class _Frame:
    """A map or a list whose end has not been read yet."""

    value: Any
    path: Path
    event: Any
    key: str | None = None
    merges: list[Any] = field(default_factory=list)


class _Builder:
    """Folds the events of one document into data."""

    def __init__(self, limits: SourceLimits, positions: dict[Path, Position] | None) -> None:
        self.limits = limits
        self.positions = positions
        self.stack: list[_Frame] = []
        self.anchors: dict[str, Any] = {}
        self.nodes = 0
        self.alias_nodes = 0
        self.result: Any = None
        self.documents = 0
        self.handlers: dict[type, Callable[[Any], None]] = {
            yaml.MappingStartEvent: self.start_mapping,
            yaml.SequenceStartEvent: self.start_sequence,
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.start_document,
        }

    def build(self, next_event: Callable[[], Any]) -> Any:
        handler_of, scalar, scalar_event = self.handlers.get, self.scalar, yaml.ScalarEvent
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is scalar_event:
                scalar(event)
            elif (handler := handler_of(kind)) is not None:
                handler(event)
        return self.result

    def start_document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise _fault("one document is expected, but a second one begins", event)

    def scalar(self, event: Any) -> None:
        text = event.value
        frame = self.stack[-1] if self.stack else None
        if frame is not None and frame.key is None and type(frame.value) is dict:
            if event.anchor:
                self.anchors[event.anchor] = text
            self.take_key(frame, text, event)
            return
        tag = event.tag
        if tag is None:
            value = read_scalar(text) if event.style == "" else text
        else:
            value = text if tag == "!" else _tagged_scalar(tag, text)
        if event.anchor:
            self.anchors[event.anchor] = value
        if frame is not None and frame.key is not None and frame.key != "<<":  # the usual case of `put`
            self.count(event)
            frame.value[frame.key] = value
            frame.key = None
        else:
            self.put(value, event)

    def take_key(self, frame: _Frame, key: str, event: Any) -> None:
        if key in frame.value:
            raise _fault(f"Duplicate field '{key}'", event)
        frame.key = key
        if self.positions is not None:
            self.positions[(*frame.path, key)] = _position(event)

    def start_mapping(self, event: Any) -> None:
        self.start(event, {})

    def start_sequence(self, event: Any) -> None:
        self.start(event, [])

    def start(self, event: Any, value: Any) -> None:
        path: Path = ()
        if self.stack:
            frame = self.stack[-1]
            if type(frame.value) is dict and frame.key is None:
                raise _fault("a key must be a scalar", event)
            path = self.child_path(frame)
        if len(self.stack) >= self.limits.max_depth:
            raise _fault(f"nested deeper than {self.limits.max_depth} levels", event)
        if event.anchor:
            self.anchors.pop(event.anchor, None)  # an alias inside its own anchor must not find an older one
        self.note(path, event)
        self.stack.append(_Frame(value, path, event))

    def end(self, event: Any) -> None:
        frame = self.stack.pop()
        if frame.merges:
            frame.value = _merged(frame.value, frame.merges, event)
        if frame.event.anchor:
            self.anchors[frame.event.anchor] = frame.value
        self.put(frame.value, event, noted=True)

    def alias(self, event: Any) -> None:
        name = event.anchor
        if name not in self.anchors:
            raise _fault(f"alias '{name}' names nothing that ends before it", event)
        value = self.anchors[name]
        frame = self.stack[-1] if self.stack else None
        if frame is not None and type(frame.value) is dict and frame.key is None:
            if isinstance(value, dict | list):
                raise _fault("a key must be a scalar", event)
            self.take_key(frame, "" if value is None else str(value), event)
            return
        self.put(self.copy(value, event), event)

    def copy(self, value: Any, event: Any) -> Any:
        """Copy what an alias names, so that no two places of the data are one object."""
        self.alias_nodes += 1
        if self.alias_nodes > self.limits.max_alias_nodes:
            raise _fault(f"aliases add more than {self.limits.max_alias_nodes} values", event)
        if isinstance(value, dict):
            return {key: self.copy(item, event) for key, item in value.items()}
        if isinstance(value, list):
            return [self.copy(item, event) for item in value]
        return value

    def put(self, value: Any, event: Any, noted: bool = False) -> None:
        """Give `value` to the map or list that is open, or make it the result."""
        self.count(event)
        if not self.stack:
            self.result = value
            return
        frame = self.stack[-1]
        if type(frame.value) is list:
            if not noted:
                self.note((*frame.path, len(frame.value)), event)
            frame.value.append(value)
            return
        key, frame.key = frame.key, None
        if key == "<<" and isinstance(value, dict | list):
            frame.merges.extend(value if isinstance(value, list) else [value])
        else:
            frame.value[key] = value

    def count(self, event: Any) -> None:
        self.nodes += 1
        if self.nodes > self.limits.max_nodes:
            raise _fault(f"more than {self.limits.max_nodes} values", event)

    @staticmethod
    def child_path(frame: _Frame) -> Path:
        return (*frame.path, len(frame.value) if frame.key is None else frame.key)

    def note(self, path: Path, event: Any) -> None:
        if self.positions is not None:
            self.positions.setdefault(path, _position(event))


def _merged(own: dict[str, Any], merges: list[Any], event: Any) -> dict[str, Any]:
    """Apply `<<`: own keys win over merged ones, earlier maps over later ones."""
    result: dict[str, Any] = {}
    for other in reversed(merges):
        if not isinstance(other, dict):
            raise _fault("`<<` needs a map or a list of maps", event)
        result.update(other)
    return result | own


def _position(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _fault(message: str, event: Any) -> FlowSyntaxError:
    return FlowSyntaxError(message, *_position(event))
