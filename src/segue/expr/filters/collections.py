"""Filters on lists and maps (expression language 7.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError, LimitError
from segue.expr.operators import code_units, whole
from segue.expr.runtime import State
from segue.expr.text import java_text
from segue.expr.values import ABSENT, MapEntry, class_name, is_collection, is_integer, is_list, is_number

__all__ = ["TABLE"]

TABLE = Table()


def _bounded(items: list[Any], state: State) -> list[Any]:
    if len(items) > state.limits.max_range:
        raise LimitError("max_range", state.limits.max_range, "The list becomes too long")
    return items


@TABLE.add("chunk", "size")
def chunk(value: Any, size: Any = None) -> list[list[Any]] | None:
    """Consecutive sublists of a size; the last one may be shorter.

    Args:
        size (number): How many elements each piece has; decimals are cut off, must be greater than 0.

    Returns:
        list of lists: The pieces; null for null.

    Raises:
        EvaluationError: the input is no list, or the size is absent or not positive.

    Available: 1.x, 2.0

    Examples:
        {{ [1, 2, 3] | chunk(2) }} -> [[1,2],[3]]
        {{ 'abc' | chunk(2) }} -> error: can only be applied to List
    """
    if value is None:
        return None
    if size is None:
        raise EvaluationError("'chunk' filter expects an argument 'size'.")
    if not is_list(value):
        raise EvaluationError(f"'chunk' filter can only be applied to List. Actual type was: {class_name(value)}")
    step = whole(size, "The argument 'size' of 'chunk'")
    if step <= 0:
        raise EvaluationError("'chunk' filter expects a 'size' greater than 0.")
    return [list(value[start : start + step]) for start in range(0, len(value), step)]


@TABLE.add("distinct", state=True)
def distinct(state: State, value: Any) -> Any:
    """The first occurrence of each element; `1`, `1.0`, `'1'` and `true` are all different.

    Returns:
        list: The elements in their order; the text `null` for null.

    Raises:
        EvaluationError: the input is no list.

    Available: 1.x, 2.0

    Examples:
        {{ [3, 1, 3, '3'] | distinct }} -> [3,1,"3"]
    """
    if value is None:
        return "null"
    if not is_list(value):
        raise EvaluationError(f"Input must be a list, but received : {class_name(value)}")
    return _firsts(value, state)


def _firsts(items: Sequence[Any], state: State) -> list[Any]:
    seen: set[Any] = set()
    result = []
    for item in items:
        key = _identity(item, state)
        if key not in seen:
            seen.add(key)
            result.append(item)
    return result


def _identity(value: Any, state: State) -> Any:
    """A hashable key that is equal for equal values of one type."""
    if isinstance(value, Mapping):
        state.step()
        return "map", frozenset((_identity(key, state), _identity(item, state)) for key, item in value.items())
    if is_list(value):
        state.step()
        return "list", tuple(_identity(item, state) for item in value)
    return type(value).__name__, value if not is_collection(value) else frozenset(value)


def _end(value: Any, name: str, index: int) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return value[index] if value else None
    if is_collection(value):
        items = value if is_list(value) else list(value)
        return items[index] if items else None
    raise EvaluationError(f"The '{name}' filter expects text, a list or a set, not {class_name(value)}")


@TABLE.add("first")
def first(value: Any) -> Any:
    """The first element of a list or the first character of a text.

    Returns:
        any: Null when there is none, and for null.

    Raises:
        EvaluationError: the input is a map or a number.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.tags | first }} -> b
        {{ 'abc' | first }} -> a
        {{ ([] | first) ?? 'none' }} -> none
    """
    return _end(value, "first", 0)


@TABLE.add("last")
def last(value: Any) -> Any:
    """The last element of a list or the last character of a text.

    Returns:
        any: Null when there is none, and for null.

    Raises:
        EvaluationError: the input is a map or a number.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.tags | last }} -> c
    """
    return _end(value, "last", -1)


@TABLE.add("flatten", state=True)
def flatten(state: State, value: Any) -> list[Any] | None:
    """Lists within the list replaced by their elements, one level deep.

    Returns:
        list: Null for null.

    Raises:
        EvaluationError: the input is no list.
        LimitError: the list becomes longer than `max_range`.

    Available: 1.x, 2.0

    Examples:
        {{ [[1, [2]], 3] | flatten }} -> [1,[2],3]
    """
    if value is None:
        return None
    if not is_list(value):
        raise EvaluationError("The 'flatten' filter can only be applied to lists.")
    size = sum(len(item) if is_list(item) else 1 for item in value)
    if size > state.limits.max_range:
        raise LimitError("max_range", state.limits.max_range, "The list becomes too long")
    return [each for item in value for each in (item if is_list(item) else (item,))]


@TABLE.add("join", "separator", state=True)
def join(state: State, value: Any, separator: Any = None) -> str | None:
    """The texts of all elements in one, with a separator between them.

    Args:
        separator (text, default ''): What stands between two elements.

    Returns:
        text: Null elements are written `null`; null for null.

    Raises:
        EvaluationError: the input is no list.
        LimitError: the text becomes longer than `max_output_length`.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.tags | join(', ') }} -> b, a, c
        {{ [1, null, true] | join('-') }} -> 1-null-true
    """
    if value is None:
        return None
    if not is_collection(value):
        raise EvaluationError("The 'join' filter expects that the input is either a collection or an array.")
    limit = state.limits.max_output_length
    glue = "" if separator is None else java_text(separator)
    texts: list[str] = []
    size = 0
    for item in value:
        texts.append(java_text(item, limit))
        size += len(texts[-1]) + len(glue)
        if size > limit + len(glue):
            raise LimitError("max_output_length", limit, "The joined text becomes too long")
    return glue.join(texts)


@TABLE.add("keys")
def keys(value: Any) -> list[Any] | None:
    """Keys of a map, indexes of a list.

    Returns:
        list: Null for null.

    Raises:
        EvaluationError: the input is neither map nor list.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.user | keys }} -> ["name","age"]
        {{ inputs.tags | keys }} -> [0,1,2]
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return list(value.keys())
    if is_list(value):
        return list(range(len(value)))
    message = f"'keys' filter can only be applied to List, Map, Array. Actual type was: {class_name(value)}"
    raise EvaluationError(message)


