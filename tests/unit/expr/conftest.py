"""Services and an engine for the tests of expressions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from segue.expr import Engine, FileReference, KvValue, SecretValue, Services

NOW = datetime(2024, 3, 5, 14, 7, 9, 123456, tzinfo=UTC)


class MapSecrets:
    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def read(self, namespace: str, key: str) -> SecretValue | None:
        value = self.values.get(key.upper())
        return None if value is None else SecretValue(value)

    def used(self, text: str) -> None:
        pass


class MapKeyValues:
    def __init__(self, values: Mapping[tuple[str, str], Any]) -> None:
        self.values = values

    def read(self, namespace: str, key: str) -> KvValue | None:
        return KvValue(self.values[namespace, key]) if (namespace, key) in self.values else None


class MapFiles:
    def __init__(self, values: Mapping[tuple[str, str], bytes]) -> None:
        self.values = values

    def read(self, file: FileReference) -> bytes:
        return self.values[file.namespace, file.path]

    def size(self, file: FileReference) -> int:
        return len(self.read(file))

    def exists(self, file: FileReference) -> bool:
        return (file.namespace, file.path) in self.values

    def uri(self, file: FileReference) -> str:
        return f"kestra:///{file.namespace.replace('.', '/')}/_files/{file.path}"


class Counter:
    """Reproducible bytes: every byte value once in turn."""

    def __init__(self) -> None:
        self.next = 0

    def __call__(self, size: int) -> bytes:
        start = self.next
        self.next += size
        return bytes((start + index) % 256 for index in range(size))


STORAGE_FILE = "kestra:///company/team/f1/executions/e1/tasks/t/r/out.json"


@pytest.fixture
def services() -> Services:
    return Services(
        clock=lambda: NOW,
        entropy=Counter(),
        secrets=MapSecrets({"API": "s3cr3t", "CFG": '{"user":"bob","opt":{"a":1}}'}),
        kv=MapKeyValues(
            {
                ("company.team", "name"): "ada",
                ("company.team", "cfg"): {"a": [1, 2]},
                ("company", "up"): "parent",
                ("other.ns", "o"): 5,
            }
        ),
        files=MapFiles(
            {
                ("company.team", "data/hello.txt"): b"hi\n",
                ("company.team", "empty.txt"): b"",
                ("company.team", STORAGE_FILE): b'{"x":1}',
            }
        ),
    )


@pytest.fixture
def run_context() -> dict[str, Any]:
    return {
        "flow": {"tenantId": "main", "namespace": "company.team", "id": "f1", "revision": 1},
        "execution": {"id": "e1"},
    }


@pytest.fixture(scope="session")
def engine() -> Engine:
    return Engine()
