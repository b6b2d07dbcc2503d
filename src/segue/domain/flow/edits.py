"""Small changes to the text of a flow that leave everything else as the user wrote it (flow language 1)."""

from __future__ import annotations

import json
import re
from typing import Any

from segue.domain.errors import DefinitionError
from segue.domain.flow.source import read_document

_REVISION_LINE = re.compile(r"^revision:[ \t]*\d+[ \t]*(?:\r?\n|\Z)", re.MULTILINE)


def without_revision(source: str) -> str:
    """The text without its first top-level line `revision: n`."""
    return _REVISION_LINE.sub("", source, count=1)


def set_disabled(source: str, disabled: bool) -> str:
    """The text of the flow switched off or on. Raises `DefinitionError` when it cannot be changed safely."""
    return _set(source, "disabled", disabled)


def set_namespace(source: str, namespace: str) -> str:
    """The text of the flow moved to another namespace. Raises `DefinitionError` as above."""
    return _set(source, "namespace", namespace)


def _set(source: str, key: str, value: Any) -> str:
    """Replace the line of a top-level key, or add it; checked by reading the result again."""
    wanted = {**read_document(source).data, key: value}
    text = json.dumps(value)
    line = re.compile(rf"^{key}:[^\r\n#]*?(?P<rest>[ \t]*(?:#[^\r\n]*)?)(?=\r?\n|\Z)", re.MULTILINE)
    for changed in (
        line.sub(lambda found: f"{key}: {text}{found['rest']}", source, count=1),
        _added(source, key, text),
    ):
        if changed != source and _reads_as(changed, wanted):
            return changed
    if _reads_as(source, wanted):
        return source
    raise DefinitionError(f"`{key}` cannot be changed in this text automatically: write it on a line of its own")


def _added(source: str, key: str, text: str) -> str:
    if source.lstrip().startswith("{"):  # JSON
        return source.replace("{", f'{{"{key}": {text}, ', 1)
    newline = "\r\n" if "\r\n" in source else "\n"
    gap = "" if source.endswith("\n") or not source else newline
    return f"{source}{gap}{key}: {text}{newline}"


def _reads_as(source: str, wanted: dict[str, Any]) -> bool:
    try:
        return read_document(source).data == wanted
    except DefinitionError:
        return False
