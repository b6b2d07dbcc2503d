"""Updates of KV values that are merged into what is there (task ``kv.Put``, core plugins 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segue.domain.errors import SegueError
from segue.domain.kv import KvContent, KvType, content_of

_MOST_PARTS = 100


def merged(before: KvContent | None, update: Any) -> KvContent:
    """The value after an update.

    A map is merged into a map at every depth. A list of ``{key, value}`` sets fields of a map by dotted paths. A list
    of one ``{value}`` replaces by that value, anything else by itself. Raises ``SegueError`` for keyed updates of what
    is no map, for keyed and unkeyed ones together, and for empty keys.
    """
    old = None if before is None else before.value
    is_map = before is not None and before.type is KvType.JSON and isinstance(old, Mapping)
    if isinstance(update, Mapping):
        return content_of(_deep(old, update) if is_map else update)
    if not _is_patch(update):
        return content_of(update)
    keyed = ["key" in item for item in update]
    if not any(keyed):
        if len(update) > 1:
            raise SegueError("Only one `value` without a `key` can replace a KV value")
        return content_of(update[0]["value"])
    if not all(keyed):
        raise SegueError("Keyed and unkeyed `value` updates cannot be mixed")
    if before is not None and not is_map:
        raise SegueError("Cannot apply keyed `value` updates to a non-JSON existing KV value.")
    result: Any = dict(old) if isinstance(old, Mapping) else {}
    for item in update:
        result = _set(result, _path(item["key"]), item["value"])
    return content_of(result)


def _is_patch(update: Any) -> bool:
    return (
        isinstance(update, Sequence)
        and not isinstance(update, str | bytes)
        and bool(update)
        and all(isinstance(item, Mapping) and "value" in item and set(item) <= {"key", "value"} for item in update)
    )


def _path(key: Any) -> list[str]:
    parts = str(key).split(".") if key is not None else []
    if not parts or not all(part.strip() for part in parts):
        raise SegueError("The `key` of an update cannot be empty")
    if len(parts) > _MOST_PARTS:
        raise SegueError(f"The `key` of an update may have {_MOST_PARTS} parts at most")
    return parts


def _set(data: Any, path: Sequence[str], value: Any) -> Any:
    """A copy of a map with a value at a path; what is in the way and no map is replaced by one."""
    inner = data if isinstance(data, Mapping) else {}
    if len(path) == 1:
        return {**inner, path[0]: value}
    return {**inner, path[0]: _set(inner.get(path[0]), path[1:], value)}


def _deep(old: Any, new: Any) -> Any:
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return new
    return {**old, **{key: _deep(old.get(key), value) for key, value in new.items()}}
