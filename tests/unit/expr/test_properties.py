"""Whatever the text is, it renders or fails with an error of this package."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from segue.expr import Dialect, Engine, ExpressionError, Limits
from segue.expr.dialects import PRECEDENCE
from segue.expr.filters import FILTERS
from segue.expr.functions import FUNCTIONS
from segue.expr.ion.reader import read_ion
from segue.expr.ion.writer import ion_text
from segue.expr.tests import TESTS

ENGINE = Engine(limits=Limits(max_steps=2000, max_output_length=20_000, max_range=2000))
CONTEXT: dict[str, Any] = {
    "a": {"b": [1, None, {"c": "x"}], "size": 2},
    "s": "text 1,2",
    "n": None,
    "i": -3,
    "f": 2.5,
    "t": True,
    "d": "2024-03-05T14:07:09Z",
}
PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "-",
        " ",
        "'",
        '"',
        "#{",
        "}",
        "{",
        "[",
        "]",
        "(",
        ")",
        ",",
        ":",
        "?",
        "=",
        ".",
        "\\",
        "\n",
        "1",
        "2.5",
        "3L",
        "a",
        "b",
        "s",
        "n",
        "i",
        "x",
        "loop",
        "if",
        "else",
        "endif",
        "for",
        "in",
        "endfor",
        "set",
        "macro",
        "endmacro",
        "filter",
        "endfilter",
        "raw",
        "endraw",
        "verbatim",
        "endverbatim",
        "block",
        "endblock",
        "true",
        "null",
        "not",
        "is",
        "is not",
        *PRECEDENCE[Dialect.V2],
        *FILTERS,
        *FUNCTIONS,
        *TESTS,
    ]
)
VALUES = st.sampled_from(
    ["a", "a.b", "s", "n", "i", "f", "t", "d", "1", "0", "'x'", "[]", "{}", "[3, 1, 2]", "nope", "a.b[2]"]
)


def _ends_well(text: str) -> None:
    for dialect in Dialect:
        try:
            ENGINE.references(text, dialect)
            ENGINE.render(text, CONTEXT, dialect=dialect)
            ENGINE.render_typed(text, CONTEXT, dialect=dialect)
        except ExpressionError as error:
            shown = str(error)
        else:
            shown = "fine"
        assert shown


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    _ends_well("{{" + text + "}}")


@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, max_size=25))
def test_any_sequence_of_words(words: list[str]) -> None:
    _ends_well("{{ a " + " ".join(words) + " }}")
    _ends_well("".join(words))


@settings(max_examples=800, deadline=None)
@given(st.sampled_from(sorted(FILTERS)), VALUES, st.lists(VALUES, max_size=3))
def test_any_filter_on_any_value(name: str, value: str, args: list[str]) -> None:
    _ends_well(f"{{{{ {value} | {name}({', '.join(args)}) }}}}")


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(VALUES, max_size=3))
def test_any_function_with_any_values(name: str, args: list[str]) -> None:
    _ends_well(f"{{{{ {name}({', '.join(args)}) }}}}")


@settings(max_examples=300, deadline=None)
@given(VALUES, st.sampled_from([op for op in PRECEDENCE[Dialect.V2] if op not in ("|", "is", "is not")]), VALUES)
def test_any_operator(left: str, op: str, right: str) -> None:
    _ends_well(f"{{{{ {left} {op} {right} }}}}")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=200, deadline=None)
@given(JSON_VALUES)
def test_json_text_reads_back(value: Any) -> None:
    assert json.loads(ENGINE.render("{{ v | toJson }}", {"v": value}) or "") == _without_nulls(value)


@settings(max_examples=200, deadline=None)
@given(JSON_VALUES)
def test_ion_text_reads_back(value: Any) -> None:
    assert read_ion(ion_text(value, 10_000), all_rows=False) == value


@settings(max_examples=200, deadline=None)
@example(["\n0", " a\nb"], {"k": "\n0", "l": " a\nb"})
@given(st.lists(st.text(max_size=5), max_size=5), st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=4))
def test_yaml_text_reads_back(items: list[str], entries: dict[str, str]) -> None:
    value = {"l": [*items, {"k": items}], "m": entries, "s": "end"}
    rendered = ENGINE.render("{{ (yaml(v | yaml)) == v }}", {"v": value})
    assert rendered == "true" or _has_unquoted_number(value)


def _has_unquoted_number(value: Any) -> bool:
    """Text that looks like a number is not quoted, as in the original; so it does not read back as text."""
    texts = [*value["l"][:-1], *value["m"], *value["m"].values()]
    return any(any(char.isdigit() or char in ".<=~" for char in text) for text in texts)
