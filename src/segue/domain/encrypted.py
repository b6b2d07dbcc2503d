"""Values that are stored encrypted: secret inputs, and outputs that a plugin or flow declares secret.

The form in which they are stored is that of the original (expression language 10.2); templates of tasks see
the plain text (10.3), everybody else what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

ENCRYPTED_TYPE = "io.kestra.datatype:aes_encrypted"


def encrypted(stored: str) -> dict[str, str]:
    """The form in which an encrypted text is kept among inputs and outputs."""
    return {"type": ENCRYPTED_TYPE, "value": stored}


def is_encrypted(value: Any) -> bool:
    """Whether ``value`` has that form."""
    return (
        isinstance(value, Mapping)
        and len(value) == 2
        and value.get("type") == ENCRYPTED_TYPE
        and isinstance(value.get("value"), str)
    )


def holds_encrypted(value: Any) -> bool:
    """Whether anything inside maps and lists is encrypted."""
    if isinstance(value, Mapping):
        return is_encrypted(value) or any(holds_encrypted(item) for item in value.values())
    return isinstance(value, list | tuple) and any(holds_encrypted(item) for item in value)


def revealed(value: Any, plain: Callable[[str], str]) -> Any:
    """``value`` with plain texts in place of encrypted ones; each is asked for when it is looked at."""
    if isinstance(value, Mapping):
        if is_encrypted(value):
            return plain(value["value"])
        return _Revealing(value, plain) if holds_encrypted(value) else value
    if isinstance(value, list | tuple) and holds_encrypted(value):
        return [revealed(item, plain) for item in value]
    return value


class _Revealing(Mapping[str, Any]):
    """A map whose encrypted values are decrypted when they are looked at."""

    __slots__ = ("_content", "_plain")

    def __init__(self, content: Mapping[str, Any], plain: Callable[[str], str]) -> None:
        self._content = content
        self._plain = plain

    def __getitem__(self, key: str) -> Any:
        return revealed(self._content[key], self._plain)

    def __contains__(self, key: object) -> bool:
        return key in self._content

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)
