"""The KV store, every version of a key."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import encode, from_micros, storable, to_micros
from segue.adapters.databases.sql.conditions import contains_any_case, in_namespace, page_of
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.statements import Row, Statement
from segue.domain.errors import AlreadyExistsError, ConflictError
from segue.domain.kv import KvContent
from segue.ports.repositories.kv import KEPT_VERSIONS, KvEntry, KvQuery, KvWrite
from segue.ports.repositories.paging import Page

_KV = tables.kv
_COLUMNS = (
    "tenant", "namespace", "key", "version", "content", "description", "created_at", "updated_at", "expires_at",
)  # fmt: skip
_FIELDS = [_KV.c[name] for name in _COLUMNS]
_GET = Statement(
    "kv.get",
    f"SELECT {', '.join(_COLUMNS)} FROM kv "  # noqa: S608  our names
    "WHERE tenant = :tenant AND namespace = EACH(:namespaces) AND key = EACH(:keys) AND latest",
)
_SORTABLE: dict[str, sa.ColumnElement[Any]] = {
    "namespace": _KV.c.namespace,
    "key": _KV.c.key,
    "description": _KV.c.description,
    "created": _KV.c.created_at,
    "updated": _KV.c.updated_at,
    "expires": _KV.c.expires_at,
}
_TRIES = 8
_decode = msgspec.json.Decoder(KvContent).decode


class SqlKv:
    """See ``KvRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def get_many(self, tenant: str, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], KvEntry]:
        """See ``KvRepository.get_many``."""
        wanted = {(storable(namespace), storable(key)) for namespace, key in names}
        if not wanted:
            return {}
        values = {
            "tenant": storable(tenant),
            "namespaces": sorted({namespace for namespace, _ in wanted}),
            "keys": sorted({key for _, key in wanted}),
        }
        rows = await self._lanes.read(lambda transaction: transaction.fetch(_GET, **values))
        entries = [_entry(row) for row in rows]
        return {name: entry for entry in entries if (name := (entry.namespace, entry.key)) in wanted}

    async def get(self, tenant: str, namespace: str, key: str, version: int | None = None) -> KvEntry | None:
        """See ``KvRepository.get``."""
        if version is None:
            return (await self.get_many(tenant, [(namespace, key)])).get((namespace, key))
        statement = _of(tenant, namespace, key).where(_KV.c.version == version)
        row = await self._lanes.search(lambda connection: connection.execute(statement).first())
        return None if row is None else _entry(tuple(row))

    async def put(self, write: KvWrite) -> KvEntry:
        """See ``KvRepository.put``."""

        def work(connection: sa.Connection) -> KvEntry:
            latest = connection.execute(_of(write.tenant, write.namespace, write.key).where(_KV.c.latest)).first()
            before = None if latest is None else _entry(tuple(latest))
            if before is not None and not write.overwrite and not before.is_expired(write.at):
                raise AlreadyExistsError(f"the key '{write.key}' exists already in the namespace '{write.namespace}'")
            if write.after_version is not None and (before.version if before is not None else 0) != write.after_version:
                raise ConflictError(f"the key '{write.key}' was written by another meanwhile")
            return _insert(connection, write, before)

        return await self._retried(work, write)

    async def _retried(self, work: Callable[[sa.Connection], KvEntry], write: KvWrite) -> KvEntry:
        """Two who write at once choose the same version: the second of them chooses again."""
        for _ in range(_TRIES):
            try:
                return await self._lanes.write_core(work)
            except IntegrityError:
                continue
        raise ConflictError(f"the key '{write.key}' is being written by others all the time: try again")

    async def delete(
        self, tenant: str, namespace: str, keys: Sequence[str], *, expired_at: datetime | None = None
    ) -> list[str]:
        """See ``KvRepository.delete``."""
        latest = sa.select(_KV.c.key).where(_keys(tenant, namespace, keys), _KV.c.latest)
        if expired_at is not None:
            latest = latest.where(_KV.c.expires_at <= to_micros(expired_at))

        def work(connection: sa.Connection) -> list[str]:
            found = set(connection.execute(latest.with_for_update()).scalars())
            connection.execute(sa.delete(_KV).where(_keys(tenant, namespace, sorted(found))))
            return [key for key in dict.fromkeys(keys) if key in found]

        return await self._lanes.write_core(work) if keys else []

    async def forget_versions(
        self,
        tenant: str,
        namespace: str,
        keys: Sequence[str],
        *,
        keep: int | None = None,
        before: datetime | None = None,
    ) -> int:
        """See ``KvRepository.forget_versions``."""
        rank = sa.func.row_number().over(partition_by=_KV.c.key, order_by=_KV.c.version.desc())
        ranked = sa.select(_KV.c.key, _KV.c.version, _KV.c.latest, _KV.c.updated_at, rank.label("rank"))
        rows = ranked.where(_keys(tenant, namespace, keys)).subquery()
        old: list[sa.ColumnElement[bool]] = [sa.not_(rows.c.latest)]
        if keep is not None:
            old.append(rows.c.rank > keep)
        if before is not None:
            old.append(rows.c.updated_at < to_micros(before))
        chosen = sa.select(rows.c.key, rows.c.version).where(*old)
        statement = sa.delete(_KV).where(
            _keys(tenant, namespace, keys), sa.not_(_KV.c.latest), sa.tuple_(_KV.c.key, _KV.c.version).in_(chosen)
        )
        return await self._lanes.write_core(lambda connection: connection.execute(statement).rowcount) if keys else 0

    async def search(self, query: KvQuery) -> Page[KvEntry]:
        """See ``KvRepository.search``. A sort field that is not known is left out."""
        columns = _KV.c
        conditions: list[sa.ColumnElement[bool]] = [columns.tenant == storable(query.tenant), columns.latest]
        if query.namespaces:
            conditions.append(columns.namespace.in_([storable(name) for name in query.namespaces]))
        if query.namespace_prefix is not None:
            conditions.append(in_namespace(columns.namespace, query.namespace_prefix))
        if query.text is not None:
            conditions.append(contains_any_case((columns.key,), query.text))
        if query.key_prefix is not None:
            prefix = storable(query.key_prefix)
            conditions.append(sa.func.substr(columns.key, 1, len(prefix)) == prefix)
        if query.key_after is not None:
            conditions.append(columns.key > storable(query.key_after))
        if query.alive_at is not None:
            conditions.append(sa.or_(columns.expires_at.is_(None), columns.expires_at > to_micros(query.alive_at)))
        order = [
            _SORTABLE[field].asc() if ascending else _SORTABLE[field].desc()
            for field, ascending in query.page.sort
            if field in _SORTABLE
        ]
        statement = sa.select(*_FIELDS).where(*conditions).order_by(*order, columns.namespace, columns.key)
        rows, total = await self._lanes.search(page_of(statement, query.page))
        return Page([_entry(tuple(row)) for row in rows], total)


