"""Building blocks of the flow model: the base class, texts, durations and values that may be expressions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, TypeAlias, TypeGuard

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from segue.domain.durations import parse_duration
from segue.domain.labels import Label, parse_labels

TAG_MARK = "\0"
"""First character of the tags of our unions; no key of YAML can hold it, so error paths are unambiguous."""


class Definition(BaseModel):
    """Base of everything a flow is made of: immutable, camelCase in YAML, unknown properties refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        coerce_numbers_to_str=True,
        regex_engine="rust-regex",
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, data: Any) -> Any:
        """A known property without a value (`labels:` and nothing behind it) counts as absent."""
        if not isinstance(data, dict) or None not in data.values():
            return data
        known = {info.alias or name for name, info in cls.model_fields.items()}
        return {key: value for key, value in data.items() if value is not None or key not in known}


class LogLevel(StrEnum):
    """Levels of log entries, in growing severity."""

    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


def is_expression(value: Any) -> TypeGuard[str]:
    """Say whether `value` is a text with an opening delimiter of the expression language."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or "{#" in value)


def tag(name: str) -> Tag:
    """Return the tag of one member of a union that is told apart by a function."""
    return Tag(TAG_MARK + name)


@dataclass(frozen=True)
class OrExpression:
    """Annotation: the value is of `kind`, or a text holding an expression that renders to it at run time."""

    kind: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
            return value if is_expression(value) else inner(value)

        return core_schema.no_info_wrap_validator_function(
            validate,
            handler.generate_schema(self.kind),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value, return_schema=core_schema.any_schema()
            ),
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Either of the two, and a mark for the editor."""
        return dynamic(handler(schema))


def dynamic(schema: JsonSchemaValue) -> JsonSchemaValue:
    """The JSON schema of a property that may be an expression too."""
    if schema.get("type") == "string" and not schema.keys() & {"enum", "format", "pattern"}:
        return schema | {"$dynamic": True}
    return {"anyOf": [schema, {"type": "string", "pattern": "\\{\\{|\\{%"}], "$dynamic": True}


_LABELS_SCHEMA = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"key": {"type": "string"}, "value": {"type": ["string", "number", "boolean"]}},
                "required": ["key", "value"],
            },
        },
    ]
}


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return timedelta(seconds=value)
        except (OverflowError, ValueError):
            raise ValueError("the duration is too long") from None
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Text: TypeAlias = Annotated[str, BeforeValidator(_text)]
"""A text; numbers and booleans of the YAML are taken as written."""
Duration: TypeAlias = Annotated[timedelta, BeforeValidator(_duration)]
Labels: TypeAlias = Annotated[tuple[Label, ...], PlainValidator(parse_labels), WithJsonSchema(_LABELS_SCHEMA)]
DynamicDuration: TypeAlias = Annotated[timedelta | str, OrExpression(Duration)]
DynamicInt: TypeAlias = Annotated[int | str, OrExpression(int)]
DynamicCount: TypeAlias = Annotated[int | str, OrExpression(Annotated[int, Field(ge=0)])]
"""A whole number that is not negative."""
DynamicBool: TypeAlias = Annotated[bool | str, OrExpression(bool)]
DynamicLabels: TypeAlias = Annotated[tuple[Label, ...] | str, OrExpression(Labels)]
"""Labels whose values may hold expressions, or one expression that renders to a map or list."""
Level: TypeAlias = Annotated[LogLevel, BeforeValidator(_upper)]
TaskId: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]*$", min_length=1, max_length=256)
]
InputId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9][.a-zA-Z0-9_-]*$", min_length=1)]
TypeName: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z_$][A-Za-z0-9_$]*)*$")
]
