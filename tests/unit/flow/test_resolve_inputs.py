"""Submitted values to inputs: types, constraints, dependencies, secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from segue.domain.errors import InputInvalidError
from segue.domain.flow.inputs import Input
from segue.domain.flow.outputs import Output
from segue.domain.flow.resolve_inputs import Resolution, coerce_output, resolve_inputs

ADAPTER: TypeAdapter[Any] = TypeAdapter(tuple[Input, ...])


def render(text: str, inputs: Mapping[str, Any]) -> Any:
    """Understands `{{ inputs.a.b }}`, `{{ inputs.a == 'x' }}` and `{{ [1, 2] }}`; anything else fails."""
    body = text.strip("{} ")
    if body.startswith("["):
        return [part.strip() for part in body.strip("[]").split(",") if part.strip()]
    match = re.fullmatch(r"inputs((?:\.\w+)+)(?: == '(\w+)')?", body)
    if match is None:
        raise ValueError(f"cannot read {text}")
    value: Any = inputs
    for part in match[1][1:].split("."):
        value = value[part]
    return value if match[2] is None else value == match[2]


def resolve(definitions: list[dict[str, Any]], submitted: dict[str, Any], **options: Any) -> Resolution:
    return resolve_inputs(ADAPTER.validate_python(definitions), submitted, render, **options)


@pytest.mark.parametrize(
    ("definition", "given", "stored"),
    [
        ({"type": "STRING"}, "x", "x"),
        ({"type": "STRING"}, 12, "12"),
        ({"type": "STRING", "validator": r"A\d+"}, "A1", "A1"),
        ({"type": "STRING", "validator": r"(?=A).*"}, "A1", "A1"),
        ({"type": "INT"}, "42", 42),
        ({"type": "INT"}, 42, 42),
        ({"type": "INT", "min": 10, "max": 10}, "10", 10),
        ({"type": "FLOAT"}, "42.42", 42.42),
        ({"type": "BOOL"}, "TRUE", True),
        ({"type": "BOOL"}, "yes", False),
        ({"type": "DATETIME"}, "2019-10-06T18:27:49Z", "2019-10-06T18:27:49Z"),
        ({"type": "DATETIME"}, "2019-10-06T18:27:49.5+02:00", "2019-10-06T16:27:49.5Z"),
        ({"type": "DATE"}, "2019-10-06", "2019-10-06"),
        ({"type": "TIME"}, "18:27", "18:27:00"),
        ({"type": "DURATION"}, "PT5M6S", "PT5M6S"),
        ({"type": "DURATION", "min": "PT10S"}, "P1D", "PT24H"),
        ({"type": "SELECT", "values": ["a", 1]}, "1", "1"),
        ({"type": "SELECT", "values": ["a"], "required": False}, "z", "z"),
        ({"type": "SELECT", "values": ["a"], "allowCustomValue": True}, "z", "z"),
        ({"type": "SELECT", "values": [{"label": "A", "value": "a"}]}, "a", "a"),
        ({"type": "MULTISELECT", "values": ["a", "b"]}, '["a", "b"]', ["a", "b"]),
        ({"type": "MULTISELECT", "values": [1, 2], "itemType": "INT"}, ["2"], [2]),
        ({"type": "FILE"}, "kestra:///a/b.csv", "kestra:///a/b.csv"),
        ({"type": "FILE", "allowedFileExtensions": [".csv"]}, "nsfile:///b.CSV", "nsfile:///b.CSV"),
        ({"type": "JSON"}, '{"a": [1]}', {"a": [1]}),
        ({"type": "JSON"}, {"a": 1}, {"a": 1}),
        ({"type": "JSON", "jsonSchema": '{"required": ["a"]}'}, '{"a": 1}', {"a": 1}),
        ({"type": "YAML"}, "a: [1, on]", {"a": [1, "on"]}),
        ({"type": "URI"}, "https://www.example.com/x", "https://www.example.com/x"),
        ({"type": "EMAIL"}, "", ""),
        ({"type": "EMAIL"}, "a@b", "a@b"),
        ({"type": "ARRAY", "itemType": "INT"}, "[1, 2]", [1, 2]),
        ({"type": "ARRAY", "itemType": "DATE"}, ["2024-01-01"], ["2024-01-01"]),
    ],
)
def test_value_is_stored_in_its_type(definition: dict[str, Any], given: Any, stored: Any) -> None:
    resolution = resolve([{"id": "x", **definition}], {"x": given})
    resolution.raise_first()
    assert resolution.values == {"x": stored}
    assert resolution.entries[0].is_default is False


@pytest.mark.parametrize(
    ("definition", "given", "reason"),
    [
        ({"type": "STRING"}, None, "missing required input"),
        ({"type": "STRING"}, [1], "Expected `STRING` but received `[1]`"),
        ({"type": "STRING", "validator": r"A\d+"}, "xA1", r"it must match the pattern `A\d+`"),
        ({"type": "INT"}, "abc", "Expected `INT` but received `abc` with errors: "),
        ({"type": "INT"}, "1.5", "Expected `INT`"),
        ({"type": "INT"}, True, "Expected `INT`"),
        ({"type": "INT"}, "2147483648", "does not fit in 32 bits"),
        ({"type": "INT", "min": 10}, "9", "it must be more than `10`"),
        ({"type": "INT", "max": 10}, "11", "it must be less than `10`"),
        ({"type": "FLOAT"}, "nan", "Expected `FLOAT`"),
        ({"type": "FLOAT", "max": 0.5}, "0.6", "it must be less than `0.5`"),
        ({"type": "DATETIME"}, "2019-10-06", "Expected `DATETIME`"),
        ({"type": "DATETIME"}, "2019-10-06T00:00:00", "names no zone"),
        (
            {"type": "DATETIME", "after": "2023-01-01T00:00:00Z"},
            "2022-01-01T00:00:00Z",
            "it must be after `2023-01-01T00:00:00Z`",
        ),
        ({"type": "DATE", "before": "2023-12-31"}, "2024-01-01", "it must be before `2023-12-31`"),
        ({"type": "DATE"}, "20240101", "Expected `DATE`"),
        ({"type": "TIME", "after": "01:00:00"}, "00:59:59", "it must be after `01:00:00`"),
        ({"type": "DURATION", "max": "PT20S"}, "PT21S", "It must be less than `PT20S`"),
        ({"type": "DURATION"}, "1 hour", "Expected `DURATION`"),
        ({"type": "SELECT", "values": ["a", "b"]}, "c", "it must match the values `[a, b]`"),
        ({"type": "MULTISELECT", "values": ["a"]}, '["a", "c"]', "it must match the values `[a]`"),
        ({"type": "MULTISELECT", "values": ["a"], "required": False}, ["c"], "it must match the values `[a]`"),
        ({"type": "FILE"}, "/etc/passwd", "Expected `FILE`"),
        ({"type": "FILE"}, "nsfile:///../x", "must not leave its folder"),
        ({"type": "FILE", "allowedFileExtensions": [".csv"]}, "kestra:///a.txt", "file type not allowed"),
        ({"type": "JSON"}, "{", "Expected `JSON`"),
        ({"type": "JSON"}, "NaN", "Expected `JSON`"),
        (
            {"type": "JSON", "jsonSchema": {"properties": {"n": {"type": "string"}}}},
            {"n": 42},
            "it must match the JSON schema: $.n: must be of type string",
        ),
        (
            {"type": "JSON", "jsonSchema": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}},
            1,
            "nested too deeply or takes too many steps",
        ),
        ({"type": "JSON", "jsonSchema": {"required": 1}}, {}, "not a valid schema"),
        ({"type": "YAML"}, "a: [", "Expected `YAML`"),
        ({"type": "URI"}, "http:/bla", "Expected `URI`"),
        ({"type": "EMAIL"}, "nobody", "The input must be a valid email"),
        ({"type": "ARRAY", "itemType": "INT"}, '["a"]', "Unable to parse array element as `INT` on `a`"),
        ({"type": "ARRAY", "itemType": "INT"}, "x", "Expected `ARRAY`"),
    ],
)
def test_value_that_does_not_fit_is_refused(definition: dict[str, Any], given: Any, reason: str) -> None:
    resolution = resolve([{"id": "x", **definition}], {"x": given})
    with pytest.raises(InputInvalidError) as caught:
        resolution.raise_first()
    assert reason in caught.value.message
    assert caught.value.message.startswith("Invalid input for `x`, ")
    assert ", but received `" in caught.value.message
    assert resolution.values == {}


def test_missing_values_come_from_defaults_or_are_null() -> None:
    resolution = resolve(
        [
            {"id": "a.b", "type": "INT", "defaults": "5"},
            {"id": "a.c", "type": "STRING", "required": False},
            {"id": "first", "type": "SELECT", "values": ["x", "y"], "autoSelectFirst": True},
            {"id": "empty", "type": "STRING", "defaults": ""},
        ],
        {"unknown": 1},
    )
    resolution.raise_first()
    assert resolution.values == {"a": {"b": 5, "c": None}, "first": "x", "empty": ""}
    assert [entry.is_default for entry in resolution.entries] == [True, False, True, True]


def test_nested_maps_and_forms_are_found_by_dotted_id() -> None:
    definitions = [
        {"id": "a.b", "type": "INT"},
        {"id": "env", "type": "FORM", "inputs": [{"id": "region", "type": "STRING"}]},
    ]
    for submitted in ({"a.b": 1, "env.region": "eu"}, {"a": {"b": 1}, "env": {"region": "eu"}}):
        assert resolve(definitions, submitted).values == {"a": {"b": 1}, "env": {"region": "eu"}}


KIND = [
    {
        "id": "lives",
        "type": "INT",
        "dependsOn": {"inputs": ["kind"], "condition": "{{ inputs.kind == 'cat' }}"},
    },
    {
        "id": "bones",
        "type": "INT",
        "dependsOn": {"inputs": ["kind"], "condition": "{{ inputs.kind == 'dog' }}"},
    },
    {"id": "buried", "type": "BOOL", "dependsOn": {"inputs": ["bones"]}},
    {"id": "kind", "type": "SELECT", "values": ["cat", "dog"]},
]


def test_disabled_inputs_are_left_out_with_all_that_depend_on_them() -> None:
    resolution = resolve(KIND, {"kind": "cat", "lives": "9", "bones": "not even a number"})
    resolution.raise_first()
    assert resolution.values == {"lives": 9, "kind": "cat"}
    assert [entry.enabled for entry in resolution.entries] == [True, False, False, True]


def test_enabled_inputs_are_required() -> None:
    resolution = resolve(KIND, {"kind": "dog"})
    assert [error.input_id for error in resolution.errors] == ["bones", "buried"]


def test_a_wrong_input_is_one_fault_whoever_depends_on_it() -> None:
    definitions = [
        {"id": "a", "type": "SELECT", "values": ["x", "y"]},
        {"id": "b", "type": "STRING", "dependsOn": {"inputs": ["a"], "condition": "{{ inputs.a }}"}},
        {"id": "c", "type": "STRING", "dependsOn": {"inputs": ["b"]}},
    ]
    resolution = resolve(definitions, {"a": "z"})
    assert [error.input_id for error in resolution.errors] == ["a"]
    assert [entry.enabled for entry in resolution.entries] == [True, False, False]


def test_broken_condition_is_an_error_and_disables() -> None:
    resolution = resolve([{"id": "x", "type": "INT", "dependsOn": {"condition": "{{ ? }}"}}], {"x": 1})
    entry = resolution.entries[0]
    assert not entry.enabled
    assert entry.errors[0].is_render_error
    assert entry.errors[0].message == "Invalid condition: cannot read {{ ? }}"


def test_condition_must_be_exactly_true() -> None:
    definitions = [
        {"id": "a", "type": "STRING"},
        {"id": "b", "type": "INT", "dependsOn": {"inputs": ["a"], "condition": "{{ inputs.a }}"}},
    ]
    assert resolve(definitions, {"a": "true", "b": 1}).values == {"a": "true"}


def test_expressions_give_options_and_defaults() -> None:
    definitions = [
        {"id": "a", "type": "STRING", "defaults": "{{ inputs.b }}", "dependsOn": {"inputs": ["b"]}},
        {"id": "b", "type": "SELECT", "expression": "{{ [x, y] }}"},
        {"id": "c", "type": "SELECT", "expression": "{{ inputs.b }}", "dependsOn": {"inputs": ["b"]}},
        {"id": "d", "type": "SELECT", "expression": "{{ ! }}"},
    ]
    resolution = resolve(definitions, {"b": "y"})
    assert resolution.values == {"a": "y", "b": "y"}
    assert resolution.entries[1].options == ("x", "y")
    assert [error.reason for error in resolution.errors] == [
        "Invalid expression result. Expected a list of strings, but received str",
        "Cannot render 'expression'. Cause: cannot read {{ ! }}",
    ]


def test_dependencies_in_a_circle_or_a_long_chain_end() -> None:
    circle = [
        {"id": "a", "type": "STRING", "dependsOn": {"inputs": ["b", "a"]}},
        {"id": "b", "type": "STRING", "dependsOn": {"inputs": ["a"]}},
    ]
    assert resolve(circle, {"a": "1", "b": "2"}).values == {"a": "1", "b": "2"}
    chain = [{"id": f"i{n}", "type": "INT", "dependsOn": {"inputs": [f"i{n + 1}"]}} for n in range(2_000)]
    assert len(resolve(chain, {f"i{n}": n for n in range(2_000)}).values) == 2_000


def test_secrets_are_encrypted_and_never_shown() -> None:
    definitions = [{"id": "s", "type": "SECRET", "validator": "[a-z]+"}]
    stored = resolve(definitions, {"s": "hush"}, encrypt=lambda text: {"value": text[::-1]})
    assert stored.values == {"s": {"value": "hsuh"}}
    for given, options in (("HUSH", {"encrypt": str}), ("hush", {}), (["HUSH"], {"encrypt": str})):
        error = resolve(definitions, {"s": given}, **options).errors[0]
        assert "hush" not in error.message.lower()
        assert error.message.endswith("but received `******`")
    assert "encryption is not configured" in resolve(definitions, {"s": "hush"}).errors[0].message


def test_secrets_are_plain_for_conditions_that_depend_on_them() -> None:
    definitions = [
        {"id": "s", "type": "SECRET"},
        {"id": "x", "type": "INT", "dependsOn": {"inputs": ["s"], "condition": "{{ inputs.s == 'hush' }}"}},
    ]
    assert resolve(definitions, {"s": "hush", "x": 1}, encrypt=lambda _: "#").values == {"s": "#", "x": 1}


def output(**properties: Any) -> Output:
    return Output.model_validate({"id": "o", "value": "v", **properties})


def test_flow_outputs_get_their_type() -> None:
    assert coerce_output(output(type="INT"), "5") == 5
    assert coerce_output(output(type="ARRAY", itemType="INT"), "[5]") == [5]
    assert coerce_output(output(type="SECRET"), "x", lambda text: f"enc {text}") == "enc x"
    assert coerce_output(output(type="INT", required=False), None) is None


@pytest.mark.parametrize(("kind", "value"), [("INT", "x"), ("INT", None), ("SECRET", "hush")])
def test_flow_outputs_that_do_not_fit_are_refused(kind: str, value: Any) -> None:
    with pytest.raises(InputInvalidError, match="Invalid output for `o`") as caught:
        coerce_output(output(type=kind), value)
    assert "hush" not in caught.value.message


@pytest.mark.parametrize(
    ("given", "stored"),
    [("{a: 1, b: [x, y]}", {"a": 1, "b": ["x", "y"]}), ("'text'", "text"), ({"a": 1}, {"a": 1})],
)
def test_ion_is_read(given: Any, stored: Any) -> None:
    assert resolve([{"id": "i", "type": "ION"}], {"i": given}).values == {"i": stored}


@pytest.mark.parametrize("given", ["1 2", "{", "{{ YWJj }}", ""])
def test_ion_that_cannot_be_kept(given: str) -> None:
    (error,) = resolve([{"id": "i", "type": "ION"}], {"i": given}).errors
    assert "Expected `ION`" in error.reason


def test_rendered_choices_become_texts() -> None:
    def rows(text: str, inputs: Mapping[str, Any]) -> Any:
        return [1, None, True, {"label": "A", "value": "a"}, {"x": 1}]

    inputs = ADAPTER.validate_python([{"id": "s", "type": "SELECT", "expression": "{{ x }}"}])
    (entry,) = resolve_inputs(inputs, {"s": "a"}, rows).entries
    assert entry.options == ("1", "true", "a", '{"x": 1}')
    assert entry.value == "a"
