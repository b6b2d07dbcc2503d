"""Encryption of what is stored secret: SECRET inputs and outputs (flow language 4.3, expression language 10.2)."""

from typing import Protocol


class Cipher(Protocol):
    """Encrypts texts with the key of this installation."""

    def encrypt(self, text: str) -> str:
        """Base64 of a random nonce, the ciphertext and its tag: never the same twice."""
        ...

    def decrypt(self, stored: str) -> str:
        """The text. Raises ``SegueError`` for what was not encrypted with this key."""
        ...
