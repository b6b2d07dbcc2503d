"""When script triggers fire (core plugins 17.8)."""

from typing import Any

import pytest

from segue.plugins.scripts.trigger import meets, printed


@pytest.mark.parametrize(
    ("condition", "code", "variables", "met"),
    [
        ("exit 0", 0, {}, True),
        ("EXIT 3", 3, {}, True),
        ("exit 0", 1, {}, False),
        ("exit 1", 11, {}, False),
        ("", 0, {"a": "b"}, False),
        ("state=ok", 0, {"state": "ok"}, True),
        ("count=[1-9]", 5, {"count": 7}, True),
        ("count=[1-9]", 0, {"count": 0}, False),
        ("done=true", 0, {"done": True}, True),
        ("[", 0, {"a": "["}, True),
        ("(", 0, {"a": "b"}, False),
        ("x", 0, {}, False),
    ],
)
def test_conditions(condition: str, code: int, variables: dict[str, Any], met: bool) -> None:
    assert meets(condition, code, variables) is met


def test_a_regular_expression_may_not_take_for_ever() -> None:
    with pytest.raises(TimeoutError):
        meets("(a+)+$", 0, {"text": "a" * 5000 + "b"})


def test_maps_are_printed() -> None:
    assert printed({"a": 1, "b": {"c": [None, "x", 1.5]}}) == "{a=1, b={c=[null, x, 1.5]}}"
