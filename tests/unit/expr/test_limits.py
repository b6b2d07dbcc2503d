"""Hostile templates end quickly with an error that names the limit."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from segue.expr import Engine, ExpressionError, LimitError, Limits, Services

SMALL = Limits(max_steps=1000, max_output_length=10_000, max_range=1000)
GROW = "{% set a = [1] %}{% for i in 1..60 %}{% set a = [a, a] %}{% endfor %}"


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("{{ " + "(" * 500 + "1" + ")" * 500 + " }}", "max_depth"),
        ("{{ " + "[" * 5000 + "]" * 5000 + " }}", "max_depth"),
        ("{{ " + "-" * 5000 + "1 }}", "max_depth"),
        ("{{ " + "not " * 5000 + "1 }}", "max_depth"),
        ("{{ 1" + " + 1" * 5000 + " }}", "max_depth"),
        ("{{ 'a'" + " | upper" * 5000 + " }}", "max_depth"),
        ("{{ " + "true ? 1 : " * 5000 + "1 }}", "max_depth"),
        ("{% if true %}" * 1000, "max_depth"),
        ("{{ " + '"#{' * 2000 + "1" + '}"' * 2000 + " }}", "max_depth"),
        ("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", "max_depth"),
        ("{% block b %}{{ block('b') }}{% endblock %}", "max_depth"),
        ("{% for i in 1..900 %}{% for j in 1..900 %}{% endfor %}{% endfor %}", "max_steps"),
        ("{% for i in 1..900 %}{{ 'a' | upper | lower }}{% endfor %}", "max_steps"),
        ("{% set s = 'ab' %}{% for i in 1..60 %}{% set s = s ~ s %}{% endfor %}", "max_output_length"),
        ("{% set s = 'ab' %}{% for i in 1..60 %}{% set s = s + s %}{% endfor %}", "max_output_length"),
        ("{% set l = [1] %}{% for i in 1..60 %}{% set l = l + l %}{% endfor %}", "max_range"),
        ("{% set n = 9 %}{% for i in 1..60 %}{% set n = n * n %}{% endfor %}", "max_integer_bits"),
        ("{{ range(0, 5000) }}", "max_range"),
        ("{{ 'a' | indent(100000000) }}{{ 'a' | nindent(100000000) }}", "max_output_length"),
        ("{{ s | replace(r) | replace(r) | replace(r) | replace(r) | replace(r) }}", "max_output_length"),
        ("{% for i in 1..900 %}xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx{% endfor %}", "max_output_length"),
        (GROW + "{{ a }}", "max_output_length"),
        (GROW + "{{ a | toJson }}", "max_output_length"),
        (GROW + "{{ a | toIon }}", "max_output_length"),
        (GROW + "{{ a | yaml }}", "max_output_length"),
        (GROW + "{{ a ~ '' }}", "max_output_length"),
        (GROW + "{{ a | join }}", "max_output_length"),
        (GROW + "{{ a | string }}", "max_output_length"),
        (GROW + "{{ a | distinct }}", "max_steps"),
        (GROW + "{{ a | escapeChar('single') }}", "max_steps"),
        (GROW + "{{ a | replace({'1': '2'}) }}", "max_steps"),
        (GROW + "{{ render(a) }}", "max_steps"),
        ("{{ 'a' | regexMatch(p) }}", "max_regex_length"),
    ],
)  # fmt: skip
def test_limit_is_named(text: str, limit: str) -> None:
    with pytest.raises(LimitError) as caught:
        Engine(limits=SMALL).render(text, {"p": "a" * 5000, "s": "aaaa", "r": {"a": "a" * 10}})
    assert caught.value.limit == limit
    assert limit in str(caught.value)


def test_equal_lists_that_are_shared_many_times_are_compared_once() -> None:
    text = GROW + GROW.replace(" a ", " b ").replace("[a, a]", "[b, b]") + "{{ a == b }}"
    assert Engine(limits=SMALL).render(text, {}) == "true"


def test_deep_values_fail_instead_of_crashing() -> None:
    text = "{% set a = 1 %}{% for i in 1..20000 %}{% set a = [a] %}{% endfor %}"
    engine = Engine()
    for use in ("{{ a }}", "{{ a ~ '' }}", "{{ a | yaml }}", "{{ a | toIon }}", "{{ a == [a] }}", "{{ a | distinct }}"):
        with pytest.raises(ExpressionError):
            engine.render(text + use, {})


EXPLODING = ["(a+)+$", "(a|aa)+$", "(a*)*b", "(.*a){20}", "((a|b)+)+c", "(?:a+){2,}b", "(\\w+\\s?)*$", "(?=(a+)+b)a",
             "(x+x+)+y", "(.*?,){30}P", "a*a*a*a*a*a*b", "(a?){90}a{90}", "(?:(?:a{30}){30}){30}"]  # fmt: skip


@pytest.mark.parametrize("pattern", EXPLODING)
@pytest.mark.parametrize("text", ["a" * 200 + "!", "x" * 5000, "1," * 60, "a" * 190_000])
@pytest.mark.parametrize("use", ["regexMatch(p)", "replace({p: ''}, regexp=true)", "split(p)"])
def test_no_pattern_runs_longer_than_its_time(pattern: str, text: str, use: str) -> None:
    started = monotonic()
    with suppress(LimitError):
        Engine(limits=Limits(max_regex_seconds=0.05)).render("{{ s | " + use + " }}", {"s": text, "p": pattern})
    assert monotonic() - started < 2


def test_a_regular_expression_that_takes_too_long_names_its_limit() -> None:
    with pytest.raises(LimitError, match="max_regex_seconds") as caught:
        Engine(limits=Limits(max_regex_seconds=0.05)).render(
            "{{ s | regexMatch(p) }}", {"s": "a" * 300 + "!", "p": "(a|aa)+$"}
        )
    assert (caught.value.limit, caught.value.line, caught.value.piece) == ("max_regex_seconds", 1, "regexMatch")


@pytest.mark.parametrize("pattern", ["[0-9]+", "(\\w+)@(\\w+)", "^v?(\\d+)\\.(\\d+)$", "(foo|bar)-\\d{1,3}", "\\s+"])
def test_ordinary_patterns_work_on_long_text(pattern: str) -> None:
    assert Engine().render("{{ s | regexMatch(p) }}", {"s": "a " * 2000, "p": pattern}) in ("true", "false")


def test_a_rendering_ends_when_its_time_is_over() -> None:
    ticks = iter(range(10_000_000))
    services = Services(clock=lambda: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=next(ticks)))
    with pytest.raises(LimitError, match="max_seconds"):
        Engine(limits=Limits(max_seconds=10)).render("{% for i in 1..100000 %}{% endfor %}", {}, services)


def test_yaml_aliases_cannot_multiply_without_end() -> None:
    document = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
        for before, name in zip("abcdefg", "bcdefgh", strict=True)
    )
    with pytest.raises(LimitError, match="max_range"):
        Engine().render("{{ yaml(d) | length }}", {"d": document})
