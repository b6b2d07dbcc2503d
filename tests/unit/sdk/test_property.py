from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from segue.expr import Engine
from segue.sdk import Duration, LogLevel, NativeProperty, Property, PropertyInvalidError


class Point(BaseModel):
    x: int
    y: int = 0


class Holder(BaseModel):
    text: Property[str] | None = None
    number: Property[int] | None = None
    flag: Property[bool] | None = None
    level: Property[LogLevel] | None = None
    wait: Property[Duration] | None = None
    names: Property[list[str]] | None = None
    counts: Property[list[int]] | None = None
    table: Property[dict[str, Any]] | None = None
    point: Property[Point] | None = None
    anything: NativeProperty | None = None


class Renderer:
    def __init__(self, **variables: Any) -> None:
        self._engine = Engine()
        self._variables = variables

    def render(self, text: str) -> str | None:
        return self._engine.render(text, self._variables)

    def render_typed(self, text: str) -> Any:
        return self._engine.render_typed(text, self._variables)

    def render_value(self, value: Any) -> Any:
        return self._engine.render_value(value, self._variables)


def evaluate(field: str, raw: Any, **variables: Any) -> Any:
    return getattr(Holder.model_validate({field: raw}), field).evaluate(Renderer(**variables))


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        ("text", "a", "a"),
        ("text", 3, "3"),
        ("text", True, "true"),
        ("text", {"a": 1}, '{"a":1}'),
        ("number", 3, 3),
        ("number", "3", 3),
        ("flag", True, True),
        ("flag", "false", False),
        ("level", "WARN", LogLevel.WARN),
        ("wait", "PT1M", timedelta(minutes=1)),
        ("names", ["a", "b"], ["a", "b"]),
        ("names", '["a"]', ["a"]),
        ("table", {"a": {"b": [1]}}, {"a": {"b": [1]}}),
        ("point", {"x": 1}, Point(x=1)),
    ],
)
def test_literals_are_converted_when_they_are_read(field, raw, value):
    assert evaluate(field, raw) == value
    assert not getattr(Holder.model_validate({field: raw}), field).is_dynamic


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        ("text", "{{ a }}!", "3!"),
        ("text", ["{{ a }}"], '["3"]'),
        ("number", "{{ a }}", 3),
        ("number", "{{ none }}", None),
        ("flag", "{{ a == 3 }}", True),
        ("flag", "{{ none }}", None),
        ("level", "{{ level }}", LogLevel.ERROR),
        ("wait", "PT{{ a }}S", timedelta(seconds=3)),
        ("wait", " {{ none }} ", None),
        ("names", "{{ list }}", ["x", "y"]),
        ("names", ["{{ a }}", "b"], ["3", "b"]),
        ("names", "{{ none }}", []),
        ("counts", ["{{ a }}", 4], [3, 4]),
        ("table", "{{ map }}", {"k": 1}),
        ("table", {"{{ level }}": "{{ a }}", "n": 1}, {"ERROR": "3", "n": 1}),
        ("point", '{"x": {{ a }}}', Point(x=3)),
        ("point", {"x": "{{ a }}"}, Point(x=3)),
    ],
)
def test_expressions_are_rendered_and_then_converted(field, raw, value):
    variables = {"a": 3, "none": None, "level": "ERROR", "list": ["x", "y"], "map": {"k": 1}}
    assert evaluate(field, raw, **variables) == value


@pytest.mark.parametrize(("field", "raw"), [("number", "three"), ("level", "LOUD"), ("names", "a"), ("wait", "1")])
def test_literals_that_do_not_fit_are_refused_when_they_are_read(field, raw):
    with pytest.raises(ValidationError):
        Holder.model_validate({field: raw})


@pytest.mark.parametrize("secret", ["hunter2", "it's hunter2", "hunter2 " * 50])
@pytest.mark.parametrize("field", ["number", "flag", "level", "wait", "names", "table", "point"])
def test_a_rendered_value_that_does_not_fit_is_an_error_that_names_the_property_and_does_not_quote_it(field, secret):
    with pytest.raises(PropertyInvalidError) as caught:
        evaluate(field, "{{ secret }}", secret=secret)
    assert "hunter2" not in caught.value.message
    assert caught.value.message.startswith(f"`{field}` rendered to a value that does not fit: ")


def test_a_rendered_value_that_does_not_fit_says_what_is_expected_and_where():
    with pytest.raises(PropertyInvalidError, match=r"`wait` .*: it is not an ISO-8601 duration such as PT30S"):
        evaluate("wait", "{{ x }}", x="soon")
    with pytest.raises(PropertyInvalidError, match=r"`names` .*: \[1\]: must be a valid string"):
        evaluate("names", ["{{ x }}", {"a": "{{ x }}"}], x="soon")


def test_a_literal_that_does_not_fit_is_a_fault_at_the_place_in_it():
    with pytest.raises(ValidationError) as caught:
        Holder.model_validate({"names": ["a", {"b": "c"}]})
    assert [error["loc"] for error in caught.value.errors()] == [("names", 1)]


def test_defaults_are_kept_as_they_are():
    assert Property.of(LogLevel.INFO).evaluate(Renderer()) is LogLevel.INFO


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("{{ x }}", 3),
        ("{{ x + 1 }}", 4),
        ("x {{ x }}", "x 3"),
        ("{{ [x] }}", [3]),
        ("{{ none ?? null }}", None),
        ({"a": ["{{ x }}"]}, {"a": ["3"]}),
        ("3", "3"),
        (3, 3),
        (False, False),
    ],
)
def test_a_native_property_keeps_what_an_expression_yields(raw: Any, expected: Any) -> None:
    found = evaluate("anything", raw, x=3)
    assert (found, type(found)) == (expected, type(expected))
