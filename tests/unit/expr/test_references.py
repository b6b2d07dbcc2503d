"""What a text names, without evaluating it."""

from __future__ import annotations

from typing import Any

import pytest

from segue.expr import Dialect, Engine, ExpressionSyntaxError, References
from segue.expr.reference_collector import collect
from segue.expr.tags import parse_template


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("plain", "roots", set()),
        ("{{ a }}{{ b.c }}", "roots", {"a", "b"}),
        ("{{ outputs.task.value }}", "outputs", {("task", "value")}),
        ("{{ outputs['my-task'].value[0] }}", "outputs", {("my-task", "value", "0")}),
        ("{{ outputs }}", "outputs", {()}),
        ("{{ outputs.t[taskrun.value].x }}", "outputs", {("t",)}),
        ("{{ outputs.t[taskrun.value].x }}", "unknown", set()),
        ("{{ outputs[taskrun.value].x }}", "unknown", {"outputs"}),
        ("{{ outputs[taskrun.value].x }}", "outputs", {()}),
        ("{{ outputs.t[taskrun.value].x }}", "roots", {"outputs", "taskrun"}),
        ("{{ outputs.a.keys.size() }}", "outputs", {("a", "keys")}),
        ("{{ (outputs.a | first).b }}", "outputs", {("a",)}),
        ("{{ outputs.a ?? outputs.b | default(outputs.c) }}", "outputs", {("a",), ("b",), ("c",)}),
        ("{{ c ? outputs.a : outputs.b }}", "outputs", {("a",), ("b",)}),
        ('{{ "x#{outputs.a.b}" }}', "outputs", {("a", "b")}),
        ("{{ {'k': outputs.a, (outputs.b): 1} }}", "outputs", {("a",), ("b",)}),
        ("{% if outputs.a %}{{ outputs.b }}{% else %}{{ outputs.c }}{% endif %}", "outputs", {("a",), ("b",), ("c",)}),
        ("{{ inputs.user.name }}", "inputs", {("user", "name")}),
        ("{{ vars.x }}", "variables", {("x",)}),
        ("{{ kv('k') }}{{ kv(key='l', namespace='n') }}", "kv", {("k",), ("l", "n")}),
        ("{{ kv(x) }}", "unknown", {"kv"}),
        ("{{ secret('S') }}{{ secret('T', 'ns') }}", "secrets", {("S",), ("T", "ns")}),
        ("{{ read('a.txt') }}{{ fileSize('b.txt') }}", "files", {("a.txt",), ("b.txt",)}),
        ("{{ render(vars.x) }}", "unknown", {"*"}),
        ("{{ render(vars.x) }}", "rendered", {("vars", "x")}),
        ("{{ render('{{ outputs.a }}') }}", "outputs", {("a",)}),
        ("{{ render('{{ outputs.a }}') }}", "unknown", {"*"}),
        ("{{ render('{{ outputs.a }}', recursive=false) }}", "unknown", set()),
        ("{{ renderOnce('{{ outputs.a }}') }}", "unknown", set()),
        ("{{ renderOnce('{{ outputs.a }}') }}", "outputs", {("a",)}),
        ("{{ render('{{ 1 + 1 }} and text') }}", "unknown", set()),
        ("{{ renderOnce(inputs.a) }}", "unknown", {"*"}),
        ("{% set o = outputs %}{{ renderOnce('{{ o.a }}') }}", "outputs", {()}),
        ("{% set t = '{{ outputs.a }}' %}{{ renderOnce(t) }}", "outputs", {("a",)}),
        ("{% set o = outputs %}{{ o.a.b }}", "outputs", {("a", "b")}),
        ("{% set o = outputs %}{% set p = o %}{{ p['a'] }}", "outputs", {("a",)}),
        ("{% set o = outputs %}", "roots", {"outputs"}),
        ("{% set o = outputs %}", "outputs", set()),
        ("{% set o = outputs.a %}{{ o.b }}", "outputs", {("a",)}),
        ("{% set o = outputs %}{% if c %}{% set o = inputs %}{% endif %}{{ o.a }}", "outputs", {("a",)}),
        ("{% set o = outputs %}{% if c %}{% set o = inputs %}{% endif %}{{ o.a }}", "inputs", {("a",)}),
        ("{% for x in l %}{% set o = outputs %}{% endfor %}", "outputs", {()}),
        ("{% for x in l %}{{ o.a }}{% set o = outputs %}{% endfor %}", "outputs", {()}),
        ("{% set t = 'a' %}{{ outputs[t].b }}", "outputs", {("a", "b")}),
        ("{% set t = 'a' %}{{ outputs[t ~ '-1'].b }}", "outputs", {("a-1", "b")}),
        ("{% set t = 'a' %}{{ outputs[\"x#{t}\"].b }}", "outputs", {("xa", "b")}),
        ("{% set t = 'a' %}{% if c %}{% set t = 'b' %}{% endif %}{{ outputs[t] }}", "outputs", {("a",), ("b",)}),
        ("{% set t = 'a' %}{% for x in l %}{{ outputs[t] }}{% set t = x %}{% endfor %}", "outputs", {()}),
        ("{% for t in ['a', 'b'] %}{{ outputs[t].v }}{% endfor %}", "outputs", {("a", "v"), ("b", "v")}),
        ("{% for t in ['a', x] %}{{ outputs[t].v }}{% endfor %}", "outputs", {()}),
        ("{{ outputs[c ? 'a' : 'b'].v }}", "outputs", {("a", "v"), ("b", "v")}),
        ("{{ outputs[c ? 'a' : 'b'].v }}", "roots", {"outputs", "c"}),
        ("{% for o in outputs %}{{ o.key }}{% endfor %}", "outputs", {()}),
        ("{% for inputs in l %}{% block b %}{{ inputs.a }}{% endblock %}{% endfor %}", "inputs", {("a",)}),
        ("{% block b %}{{ o.a }}{% endblock %}{% set o = outputs %}{{ block('b') }}", "outputs", {()}),
        ("{{ labels.system.correlationId }}", "labels", {("system", "correlationId")}),
        ("{% set k = 'a' %}{{ kv(k) }}{{ secret('S' ~ 1) }}", "kv", {("a",)}),
        ("{% set k = 'a' %}{{ kv(k) }}{{ secret('S' ~ 1) }}", "secrets", {("S1",)}),
        ("{% for k in ['a', 'b'] %}{{ kv(k, 'n') }}{% endfor %}", "kv", {("a", "n"), ("b", "n")}),
        ("{{ kv('a', null) }}", "kv", {("a",)}),
        ("{{ kv('a', flow.namespace) }}", "unknown", {"kv"}),
        ("{{ iterationOutput('t', 1) }}", "outputs", {("t",)}),
        ("{{ iterationOutput('t', 1) }}", "unknown", set()),
        ("{{ iterationOutput() }}", "outputs", {()}),
        ("{{ parentOutput() }}", "roots", {"parents"}),
        ("{{ currentEachOutput(outputs.t) }}", "outputs", {("t",)}),
        ("{{ currentEachOutput(outputs.t) }}", "roots", {"outputs", "taskrun", "parents"}),
        ("{{ loopOutputs(outputs.l.outputs, 'x') }}", "outputs", {("l", "outputs")}),
        ("{{ subflow('n', 'f') }}", "roots", {"taskrun", "trigger"}),
        ("{% macro m(t) %}{{ render(t) }}{% endmacro %}", "unknown", {"*"}),
        ("{% macro m() %}{{ inputs.a }}{% set x = outputs %}{% endmacro %}", "roots", set()),
        ("{% macro m() %}{{ tasksWithState('FAILED') }}{% endmacro %}", "roots", {"tasks"}),
        ("{{ printContext() }}", "unknown", {"*"}),
        ("{{ _context.outputs }}", "unknown", {"*"}),
        ("{{ tasksWithState('FAILED') }}", "roots", {"tasks"}),
        ("{% for outputs in l %}{{ outputs.a }}{% endfor %}{{ outputs.b }}", "outputs", {("b",)}),
        ("{% set inputs = 1 %}{{ inputs.a }}", "inputs", set()),
        ("{% set inputs = inputs.b %}{{ inputs.a }}", "inputs", {("b",)}),
        ("{% if c %}{% set inputs = 1 %}{% endif %}{{ inputs.a }}", "inputs", {("a",)}),
        (
            "{% macro m(p) %}{{ outputs.a }}{{ p }}{{ secret('S') }}{% endmacro %}{{ m(outputs.b) }}",
            "outputs",
            {("b",)},
        ),
        ("{% macro m(p) %}{{ secret('S') }}{% endmacro %}", "secrets", {("S",)}),
        ("{% raw %}{{ outputs.a }}{% endraw %}{% verbatim %}{{ outputs.b }}{% endverbatim %}", "outputs", set()),
        ("{% filter replace({'a': outputs.a}) %}{{ outputs.b }}{% endfilter %}", "outputs", {("a",), ("b",)}),
        ("{{ x is defined }}{{ now() }}", "functions", {"now"}),
    ],
)
def test_references(engine: Engine, text: str, field: str, expected: set[Any]) -> None:
    assert getattr(engine.references(text), field) == expected


def test_a_root_is_needed_when_named_or_when_everything_may_be(engine: Engine) -> None:
    assert engine.references("{{ a.b }}").needs_root("a")
    assert not engine.references("{{ a.b }}").needs_root("b")
    assert engine.references("{{ render(a) }}").needs_root("b")


def test_references_of_nested_values_are_joined(engine: Engine) -> None:
    found = engine.references_of({"{{ a }}": ["{{ outputs.x }}", {"k": "{{ secret('S') }}"}], "n": 1, "t": None})
    assert found.roots == {"a", "outputs", "flow"}
    assert found.outputs == {("x",)}
    assert found.secrets == {("S",)}
    assert engine.references_of([1, "text"]) == References()


def test_a_text_that_is_no_template_is_reported(engine: Engine) -> None:
    with pytest.raises(ExpressionSyntaxError):
        engine.references_of(["{{ a"])


@pytest.mark.parametrize("joint", [" ~ ", " | upper ~ ", " ?? ", " and "])
def test_long_chains_are_no_deep_ones(joint: str) -> None:
    tree = parse_template("{{ " + joint.join(["a.b"] * 3000) + " }}", Dialect.V2)
    assert collect(tree, lambda _: References()).roots == {"a"}
