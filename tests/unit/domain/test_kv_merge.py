"""Updates that are merged into KV values (core plugins 6)."""

import pytest

from segue.domain.errors import SegueError
from segue.domain.kv import KvContent, KvType
from segue.domain.kv_merge import merged

MAP = KvContent(KvType.JSON, {"a": {"b": 1, "c": [1]}, "d": 2})
TEXT = KvContent(KvType.STRING, "x")
LIST = KvContent(KvType.JSON, [1])
DEEP = [{"key": "a.c", "value": 3}, {"key": "x.y.z", "value": {}}]


@pytest.mark.parametrize(
    ("before", "update", "after"),
    [
        (MAP, {"a": {"b": 5, "e": {}}}, {"a": {"b": 5, "c": [1], "e": {}}, "d": 2}),
        (MAP, {"a": 1}, {"a": 1, "d": 2}),
        (MAP, {"a": None}, {"a": None, "d": 2}),
        (MAP, {}, MAP.value),
        (MAP, DEEP, {"a": {"b": 1, "c": 3}, "d": 2, "x": {"y": {"z": {}}}}),
        (MAP, [{"key": "d.e", "value": 1}], {"a": {"b": 1, "c": [1]}, "d": {"e": 1}}),
        (MAP, [{"value": 7}], 7),
        (MAP, [1, 2], [1, 2]),
        (MAP, [], []),
        (MAP, [{"value": 1, "more": 2}], [{"value": 1, "more": 2}]),
        (MAP, "text", "text"),
        (TEXT, {"a": 1}, {"a": 1}),
        (LIST, {"a": 1}, {"a": 1}),
        (TEXT, [{"value": "y"}], "y"),
        (None, {"a": 1}, {"a": 1}),
        (None, [{"key": "a.b", "value": 1}], {"a": {"b": 1}}),
        (None, 5, 5),
    ],
)
def test_updates(before, update, after):
    assert merged(before, update).value == after
    assert MAP.value == {"a": {"b": 1, "c": [1]}, "d": 2}


def test_types_follow_the_value():
    assert merged(TEXT, 5).type is KvType.NUMBER
    assert merged(MAP, "PT5M").type is KvType.DURATION


@pytest.mark.parametrize(
    ("before", "update", "reason"),
    [
        (TEXT, [{"key": "a", "value": 1}], "Cannot apply keyed `value` updates to a non-JSON existing KV value."),
        (LIST, [{"key": "a", "value": 1}], "Cannot apply keyed"),
        (MAP, [{"key": "a", "value": 1}, {"value": 1}], "cannot be mixed"),
        (MAP, [{"value": 1}, {"value": 2}], "Only one `value`"),
        (MAP, [{"key": "", "value": 1}], "cannot be empty"),
        (MAP, [{"key": None, "value": 1}], "cannot be empty"),
        (MAP, [{"key": "a..b", "value": 1}], "cannot be empty"),
        (MAP, [{"key": "a." * 100 + "b", "value": 1}], "100 parts"),
    ],
)
def test_updates_that_do_not_fit(before, update, reason):
    with pytest.raises(SegueError, match=reason):
        merged(before, update)
