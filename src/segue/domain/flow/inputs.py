"""Inputs a flow asks for (flow language 4)."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from segue.domain.flow.fields import TAG_MARK, Definition, Duration, InputId, Text, tag
from segue.domain.flow.patterns import compile_pattern
from segue.domain.flow.scalars import parse_date, parse_instant, parse_time


class InputType(StrEnum):
    """Types of inputs and flow outputs, as 2.0 spells them."""

    STRING = "STRING"
    INT = "INT"
    FLOAT = "FLOAT"
    BOOL = "BOOL"
    DATETIME = "DATETIME"
    DATE = "DATE"
    TIME = "TIME"
    DURATION = "DURATION"
    SELECT = "SELECT"
    MULTISELECT = "MULTISELECT"
    FILE = "FILE"
    JSON = "JSON"
    YAML = "YAML"
    ION = "ION"
    URI = "URI"
    SECRET = "SECRET"  # noqa: S105  the name of a type
    EMAIL = "EMAIL"
    ARRAY = "ARRAY"
    FORM = "FORM"
    REUSABLE_INPUTS = "REUSABLE_INPUTS"


class Option(NamedTuple):
    """One choice of a SELECT or MULTISELECT; `value` is what is stored."""

    value: str
    label: str


def parse_option(value: Any) -> Option:
    """Read a scalar or `{label, value}`. Raise `ValueError` for anything else."""
    if isinstance(value, Option):
        return value
    if isinstance(value, dict):
        if value.get("value") is None or set(value) - {"label", "value"}:
            raise ValueError("an option is a scalar or {label, value} with a value")
        text = _scalar(value["value"])
        return Option(text, _scalar(value["label"]) if value.get("label") is not None else text)
    text = _scalar(value)
    return Option(text, text)


def write_option(option: Option) -> str | dict[str, str]:
    """An option as it is shown: a plain text when its label is its value (flow language 4.3)."""
    return option.value if option.label == option.value else {"label": option.label, "value": option.value}


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("an option is a scalar or {label, value} with a value")


def _pattern(value: str) -> str:
    compile_pattern(value)
    return value


def _element_type(value: Any) -> Any:
    aliases = {"BOOLEAN": "BOOL", "ENUM": "SELECT"}
    return aliases.get(value, value) if isinstance(value, str) else value


_NO_ELEMENTS = (InputType.ARRAY, InputType.SECRET, InputType.FORM, InputType.REUSABLE_INPUTS)
Pattern: TypeAlias = Annotated[str, AfterValidator(_pattern)]
_OPTION_SCHEMA = {
    "anyOf": [
        {"type": ["string", "number", "boolean"]},
        {"type": "object", "properties": {"label": {"type": "string"}, "value": {}}, "required": ["value"]},
    ]
}
Options: TypeAlias = tuple[
    Annotated[Option, PlainValidator(parse_option), PlainSerializer(write_option), WithJsonSchema(_OPTION_SCHEMA)], ...
]
Instant: TypeAlias = Annotated[datetime, BeforeValidator(parse_instant)]
Day: TypeAlias = Annotated[date, BeforeValidator(parse_date)]
Clock: TypeAlias = Annotated[time, BeforeValidator(parse_time)]
ElementType: TypeAlias = Annotated[InputType, BeforeValidator(_element_type)]


class DependsOn(Definition):
    """The inputs an input waits for, and the condition under which it is asked for (flow language 4.4)."""

    inputs: tuple[str, ...] = ()
    condition: Text | None = None


class InputBase(Definition):
    """What all inputs share (flow language 4.1)."""

    id: InputId
    description: Text | None = None
    display_name: Text | None = None
    required: bool = True
    defaults: Any = None
    prefill: Any = None
    depends_on: DependsOn | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.defaults is not None and self.prefill is not None:
            raise PydanticCustomError(
                "input", "Input '{id}': 'prefill' cannot be combined with 'defaults'", {"id": self.id}
            )
        return self


class StringInput(InputBase):
    """Any text, or one that matches `validator` as a whole."""

    type: Literal[InputType.STRING] = InputType.STRING
    validator: Pattern | None = None


class SecretInput(InputBase):
    """A text that is stored encrypted."""

    type: Literal[InputType.SECRET] = InputType.SECRET
    validator: Pattern | None = None


class EmailInput(InputBase):
    """A simple address, or the empty text."""

    type: Literal[InputType.EMAIL] = InputType.EMAIL


class UriInput(InputBase):
    """A URI with scheme and host."""

    type: Literal[InputType.URI] = InputType.URI


class BoolInput(InputBase):
    """True or false."""

    type: Literal[InputType.BOOL] = InputType.BOOL


class IntInput(InputBase):
    """A whole number of 32 bits."""

    type: Literal[InputType.INT] = InputType.INT
    min: int | None = None
    max: int | None = None


class FloatInput(InputBase):
    """A number."""

    type: Literal[InputType.FLOAT] = InputType.FLOAT
    min: float | None = None
    max: float | None = None


class DatetimeInput(InputBase):
    """An instant."""

    type: Literal[InputType.DATETIME] = InputType.DATETIME
    after: Instant | None = None
    before: Instant | None = None


class DateInput(InputBase):
    """A day."""

    type: Literal[InputType.DATE] = InputType.DATE
    after: Day | None = None
    before: Day | None = None


class TimeInput(InputBase):
    """A time of day."""

    type: Literal[InputType.TIME] = InputType.TIME
    after: Clock | None = None
    before: Clock | None = None


class DurationInput(InputBase):
    """An ISO-8601 duration."""

    type: Literal[InputType.DURATION] = InputType.DURATION
    min: Duration | None = None
    max: Duration | None = None


class ChoiceInput(InputBase):
    """What SELECT and MULTISELECT share: a fixed list, or an expression that renders to one."""

    values: Options | None = None
    expression: Text | None = None
    allow_custom_value: bool = False
    auto_select_first: bool = False

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if not self.values and self.expression is None:
            raise PydanticCustomError(
                "input",
                "Input '{id}': either 'values' or 'expression' must be present",
                {"id": self.id},
            )
        return self


class SelectInput(ChoiceInput):
    """One of a list of texts."""

    type: Literal[InputType.SELECT] = InputType.SELECT
    is_radio: bool = False


class MultiselectInput(ChoiceInput):
    """Several of a list of texts."""

    type: Literal[InputType.MULTISELECT] = InputType.MULTISELECT
    item_type: ElementType = InputType.STRING

    @model_validator(mode="before")
    @classmethod
    def _check_item_type(cls, data: Any) -> Any:
        return _checked_item_type(data, (*_NO_ELEMENTS, InputType.MULTISELECT))


class FileInput(InputBase):
    """A file, stored in the internal storage. `extension` is read and has no effect any more."""

    type: Literal[InputType.FILE] = InputType.FILE
    allowed_file_extensions: tuple[str, ...] = ()
    accept: Any = None
    extension: Text | None = None


class JsonInput(InputBase):
    """JSON text or structure. `json_schema_definition` (`jsonSchema` in YAML) guides the editor."""

    type: Literal[InputType.JSON] = InputType.JSON
    json_schema_definition: Annotated[Any, Field(alias="jsonSchema")] = None


class YamlInput(InputBase):
    """YAML text or structure."""

    type: Literal[InputType.YAML] = InputType.YAML


class IonInput(InputBase):
    """Ion text or structure."""

    type: Literal[InputType.ION] = InputType.ION


class ArrayInput(InputBase):
    """A list whose elements are all of `item_type`."""

    type: Literal[InputType.ARRAY] = InputType.ARRAY
    item_type: ElementType

    @model_validator(mode="before")
    @classmethod
    def _check_item_type(cls, data: Any) -> Any:
        return _checked_item_type(data, _NO_ELEMENTS)


class FormInput(InputBase):
    """A group: its children are resolved as `<form>.<child>` (flow language 4.6)."""

    type: Literal[InputType.FORM] = InputType.FORM
    inputs: Annotated[tuple[Leaf, ...], Field(min_length=1)]


class ReusableInputs(InputBase):
    """A reference to a shared set of inputs (commercial edition of the original)."""

    type: Literal[InputType.REUSABLE_INPUTS] = InputType.REUSABLE_INPUTS
    ref: Text
    namespace: Text | None = None
    revision: int | None = None


def _checked_item_type(data: Any, refused: tuple[InputType, ...]) -> Any:
    if isinstance(data, dict) and data.get("itemType") in refused:
        raise PydanticCustomError(
            "input",
            "Input '{id}': `itemType` cannot be `{kind}`",
            {"id": str(data.get("id")), "kind": data["itemType"]},
        )
    return data


def _kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return TAG_MARK + kind if isinstance(kind, str) else None


_Leaves: TypeAlias = (
    Annotated[StringInput, tag("STRING")]
    | Annotated[IntInput, tag("INT")]
    | Annotated[FloatInput, tag("FLOAT")]
    | Annotated[BoolInput, tag("BOOL")]
    | Annotated[DatetimeInput, tag("DATETIME")]
    | Annotated[DateInput, tag("DATE")]
    | Annotated[TimeInput, tag("TIME")]
    | Annotated[DurationInput, tag("DURATION")]
    | Annotated[SelectInput, tag("SELECT")]
    | Annotated[MultiselectInput, tag("MULTISELECT")]
    | Annotated[FileInput, tag("FILE")]
    | Annotated[JsonInput, tag("JSON")]
    | Annotated[YamlInput, tag("YAML")]
    | Annotated[IonInput, tag("ION")]
    | Annotated[UriInput, tag("URI")]
    | Annotated[SecretInput, tag("SECRET")]
    | Annotated[EmailInput, tag("EMAIL")]
    | Annotated[ArrayInput, tag("ARRAY")]
)
Leaf = TypeAliasType("Leaf", Annotated[_Leaves, Discriminator(_kind)])
"""An input that holds a value."""

FormInput.model_rebuild()

Input = TypeAliasType(
    "Input",
    Annotated[
        _Leaves | Annotated[FormInput, tag("FORM")] | Annotated[ReusableInputs, tag("REUSABLE_INPUTS")],
        Discriminator(_kind),
    ],
)
"""Anything that may stand in the list of inputs."""
