"""One task or trigger by itself, as an editor checks it (REST API 4.2: `validate/task`, `validate/trigger`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from segue.domain.errors import FlowSyntaxError
from segue.domain.flow.parse import FlowReport, parse_document
from segue.domain.flow.source import Document, read_value
from segue.domain.flow.type_names import FLOW_PACKAGE, TypeCatalogue

Section: TypeAlias = Literal["tasks", "triggers"]

_FILLER = {"id": "the-rest-of-the-flow", "type": FLOW_PACKAGE + "Pause"}


def parse_part(
    text: str, section: Section, types: TypeCatalogue, defaults: Sequence[Mapping[str, Any]] = ()
) -> FlowReport:
    """What is to be said about one task or trigger; paths begin at it.

    Only what can be known without its flow is checked. Raises `FlowSyntaxError` if the text is no map.
    """
    part = read_value(text)
    if not isinstance(part, dict):
        raise FlowSyntaxError("a map with `id` and `type` is expected", 1, 1)
    data: dict[str, Any] = {"id": "validation", "namespace": "validation", "tasks": [_FILLER]}
    data[section] = [part]
    report = parse_document(Document(text, data, prefix=(section, 0)), types, defaults=defaults)
    place = f"{section}[0]"

    def cut(path: str) -> str:
        return path.removeprefix(place).removeprefix(".")

    return replace(
        report,
        violations=tuple(replace(item, path=cut(item.path)) for item in report.violations),
        deprecation_paths=tuple(cut(path) for path in report.deprecation_paths),
        warnings=tuple(cut(text) for text in report.warnings),
    )
