"""What a template may ask of the outside, carried by each rendering (expression language 8, 12).

Every field is optional: a function that needs a missing one raises `ServiceMissingError`. So a static
rendering, a validation or a debug endpoint cannot reach what it was not given. Services may raise `Interrupt`
to say that a value has to be fetched first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol

__all__ = [
    "NO_SERVICES",
    "FileReference",
    "Files",
    "HttpCall",
    "KeyValues",
    "KvValue",
    "SecretValue",
    "Secrets",
    "Services",
    "SubflowCall",
]


@dataclass(frozen=True, slots=True)
class SecretValue:
    """A secret as its backend keeps it; `is_masked` when ``value`` only stands in its place."""

    value: str = field(repr=False)
    metadata: Mapping[str, Any] | None = None
    is_masked: bool = False


class Secrets(Protocol):
    """Secrets of a namespace. The implementation checks access and registers values for masking."""

    def read(self, namespace: str, key: str) -> SecretValue | None:
        """The secret, or None when there is none of this key."""

    def used(self, text: str) -> None:
        """A part of a secret was handed out (a sub-key): it has to be hidden as well."""


@dataclass(frozen=True, slots=True)
class KvValue:
    """A typed value of the KV store; `expired` when its time to live is over."""

    value: Any
    expired: bool = False


class KeyValues(Protocol):
    """The KV store. The implementation checks access to foreign namespaces."""

    def read(self, namespace: str, key: str) -> KvValue | None:
        """The value in exactly this namespace, or None."""


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file that a template names, with its form already checked (8.4).

    `kind` is `namespace` (path within the files of `namespace`), `storage` (a `kestra:` URI) or `local`
    (`file:`).
    """

    kind: str
    path: str
    namespace: str
    revision: int | None = None


class Files(Protocol):
    """Namespace files, internal storage and local files. The implementation checks access."""

    def read(self, file: FileReference) -> bytes:
        """The content."""

    def size(self, file: FileReference) -> int:
        """Length in bytes."""

    def exists(self, file: FileReference) -> bool:
        """Whether there is such a file."""

    def uri(self, file: FileReference) -> str:
        """Internal URI of a namespace file."""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """Arguments of the `http` function."""

    uri: str
    method: str
    query: Mapping[str, Any]
    body: Any
    content_type: str
    headers: Mapping[str, Any]
    options: Mapping[str, Any] | None
    accept: str


@dataclass(frozen=True, slots=True)
class SubflowCall:
    """Arguments of the `subflow` function."""

    namespace: str
    flow_id: str
    inputs: Mapping[str, Any]
    revision: int | None
    labels: Mapping[str, Any]
    timeout: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What one rendering may use.

    `clock` gives the current time (aware), `entropy(n)` n random bytes, `logs(limit)` the error logs of this
    execution, `http` the decoded answer, `subflow` its result map, `free_port` a free local port,
    `holidays(date, country, subdivision)` whether that day is a public holiday.
    `jq(program, text, seconds)` runs a jq program on a JSON text where it can be stopped, and gives all its values; it
    raises `TimeoutError` when it took too long or too much memory, `ValueError` for what jq refuses.
    `hidden` are texts of the context that no message may repeat (decrypted inputs). `derived_secret` is told each text
    that a filter or function made from a secret, for masking in logs.
    """

    time_zone: str = "UTC"
    locale: str = "en_US"
    clock: Callable[[], datetime] | None = None
    entropy: Callable[[int], bytes] | None = None
    secrets: Secrets | None = None
    kv: KeyValues | None = None
    files: Files | None = None
    http: Callable[[HttpCall], Any] | None = None
    logs: Callable[[int], Sequence[Mapping[str, Any]]] | None = None
    subflow: Callable[[SubflowCall], Mapping[str, Any]] | None = None
    free_port: Callable[[], int] | None = None
    holidays: Callable[[date, str, str | None], bool] | None = None
    jq: Callable[[str, str, float], list[Any]] | None = None
    hidden: Sequence[str] = field(default=(), repr=False)
    derived_secret: Callable[[str], None] | None = None


NO_SERVICES = Services()
