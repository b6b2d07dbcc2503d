"""Where 1.x and 2.0 read a text differently, and how a tree is written back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.expr import Dialect
from segue.expr.dialect_difference import dialect_differences
from segue.expr.nodes import Print
from segue.expr.tags import parse_template
from segue.expr.unparse import unparse

READINGS = [
    ("a ?? b | f", "(a ?? b) | f", "a ?? (b | f)"),
    ("a ?? b ~ c", "(a ?? b) ~ c", "a ?? (b ~ c)"),
    ("c ~ a ?? b", "c ~ (a ?? b)", "(c ~ a) ?? b"),
    ("a ?? 1 + 2", "(a ?? 1) + 2", "a ?? (1 + 2)"),
    ("1 + a ?? 2", "1 + (a ?? 2)", "(1 + a) ?? 2"),
    ("x == a ?? b", "x == (a ?? b)", "(x == a) ?? b"),
    ("1 + i isIn [6]", "1 + (i isIn [6])", "(1 + i) isIn [6]"),
    ("a ??? b | f(1, k='x')", "(a ??? b) | f(1, k='x')", "a ??? (b | f(1, k='x'))"),
    (
        "trigger.date ?? execution.startDate | date('yyyy-MM-dd')",
        "(trigger.date ?? execution.startDate) | date('yyyy-MM-dd')",
        "trigger.date ?? (execution.startDate | date('yyyy-MM-dd'))",
    ),
    ("f(a ?? b ~ 'c')[m['x-y']]", "f((a ?? b) ~ 'c')[m['x-y']]", "f(a ?? (b ~ 'c'))[m['x-y']]"),
]
SAME = [
    "a ?? b == x",
    "a ?? b > 0",
    "a ?? b and c",
    "a ?? b ? c : d",
    "a ?? b is null",
    "a ?? b contains c",
    "(a ?? b) | f",
    "a ?? (b | f)",
    "a ?? b ?? c",
    "'a ?? b | f'",
]


@pytest.mark.parametrize(("text", "v1", "v2"), READINGS)
def test_both_readings_are_written_with_all_brackets(text: str, v1: str, v2: str) -> None:
    (found,) = dialect_differences("{{ " + text + " }}")
    assert (found.text, found.v1, found.v2) == ("{{ " + text + " }}", v1, v2)
    assert (found.reading(Dialect.V1), found.reading(Dialect.V2)) == (v1, v2)


@pytest.mark.parametrize(("text", "v1", "v2"), READINGS)
def test_a_reading_is_the_same_in_both_dialects(text: str, v1: str, v2: str) -> None:
    assert not dialect_differences("{{ " + v1 + " }}")
    assert not dialect_differences("{{ " + v2 + " }}")


@pytest.mark.parametrize("text", SAME)
def test_what_both_read_alike_is_no_difference(text: str) -> None:
    assert dialect_differences("{{ " + text + " }}") == ()


def test_every_region_is_looked_at_and_placed() -> None:
    text = """{% if a ?? b | f %}
  {% for x in l ?? m ~ n %}{{ x ?? 1 }}{% else %}
    {{- y ?? 1 + 2 -}}
  {% endfor %}
{% elseif c ~ d ?? e %}{% set z = 1 + z ?? 2 %}
{% endif %}{% macro m(p=a ?? 1 + 1) %}{{ p ?? 2 * 2 }}{% endmacro %}{% block b %}{{ i ?? 3 * 3 }}{% endblock %}
{% filter replace({'a': x ?? 1 ~ 2}) %}{{ q ?? 4 * 4 }}{% endfilter %}"""
    found = dialect_differences(text)
    assert [(each.line, each.text) for each in found] == [
        (1, "{% if a ?? b | f %}"),
        (2, "{% for x in l ?? m ~ n %}"),
        (3, "{{- y ?? 1 + 2 -}}"),
        (5, "{% elseif c ~ d ?? e %}"),
        (5, "{% set z = 1 + z ?? 2 %}"),
        (6, "{% macro m(p=a ?? 1 + 1) %}"),
        (6, "{{ p ?? 2 * 2 }}"),
        (6, "{{ i ?? 3 * 3 }}"),
        (7, "{% filter replace({'a': x ?? 1 ~ 2}) %}"),
        (7, "{{ q ?? 4 * 4 }}"),
    ]


@pytest.mark.parametrize("text", ["", "a ?? b | f", "{{ a ?? ", "{{ a ?? b | }}", "{% include a ?? b ~ c %}"])
def test_what_is_no_template_has_no_readings(text: str) -> None:
    assert dialect_differences(text) == ()


def test_a_text_that_nests_too_deeply_has_no_readings() -> None:
    assert dialect_differences("{{ " + "(" * 5000 + "a ?? b" + ")" * 5000 + " }}") == ()


def test_a_chain_that_is_too_long_to_compare_has_no_readings() -> None:
    assert dialect_differences("{{ " + " + ".join(["a ?? 1"] * 5000) + " }}") == ()


OPERANDS = st.sampled_from(
    [
        "a",
        "b.c",
        "m['k-1']",
        "1",
        "2.5",
        "'it\\'s'",
        "'\"'",
        '"x#{a ?? 1 ~ 2}y"',
        "[1, a]",
        "{'k': b}",
        "f(a, n=1)",
        "not a",
        "-1",
        "l.size()",
        "true",
        "null",
        "(a ? b : c)",
        "a is not even",
        "x | default('d') | upper",
    ]
)
OPERATORS = st.sampled_from(["??", "???", "isIn", "|", "~", "..", "+", "*", "==", "contains", "and", "is", "<"])


@st.composite
def expressions(draw: Any) -> str:
    text = draw(OPERANDS)
    for _ in range(draw(st.integers(0, 4))):
        op = draw(OPERATORS)
        text += {"|": " | f(1)", "is": " is null"}.get(op) or f" {op} {draw(OPERANDS)}"
    return text


@settings(max_examples=300, deadline=None)
@given(expressions(), st.sampled_from(list(Dialect)))
def test_a_tree_written_back_is_read_as_the_same_tree(text: str, dialect: Dialect) -> None:
    (node,) = parse_template("{{ " + text + " }}", dialect).body
    assert isinstance(node, Print)
    for other in Dialect:
        (again,) = parse_template("{{ " + unparse(node.expr) + " }}", other).body
        assert again == node
