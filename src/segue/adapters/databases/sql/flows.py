"""Flows, every revision of them (flow language 1.1)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import (
    decode_labels,
    encode_labels,
    from_micros,
    label_needle,
    storable,
    to_micros,
)
from segue.adapters.databases.sql.conditions import contains_any_case, in_namespace, page_of
from segue.adapters.databases.sql.followers import register_followers
from segue.adapters.databases.sql.lanes import Lanes
from segue.adapters.databases.sql.trigger_rows import register_triggers
from segue.domain.errors import AlreadyExistsError, ConflictError, IllegalStateError, NotFoundError
from segue.domain.trigger.registration import Registration
from segue.ports.repositories.flows import FlowQuery, NamespaceMatch, NamespaceTest, StoredFlow
from segue.ports.repositories.paging import Page

Saved = TypeVar("Saved")

_FLOWS = tables.flows
_SORTABLE: dict[str, sa.ColumnElement[Any]] = {
    "id": _FLOWS.c.id,
    "namespace": _FLOWS.c.namespace,
    "revision": _FLOWS.c.revision,
    "disabled": _FLOWS.c.disabled,
    "updated": _FLOWS.c.updated_at,
}
_SAVE_TRIES = 8


class SqlFlows:
    """See ``FlowRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def save(
        self,
        flow: StoredFlow,
        *,
        create: bool = False,
        update: bool = False,
        triggers: Registration | None = None,
    ) -> StoredFlow:
        """See ``FlowRepository.save``. Raises ``ConflictError`` when others keep on saving it meanwhile."""

        def work(connection: sa.Connection) -> StoredFlow:
            newest = _newest(connection, flow.tenant, flow.namespace, flow.id)
            exists = newest is not None and not newest.deleted
            if create and exists:
                raise AlreadyExistsError(f"flow {flow.namespace}.{flow.id} exists already")
            if update and not exists:
                raise NotFoundError(f"there is no flow {flow.namespace}.{flow.id}")
            if newest is not None and exists and _same(newest, flow):
                stored = newest
            else:
                stored = _insert(connection, flow, 1 if newest is None else newest.revision + 1)
            if triggers is not None:
                self._register(connection, stored, triggers)
            return stored

        return await self._retried(work, f"{flow.namespace}.{flow.id}")

    def _register(self, connection: sa.Connection, stored: StoredFlow, triggers: Registration) -> None:
        transaction = self._lanes.within(connection)
        register_triggers(transaction, stored.key, triggers)
        register_followers(transaction, stored.key, triggers.interests)

    async def _retried(self, work: Callable[[sa.Connection], Saved], name: str) -> Saved:
        """Two who save at once choose the same number: the second of them chooses again."""
        for _ in range(_SAVE_TRIES):
            try:
                return await self._lanes.write_core(work)
            except IntegrityError:
                continue
        raise ConflictError(f"flow {name} is being saved by others all the time: try again")

    async def get(
        self,
        tenant: str,
        namespace: str,
        flow_id: str,
        revision: int | None = None,
        *,
        drafts: bool = False,
        deleted: bool = False,
    ) -> StoredFlow | None:
        """See ``FlowRepository.get``."""
        statement = _of(tenant, namespace, flow_id)
        if revision is not None:
            statement = statement.where(_FLOWS.c.revision == revision)
        elif not drafts:
            statement = statement.where(sa.not_(_FLOWS.c.draft))
        flow = await self._lanes.search(lambda connection: _first(connection, statement))
        if flow is None or (revision is None and flow.deleted and not deleted):
            return None
        return flow

    async def revisions(self, tenant: str, namespace: str, flow_id: str) -> Sequence[StoredFlow]:
        """See ``FlowRepository.revisions``."""
        statement = _of(tenant, namespace, flow_id).order_by(None).order_by(_FLOWS.c.revision)
        return await self._lanes.search(lambda connection: [_flow(row) for row in connection.execute(statement)])

    async def search(self, query: FlowQuery) -> Page[StoredFlow]:
        """See ``FlowRepository.search``. A sort field that is not known is left out."""
        columns = _FLOWS.c
        conditions: list[sa.ColumnElement[bool]] = [
            columns.tenant == storable(query.tenant),
            columns.latest,
            sa.not_(columns.deleted),
        ]
        if query.text is not None:
            conditions.append(contains_any_case((columns.id, columns.namespace), query.text))
        if query.source is not None:
            conditions.append(contains_any_case((columns.source,), query.source))
        if query.namespaces:
            conditions.append(columns.namespace.in_([storable(name) for name in query.namespaces]))
        if query.namespace_prefix is not None:
            conditions.append(in_namespace(columns.namespace, query.namespace_prefix))
        conditions += [_namespace_test(test) for test in query.namespace_tests]
        if query.flow_ids:
            conditions.append(columns.id.in_([storable(name) for name in query.flow_ids]))
        contains = self._lanes.dialect.contains
        conditions += [contains(columns.labels, label_needle(label)) for label in query.labels]
        order = [
            _SORTABLE[field].asc() if ascending else _SORTABLE[field].desc()
            for field, ascending in query.page.sort
            if field in _SORTABLE
        ]
        statement = sa.select(_FLOWS).where(*conditions).order_by(*order, columns.namespace, columns.id)
        rows, total = await self._lanes.search(page_of(statement, query.page))
        return Page([_flow(row) for row in rows], total)

    async def namespaces(self, tenant: str) -> Sequence[str]:
        """See ``FlowRepository.namespaces``."""
        columns = _FLOWS.c
        statement = (
            sa.select(columns.namespace)
            .where(columns.tenant == storable(tenant), columns.latest, sa.not_(columns.deleted))
            .distinct()
            .order_by(columns.namespace)
        )
        return await self._lanes.search(lambda connection: list(connection.execute(statement).scalars()))

    async def delete_revisions(self, tenant: str, namespace: str, flow_id: str, revisions: Sequence[int]) -> int:
        """See ``FlowRepository.delete_revisions``."""
        columns = _FLOWS.c
        one_flow = (
            columns.tenant == storable(tenant),
            columns.namespace == storable(namespace),
            columns.id == storable(flow_id),
        )
        kept = sa.select(sa.func.max(columns.revision)).where(*one_flow)
        current = sa.select(columns.revision).where(*one_flow, columns.latest)

        def work(connection: sa.Connection) -> int:
            needed = {connection.execute(kept).scalar(), *connection.execute(current).scalars()}
            if taken := sorted(needed.intersection(revisions)):
                raise IllegalStateError(f"revision {taken[0]} of flow {namespace}.{flow_id} is in use as the latest")
            gone = sa.delete(_FLOWS).where(*one_flow, columns.revision.in_(revisions))
            return connection.execute(gone).rowcount

        return await self._lanes.write_core(work)

    async def delete(self, tenant: str, namespace: str, flow_id: str, at: datetime) -> StoredFlow | None:
        """See ``FlowRepository.delete``."""

        def work(connection: sa.Connection) -> StoredFlow | None:
            newest = _newest(connection, tenant, namespace, flow_id)
            if newest is None or newest.deleted:
                return None
            grave = msgspec.structs.replace(newest, deleted=True, draft=False, updated_at=at)
            nothing = Registration(at=at, definitions=())
            stored = _insert(connection, grave, newest.revision + 1)
            self._register(connection, stored, nothing)
            return stored

        return await self._retried(work, f"{namespace}.{flow_id}")


