"""Rendering text, typed values and nested values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Any

import pytest

from segue.expr import (
    Dialect,
    Engine,
    EvaluationError,
    ExpressionError,
    ExpressionSyntaxError,
    Interrupt,
    LimitError,
    Limits,
    MissingVariableError,
    is_truthy,
)


class Fetch(Interrupt):
    """A value is not loaded yet."""


class Lazy(Mapping[str, Any]):
    """Knows its keys, loads its values."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __getitem__(self, key: str) -> Any:
        if key in self.names:
            raise Fetch(key)
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return key in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


class State(Enum):
    RUNNING = 1


def test_text_without_regions_is_returned_as_the_same_object(engine: Engine) -> None:
    text = "{ plain } }}"
    assert engine.render(text, {}) is text
    assert engine.render(None, {}) is None


def test_render_gives_empty_text_for_null_and_render_value_gives_none(engine: Engine) -> None:
    assert engine.render("{{ n }}", {"n": None}) == ""
    assert engine.render_value({"k": "{{ n }}", "e": "{{ '' }}"}, {"n": None}) == {"k": None, "e": ""}


def test_render_value_walks_containers_and_leaves_other_types(engine: Engine) -> None:
    value = {"{{ k }}": ["{{ n }}", 1, None, {"x": "{{ n }}"}], "a": "{{ k }}", "key": 2, "s": {"{{ k }}"}}
    rendered = engine.render_value(value, {"k": "key", "n": 7})
    assert rendered == {"key": ["7", 1, None, {"x": "7"}], "a": "key", "s": {"key"}}
    assert list(rendered) == ["key", "a", "s"]


def test_render_typed_keeps_a_single_value(engine: Engine) -> None:
    value = [1, {"a": None}]
    assert engine.render_typed("{{ v }}", {"v": value}) is value
    assert engine.render_typed("{{ v }} x", {"v": 1}) == "1 x"
    assert engine.render_typed('{"k": {{ v }}}', {"v": [1]}) == {"k": [1]}


@pytest.mark.parametrize(
    "text",
    [
        "{{ o.a }}",
        "{{ o.a ?? 'd' }}",
        "{{ o.a ??? 'd' }}",
        "{{ o.a | default('d') }}",
        "{{ o.a is defined }}",
        "{{ o.a + 1 }}",
        "{{ -o.a }}",
        "{{ o.a == 1 }}",
        "{{ o.a > 1 }}",
        "{{ o.a contains 1 }}",
        "{{ o.a and true }}",
        "{{ 'x' ~ o.a }}",
        "{{ [o.a] }}",
        '{{ "#{o.a}" }}',
        "{{ o.a ? 1 : 2 }}",
        "{{ o.a.size() }}",
        "{{ o[k] }}",
        "{{ max(o.a) }}",
        "{{ render('{{ o.a }}') }}",
        "{{ o | toJson }}",
        "{{ o }}",
        "{% if o.a %}x{% endif %}",
        "{% for x in o.a %}x{% endfor %}",
        "{% set x = o.a %}",
        "{% filter upper %}{{ o.a }}{% endfilter %}",
        "{% macro m(p) %}{{ p }}{% endmacro %}{{ m(o.a) }}",
        "{% block b %}{{ o.a }}{% endblock %}",
    ],
)
def test_an_interrupt_passes_through_everything(engine: Engine, text: str) -> None:
    context = {"o": Lazy("a"), "k": "a"}
    for render in (engine.render, engine.render_typed, engine.render_value):
        if text == "{{ o }}" and render == engine.render_typed:
            continue
        with pytest.raises(Fetch, match="a"):
            render(text, context)


def test_a_lazy_mapping_may_be_the_context_itself(engine: Engine) -> None:
    with pytest.raises(Fetch):
        engine.render("{{ a }}", Lazy("a"))
    assert engine.render("{{ b ?? 'd' }}", Lazy("a")) == "d"


def test_a_foreign_error_is_wrapped(engine: Engine) -> None:
    class Broken(Lazy):
        def __getitem__(self, key: str) -> Any:
            raise RuntimeError("connection lost")

    with pytest.raises(EvaluationError, match="connection lost"):
        engine.render("{{ o.a ?? 1 }}", {"o": Broken("a")})


def test_missing_names_are_reported_with_line_and_near_name(engine: Engine) -> None:
    with pytest.raises(MissingVariableError) as caught:
        engine.render("a\r\n\n{{ outputs.taks }}", {"outputs": {"task": 1}})
    assert caught.value.name == "taks"
    assert caught.value.line == 3
    assert (caught.value.column, caught.value.piece) == (12, "taks")
    assert caught.value.suggestion == "outputs.task"
    assert caught.value.available == ["task"]
    assert str(caught.value).startswith(
        "Unable to find `taks` used in the expression `a\r\n\n{{ outputs.taks }}` at line 3"
    )
    assert "did you mean `outputs.task`?" in str(caught.value)


