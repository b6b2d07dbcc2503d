"""Hostile templates end quickly with an error that names the limit."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import process_time

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
    started = process_time()
    with suppress(LimitError):
        Engine(limits=Limits(max_regex_seconds=0.05)).render("{{ s | " + use + " }}", {"s": text, "p": pattern})
    assert process_time() - started < 2


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


BIG = "x" * 9_000_000


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("{% for i in 1..100 %}{% set l = [s ~ i, l] %}{% endfor %}", "max_total_length"),
        ("{% for i in 1..100 %}{% set l = [s | upper, l] %}{% endfor %}", "max_total_length"),
        ("{% for i in 1..200 %}{% set l = [w + [i], l] %}{% endfor %}", "max_steps"),
        ("{% for i in 1..200 %}{% set l = [w | reverse, l] %}{% endfor %}", "max_total_length"),
        ("{% for i in 1..100 %}{% set l = [fromJson(j), l] %}{% endfor %}", "max_total_length"),
        ("{% for i in 1..200 %}{% set l = [range(0, 90000), l] %}{% endfor %}", "max_total_length"),
        ("{{ refs | escapeChar('single') | length }}", "max_total_length"),
        ("{{ refs | replace({'x': 'y'}) | length }}", "max_total_length"),
        ("{{ [w - w, w - w, w - w, w - w] }}", "max_steps"),
        ("{{ w contains w }}", "max_steps"),
        ("{{ w.containsAll(w) }}", "max_steps"),
        ("{{ s | date('yyyy', existingFormat=f) }}", "max_format_length"),
        ("{{ '2024-03-05' | date(f) }}", "max_format_length"),
        ("{{ 1 | numberFormat(f) }}", "max_format_length"),
        ("{{ '%99999999d' | format(1) }}", "max_format_width"),
        ("{{ '%.99999f' | format(1.5) }}", "max_format_width"),
        ("{{ yaml(s ~ '') }}", "max_document_length"),
        ("{{ fromIon(s) }}", "max_document_length"),
        ("{{ yaml(nested) }}", "max_depth"),
        ("{{ dec * dec * dec * dec }}", "max_integer_bits"),
        ("{{ s.concat(s) }}", "max_output_length"),
        ("{{ s | base64encode }}", "max_output_length"),
        ("{{ s | regexMatch('x') }}", "max_regex_input"),
        ("{{ 'a' | regexMatch('((a{99}){99}){99}') }}", "max_regex_length"),
    ],
)  # fmt: skip
def test_no_step_and_no_series_of_steps_makes_too_much(text: str, limit: str) -> None:
    context = {
        "s": BIG,
        "l": [],
        "w": list(range(90_000)),
        "j": "[" + "[]," * 300_000 + "[]]",
        "refs": [BIG[:1_000_000]] * 1000,
        "f": "d" * 2000,
        "nested": "[" * 500 + "]" * 500,
        "dec": Decimal("1E+1500"),
    }
    started = process_time()
    with pytest.raises(LimitError) as caught:
        Engine().render(text, context)
    assert caught.value.limit == limit
    assert process_time() - started < 15


@pytest.mark.parametrize(
    "text",
    [
        "{{ '1E9999' | number('BIGDECIMAL') | numberFormat }}",
        "{{ range(0, fromIon('1d999999999')) }}",
        "{{ fromIon('1d3999') | numberFormat | length }}",
        "{{ '%f' | format(fromIon('1d3999')) | length }}",
        "{{ [1, fromIon('-1d-3999')] | sort | length }}",
        "{{ ('1' * 1) | dateAdd(99999999999999999999, 'MILLENNIA') }}",
        "{{ '2024-03-05' | date(existingFormat=p) }}",
        "{{ d | date('yyyy', existingFormat='" + "dM" * 300 + "') }}",
        "{{ '2024' | date(locale=p) }}",
        "{{ x isIn [x, [x], [[x]]] }}",
        "{{ '{% raw %}' | replace({'{': r}) }}{{ render(r) | length }}",
    ],
)
def test_costly_numbers_and_dates_end_quickly(text: str) -> None:
    started = process_time()
    with suppress(ExpressionError):
        Engine().render(text, {"p": "d[" * 300, "d": "1" * 700, "x": "y" * 1_000_000, "r": "{% raw %}" * 100_000})
    assert process_time() - started < 2


def test_raw_tags_without_end_do_not_cost_more_than_others() -> None:
    started = process_time()
    with pytest.raises(ExpressionError, match="raw"):
        Engine().compile("{% raw %}" * 100_000)
    assert process_time() - started < 2


def test_long_concatenations_are_no_deep_trees() -> None:
    assert Engine().render("{{ '' " + "~ 'a'" * 5000 + " }}", {}) == "a" * 5000


def test_large_templates_are_not_kept() -> None:
    engine = Engine()
    large = "x" * 60_000 + "{{ 1 }}"
    assert engine.compile(large) is not engine.compile(large)
    assert engine.compile("{{ 1 }}") is engine.compile("{{ 1 }}")
