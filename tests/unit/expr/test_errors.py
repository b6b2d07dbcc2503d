"""Errors say where, what, what instead, and what there is; and never a secret."""

from __future__ import annotations

from typing import Any

import pytest

from segue.expr import Engine, ExpressionError, SecretValue, Services

CONTEXT: dict[str, Any] = {
    "outputs": {"task": {"uri": "x"}},
    "inputs": {"count": 3, "name": "ada"},
    "l": [1, 2],
    "s": "text",
}


def failure(text: str, services: Services | None = None, context: dict[str, Any] | None = None) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        Engine().render(text, CONTEXT if context is None else context, services)
    return caught.value


@pytest.mark.parametrize(
    ("text", "place", "piece", "suggestion"),
    [
        ("{{ input.name }}", (1, 4), "input", "inputs"),
        ("{{ outputs.taks }}", (1, 12), "taks", "outputs.task"),
        ("{{ outputs.task.url }}", (1, 17), "url", "outputs.task.uri"),
        ("{{ outputs['taks'].uri }}", (1, 11), "taks", "outputs.task"),
        ("ab\n{{ inputs.cuont + 1 }}", (2, 17), "cuont", "inputs.count"),
        ("{% if inputs.cuont %}{% endif %}", (1, 14), "cuont", "inputs.count"),
        ("{{ s.toUppercase() }}", (1, 6), "toUppercase", "toUpperCase()"),
        ("{{ s | uper }}", (1, 6), "uper", "upper"),
        ("\r\n{{ fromJSON('1') }}", (2, 4), "fromJSON", "fromJson"),
        ("{{ s is emty }}", (1, 6), "emty", "empty"),
        ("{{ s | date(formt='iso') }}", (1, 6), "formt", "format"),
        ("{{ render(tRender='x') }}", (1, 4), "tRender", "toRender"),
        ("{% fro x in l %}", (1, 4), "fro", "for"),
        ("{{ s | abbreviate('x') }}", (1, 6), "abbreviate", ""),
        ("{{ 1 / 0 }}", (1, 6), "/", ""),
        ("{{ render('{{ inputs.cuont }}') }}", (1, 4), "cuont", "inputs.count"),
    ],
)
def test_place_piece_and_suggestion(text: str, place: tuple[int, int], piece: str, suggestion: str) -> None:
    error = failure(text)
    assert (error.line, error.column) == place
    assert (error.piece, error.suggestion) == (piece, suggestion)
    assert not suggestion or f"did you mean `{suggestion}`?" in str(error)


def test_available_names_are_bounded() -> None:
    error = failure("{{ outputs.nope }}", context={"outputs": {f"task{n}": 1 for n in range(500)} | {"x" * 900: 1}})
    assert error.available == [f"task{n}" for n in range(20)]
    assert failure("{{ nope }}").available == ["outputs", "inputs", "l", "s"]
    assert failure("{{ l[7] }}").available == ["0 to 1"]
    assert "length" in failure("{{ s.nope }}").available
    assert "abbreviate" in failure("{{ s | nope }}").available
    assert failure("{{ s | date(nope=1) }}").available == ["existingFormat", "format", "locale", "timeZone"]
    assert "for" in failure("{% nope %}").available


def test_a_long_template_is_cut_in_messages() -> None:
    assert len(str(failure("{{ nope }}" + "x" * 100_000))) < 2000


class Secrets:
    def used(self, value: str) -> None:
        pass

    def read(self, namespace: str, key: str) -> SecretValue | None:
        return SecretValue({"TOKEN": "Tr0ub4dor-Horse", "JSON": '{"user":"battery-staple"}'}[key])


@pytest.mark.parametrize(
    "made",
    [
        "secret('TOKEN')",
        "secret('TOKEN') ~ ''",
        "secret('TOKEN') | upper",
        "secret('TOKEN') | lower",
        "secret('TOKEN') | base64encode",
        "('user:' ~ secret('TOKEN')) | base64encode",
        "secret('TOKEN') | urlencode | upper",
        "secret('TOKEN') | slice(0, 8)",
        "secret('TOKEN') | substringBefore('-')",
        "secret('TOKEN') | sha256",
        "secret('TOKEN').toUpperCase()",
        "(secret('TOKEN') | split('-'))[1]",
        "secret('JSON', subkey='user')",
        "fromJson(secret('JSON')).user | upper",
        "secret('TOKEN') | replace({'-': '_'})",
        "inputs.password",
        "inputs.password | upper",
        "'%s!' | format(inputs.password) | lower",
    ],
)
@pytest.mark.parametrize(
    "use", ["({}) | date", "l[{}]", "({}) - 1", "fromJson({})", "[{}] | date", "inputs[{}]", "render({} ~ '{{{{ x')"]
)
def test_no_error_shows_a_secret_or_a_text_made_of_one(made: str, use: str) -> None:
    told: list[str] = []
    services = Services(secrets=Secrets(), hidden=("Correct+Horse",), derived_secret=told.append)
    context = {**CONTEXT, "inputs": {"password": "Correct+Horse"}}
    plain = Engine().render("{{ " + made + " }}", context, services)
    assert plain
    error = failure("{{ " + use.format(made) + " }}", services, context)
    texts = [str(error), error.message, error.piece, error.suggestion, repr(error), *error.available]
    assert not [text for text in texts if plain in text]
    assert error.__cause__ is None
    known = ("Tr0ub4dor-Horse", "battery-staple", "Correct+Horse")
    assert plain in told or any(secret in plain for secret in known)


def test_the_printed_context_hides_decrypted_inputs() -> None:
    services = Services(hidden=("Correct+Horse",))
    rendered = Engine().render("{{ printContext() }}", {"inputs": {"p": "Correct+Horse", "n": 1}}, services)
    assert rendered == '{"inputs":{"p":"******","n":1}}'


def test_ordinary_texts_are_not_taken_for_secrets() -> None:
    told: list[str] = []
    services = Services(secrets=Secrets(), derived_secret=told.append)
    assert Engine().render(
        "{{ secret('TOKEN') | length }} {{ s | upper }} {{ 'abcdef' | base64encode }}", CONTEXT, services
    )
    assert told == []