def _keys(tenant: str, namespace: str, keys: Sequence[str]) -> sa.ColumnElement[bool]:
    return sa.and_(
        _KV.c.tenant == storable(tenant),
        _KV.c.namespace == storable(namespace),
        _KV.c.key.in_([storable(key) for key in keys]),
    )


def _of(tenant: str, namespace: str, key: str) -> sa.Select[Any]:
    return sa.select(*_FIELDS).where(
        _KV.c.tenant == storable(tenant), _KV.c.namespace == storable(namespace), _KV.c.key == storable(key)
    )


def _insert(connection: sa.Connection, write: KvWrite, before: KvEntry | None) -> KvEntry:
    version = 1 if before is None else before.version + 1
    same = sa.and_(_KV.c.tenant == write.tenant, _KV.c.namespace == write.namespace, _KV.c.key == write.key)
    if before is not None:
        connection.execute(sa.update(_KV).where(same, _KV.c.latest).values(latest=False))
        connection.execute(sa.delete(_KV).where(same, _KV.c.version <= version - KEPT_VERSIONS))
    entry = KvEntry(
        tenant=write.tenant,
        namespace=write.namespace,
        key=write.key,
        content=write.content,
        version=version,
        created_at=write.at if before is None else before.created_at,
        updated_at=write.at,
        description=write.description,
        expires_at=write.expires_at,
    )
    connection.execute(
        sa.insert(_KV).values(
            tenant=entry.tenant,
            namespace=entry.namespace,
            key=entry.key,
            version=version,
            latest=True,
            content=encode(entry.content),
            description=None if entry.description is None else storable(entry.description),
            created_at=to_micros(entry.created_at),
            updated_at=to_micros(entry.updated_at),
            expires_at=None if entry.expires_at is None else to_micros(entry.expires_at),
        )
    )
    return entry


def _entry(row: Row) -> KvEntry:
    tenant, namespace, key, version, content, description, created_at, updated_at, expires_at = row
    return KvEntry(
        tenant=tenant,
        namespace=namespace,
        key=key,
        content=_decode(content),
        version=version,
        created_at=from_micros(created_at),
        updated_at=from_micros(updated_at),
        description=description,
        expires_at=None if expires_at is None else from_micros(expires_at),
    )