def test_syntax_errors_name_line_column_and_piece(engine: Engine) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        engine.compile("ab\n  {{ x ] }}")
    assert (caught.value.line, caught.value.column, caught.value.piece) == (2, 8, "]")


def test_errors_of_filters_name_the_place(engine: Engine) -> None:
    with pytest.raises(EvaluationError) as caught:
        engine.render("\n{{ 'x' | nosuch }}", {})
    assert caught.value.line == 2
    assert "({}:2)".format("\n{{ 'x' | nosuch }}") in str(caught.value)


def test_an_unknown_filter_in_a_branch_not_taken_is_harmless(engine: Engine) -> None:
    assert engine.render("{{ true ? 1 : (2 | nosuch) }}", {}) == "1"


def test_names_of_python_objects_cannot_be_reached(engine: Engine) -> None:
    context = {"s": "x", "l": [1], "m": {"a": 1}, "n": 1, "o": object(), "f": len}
    for name in ("s", "l", "m", "n", "o", "f"):
        for member in ("__class__", "__init__", "__globals__", "_x", "real", "format", "append", "pop", "mro"):
            for text in (f"{{{{ {name}.{member} }}}}", f"{{{{ {name}['{member}'] }}}}", f"{{{{ {name}.{member}() }}}}"):
                with pytest.raises(ExpressionError):
                    engine.render(text, context)


def test_values_of_the_context_are_never_changed(engine: Engine) -> None:
    context = {"l": [3, 1, 2], "m": {"a": 1}}
    engine.render("{% set l = l | sort %}{% set m = m | merge({'b': 2}) %}{{ l | reverse }}{{ m }}{{ l + 4 }}", context)
    assert context == {"l": [3, 1, 2], "m": {"a": 1}}


def test_states_print_and_compare_by_name(engine: Engine) -> None:
    assert engine.render("{{ s }} {{ s == 'RUNNING' }} {{ [s] }}", {"s": State.RUNNING}) == 'RUNNING true ["RUNNING"]'


def test_dialects_differ_in_the_level_of_coalescing() -> None:
    text = "{{ x ?? 10 + 2 }}"
    assert Engine(dialect=Dialect.V1).render(text, {"x": 1}) == "3"
    assert Engine(dialect=Dialect.V2).render(text, {"x": 1}) == "1"
    assert Engine().render(text, {"x": 1}, dialect=Dialect.V1) == "3"


def test_compiled_texts_are_cached_by_text_and_dialect() -> None:
    engine = Engine(cache_size=2)
    first = engine.compile("{{ a }}")
    assert engine.compile("{{ a }}") is first
    assert engine.compile("{{ a }}", Dialect.V1) is not first
    engine.compile("{{ b }}")
    assert engine.compile("{{ a }}") is not first


def test_one_engine_serves_many_threads(engine: Engine) -> None:
    text = "{% set s = 0 %}{% for x in l %}{% set s = s + x %}{% endfor %}{{ s }}"
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: engine.render(text, {"l": list(range(n))}), range(200)))
    assert results == [str(sum(range(n))) for n in range(200)]


def test_functions_can_be_added() -> None:
    engine = Engine(functions={"twice": lambda x: x * 2})
    assert engine.render("{{ twice(4) }}", {}) == "8"
    with pytest.raises(EvaluationError, match="does not exist"):
        Engine().render("{{ twice(4) }}", {})


def test_raw_blocks_keep_their_inside_through_recursive_rendering(engine: Engine) -> None:
    assert engine.render("{% raw %}a\n{{ x }}{% endraw %}", {}) == "a\n{{ x }}"
    context = {"v": "{% raw %}{{ x }}{% endraw %}{{ y }}", "y": "{{ z }}", "z": "end"}
    assert engine.render("{{ render(v) }}", context) == "{{ x }}end"


def test_nested_rendering_sees_set_variables_but_macros_see_only_parameters(engine: Engine) -> None:
    assert engine.render("{% set q = 1 %}{{ render('{{ q }}{{ r }}') }}", {"r": 2}) == "12"
    with pytest.raises(MissingVariableError):
        engine.render("{% macro m(a) %}{{ r }}{% endmacro %}{{ m(1) }}", {"r": 2})


@pytest.mark.parametrize("text", ["false", " false ", "0", "-0", "", " \n", None])
def test_false_conditions(text: str | None) -> None:
    assert not is_truthy(text)


@pytest.mark.parametrize("text", ["true", "False", "no", "null", "0.0", "x"])
def test_true_conditions(text: str) -> None:
    assert is_truthy(text)


def test_template_length_is_limited() -> None:
    with pytest.raises(LimitError) as caught:
        Engine(limits=Limits(max_template_length=20)).render("{{ 'aaaaaaaaaaaaaaaa' }}", {})
    assert caught.value.limit == "max_template_length"
