"""A rendering with nothing but what the references name gives the same as one with everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from segue.expr import Dialect, Engine, ExpressionError, KvValue, Limits, References, SecretValue, Services
from segue.expr.references import Path

ENGINE = Engine(limits=Limits(max_steps=3000, max_output_length=50_000, max_range=2000))
_PATHS = {"outputs": "outputs", "inputs": "inputs", "vars": "variables", "labels": "labels"}


class Store:
    """Answers with the name asked for, as secret or value."""

    def __init__(self, found: set[tuple[str, ...]] | None) -> None:
        self._found = found

    def read(self, namespace: str, key: str) -> KvValue | None:
        known = self._found is None or any(each[0] == key for each in self._found)
        return KvValue(f"{namespace}/{key}") if known else None


class Vault(Store):
    """The same for secrets."""

    def read(self, namespace: str, key: str) -> SecretValue | None:  # type: ignore[override]  # the other kind
        found = super().read(namespace, key)
        return None if found is None else SecretValue(found.value)


def restricted(context: Mapping[str, Any], found: References) -> dict[str, Any]:
    """What the references name, and nothing else."""
    if "*" in found.unknown:
        return dict(context)
    return {
        name: _below(value, getattr(found, _PATHS[name])) if name in _PATHS else value
        for name, value in context.items()
        if name in found.roots
    }


def _below(value: Any, paths: Iterable[Path]) -> Any:
    """A value without the entries that no path goes through."""
    if () in paths or not isinstance(value, Mapping):
        return value
    kept = {}
    for key, item in value.items():
        rest = [path[1:] for path in paths if path[0] == key]
        if rest:
            kept[key] = _below(item, rest)
    return kept


def services(found: References | None) -> Services:
    if found is None or "*" in found.unknown:
        return Services(kv=Store(None), secrets=Vault(None))
    return Services(
        kv=Store(None if "kv" in found.unknown else set(found.kv)),
        secrets=Vault(None if "secret" in found.unknown else set(found.secrets)),
    )


def outcome(text: str, context: Mapping[str, Any], used: Services, dialect: Dialect) -> tuple[str, Any]:
    try:
        return "value", ENGINE.render(text, context, used, dialect=dialect)
    except ExpressionError as error:
        return "error", type(error)


ROOTS = st.sampled_from(["outputs", "inputs", "vars", "labels", "outputs", "inputs", "tasks", "taskrun", "item", "x"])
KEYS = st.sampled_from(["a", "b", "c", "1", "size"])
BOUND = st.sampled_from(["o", "p", "t", "inputs", "outputs"])
ITEMS = st.sampled_from(["{{ outputs.a }}", "{{ inputs.a }}{{ kv('a') }}", "a", "b", "", "{", "{ inputs.b }}"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | ITEMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
MAPS = st.fixed_dictionaries(
    {"a": st.dictionaries(KEYS, ITEMS, min_size=2), "b": ITEMS, "c": VALUES},
    optional={"1": VALUES, "size": ITEMS},
)
CONTEXTS = st.fixed_dictionaries(
    dict.fromkeys(("outputs", "inputs", "vars", "labels"), MAPS),
    optional={
        "tasks": st.just({"a": {"state": "A"}, "b": {"x": {"state": "A"}}}),
        "taskrun": st.just({"value": "a"}),
        "task": st.just({"id": "a"}),
        "item": st.just({"index": 1, "value": "b"}),
        "x": VALUES,
        "flow": st.just({"namespace": "n", "id": "f"}),
        "parents": st.just([{"taskrun": {"value": "a"}, "outputs": {"b": 1}}]),
    },
)


def _lookups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    key = st.one_of(
        st.sampled_from([".a", ".b", ".c", ".size", "['a']", "['1']", "[1]", "[t]", "['a' ~ '']"]),
        inner.map("[{}]".format),
    )
    plain = st.builds(lambda name, keys: name + "".join(keys), ROOTS | BOUND, st.lists(key, min_size=1, max_size=3))
    return plain | plain.map("({} ?? 'a')".format) | plain.map("({} | default('b'))".format)


CALLS = ["tasksWithState('a')", "parentOutput()", "iterationOutput()", "iterationOutput('a', 0)", "block('b')"]
CALLS += ["currentEachOutput(outputs)", "loopOutputs(outputs.c, 'a')", "kv('a')", "kv(t)", "secret('a' ~ t)", "m(o)"]
CALLS += [f"renderOnce('{text}')" for text in ("{{ inputs.a }}", "{{ o.a }}", "{{ outputs[t] }}", "{{ kv(t) }}")]
CALLS += ["render('{{ 1 + 1 }}')", "render('{% set o = 1 %}{{ o }}')"]
TAKE_ALL = ["render(inputs.b)", "renderOnce(o)", "render('{{ inputs.b }}')", "printContext()", "_context.outputs.a"]


def _expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        _lookups(inner),
        _lookups(inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["??", "~", "~"]), inner),
        st.builds("({} ?? '' ? {} : {})".format, st.sampled_from(["inputs.b", "t", "x", "0"]), inner, inner),
        st.builds("({} | {})".format, inner, st.sampled_from(["length", "default('a')", "toJson", "string"])),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{'k': {}}}".format, inner),
        st.builds('"#{{{}}}b"'.format, inner),
        st.sampled_from(CALLS),
    )


EXPRESSIONS = st.recursive(
    st.sampled_from(["'a'", "'b'", "1", "null", "t", "o", "outputs.a.b ?? 1", "inputs.b", "labels.a", "vars.c"]),
    _expressions,
    max_leaves=4,
)
CAUGHT = EXPRESSIONS.map("({}) ?? 'none'".format)


ITERABLES = st.sampled_from(["outputs", "inputs.a", "vars.c ?? []", "[1, 2]", "[t, 'b']", "[]", "o ?? null"])


def _statements(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("{{% if ({}) is defined %}}{}{{% else %}}{}{{% endif %}}".format, EXPRESSIONS, inner, inner),
        st.builds("{{% for {} in {} %}}{}{{% else %}}{}{{% endfor %}}".format, BOUND, ITERABLES, inner, inner),
        st.builds("{{% for {} in ['a', 'b'] %}}{}{{% endfor %}}".format, BOUND, inner),
        st.builds("{{% block b %}}{}{{% endblock %}}".format, inner),
        st.builds("{{% filter default({}) %}}{}{{% endfilter %}}".format, CAUGHT, inner),
    )


SETS = st.one_of(
    st.builds("{{% set {} = {} %}}".format, BOUND, CAUGHT),
    st.builds("{{% set {} = {} %}}".format, BOUND, st.sampled_from(["outputs", "inputs", "vars", "labels"])),
    st.builds("{{% set {} = '{}' %}}".format, BOUND, KEYS),
)
PRINTS = CAUGHT.map("{{{{ {} }}}}".format)
BODIES = st.recursive(PRINTS | PRINTS | SETS, _statements, max_leaves=8)
STARTS = st.sampled_from(["", "{% set o = outputs %}{% set t = 'a' %}", "{% set o = inputs.a %}{% set t = inputs.b %}"])
ENDS = st.sampled_from([""] * 12 + [f"{{{{ {text} }}}}" for text in TAKE_ALL])
MACROS = st.sampled_from(
    [
        "",
        "{% macro m(o) %}{{ o }}{{ inputs.a ?? 'd' }}{% endmacro %}",
        "{% macro m(o, p=kv('a')) %}{{ render(o) }}{{ p }}{% endmacro %}",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.builds("{}{}{}{}".format, STARTS, BODIES, MACROS, ENDS), CONTEXTS, st.sampled_from(list(Dialect)))
@example("{{ render(inputs.a) }}", {"inputs": {"a": "{{ outputs.a }}"}, "outputs": {"a": "v"}}, Dialect.V2)
@example("{{ render('{{ inputs.a }}') }}", {"inputs": {"a": "{{ outputs.a }}"}, "outputs": {"a": "v"}}, Dialect.V2)
@example("{% set o = outputs %}{{ o.a.b }}{{ o | length }}", {"outputs": {"a": {"b": 1}, "b": 2}}, Dialect.V2)
@example(
    "{% for outputs in ['a'] %}{% block b %}{{ outputs.a ?? outputs }}{% endblock %}{% endfor %}{{ block('b') }}",
    {"outputs": {"a": 1}},
    Dialect.V2,
)
@example("{{ tasksWithState('a') }}{{ parentOutput() }}", {"tasks": {"a": {"state": "A"}}, "parents": []}, Dialect.V1)
@example(
    "{% set t = 'a' %}{% for x in ['a', 'b'] %}{{ outputs[t] }}{% set t = 'b' %}{% endfor %}",
    {"outputs": {"a": 1, "b": 2}},
    Dialect.V2,
)
@example(
    "{% macro m(o) %}{{ render(o) }}{% endmacro %}{{ m(inputs.a) }}",
    {"inputs": {"a": "{{ kv('a') }}"}, "flow": {"namespace": "n"}},
    Dialect.V2,
)
def test_nothing_else_is_looked_at(text: str, context: dict[str, Any], dialect: Dialect) -> None:
    try:
        found = ENGINE.references(text, dialect)
    except ExpressionError:
        return
    whole = outcome(text, context, services(None), dialect)
    part = outcome(text, restricted(context, found), services(found), dialect)
    assert part == whole, found
