"""Deprecated forms among the properties of a plugin (flow language 2.3: what a validation reports of them)."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from segue.domain.flow.source import Path


def old_forms(model: type[BaseModel], properties: Mapping[str, Any]) -> Iterator[Path]:
    """The paths of the deprecated properties that are used, those of objects inside too.

    A type that is deprecated as a whole is the path of its ``type``.
    """
    if getattr(model, "deprecated", ""):
        yield ("type",)
    for name, field in model.model_fields.items():
        key = field.alias or name
        if properties.get(key) is None:
            continue
        if _is_deprecated(field):
            yield (key,)
        for part in _models(field.annotation):
            for place, value in _objects(properties[key]):
                for below in old_forms(part, value):
                    yield (key, *place, *below)


def _is_deprecated(field: FieldInfo) -> bool:
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("$deprecated"))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _objects(value: Any) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        yield (), value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, Mapping):
                yield (index,), item
