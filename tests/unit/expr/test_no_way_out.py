"""Nothing of Python can be reached from a template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from segue.expr import Engine, ExpressionError
from segue.expr.values import MapEntry

DUNDERS = ("__class__", "__init__", "__globals__", "__dict__", "__mro__", "__subclasses__", "__builtins__", "__import__", "mro",
           "__getattribute__", "__reduce__", "func_globals", "gi_frame", "format_map", "format", "encode", "join", "append", "pop",
           "update", "clear", "setdefault", "items", "copy", "real", "bit_length", "as_integer_ratio", "hidden", "read")  # fmt: skip


@dataclass
class Foreign:
    hidden: str = "inside"

    def read(self) -> str:
        return "inside"


VALUES: dict[str, Any] = {
    "s": "text", "l": [1], "m": {"k": "v"}, "i": 5, "f": 1.5, "b": b"x", "n": None, "t": True, "e": MapEntry("k", "v"), "o": Foreign(),
    "fn": len, "c": Foreign, "g": (x for x in ()),
}  # fmt: skip


@pytest.mark.parametrize("name", DUNDERS)
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("form", ["{{{{ {v}.{n} }}}}", "{{{{ {v}['{n}'] }}}}", "{{{{ {v}.{n}() }}}}", "{{{{ {n} }}}}", "{{{{ {n}({v}) }}}}",
                                  "{{{{ _context.{n} }}}}", "{{{{ {v} | {n} }}}}"])  # fmt: skip
def test_no_attribute_is_a_member(form: str, value: str, name: str) -> None:
    text = form.format(v=value, n=name)
    if (name in ("join", "format") and "|" in text) or (name == "read" and text.startswith("{{ read(")):
        return  # a filter or function of this name exists
    with pytest.raises(ExpressionError):
        Engine().render(text, VALUES)


def test_no_template_changes_its_context() -> None:
    context = {"l": [3, 1], "m": {"a": 1}}
    engine = Engine()
    text = "{% set l = l + [9] %}{% set m = m | merge({'b': 2}) %}{{ l | sort }}{{ l | reverse }}{% for x in l %}{% set x = 0 %}{% endfor %}"
    engine.render(text, context)
    assert context == {"l": [3, 1], "m": {"a": 1}}
