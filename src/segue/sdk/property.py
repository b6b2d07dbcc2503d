"""Properties that are rendered when the task runs and converted to their type (expression language 1.5)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from types import UnionType
from typing import Any, Generic, Protocol, TypeVar, Union, get_args, get_origin

import msgspec
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from segue.domain.errors import SegueError
from segue.domain.flow.faults import faults_of
from segue.domain.flow.fields import dynamic, is_expression
from segue.domain.flow.tree import format_path

_SHORT = 3
_LONGEST_QUOTED = 40

T = TypeVar("T")
Item = TypeVar("Item")


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

    __slots__ = ("_constant", "_converter", "_name", "is_dynamic", "raw")

    def __init__(self, raw: Any, converter: "_Converter", name: str = "") -> None:
        """``name`` is what messages call it. Raises ``ValueError`` when a literal does not fit the type."""
        self.raw = raw
        self._name = name
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
        return self._converter.rendered(self.raw, renderer, self._name)  # type: ignore[no-any-return]  # same

    def __repr__(self) -> str:
        return f"Property({self.raw!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        kind = get_args(source)[0] if get_args(source) else Any

        def read(value: Any, info: core_schema.ValidationInfo) -> "Property[Any]":
            name = to_camel(info.field_name or "").rstrip("_")
            return value if isinstance(value, Property) else cls(value, converter_of(kind), name)

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

    def literal(self, raw: Any) -> Any:
        """A value of the YAML without expressions.

        Raises ``ValueError`` saying what it must be; a ``ValidationError``, which is one, says where it does not fit.
        """
        if self._is_text:
            return raw if isinstance(raw, str) else json_text(raw)
        try:
            if self._collection is not None and isinstance(raw, str):
                return self._adapter.validate_json(raw)
            return self._adapter.validate_python(raw)
        except ValidationError as error:
            if self._collection is not None and _is_no_json(error):
                kind = "an object" if self._collection == "{}" else "a list"
                raise ValueError(f"must be {kind}, or a text that gives one as JSON") from None
            raise

    def rendered(self, raw: Any, renderer: Renderer, name: str) -> Any:
        """A value with expressions in it, rendered and converted. Raises as ``Property.evaluate``."""
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
        except ValidationError as as_text:
            try:
                return self._adapter.validate_json(text)
            except ValidationError as as_json:
                raise _unfit(name, as_text if _is_no_json(as_json) else as_json, text) from None

    def _checked(self, convert: Callable[[Any], Any], value: Any, name: str) -> Any:
        try:
            return convert(value)
        except ValidationError as error:
            raise _unfit(name, error) from None


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


def _is_no_json(error: ValidationError) -> bool:
    return error.errors(include_url=False)[0]["type"] == "json_invalid"


def _unfit(name: str, error: ValidationError, text: str = "") -> PropertyInvalidError:
    """What is wrong with a rendered value, and where in it.

    The value itself may be secret: ``text``, in quotes, is taken out of what the checks of types say.
    """
    faults = [
        f"{format_path(fault.path)}: {fault.message}" if fault.path else fault.message for fault in faults_of(error)
    ]
    subject = f"`{name}` rendered to a value that does not fit" if name else "The rendered value does not fit"
    reason = "; ".join(dict.fromkeys(faults)).replace(f"'{text}'", "it")
    if len(text) > _SHORT and text[:_LONGEST_QUOTED] in reason:
        reason = "it is not of the property's type"
    return PropertyInvalidError(f"{subject}: {reason}")


_KEEP = _Keep(Any)
