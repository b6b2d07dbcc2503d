"""The register of namespace files."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from segue.adapters.databases.sql import tables
from segue.adapters.databases.sql.codecs import from_micros, storable, to_micros
from segue.adapters.databases.sql.lanes import Lanes
from segue.domain.errors import ConflictError, IllegalPathError
from segue.ports.repositories.namespace_files import NamespaceFile

Done = TypeVar("Done")

_FILES = tables.namespace_files
_TRIES = 8


class SqlNamespaceFiles:
    """See ``NamespaceFileRepository``."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes

    async def get(self, tenant: str, namespace: str, path: str, revision: int | None = None) -> NamespaceFile | None:
        """See ``NamespaceFileRepository.get``."""
        statement = sa.select(_FILES).where(_is(tenant, namespace, path), _FILES.c.published)
        if revision is None:
            statement = statement.where(_FILES.c.latest, sa.not_(_FILES.c.deleted))
        else:
            statement = statement.where(_FILES.c.revision == revision)
        row = await self._lanes.search(lambda connection: connection.execute(statement).first())
        return None if row is None else _file(row)

    async def reserve(self, tenant: str, namespace: str, path: str, at: datetime) -> NamespaceFile:
        """See ``NamespaceFileRepository.reserve``."""

        def work(connection: sa.Connection) -> NamespaceFile:
            _check_place(connection, tenant, namespace, path)
            newest, created = _newest(connection, tenant, namespace, path)
            file = NamespaceFile(
                tenant=tenant,
                namespace=namespace,
                path=path,
                revision=newest + 1,
                created_at=created or at,
                updated_at=at,
                uri=_free_uri(connection, tenant, namespace, path, newest + 1),
            )
            _insert(connection, file, published=False)
            return file

        return await self._retried(work, path)

    async def publish(self, file: NamespaceFile) -> None:
        """See ``NamespaceFileRepository.publish``. A newer revision that was published meanwhile stays the latest."""
        same = _is(file.tenant, file.namespace, file.path)

        def work(connection: sa.Connection) -> None:
            # one at a time: two that do not see each other would both become the latest
            connection.execute(
                sa.select(_FILES.c.revision).where(same).order_by(_FILES.c.revision).with_for_update()
            ).all()
            later = sa.select(sa.func.count()).where(same, _FILES.c.latest, _FILES.c.revision > file.revision)
            latest = connection.execute(later).scalar_one() == 0
            if latest:
                connection.execute(sa.update(_FILES).where(same, _FILES.c.latest).values(latest=False))
            connection.execute(
                sa.update(_FILES)
                .where(same, _FILES.c.revision == file.revision)
                .values(published=True, latest=latest, size=file.size)
            )

        await self._lanes.write_core(work)

    async def make_folder(self, tenant: str, namespace: str, path: str, at: datetime) -> None:
        """See ``NamespaceFileRepository.make_folder``."""

        def work(connection: sa.Connection) -> None:
            _check_place(connection, tenant, namespace, path, folder=True)
            there = sa.select(_FILES.c.folder).where(
                _is(tenant, namespace, path), _FILES.c.latest, sa.not_(_FILES.c.deleted)
            )
            if connection.execute(there).first() is not None:
                return
            newest, created = _newest(connection, tenant, namespace, path)
            connection.execute(sa.update(_FILES).where(_is(tenant, namespace, path)).values(latest=False))
            folder = NamespaceFile(
                tenant=tenant,
                namespace=namespace,
                path=path,
                revision=newest + 1,
                created_at=created or at,
                updated_at=at,
                is_folder=True,
            )
            _insert(connection, folder)

        await self._retried(work, path)

    async def below(self, tenant: str, namespace: str, folder: str = "") -> Sequence[NamespaceFile]:
        """See ``NamespaceFileRepository.below``."""
        statement = (
            sa.select(_FILES)
            .where(_below(tenant, namespace, folder), _FILES.c.latest, sa.not_(_FILES.c.deleted))
            .order_by(_FILES.c.path)
        )
        return await self._lanes.search(lambda connection: [_file(row) for row in connection.execute(statement)])

    async def delete(self, tenant: str, namespace: str, path: str, at: datetime) -> Sequence[NamespaceFile]:
        """See ``NamespaceFileRepository.delete``."""
        chosen = sa.or_(_is(tenant, namespace, path), _below(tenant, namespace, path))

        def work(connection: sa.Connection) -> list[NamespaceFile]:
            alive = sa.select(_FILES).where(chosen, _FILES.c.latest, sa.not_(_FILES.c.deleted))
            found = [_file(row) for row in connection.execute(alive.order_by(_FILES.c.path))]
            connection.execute(sa.update(_FILES).where(chosen, _FILES.c.latest).values(latest=False))
            for file in found:
                newest, _ = _newest(connection, tenant, namespace, file.path)
                grave = NamespaceFile(
                    tenant=tenant,
                    namespace=namespace,
                    path=file.path,
                    revision=newest + 1,
                    created_at=file.created_at,
                    updated_at=at,
                    is_folder=file.is_folder,
                    is_deleted=True,
                )
                _insert(connection, grave)
            return found

        return await self._retried(work, path)

    async def paths(self, tenant: str, namespace: str, after: str, limit: int) -> Sequence[str]:
        """See ``NamespaceFileRepository.paths``."""
        path = _FILES.c.path
        here = (_FILES.c.tenant == storable(tenant), _FILES.c.namespace == storable(namespace))
        later = (_FILES.c.published, sa.not_(_FILES.c.folder), path > storable(after))
        statement = sa.select(path).where(*here, *later).distinct().order_by(path).limit(limit)
        return await self._lanes.search(lambda connection: list(connection.execute(statement).scalars()))

    async def forget(self, tenant: str, namespace: str, path: str, revisions: Sequence[int]) -> Sequence[NamespaceFile]:
        """See ``NamespaceFileRepository.forget``."""
        old = sa.and_(
            _is(tenant, namespace, path),
            _FILES.c.revision.in_(list(revisions)),
            _FILES.c.published,
            sa.not_(_FILES.c.latest),
        )
        statement = sa.delete(_FILES).where(old).returning(*_FILES.c)
        return await self._lanes.write_core(
            lambda connection: [_file(row) for row in connection.execute(statement)] if revisions else []
        )

    async def revisions(self, tenant: str, namespace: str, path: str) -> Sequence[NamespaceFile]:
        """See ``NamespaceFileRepository.revisions``."""
        statement = (
            sa.select(_FILES)
            .where(_is(tenant, namespace, path), _FILES.c.published, sa.not_(_FILES.c.folder))
            .order_by(_FILES.c.revision)
        )
        return await self._lanes.search(lambda connection: [_file(row) for row in connection.execute(statement)])

    async def _retried(self, work: Callable[[sa.Connection], Done], path: str) -> Done:
        """Two who write at once choose the same revision: the second of them chooses again."""
        for _ in range(_TRIES):
            try:
                return await self._lanes.write_core(work)
            except IntegrityError:
                continue
        raise ConflictError(f"the file '{path[:200]}' is being written by others all the time: try again")


