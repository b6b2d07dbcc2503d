"""Secrets from the environment, and the encryption of what is stored secret."""

import base64
import logging

import pytest

from segue.adapters.secrets.aes import AesCipher
from segue.adapters.secrets.environment import EnvironmentSecrets
from segue.domain.errors import SegueError

KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_names_do_not_depend_on_case_and_line_breaks_are_ignored():
    lines = base64.encodebytes(("long secret " * 20).encode()).decode()
    secrets = EnvironmentSecrets(
        {"SECRET_API_key": encoded("hush"), "SECRET_LONG": lines, "OTHER": "x", "SECRET_": "x"}
    )
    found = await secrets.read("main", "any", "api_Key")
    assert found is not None
    assert found.value == "hush"
    assert "hush" not in repr(found)
    long = await secrets.read("main", "any", "LONG")
    assert long is not None
    assert long.value == "long secret " * 20
    assert await secrets.read("main", "any", "other") is None
    assert await secrets.keys("main", "any") == ["API_KEY", "LONG"]


async def test_what_cannot_be_decoded_is_left_out_and_told(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        secrets = EnvironmentSecrets(
            {"SECRET_A": "not base64!", "SECRET_B": base64.b64encode(b"\xff\xfe\xfd").decode()}
        )
    assert await secrets.keys("main", "n") == []
    assert "SECRET_A" in caplog.text
    assert "not base64!" not in caplog.text


async def test_another_prefix():
    secrets = EnvironmentSecrets({"MY_X": encoded("1"), "SECRET_X": encoded("2")}, "MY_")
    found = await secrets.read("main", "n", "x")
    assert found is not None
    assert found.value == "1"


@pytest.mark.parametrize("text", ["", "x", "ünï 😀", "a" * 100_000])
def test_what_is_encrypted_comes_back(text: str):
    cipher = AesCipher(KEY)
    stored = cipher.encrypt(text)
    assert stored != cipher.encrypt(text), "each with a nonce of its own"
    assert len(base64.b64decode(stored)) == 12 + len(text.encode()) + 16
    assert AesCipher(KEY).decrypt(stored) == text


def test_the_form_is_that_of_the_expression_language():
    from segue.expr import Engine, Services

    engine = Engine()
    stored = engine.render("{{ encrypt(key, 'hush') }}", {"key": KEY}, Services(entropy=lambda n: b"n" * n))
    assert stored is not None
    assert AesCipher(KEY).decrypt(stored) == "hush"
    assert engine.render("{{ decrypt(key, s) }}", {"key": KEY, "s": AesCipher(KEY).encrypt("x")}) == "x"


@pytest.mark.parametrize("stored", ["", "AAAA", "no base64!", base64.b64encode(b"x" * 40).decode()])
def test_what_was_not_encrypted_here(stored: str):
    with pytest.raises(SegueError, match="cannot be decrypted"):
        AesCipher(KEY).decrypt(stored)


@pytest.mark.parametrize("key", ["", "c2hvcnQ=", "no base64!", base64.b64encode(b"x" * 33).decode()])
def test_keys_that_are_none(key: str):
    with pytest.raises(SegueError, match="encryption key"):
        AesCipher(key)
