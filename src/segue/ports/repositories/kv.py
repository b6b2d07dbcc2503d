"""The KV store: typed values by tenant, namespace and key (flow language 14.1)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from segue.domain.kv import KvContent
from segue.ports.repositories.paging import Page, PageRequest

KEPT_VERSIONS = 100
"""Versions of one key that are kept; the oldest go when a newer one is written."""


class KvEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a key. ``version`` counts from 1 within the life of the key."""

    tenant: str
    namespace: str
    key: str
    content: KvContent
    version: int
    created_at: datetime
    """When the first version was written."""
    updated_at: datetime
    description: str | None = None
    expires_at: datetime | None = None

    def is_expired(self, now: datetime) -> bool:
        """Whether its time to live is over."""
        return self.expires_at is not None and self.expires_at <= now


class KvWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written. ``overwrite`` false refuses a key that is there and not expired."""

    tenant: str
    namespace: str
    key: str
    content: KvContent
    at: datetime
    description: str | None = None
    expires_at: datetime | None = None
    overwrite: bool = True
    after_version: int | None = None
    """Only right after this version, 0 for a key that is not there; otherwise ``ConflictError``."""


class KvQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries to list: the latest versions, expired ones included unless ``alive_at`` is given."""

    tenant: str
    namespaces: tuple[str, ...] = ()
    namespace_prefix: str | None = None
    """This namespace and those below it."""
    text: str | None = None
    """Part of the key, whatever the case."""
    key_prefix: str | None = None
    key_after: str | None = None
    """Only keys after this one."""
    alive_at: datetime | None = None
    page: PageRequest = PageRequest()


class KvRepository(Protocol):
    """Values by key. Keys and values are checked before (``segue.domain.kv``)."""

    async def get_many(self, tenant: str, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], KvEntry]:
        """The latest versions by ``(namespace, key)``, expired ones included; those that exist."""
        ...

    async def get(self, tenant: str, namespace: str, key: str, version: int | None = None) -> KvEntry | None:
        """One version, the latest by default; expired ones included."""
        ...

    async def put(self, write: KvWrite) -> KvEntry:
        """Write the next version. Raises ``AlreadyExistsError`` (see ``KvWrite.overwrite``), ``ConflictError``."""
        ...

    async def delete(
        self, tenant: str, namespace: str, keys: Sequence[str], *, expired_at: datetime | None = None
    ) -> list[str]:
        """Remove keys with all their versions; those that there were, expired ones included.

        ``expired_at``: only those whose time is over then.
        """
        ...

    async def forget_versions(
        self,
        tenant: str,
        namespace: str,
        keys: Sequence[str],
        *,
        keep: int | None = None,
        before: datetime | None = None,
    ) -> int:
        """Remove old versions of keys, all but the newest ``keep`` or those written ``before``; how many.

        The latest version of a key always stays.
        """
        ...

    async def search(self, query: KvQuery) -> Page[KvEntry]:
        """Latest versions that match.

        Sortable: ``namespace``, ``key``, ``description``, ``created``, ``updated``, ``expires``.
        """
        ...