def _same(newest: StoredFlow, flow: StoredFlow) -> bool:
    return newest.source == storable(flow.source) and newest.draft == flow.draft


def _of(tenant: str, namespace: str, flow_id: str) -> sa.Select[Any]:
    return (
        sa.select(_FLOWS)
        .where(
            _FLOWS.c.tenant == storable(tenant),
            _FLOWS.c.namespace == storable(namespace),
            _FLOWS.c.id == storable(flow_id),
        )
        .order_by(_FLOWS.c.revision.desc())
    )


def _namespace_test(test: NamespaceTest) -> sa.ColumnElement[bool]:
    column = _FLOWS.c.namespace
    ways: dict[NamespaceMatch, Callable[[str], sa.ColumnElement[bool]]] = {
        NamespaceMatch.IS: lambda value: column == value,
        NamespaceMatch.WITHIN: lambda value: in_namespace(column, value),
        NamespaceMatch.STARTS_WITH: lambda value: column.startswith(value, autoescape=True),
        NamespaceMatch.ENDS_WITH: lambda value: column.endswith(value, autoescape=True),
        NamespaceMatch.CONTAINS: lambda value: column.contains(value, autoescape=True),
    }
    fits = sa.or_(sa.false(), *(ways[test.match](storable(value)) for value in test.values))
    return sa.not_(fits) if test.negated else fits


def _first(connection: sa.Connection, statement: sa.Select[Any]) -> StoredFlow | None:
    row = connection.execute(statement.limit(1)).first()
    return None if row is None else _flow(row)


def _newest(connection: sa.Connection, tenant: str, namespace: str, flow_id: str) -> StoredFlow | None:
    return _first(connection, _of(tenant, namespace, flow_id))


def _insert(connection: sa.Connection, flow: StoredFlow, revision: int) -> StoredFlow:
    columns = _FLOWS.c
    if not flow.draft:
        connection.execute(
            sa.update(_FLOWS)
            .where(
                columns.tenant == flow.tenant,
                columns.namespace == flow.namespace,
                columns.id == flow.id,
                columns.latest,
            )
            .values(latest=False)
        )
    description = flow.description
    connection.execute(
        sa.insert(_FLOWS).values(
            tenant=flow.tenant,
            namespace=flow.namespace,
            id=flow.id,
            revision=revision,
            source=storable(flow.source),
            description=None if description is None else storable(description),
            labels=encode_labels(flow.labels),
            disabled=flow.disabled,
            draft=flow.draft,
            deleted=flow.deleted,
            latest=not flow.draft,
            updated_at=to_micros(flow.updated_at),
        )
    )
    return msgspec.structs.replace(flow, revision=revision)


def _flow(row: Any) -> StoredFlow:
    return StoredFlow(
        tenant=row.tenant,
        namespace=row.namespace,
        id=row.id,
        revision=row.revision,
        source=row.source,
        updated_at=from_micros(row.updated_at),
        labels=decode_labels(row.labels),
        description=row.description,
        disabled=row.disabled,
        draft=row.draft,
        deleted=row.deleted,
    )
