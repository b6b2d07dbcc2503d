"""Trees of the two dialects, and errors of the grammar."""

from __future__ import annotations

import pytest

from segue.expr import Dialect, ExpressionSyntaxError
from segue.expr.nodes import TemplateTree
from segue.expr.tags import parse_template


def tree(text: str, dialect: Dialect = Dialect.V2) -> TemplateTree:
    return parse_template("{{ " + text + " }}", dialect)


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("a ?? b | f", "(a ?? b) | f", "a ?? (b | f)"),
        ("a ?? b ~ c", "(a ?? b) ~ c", "a ?? (b ~ c)"),
        ("c ~ a ?? b", "c ~ (a ?? b)", "(c ~ a) ?? b"),
        ("a ?? 1 + 2", "(a ?? 1) + 2", "a ?? (1 + 2)"),
        ("1 + a ?? 2", "1 + (a ?? 2)", "(1 + a) ?? 2"),
        ("x == a ?? b", "x == (a ?? b)", "(x == a) ?? b"),
        ("1 + i isIn l", "1 + (i isIn l)", "(1 + i) isIn l"),
    ],
)
def test_the_dialects_read_differently(text: str, first: str, second: str) -> None:
    assert tree(text, Dialect.V1) == tree(first, Dialect.V1)
    assert tree(text, Dialect.V2) == tree(second, Dialect.V2)
    assert tree(first) != tree(second)


@pytest.mark.parametrize(
    "text", ["a ?? b == x", "a ?? b > 0", "a ?? b and c", "a ?? b ? c : d", "a ?? b is null", "a ?? b contains c"]
)
def test_the_dialects_agree(text: str) -> None:
    assert tree(text, Dialect.V1) == tree(text, Dialect.V2)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("a - b - c", "(a - b) - c"),
        ("a + b * c", "a + (b * c)"),
        ("not a == b", "(not a) == b"),
        ("-7 | abs", "(-7) | abs"),
        ("a ~ b | f", "(a ~ b) | f"),
        ("a + b | f", "a + (b | f)"),
        ("a or b and c", "a or (b and c)"),
        ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
        ("a == b ? c : d", "(a == b) ? c : d"),
        ("organization", "(organization)"),
        ("a.b['c'].d", "((a.b)['c']).d"),
        ("f (1, x=2)", "f(1,x = 2)"),
    ],
)
def test_reading(text: str, reading: str) -> None:
    assert tree(text) == tree(reading)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ f(a=1, 2) }}", "Positional arguments must be declared before any named arguments."),
        ("{{ a.f(x=1) }}", "Can not use named arguments when calling a bean method"),
        ("{{ a.or }}", "expected token of type NAME"),
        ("{{ (1 }}", 'Unexpected "}"'),
        ("{{ (1", 'Unclosed ")"'),
        ("{{ 'a }}", "Unexpected character [']"),
        ('{{ "a#{b }}', "Unclosed string"),
        ("{{ a ; b }}", "Unexpected character [;]"),
        ("{% %}", "A block must start with a tag name."),
        ("{% endif %}", 'Unexpected tag name "endif"'),
        ("{% iff x %}", "did you mean `if`?"),
        ("{% for a, b in l %}{% endfor %}", "expected token of type NAME"),
        ("{% set true = 1 %}", "Can not assign a value to true"),
        ("{% set a.b = 1 %}", "expected token of type PUNCTUATION"),
        ("{% macro m() %}{% endmacro %}{% macro m() %}{% endmacro %}", "same name: m"),
        ("{% verbatim %}", 'looking for the "endverbatim" tag'),
        ("{% for x in l %}", 'looking for the "endfor" tag'),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        parse_template(text, Dialect.V2)
    assert message in str(caught.value)
