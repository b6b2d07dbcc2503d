"""Namespaces, every revision of them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import encode, from_micros, storable, to_micros
from segue.adapters.databases.sql.lanes import Lanes
from segue.domain.errors import AlreadyExistsError, ConflictError
from segue.domain.namespace_settings import NamespaceDefinition
from segue.ports.repositories.namespaces import StoredNamespace

Written = TypeVar("Written")

_NAMESPACES = tables.namespaces
_C = _NAMESPACES.c
_TRIES = 8
_decode = msgspec.json.Decoder(NamespaceDefinition).decode


class SqlNamespaces:
    """See ``NamespaceRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def save(
        self, tenant: str, id_: str, definition: NamespaceDefinition, at: datetime, *, create: bool = False
    ) -> StoredNamespace:
        """See ``NamespaceRepository.save``."""

        def work(connection: sa.Connection) -> StoredNamespace:
            newest = _newest(connection, tenant, id_)
            exists = newest is not None and not newest.deleted
            if create and exists:
                raise AlreadyExistsError(f"the namespace '{id_}' exists already")
            if newest is not None and exists and newest.body == encode(definition):
                return _namespace(newest)
            return _insert(connection, tenant, id_, definition, at, newest)

        return await self._retried(work, id_)

    async def get_many(self, tenant: str, ids: Sequence[str]) -> dict[str, StoredNamespace]:
        """See ``NamespaceRepository.get_many``."""
        if not ids:
            return {}
        names = [storable(id_) for id_ in ids]
        statement = sa.select(_NAMESPACES).where(
            _C.tenant == storable(tenant), _C.id.in_(names), _C.latest, sa.not_(_C.deleted)
        )
        return await self._read(statement)

    async def revisions(self, tenant: str, named: Sequence[tuple[str, int]]) -> dict[str, StoredNamespace]:
        """See ``NamespaceRepository.revisions``."""
        if not named:
            return {}
        wanted = sa.or_(*(sa.and_(_C.id == storable(id_), _C.revision == revision) for id_, revision in named))
        return await self._read(sa.select(_NAMESPACES).where(_C.tenant == storable(tenant), wanted))

    async def ids(self, tenant: str) -> list[str]:
        """See ``NamespaceRepository.ids``."""
        statement = (
            sa.select(_C.id).where(_C.tenant == storable(tenant), _C.latest, sa.not_(_C.deleted)).order_by(_C.id)
        )
        return await self._lanes.search(lambda connection: list(connection.execute(statement).scalars()))

    async def delete(self, tenant: str, id_: str, at: datetime) -> bool:
        """See ``NamespaceRepository.delete``."""

        def work(connection: sa.Connection) -> bool:
            newest = _newest(connection, tenant, id_)
            if newest is None or newest.deleted:
                return False
            _insert(connection, tenant, id_, NamespaceDefinition(), at, newest, deleted=True)
            return True

        return await self._retried(work, id_)

    async def _read(self, statement: sa.Select[Any]) -> dict[str, StoredNamespace]:
        rows = await self._lanes.search(lambda connection: list(connection.execute(statement)))
        return {row.id: _namespace(row) for row in rows}

    async def _retried(self, work: Callable[[sa.Connection], Written], id_: str) -> Written:
        """Two who write at once choose the same revision: the second of them chooses again."""
        for _ in range(_TRIES):
            try:
                return await self._lanes.write_core(work)
            except IntegrityError:
                continue
        raise ConflictError(f"the namespace '{id_}' is being written by others all the time: try again")


def _newest(connection: sa.Connection, tenant: str, id_: str) -> Any:
    statement = sa.select(_NAMESPACES).where(_C.tenant == storable(tenant), _C.id == storable(id_))
    return connection.execute(statement.order_by(_C.revision.desc()).limit(1)).first()


def _insert(
    connection: sa.Connection,
    tenant: str,
    id_: str,
    definition: NamespaceDefinition,
    at: datetime,
    newest: Any,
    *,
    deleted: bool = False,
) -> StoredNamespace:
    is_new = newest is None or (newest.deleted and not deleted)
    stored = StoredNamespace(
        tenant=tenant,
        id=id_,
        revision=1 if newest is None else newest.revision + 1,
        definition=definition,
        created_at=at if is_new else from_micros(newest.created_at),
        updated_at=at,
    )
    same = sa.and_(_C.tenant == storable(tenant), _C.id == storable(id_))
    connection.execute(sa.update(_NAMESPACES).where(same, _C.latest).values(latest=False))
    connection.execute(
        sa.insert(_NAMESPACES).values(
            tenant=storable(tenant),
            id=storable(id_),
            revision=stored.revision,
            latest=True,
            deleted=deleted,
            body=encode(definition),
            created_at=to_micros(stored.created_at),
            updated_at=to_micros(at),
        )
    )
    return stored


def _namespace(row: Any) -> StoredNamespace:
    return StoredNamespace(
        tenant=row.tenant,
        id=row.id,
        revision=row.revision,
        definition=_decode(row.body),
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
    )
