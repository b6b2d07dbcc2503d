"""AES-GCM as the original stores it: base64 of a nonce of 12 bytes, the ciphertext and a tag of 16 (server 3.3)."""

import base64
import binascii
import os

from segue.domain.errors import SegueError, UnavailableError

_NONCE = 12
_TAG = 16
_KEY_SIZES = (16, 24, 32)


class AesCipher:
    """See ``Cipher``."""

    def __init__(self, key: str) -> None:
        """``key`` is base64 of 16, 24 or 32 bytes.

        Raises ``SegueError`` for another, ``UnavailableError`` when the package ``cryptography`` is missing.
        """
        try:
            raw = base64.b64decode("".join(key.split()), validate=True)
        except binascii.Error:
            raise SegueError("the encryption key is no base64") from None
        if len(raw) not in _KEY_SIZES:
            raise SegueError(f"the encryption key must be base64 of 16, 24 or 32 bytes, this one has {len(raw)}")
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise UnavailableError(
                "encryption needs the Python package 'cryptography': pip install segue[crypto]"
            ) from None
        self._aes = AESGCM(raw)

    def encrypt(self, text: str) -> str:
        """See ``Cipher.encrypt``."""
        nonce = os.urandom(_NONCE)
        return base64.b64encode(nonce + self._aes.encrypt(nonce, text.encode(), None)).decode("ascii")

    def decrypt(self, stored: str) -> str:
        """See ``Cipher.decrypt``."""
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(stored, validate=True)
            if len(raw) < _NONCE + _TAG:
                raise ValueError
            return self._aes.decrypt(raw[:_NONCE], raw[_NONCE:], None).decode("utf-8")
        except (ValueError, InvalidTag):  # binascii and unicode errors are ValueErrors
            raise SegueError("A stored secret cannot be decrypted: it was encrypted with another key") from None