@TABLE.add("values")
def values(value: Any) -> list[Any] | None:
    """Values of a map.

    Returns:
        list: Null for null.

    Raises:
        EvaluationError: the input is no map.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.user | values }} -> ["ada",36]
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return list(value.values())
    raise EvaluationError(f"'values' filter can only be applied to Map. Actual type was: {class_name(value)}")


@TABLE.add("length")
def length(value: Any) -> int:
    """Length of a text in UTF-16 units, or the number of elements of a list or map.

    Returns:
        integer: 0 for null and for anything else.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.tags | length }} {{ 'abc' | length }} {{ null | length }} {{ 42 | length }} -> 3 3 0 0
    """
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2
    if isinstance(value, Mapping) or is_collection(value):
        return len(value)
    return 0


@TABLE.add("merge", "items", state=True)
def merge(state: State, value: Any, items: Any = None) -> Any:
    """Two maps or two lists in one.

    On the same key the argument wins. A list merged into a map gives entries whose key and value are the element; a map
    merged into a list appends its entries.

    Args:
        items (map or list, optional): What is added; null adds nothing.

    Returns:
        map or list: The argument when the input is null.

    Raises:
        EvaluationError: both are null, or one is neither map nor list.
        LimitError: the list becomes longer than `max_range`.

    Available: 1.x, 2.0

    Examples:
        {{ {'a': 1, 'b': 2} | merge({'b': 3}) }} -> {"a":1,"b":3}
        {{ [1] | merge([2, 3]) }} -> [1,2,3]
    """
    if value is None and items is None:
        raise EvaluationError("The two arguments to be merged are null")
    if value is None:
        return items
    if items is None:
        return value
    if isinstance(value, Mapping):
        if isinstance(items, Mapping):
            return {**value, **items}
        if is_collection(items):
            return {**value, **{item: item for item in items}}
    elif is_collection(value):
        if isinstance(items, Mapping):
            return _bounded([*value, *(MapEntry(key, item) for key, item in items.items())], state)
        if is_collection(items):
            return _bounded([*value, *items], state)
    else:
        raise EvaluationError("The object being filtered is not a Map/List/Array")
    raise EvaluationError(f"The items to merge must be a map or a list, not {class_name(items)}")


@TABLE.add("reverse")
def reverse(value: Any) -> list[Any] | None:
    """A new list in reverse order.

    Returns:
        list: Null for null.

    Raises:
        EvaluationError: the input is no list.

    Available: 1.x, 2.0

    Examples:
        {{ [1, 2, 3] | reverse }} -> [3,2,1]
    """
    if value is None:
        return None
    if not is_list(value):
        raise EvaluationError(f"The 'reverse' filter can only be applied to lists, not to {class_name(value)}")
    return list(value)[::-1]


def _sorted(value: Any, name: str, *, descending: bool) -> list[Any] | None:
    if value is None:
        return None
    if not is_collection(value):
        raise EvaluationError(f"Unsupported input type for {name} filter: {class_name(value)}")
    items = list(value)
    if all(map(is_number, items)) or all(isinstance(item, bool) for item in items):
        return sorted(items, reverse=descending)
    if all(isinstance(item, str) for item in items):
        return sorted(items, key=None if all(map(str.isascii, items)) else code_units, reverse=descending)
    names = sorted({class_name(item) for item in items})
    raise EvaluationError(f"{' and '.join(names[:3])} cannot be sorted together")


@TABLE.add("sort")
def sort(value: Any) -> list[Any] | None:
    """A new list in ascending order: numbers by value, texts by UTF-16 unit.

    Returns:
        list: Null for null.

    Raises:
        EvaluationError: the input is no list, or two elements cannot be compared.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.tags | sort }} -> ["a","b","c"]
        {{ ['C', 'a', 'b'] | sort }} -> ["C","a","b"]
        {{ [1, 'a'] | sort }} -> error: cannot be sorted together
    """
    return _sorted(value, "sort", descending=False)


@TABLE.add("rsort")
def rsort(value: Any) -> list[Any] | None:
    """A new list in descending order; otherwise like `sort`.

    Returns:
        list: Null for null.

    Raises:
        EvaluationError: the input is no list, or two elements cannot be compared.

    Available: 1.x, 2.0

    Examples:
        {{ [2, 3, 1] | rsort }} -> [3,2,1]
    """
    return _sorted(value, "rsort", descending=True)


@TABLE.add("slice", "fromIndex", "toIndex")
def cut(value: Any, from_index: Any = ABSENT, to_index: Any = ABSENT) -> Any:
    """Elements of a list or characters of a text, from one index up to, not including, another.

    Args:
        fromIndex (integer, default 0): The first index.
        toIndex (integer, optional): The index after the last one; without it up to the end.

    Returns:
        list or text: Null for null.

    Raises:
        EvaluationError: an index is no integer, negative or beyond the end, or the piece would be empty.

    Available: 1.x, 2.0

    Examples:
        {{ 'abcdef' | slice(1, 3) }} -> bc
        {{ [1, 2, 3] | slice(fromIndex=1) }} -> [2,3]
        {{ 'abc' | slice(0, 9) }} -> error: toIndex must be smaller than input size: 3
    """
    if value is None:
        return None
    if not isinstance(value, str) and not is_list(value):
        raise EvaluationError(f"Slice filter can be used only on lists, arrays or text, not on {class_name(value)}")
    size = len(value)
    start = _index(from_index, "fromIndex", 0)
    end = _index(to_index, "toIndex", size)
    if start < 0:
        raise EvaluationError("fromIndex must be greater than 0")
    if end > size:
        raise EvaluationError(f"toIndex must be smaller than input size: {size}")
    given = to_index is not ABSENT and to_index is not None
    if start > end or (given and start == end):
        raise EvaluationError("toIndex must be greater than fromIndex")
    return value[start:end] if isinstance(value, str) else list(value[start:end])


def _index(value: Any, name: str, default: int) -> int:
    if value is ABSENT or value is None:
        return default
    if not is_integer(value):
        raise EvaluationError(f"Argument {name} must be a number, not {class_name(value)}")
    return value


@TABLE.add("default", "default")
def default_value(value: Any, default: Any = None) -> Any:
    """The argument if the value is missing, null, a blank text, or an empty list or map.

    Unlike `??` it also replaces what is empty. `0` and `false` are kept.

    Args:
        default (any, optional): What takes its place; without it null.

    Returns:
        any: The value or the argument.

    Available: 1.x, 2.0

    Examples:
        {{ inputs.missing | default('d') }} {{ inputs.empty | default('d') }} {{ 0 | default('d') }} -> d d 0
        {{ inputs.missing.name | upper | default('d') }} -> d
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return default
    if isinstance(value, Mapping) or is_collection(value):
        return value if len(value) else default
    return value
