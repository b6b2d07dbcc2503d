"""Namespaces that somebody has said something about, every revision of what was said (flow language 2.5).

A namespace needs no row: flows may live in one that is not stored.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from segue.domain.namespace_settings import NamespaceDefinition


class StoredNamespace(msgspec.Struct, frozen=True, kw_only=True):
    """One revision. ``revision`` counts from 1 and goes on after a deletion, so that no number means two things."""

    tenant: str
    id: str
    revision: int
    definition: NamespaceDefinition
    created_at: datetime
    """When the first revision was written."""
    updated_at: datetime


class NamespaceRepository(Protocol):
    """Namespaces by tenant and id. Ids are checked before (``segue.domain.namespaces``)."""

    async def save(
        self, tenant: str, id_: str, definition: NamespaceDefinition, at: datetime, *, create: bool = False
    ) -> StoredNamespace:
        """Write the next revision; what is the same as the latest is not written again.

        Raises ``AlreadyExistsError`` for one that is stored when it is to be created, ``ConflictError`` when others
        keep on writing it.
        """
        ...

    async def get_many(self, tenant: str, ids: Sequence[str]) -> dict[str, StoredNamespace]:
        """The latest revisions of those that are stored and not deleted."""
        ...

    async def revisions(self, tenant: str, named: Sequence[tuple[str, int]]) -> dict[str, StoredNamespace]:
        """Exactly these revisions by id, also of what was deleted since; those that exist."""
        ...

    async def ids(self, tenant: str) -> list[str]:
        """Ids of all that are stored and not deleted, sorted."""
        ...

    async def delete(self, tenant: str, id_: str, at: datetime) -> bool:
        """Forget what was said; whether there was something. Earlier revisions stay for executions that have them."""
        ...
