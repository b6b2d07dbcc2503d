"""KV entries and secrets on the wire (REST API 6.6)."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from segue.domain.kv import KvType
from segue.ports.repositories.kv import KvEntry


class ApiKvEntry(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a list says of a key: no value. ``version`` is for clients of 1.x, ``revision`` for those of 2.0."""

    namespace: str
    key: str
    version: int
    revision: int
    creation_date: datetime
    update_date: datetime
    description: str | UnsetType = UNSET
    expiration_date: datetime | UnsetType = UNSET


class ApiKvDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A value with its type."""

    type: KvType
    value: Any
    version: int
    revision: int
    updated: datetime


class ApiSecret(msgspec.Struct, frozen=True):
    """A key. Values never leave the server."""

    key: str


class SecretPage(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A page of keys; ``read_only`` tells clients that they cannot be changed here."""

    results: list[ApiSecret]
    total: int
    read_only: bool = True


class Keys(msgspec.Struct, frozen=True):
    """Keys to delete, and those that were deleted."""

    keys: list[str]


def wire_entry(entry: KvEntry) -> ApiKvEntry:
    """An entry as lists show it."""
    return ApiKvEntry(
        namespace=entry.namespace,
        key=entry.key,
        version=entry.version,
        revision=entry.version,
        creation_date=entry.created_at,
        update_date=entry.updated_at,
        description=UNSET if entry.description is None else entry.description,
        expiration_date=UNSET if entry.expires_at is None else entry.expires_at,
    )


def wire_detail(entry: KvEntry) -> ApiKvDetail:
    """An entry with its value."""
    return ApiKvDetail(
        type=entry.content.type,
        value=entry.content.value,
        version=entry.version,
        revision=entry.version,
        updated=entry.updated_at,
    )
