"""The values of a Loop: from what ``values`` renders to, to texts with their keys (flow language 7.10)."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from segue.domain.engine.value_rows import CHUNK
from segue.domain.errors import LimitExceededError, SegueError

MAX_VALUES = 1_000_000
"""Of a list or a map, which are kept in the database; a file may have any number."""

FILE_SCHEMES = ("kestra://", "nsfile://")
_OTHER_SCHEMES = ("file://", "s3://", "gs://", "http://", "https://")


class Values(NamedTuple):
    """All values of a list or a map; ``keys`` are those of a map."""

    texts: list[str]
    keys: list[str] | None = None

    def chunk(self, number: int) -> dict[str, Any]:
        """The values of one row."""
        part = slice(number * CHUNK, (number + 1) * CHUNK)
        return {"values": self.texts[part], "keys": None if self.keys is None else self.keys[part]}


def file_uri(rendered: Any) -> str | None:
    """The URI, when the values are those of a file. Raises ``SegueError`` for places that cannot be read."""
    if not isinstance(rendered, str):
        return None
    text = rendered.strip()
    if text.startswith(_OTHER_SCHEMES):
        raise SegueError(f"The values of the loop must lie in internal storage (kestra:///...), not at {text[:200]!r}")
    return text if text.startswith(FILE_SCHEMES) else None


def loop_values(rendered: Any) -> Values:
    """The values of a list, a map, or JSON text of one of them.

    Duplicates of a list are removed, the values of a map are all kept. Raises ``SegueError`` for nulls and for
    anything else, ``LimitExceededError`` for more than ``MAX_VALUES``.
    """
    is_text = isinstance(rendered, str)
    values = _decoded(rendered) if is_text else rendered
    if isinstance(values, dict):
        found = Values(_texts(values.values(), is_text=True), [str(key) for key in values])
    elif isinstance(values, list | tuple):
        found = Values(list(dict.fromkeys(_texts(values, is_text=is_text))))
    else:
        raise SegueError(f"Unknown value type: the values of the loop must be a list or a map: {str(rendered)[:200]!r}")
    if len(found.texts) > MAX_VALUES:
        raise LimitExceededError(
            f"A Loop can have {MAX_VALUES} values, not {len(found.texts)}: put them into a file and loop over its URI",
            "max-values",
        )
    return found


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise SegueError(
            f"Unknown value type: the values of the loop are neither JSON nor the URI of a file: {text[:200]!r}"
        ) from error


def _texts(values: Iterable[Any], *, is_text: bool) -> list[str]:
    return [_text(value, values, is_text=is_text) for value in values]


def _text(value: Any, values: Iterable[Any], *, is_text: bool) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise SegueError(f"Found a null value inside the iteration values={_shown(values)}")
    if not is_text and isinstance(value, bool | Sequence):
        raise SegueError(
            f"Unknown value element type {type(value).__name__} inside the iteration values={_shown(values)}"
        )
    return msgspec.json.encode(value, enc_hook=str).decode()


def _shown(values: Iterable[Any]) -> str:
    return msgspec.json.encode(list(values), enc_hook=str).decode()[:500]
