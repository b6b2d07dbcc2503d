"""A catalogue of types with one known task that knows its properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from segue.domain.flow import TypeInfo

LOG = "io.kestra.plugin.core.log.Log"
OLD_LOG = "io.kestra.core.tasks.log.Log"


def check_log(properties: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    faults: list[tuple[tuple[str | int, ...], str]] = [
        ((name,), f'Unrecognized field "{name}"') for name in properties if name not in {"message", "level"}
    ]
    if "message" not in properties:
        faults.append((("message",), "must not be null"))
    return faults


class Catalogue:
    """Knows `Log` under two names; everything else in `a.` is something of unknown properties."""

    def resolve(self, type_name: str) -> TypeInfo | None:
        if type_name in {LOG, OLD_LOG}:
            return TypeInfo("task", LOG, check_log, frozenset({OLD_LOG}))
        return TypeInfo("other", type_name) if type_name.startswith("a.") else None


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()
