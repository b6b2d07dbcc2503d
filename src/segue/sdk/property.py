"""Properties that are rendered when the task runs and converted to their type (expression language 1.5)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, Generic, Protocol, TypeVar, Union, get_args, get_origin

import msgspec
from pydantic import (
    AwareDatetime,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from segue.domain.errors import SegueError
from segue.domain.flow.faults import faults_of
from segue.domain.flow.fields import dynamic, is_expression

T = TypeVar("T")
Item = TypeVar("Item")


_DATE_TIME = "ISO-8601 date time such as 2024-01-31T12:30:00Z"
_NAMES: dict[Any, str] = {
    timedelta: "ISO-8601 duration such as PT30S, PT1H30M or P1D",
    datetime: _DATE_TIME,
    AwareDatetime: _DATE_TIME,
    int: "whole number",
    float: "number",
    bool: "boolean",
}
"""What messages call types that users know under other names."""


class PropertyInvalidError(SegueError):
    """What a property rendered to does not fit its type. The message never quotes the value."""


class Renderer(Protocol):
    """Rendering with the variables of one run."""

    def render(self, text: str) -> str | None:
        """A template as text (expression language 1.2)."""

    def render_typed(self, text: str) -> Any:
        """A template as a native value; a lone expression keeps its type (expression language 1.4)."""

    def render_value(self, value: Any) -> Any:
        """Every text in nested maps and lists rendered (expression language 1.2)."""


class Property(Generic[T]):
    """A literal of type ``T``, or texts with expressions that render to one.

    A literal is converted and checked when the flow is read; the rest when ``evaluate`` is called.
    """

    __slots__ = ("_constant", "_converter", "is_dynamic", "name", "raw")

    def __init__(self, raw: Any, converter: "_Converter", name: str = "") -> None:
        """``name`` is what messages call the property; a field of a model gives its own."""
        self.raw = raw
        self.name = name
        self.is_dynamic = _has_expression(raw)
        self._converter = converter
        self._constant: Any = None if self.is_dynamic else converter.literal(raw)

    @classmethod
    def of(cls, value: T) -> "Property[T]":
        """A property that holds ``value``: for defaults."""
        return cls(value, _KEEP)

    def evaluate(self, renderer: Renderer) -> T | None:
        """The value for one run; None when the text rendered to nothing.

        Raises ``ExpressionError`` when a template fails and ``PropertyInvalidError`` when its result does
        not fit the type.
        """
        if not self.is_dynamic:
            return self._constant  # type: ignore[no-any-return]  # converted to T by the constructor
        return self._converter.rendered(self.raw, renderer, self.name)  # type: ignore[no-any-return]  # same

    def __repr__(self) -> str:
        return f"Property({self.raw!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        kind = get_args(source)[0] if get_args(source) else Any

        def read(value: Any, info: ValidationInfo) -> "Property[Any]":
            if isinstance(value, Property):
                return value
            return cls(value, converter_of(kind), to_camel((info.field_name or "").rstrip("_")))

        return core_schema.with_info_plain_validator_function(
            read, json_schema_input_schema=handler.generate_schema(kind)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of the type, or a text with expressions."""
        return dynamic(handler(schema))


class NativeProperty(Property[Any]):
    """A value of any type; a text that is one expression gives what the expression yields, not its text."""

    __slots__ = ()

    def evaluate(self, renderer: Renderer) -> Any:
        """The value for one run. Raises ``ExpressionError``."""
        if not self.is_dynamic:
            return self._constant
        return renderer.render_typed(self.raw) if isinstance(self.raw, str) else renderer.render_value(self.raw)


class _Converter:
    """Conversion to one type: of a literal, or of what expressions rendered to."""

    def __init__(self, kind: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(kind)
        self._is_text = kind is str
        self._collection = _collection_of(kind)
        self._name = {"{}": "map", "[]": "list"}.get(self._collection or "") or _name_of(kind)

    def literal(self, raw: Any) -> Any:
        """A value of the YAML without expressions. Raises ``ValueError`` saying what it must be."""
        if self._is_text:
            return raw if isinstance(raw, str) else json_text(raw)
        try:
            if self._collection is not None and isinstance(raw, str):
                return self._adapter.validate_json(raw)
            return self._adapter.validate_python(raw)
        except ValidationError as error:
            if self._collection is not None and error.errors(include_url=False)[0]["type"] == "json_invalid":
                kind = "an object" if self._collection == "{}" else "a list"
                raise ValueError(f"must be {kind}, or a text that gives one as JSON") from None
            raise ValueError(_reason(error)) from None

    def rendered(self, raw: Any, renderer: Renderer, name: str) -> Any:
        """A value with expressions in it, rendered and converted."""
        if not isinstance(raw, str):
            value = renderer.render_value(raw)
            return json_text(value) if self._is_text else self._checked(self._adapter.validate_python, value, name)
        text = renderer.render(raw)
        if self._is_text or text is None:
            return text
        if self._collection is not None:
            return self._checked(self._adapter.validate_json, text.strip() or self._collection, name)
        return self._from_text(text, name)

    def _from_text(self, text: str, name: str) -> Any:
        if not text.strip():
            return None
        try:
            return self._adapter.validate_python(text)
        except ValidationError:
            return self._checked(self._adapter.validate_json, text, name)

    def _checked(self, convert: Callable[[Any], Any], value: Any, name: str) -> Any:
        try:
            return convert(value)
        except ValidationError as error:
            reason = _reason(error)
            if error.errors(include_url=False)[0]["type"] == "json_invalid":
                reason = "must be JSON" if self._collection is not None else ""
            of, because = f" of '{name}'" if name else "", f": it {reason}" if reason else ""
            raise PropertyInvalidError(f"The rendered value{of} is no {self._name}{because}") from None


class _Keep(_Converter):
    def literal(self, raw: Any) -> Any:
        return raw


@lru_cache(maxsize=1024)
def converter_of(kind: Any) -> _Converter:
    """The converter to a type, made once."""
    return _Converter(kind)


def json_text(value: Any) -> str:
    """A value that is no text as JSON, as properties keep it (expression language 1.5)."""
    return msgspec.json.encode(value, enc_hook=str).decode()


def _name_of(kind: Any) -> str:
    """What messages call a type."""
    base = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    own: str | None = getattr(base, "__name__", None)
    return _NAMES.get(base) or own or str(base)


def _collection_of(kind: Any) -> str | None:
    """The empty JSON collection when ``kind`` is a list or map, whether optional or not; else None."""
    if get_origin(kind) in {Union, UnionType}:
        found = {_collection_of(part) for part in get_args(kind) if part is not type(None)}
        return found.pop() if len(found) == 1 else None
    base = get_origin(kind) or kind
    if not isinstance(base, type) or issubclass(base, str | bytes):
        return None
    if issubclass(base, Mapping):
        return "{}"
    return "[]" if issubclass(base, Sequence | Collection) else None


def _has_expression(value: Any) -> bool:
    if isinstance(value, str):
        return is_expression(value)
    if isinstance(value, Mapping):
        return any(_has_expression(key) or _has_expression(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return any(_has_expression(item) for item in value)
    return False


def _reason(error: ValidationError) -> str:
    return "; ".join(dict.fromkeys(fault.message for fault in faults_of(error))) or "does not fit"


_KEEP = _Keep(Any)
