"""The services of expressions over values that were fetched beforehand (expression language 8.4).

A template is rendered with what is at hand; a look-up of something else raises ``Needed``, and whoever
renders fetches it, provides it here and renders again. So a renderer stays synchronous and pure, and one
mechanism serves the engine, the workers and the API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from segue.domain.kv import KvContent
from segue.domain.needs import FileInfo, HttpNeed, Needed, ValueKind, ValueNeed
from segue.expr import EvaluationError, FileReference, HttpCall, KvValue, SecretValue, Services


@dataclass(frozen=True, slots=True)
class StoredKv(KvValue):
    """A value of the KV store together with the form in which it is stored."""

    content: KvContent | None = None


Fetched = SecretValue | KvValue | FileInfo | bytes | str | list[Any] | None


class Refused(NamedTuple):
    """In place of a value that may not be had, or cannot: why."""

    reason: str


class FetchedValues:
    """Everything fetched for the renderings of one place.

    ``on_secret`` is told every secret text when a template first looks at it, so that logs can hide it.
    """

    __slots__ = ("_hidden", "_on_secret", "_values", "calls_refused", "secrets_seen")

    def __init__(self, on_secret: Callable[[str], None] | None = None) -> None:
        self._values: dict[ValueNeed | HttpNeed, Any] = {}
        self._on_secret = on_secret
        self._hidden: list[str] = []
        self.secrets_seen: set[str] = set()
        """Every secret text that was handed to a template."""
        self.calls_refused = ""
        """Why no further answer of another server is to be had, empty while there is."""

    def __contains__(self, need: ValueNeed) -> bool:
        return need in self._values

    def provide(self, values: Mapping[Any, Any]) -> None:
        """Add what was fetched; a ``Refused`` becomes an error of the template that asks."""
        self._values.update(values)

    def get(self, need: ValueNeed | HttpNeed) -> Any:
        """The value. Raises ``Needed`` until it is provided, ``EvaluationError`` when it is refused."""
        if need not in self._values:
            raise Needed(need)
        found = self._values[need]
        if isinstance(found, Refused):
            raise EvaluationError(found.reason)
        return found

    def plain(self, stored: str) -> str:
        """The plain text of what is stored encrypted. Raises as ``get``."""
        text: str = self.get(ValueNeed(ValueKind.PLAIN, stored))
        self.saw(text)
        return text

    def saw(self, text: str) -> None:
        """Note a secret that a template looks at."""
        if text and text not in self.secrets_seen:
            self.secrets_seen.add(text)
            self._hidden.append(text)
            if self._on_secret is not None:
                self._on_secret(text)

    def services(self, base: Services, *, logs: bool = False, http: bool = False) -> Services:
        """``base`` with secrets, KV store and files over these values, with the error logs when ``logs``, and with
        answers of other servers that are fetched beforehand as well when ``http``."""
        return replace(
            base,
            secrets=_Secrets(self),
            kv=_KeyValues(self),
            files=_Files(self),
            logs=self._error_logs if logs else None,
            http=self._http if http else base.http,
            hidden=self._hidden,
            derived_secret=self.saw,
        )

    def _http(self, call: HttpCall) -> Any:
        need = HttpNeed(repr(call), call)
        if self.calls_refused and need not in self._values:
            raise EvaluationError(self.calls_refused)
        return self.get(need)

    def _error_logs(self, limit: int) -> Sequence[Mapping[str, Any]]:
        lines: list[Mapping[str, Any]] = self.get(ValueNeed(ValueKind.LOGS))
        return lines[:limit]


class _Secrets:
    def __init__(self, values: FetchedValues) -> None:
        self._values = values

    def read(self, namespace: str, key: str) -> SecretValue | None:
        found: SecretValue | None = self._values.get(ValueNeed(ValueKind.SECRET, key, namespace))
        if found is not None:
            self._values.saw(found.value)
        return found

    def used(self, text: str) -> None:
        self._values.saw(text)


class _KeyValues:
    def __init__(self, values: FetchedValues) -> None:
        self._values = values

    def read(self, namespace: str, key: str) -> KvValue | None:
        found: KvValue | None = self._values.get(ValueNeed(ValueKind.KV, key, namespace))
        return found


class _Files:
    def __init__(self, values: FetchedValues) -> None:
        self._values = values

    def read(self, file: FileReference) -> bytes:
        content: bytes = self._values.get(ValueNeed(ValueKind.CONTENT, self._existing(file).uri))
        return content

    def size(self, file: FileReference) -> int:
        return self._existing(file).size

    def exists(self, file: FileReference) -> bool:
        return self._find(file) is not None

    def uri(self, file: FileReference) -> str:
        return self._existing(file).uri

    def _existing(self, file: FileReference) -> FileInfo:
        found = self._find(file)
        if found is None:
            where = f" in the namespace '{file.namespace}'" if file.kind == "namespace" else ""
            revision = f" of revision {file.revision}" if file.revision is not None else ""
            raise EvaluationError(f"There is no file '{file.path}'{revision}{where}")
        return found

    def _find(self, file: FileReference) -> FileInfo | None:
        if file.kind == "namespace":
            path = file.path.lstrip("/")
            need = ValueNeed(ValueKind.FILE, path, file.namespace, file.revision)
        else:
            need = ValueNeed(ValueKind.FILE, file.path)
        found: FileInfo | None = self._values.get(need)
        return found
