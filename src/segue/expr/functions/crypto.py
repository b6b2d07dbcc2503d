"""`encrypt` and `decrypt`: AES-GCM with the key itself as argument (expression language 8.1)."""

from __future__ import annotations

import binascii
import importlib
from base64 import b64decode, b64encode
from typing import Any

from segue.expr.callables import Table
from segue.expr.errors import EvaluationError, PackageMissingError, ServiceMissingError
from segue.expr.runtime import State
from segue.expr.text import java_text
from segue.expr.values import ABSENT

__all__ = ["TABLE"]

TABLE = Table()
_VECTOR = 12


def _cipher(function: str, key: Any) -> Any:
    try:
        raw = b64decode(java_text(key), validate=True)
    except (binascii.Error, ValueError):
        raise EvaluationError(f"The '{function}' function expects a key in base64.") from None
    if len(raw) not in (16, 24, 32):
        raise EvaluationError(f"The '{function}' function expects a key of 16, 24 or 32 bytes.")
    try:
        aead = importlib.import_module("cryptography.hazmat.primitives.ciphers.aead")
    except ImportError:
        raise PackageMissingError(f"The '{function}' function", "cryptography") from None
    return aead.AESGCM(raw)


@TABLE.add("encrypt", "key", "plaintext", state=True)
def encrypt(state: State, key: Any = ABSENT, plaintext: Any = ABSENT) -> Any:
    """A text encrypted with AES-GCM.

    Args:
        key (text): 16, 24 or 32 bytes in base64: the key itself, not the name of one.
        plaintext (text): What is encrypted.

    Returns:
        text: Base64 of a random vector, the cipher text and its tag; an empty text and null as they are.

    Raises:
        EvaluationError: an argument is absent, or the key is none.
        ServiceMissingError: there is no source of chance here.
        PackageMissingError: the package `cryptography` is not installed.

    Available: 1.x, 2.0

    Examples:
        {{ decrypt(vars.key, encrypt(vars.key, 'hi')) }} -> hi
    """
    if key is ABSENT or plaintext is ABSENT:
        raise EvaluationError("The 'encrypt' function expects two arguments 'key' and 'plaintext'.")
    if plaintext is None or plaintext == "":
        return plaintext
    cipher = _cipher("encrypt", key)
    if state.services.entropy is None:
        raise ServiceMissingError("encrypt", "entropy")
    vector = state.services.entropy(_VECTOR)
    return b64encode(vector + cipher.encrypt(vector, java_text(plaintext).encode(), None)).decode("ascii")


@TABLE.add("decrypt", "key", "encrypted")
def decrypt(key: Any = ABSENT, encrypted: Any = ABSENT) -> Any:
    """The text that `encrypt` made something of.

    Args:
        key (text): The key that was used, in base64.
        encrypted (text): The result of `encrypt`.

    Returns:
        text: An empty text and null as they are.

    Raises:
        EvaluationError: an argument is absent, the key is none, or the text was not encrypted with it.
        PackageMissingError: the package `cryptography` is not installed.

    Available: 1.x, 2.0

    Examples:
        {{ decrypt(vars.key, encrypt(vars.key, 'hi')) }} -> hi
        {{ decrypt(vars.key, 'bm90IGVuY3J5cHRlZCBhdCBhbGwsIHJlYWxseQ==') }} -> error: could not decrypt the text
    """
    if key is ABSENT or encrypted is ABSENT:
        raise EvaluationError("The 'decrypt' function expects two arguments 'key' and 'encrypted'.")
    if encrypted is None or encrypted == "":
        return encrypted
    cipher = _cipher("decrypt", key)
    try:
        raw = b64decode(java_text(encrypted), validate=True)
        plain: str = cipher.decrypt(raw[:_VECTOR], raw[_VECTOR:], None).decode()
    except Exception as error:
        raise EvaluationError("The 'decrypt' function could not decrypt the text with this key.") from error
    return plain
