"""What a rendering needs that is not at hand: fetched by whoever renders, who then renders again (design D1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from segue.expr import HttpCall, Interrupt


class ValueKind(StrEnum):
    """What is looked for."""

    SECRET = "SECRET"  # noqa: S105  the name of a kind
    """``key`` in ``namespace``: a ``SecretValue``, or None."""
    KV = "KV"
    """``key`` in exactly ``namespace``: a ``KvValue``, or None."""
    FILE = "FILE"
    """The file ``key``, a path within the files of ``namespace`` or a URI: a ``FileInfo``, or None."""
    CONTENT = "CONTENT"
    """The bytes of the URI ``key``."""
    LOGS = "LOGS"
    """Error lines of the execution."""
    PLAIN = "PLAIN"
    """The plain text of what is stored encrypted as ``key``."""
    CIPHER = "CIPHER"
    """The plain text ``key`` encrypted, to be stored. Asked for by tasks, never by templates."""


class ValueNeed(NamedTuple):
    """One value that a template asked for. Hashable: the key under which it is kept once it is fetched."""

    kind: ValueKind
    key: str = ""
    namespace: str = ""
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class HttpNeed:
    """The answer of another server, for those who must not wait for it where they render. Equal by ``key``.

    Neither is shown: addresses and headers may hold secrets.
    """

    key: str = field(repr=False)
    call: HttpCall = field(compare=False, repr=False)


class FileInfo(NamedTuple):
    """Where a file lies in internal storage, and its size in bytes."""

    uri: str
    size: int


class Needed(Interrupt):
    """Something is not at hand: fetch ``needs`` and come again. Passes through the expression language untouched."""

    def __init__(self, *needs: Any) -> None:
        super().__init__(", ".join(map(str, needs)))
        self.needs: tuple[Any, ...] = needs
