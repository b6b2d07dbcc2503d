"""Every database keeps the contracts of the repositories."""

from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from segue.adapters.databases.sql import SqlDatabase
from segue.adapters.databases.sql.tables import metadata
from segue.ports.repositories.database import Database
from segue.testing import (
    callers,
    databases,
    execution_searches,
    follower_rows,
    inner_tasks,
    log_lines,
    measured,
    namespaces,
    purging,
    shown,
    slot_rows,
    stores,
    trigger_states,
)
from segue.testing.servers import PostgresServer


class OnSqlite:
    @pytest.fixture
    async def database(self, tmp_path: Path) -> AsyncIterator[Database]:
        database = SqlDatabase(f"sqlite:///{tmp_path / 'data.db'}")
        await database.start()
        yield database
        await database.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()


@pytest.mark.postgres
class OnPostgresql:
    @pytest.fixture
    async def database(self, postgres_url: str) -> AsyncIterator[Database]:
        database = SqlDatabase(postgres_url)
        await database.start()
        names = ", ".join(name for name in metadata.tables if name != "log_epoch")
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"TRUNCATE {names}".encode())
        yield database
        await database.stop()


class TestSqliteFlows(OnSqlite, databases.FlowConformance):
    pass


class TestSqliteExecutions(OnSqlite, databases.ExecutionConformance):
    pass


class TestSqliteExecutionSearches(OnSqlite, execution_searches.ExecutionSearchConformance):
    pass


class TestSqliteJournal(OnSqlite, databases.JournalConformance):
    pass


class TestSqliteJobs(OnSqlite, databases.JobConformance):
    pass


class TestSqliteCallers(OnSqlite, callers.CallerConformance):
    pass


class TestSqliteLogs(OnSqlite, log_lines.LogConformance):
    pass


class TestSqliteSlots(OnSqlite, slot_rows.SlotConformance):
    pass


class TestSqliteFollowers(OnSqlite, follower_rows.FollowerConformance):
    pass


class TestSqliteKv(OnSqlite, stores.KvConformance):
    pass


class TestSqliteNamespaceFiles(OnSqlite, stores.NamespaceFileConformance):
    pass


class TestPostgresqlFlows(OnPostgresql, databases.FlowConformance):
    pass


class TestPostgresqlExecutions(OnPostgresql, databases.ExecutionConformance):
    pass


class TestPostgresqlExecutionSearches(OnPostgresql, execution_searches.ExecutionSearchConformance):
    pass


class TestPostgresqlJournal(OnPostgresql, databases.JournalConformance):
    pass


class TestPostgresqlJobs(OnPostgresql, databases.JobConformance):
    pass


class TestPostgresqlCallers(OnPostgresql, callers.CallerConformance):
    pass


class TestPostgresqlLogs(OnPostgresql, log_lines.LogConformance):
    pass


class TestPostgresqlSlots(OnPostgresql, slot_rows.SlotConformance):
    pass


class TestPostgresqlFollowers(OnPostgresql, follower_rows.FollowerConformance):
    pass


class TestPostgresqlKv(OnPostgresql, stores.KvConformance):
    pass


class TestPostgresqlNamespaceFiles(OnPostgresql, stores.NamespaceFileConformance):
    pass


class TestSqliteInsights(OnSqlite, shown.InsightConformance):
    pass


class TestPostgresqlInsights(OnPostgresql, shown.InsightConformance):
    pass


class TestSqliteInnerTasks(OnSqlite, inner_tasks.InnerTaskConformance):
    pass


class TestPostgresqlInnerTasks(OnPostgresql, inner_tasks.InnerTaskConformance):
    pass


class TestSqlitePurges(OnSqlite, purging.PurgeConformance):
    pass


class TestPostgresqlPurges(OnPostgresql, purging.PurgeConformance):
    pass


class TestSqliteNamespaces(OnSqlite, namespaces.NamespaceConformance):
    pass


class TestPostgresqlNamespaces(OnPostgresql, namespaces.NamespaceConformance):
    pass


class TestSqliteTriggers(OnSqlite, trigger_states.TriggerConformance):
    pass


class TestPostgresqlTriggers(OnPostgresql, trigger_states.TriggerConformance):
    pass


class TestSqliteMetrics(OnSqlite, measured.MetricConformance):
    pass


class TestPostgresqlMetrics(OnPostgresql, measured.MetricConformance):
    pass
