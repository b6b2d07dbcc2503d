"""From pydantic models to JSON schemas as the editor wants them (REST API 6.11).

Draft-07 style with ``definitions``; a property that may be left out is not "or null"; every property has a
description, and those that may be expressions the mark ``$dynamic``.
"""

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from segue.domain.durations import format_duration
from segue.domain.flow.descriptions import describe
from segue.sdk import Property

JsonObject = dict[str, Any]

REF = "#/definitions/"
_SECTION = re.compile(r"\s*\((?:[a-z ]*\d+(?:\.\d+)*[^()]*|[^()]*\b1\.x[^()]*)\)")
_LANGUAGE = "segue.domain.flow."
_NO_DEFAULT: tuple[Any, ...] = (None, (), [], {}, "")


class Generator(GenerateJsonSchema):
    """Pydantic's generator, with our reading of optional values and of defaults."""

    ignored_warning_kinds = frozenset({"skipped-choice", "non-serializable-default"})  # type: ignore[assignment]  # a set

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """A property without a value counts as absent, so that `null` needs no mention."""
        return self.generate_inner(schema["schema"])

    def encode_default(self, dft: Any) -> Any:
        """Defaults as they would be written in YAML."""
        if isinstance(dft, Property):
            dft = dft.raw
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return dft.value if isinstance(dft, Enum) else super().encode_default(dft)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out defaults that say nothing."""
        found = super().default_schema(schema)
        if "default" in found and found["default"] in _NO_DEFAULT:
            found = {key: value for key, value in found.items() if key != "default"}
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  the signature of pydantic
        """Names of properties speak for themselves."""
        return False

    def generate(self, schema: CoreSchema, mode: Any = "validation") -> JsonSchemaValue:
        """The whole schema, with ``definitions``."""
        found = super().generate(schema, mode)
        found["definitions"] = found.pop("$defs", {})
        return found


def schema_of(model: type[BaseModel], mode: Any = "validation") -> JsonObject:
    """The schema of a model with ``definitions``, all described."""
    schema = model.model_json_schema(by_alias=True, ref_template=REF + "{model}", schema_generator=Generator, mode=mode)
    reference = schema.get("$ref", "")
    if reference.startswith(REF):  # a model that holds others of its kind
        schema = {**schema["definitions"][reference.removeprefix(REF)], "definitions": schema["definitions"]}
    _describe_classes(schema, model)
    return schema


def _describe_classes(schema: JsonObject, model: type[BaseModel]) -> None:
    classes = {kind.__name__: kind for kind in (*_models_below(model), *_models_named(model))}
    _complete(schema, model)
    for name, definition in schema["definitions"].items():
        _complete(definition, classes.get(name))


def _models_below(model: type[BaseModel]) -> list[type[BaseModel]]:
    """All models that a definition may come from: through the class hierarchy, and those its properties name."""
    root = next(kind for kind in reversed(model.__mro__) if issubclass(kind, BaseModel) and kind is not BaseModel)
    found, waiting = [], [root, *_models_named(model)]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting.extend(kind.__subclasses__())
    return found


def _models_named(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models in the types of properties, at any depth."""
    seen: set[type[BaseModel]] = {model}
    waiting: list[Any] = [info.annotation for info in model.model_fields.values()]
    while waiting:
        kind = waiting.pop()
        waiting.extend(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
            seen.add(kind)
            yield kind
            waiting.extend(info.annotation for info in kind.model_fields.values())


def _complete(schema: JsonObject, model: type[BaseModel] | None) -> None:
    """Title and description from the docstring, descriptions and marks of properties."""
    if model is not None:
        title, text = texts_of(model)
        schema["title"] = title
        schema.pop("description", None)
        if text:
            schema["description"] = text
    elif isinstance(schema.get("description"), str):
        schema["description"] = without_sections(schema["description"])
    required = schema.get("required", ())
    documented = _attribute_docs(model) if model is not None else {}
    is_language = model is not None and model.__module__.startswith(_LANGUAGE)
    bases = tuple(kind.__name__ for kind in model.__mro__) if model is not None else ()
    for name, part in schema.get("properties", {}).items():
        sentence = documented.get(name) or (describe(bases, name) if is_language else None)
        if sentence and "description" not in part:
            if "$ref" in part and len(part) == 1:
                part["allOf"] = [{"$ref": part.pop("$ref")}]
            part["description"] = sentence
        if name in required:
            part["$required"] = True
        if part.get("deprecated"):
            part["$deprecated"] = True
        if "examples" in part:
            part["$examples"] = part["examples"]


def texts_of(model: type[BaseModel]) -> tuple[str, str]:
    """Title and description of a class: the first paragraph of its docstring, and the rest."""
    lines = without_sections(inspect.cleandoc(model.__doc__ or "")).split("\n\n", 1)
    return " ".join(lines[0].split()), lines[1].strip() if len(lines) > 1 else ""


def without_sections(text: str) -> str:
    """The text without its hints at sections of the specification, in Markdown."""
    return _SECTION.sub("", text).replace("``", "`")


@cache
def _attribute_docs(model: type[BaseModel]) -> Mapping[str, str]:
    """Texts that stand below the fields of a class and its bases, by the names of YAML."""
    docs: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            docs |= _own_docs(kind)
    return {info.alias or name: docs[name] for name, info in model.model_fields.items() if name in docs}


def _own_docs(kind: type) -> dict[str, str]:
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    found: dict[str, str] = {}
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for field, text in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(text, ast.Expr):
            value = getattr(text.value, "value", None)
            if isinstance(value, str):
                found[field.target.id] = " ".join(inspect.cleandoc(value).split())
    return found


def rename_references(value: Any, names: Mapping[str, str]) -> Any:
    """A copy in which references to the definitions in ``names`` carry their new name."""
    if isinstance(value, dict):
        renamed = {key: rename_references(item, names) for key, item in value.items()}
        reference = renamed.get("$ref")
        if isinstance(reference, str) and reference.startswith(REF):
            renamed["$ref"] = REF + names.get(reference.removeprefix(REF), reference.removeprefix(REF))
        return renamed
    if isinstance(value, list):
        return [rename_references(item, names) for item in value]
    return value
