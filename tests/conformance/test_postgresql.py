"""What only PostgreSQL can get wrong: commits out of order, restarts, restored backups."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from segue.adapters.databases.sql import SqlDatabase
from segue.adapters.databases.sql.dialects.postgresql import array
from segue.adapters.databases.sql.tables import metadata
from segue.domain.errors import UnavailableError
from segue.ports.repositories.logs import LogQuery
from segue.testing.log_lines import followed
from segue.testing.samples import HOSTILE, execution, line
from segue.testing.servers import PostgresServer

pytestmark = pytest.mark.postgres

QUERY = LogQuery(tenant="main")
LATE = """
    INSERT INTO logs (position, id, tenant, namespace, flow_id, at, severity, message)
    VALUES ((pg_current_xact_id()::text::bigint << 20) + 1, 'late', 'main', 'n', 'f', 0, 0, 'late')"""


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()


@pytest.fixture
async def database(url: str) -> AsyncIterator[SqlDatabase]:
    database = SqlDatabase(url)
    await database.start()
    yield database
    await database.stop()


async def test_a_follower_waits_for_lines_that_commit_late(database: SqlDatabase, url: str) -> None:
    first, second = line("first"), line("second")
    with psycopg.connect(url) as slow:
        slow.execute(LATE)
        await database.logs.append([first])
        assert await database.logs.lines(QUERY) == ([], 0)
        slow.commit()
    await database.logs.append([second])
    lines, _ = await followed(database, QUERY, 0, 3)
    assert [item.message for item in lines] == ["late", "first", "second"]


async def test_positions_go_on_after_a_backup_was_restored(database: SqlDatabase, url: str) -> None:
    await database.logs.append([line("old")])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE logs SET position = position + (1000000::bigint << 20)")
    again = SqlDatabase(url)
    await again.start()
    await again.logs.append([line("new")])
    lines, _ = await followed(again, QUERY, 0, 2)
    await again.stop()
    assert [item.message for item in lines] == ["old", "new"]


async def test_calls_work_again_after_a_restart(database: SqlDatabase, postgres_server: PostgresServer) -> None:
    await database.executions.create([execution()])
    await asyncio.to_thread(postgres_server.kill)
    with pytest.raises(UnavailableError):
        await database.executions.create([execution()])
    with pytest.raises(UnavailableError):
        await database.ping()
    await asyncio.to_thread(postgres_server.start)
    await asyncio.gather(*(database.executions.create([execution()]) for _ in range(8)))
    assert await database.executions.backlog() == 9


async def test_the_migrations_add_up_to_the_tables(database: SqlDatabase, url: str) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert differences == []


async def test_many_starts_at_once_migrate_once(url: str) -> None:
    databases = [SqlDatabase(url) for _ in range(4)]
    await asyncio.gather(*(database.start() for database in databases))
    await asyncio.gather(*(database.stop() for database in databases))


def test_arrays_hold_any_text(url: str) -> None:
    texts = [text for text in HOSTILE if "\0" not in text]
    with psycopg.connect(url) as connection:
        for values in (texts, [*texts, None], [None]):
            row = connection.execute("SELECT %s::text[]", [array(values)]).fetchone()
            assert row == (values,)
        row = connection.execute("SELECT %s::bytea[]", [array([b'\\\0"', b"", None])]).fetchone()
        assert row == ([b'\\\0"', b"", None],)


async def test_an_absent_server_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        await SqlDatabase("postgresql://127.0.0.1:1/none").start()