def _is(tenant: str, namespace: str, path: str) -> sa.ColumnElement[bool]:
    columns = _FILES.c
    return sa.and_(
        columns.tenant == storable(tenant), columns.namespace == storable(namespace), columns.path == storable(path)
    )


def _below(tenant: str, namespace: str, folder: str) -> sa.ColumnElement[bool]:
    columns = _FILES.c
    inside = [columns.tenant == storable(tenant), columns.namespace == storable(namespace)]
    if folder:
        clean = storable(folder)
        inside += [columns.path > clean + "/", columns.path < clean + "0"]  # 0 follows the slash
    return sa.and_(*inside)


def _check_place(connection: sa.Connection, tenant: str, namespace: str, path: str, *, folder: bool = False) -> None:
    """Raise ``IllegalPathError`` when a file is in the way of a folder or the other way round."""
    alive = sa.and_(_FILES.c.latest, sa.not_(_FILES.c.deleted))
    parts = path.split("/")
    above = ["/".join(parts[:size]) for size in range(1, len(parts))]
    names = [*above, path] if folder else above
    files = sa.select(_FILES.c.path).where(
        _FILES.c.tenant == storable(tenant),
        _FILES.c.namespace == storable(namespace),
        _FILES.c.path.in_([storable(name) for name in names]),
        alive,
        sa.not_(_FILES.c.folder),
    )
    if names and (file := connection.execute(files).scalars().first()) is not None:
        raise IllegalPathError(f"'{path[:200]}' cannot be written: '{file[:200]}' is a file")
    if folder:
        return
    noted = sa.and_(_is(tenant, namespace, path), _FILES.c.folder)
    folders = sa.select(_FILES.c.path).where(sa.or_(noted, _below(tenant, namespace, path)), alive)
    if connection.execute(folders.limit(1)).first() is not None:
        raise IllegalPathError(f"'{path[:200]}' cannot be written: it is a folder")


def _newest(connection: sa.Connection, tenant: str, namespace: str, path: str) -> tuple[int, datetime | None]:
    """The highest revision there is (0 for none), and when the first was made."""
    statement = sa.select(sa.func.max(_FILES.c.revision), sa.func.min(_FILES.c.created_at))
    revision, created = connection.execute(statement.where(_is(tenant, namespace, path))).one()
    return revision or 0, None if created is None else from_micros(created)


def _free_uri(connection: sa.Connection, tenant: str, namespace: str, path: str, revision: int) -> str:
    """The URI of a new revision (server document 4). ``a`` of revision 2 would lie where ``a.v2`` does: the second
    to come gets a tilde behind its name."""
    place = f"kestra:///{namespace.replace('.', '/')}/_files/{path}"
    uri = place if revision == 1 else f"{place}.v{revision}"
    while True:
        taken = sa.select(_FILES.c.uri).where(_FILES.c.tenant == storable(tenant), _FILES.c.uri == storable(uri))
        if connection.execute(taken).first() is None:
            return uri
        uri += "~"


def _insert(connection: sa.Connection, file: NamespaceFile, *, published: bool = True) -> None:
    connection.execute(
        sa.insert(_FILES).values(
            tenant=storable(file.tenant),
            namespace=storable(file.namespace),
            path=storable(file.path),
            revision=file.revision,
            uri=storable(file.uri) if file.uri else None,
            size=file.size,
            created_at=to_micros(file.created_at),
            updated_at=to_micros(file.updated_at),
            folder=file.is_folder,
            deleted=file.is_deleted,
            published=published,
            latest=published,
        )
    )


def _file(row: Any) -> NamespaceFile:
    return NamespaceFile(
        tenant=row.tenant,
        namespace=row.namespace,
        path=row.path,
        revision=row.revision,
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
        uri=row.uri or "",
        size=row.size,
        is_folder=row.folder,
        is_deleted=row.deleted,
    )
