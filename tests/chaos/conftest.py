"""Clusters of real processes on a private PostgreSQL, and on Redis."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from segue.testing.servers import PostgresServer, RedisServer
from tests.chaos.cluster import Cluster
from tests.chaos.verdict import lines
from tests.combinations import Combination
from tests.processes import show_tails


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is chaos, and has more time than other tests."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.chaos)
            item.add_marker(pytest.mark.timeout(180))


@contextmanager
def _started(cluster: Cluster) -> Iterator[Cluster]:
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="package")
def database_url(postgres_server: PostgresServer) -> Callable[[], str]:
    """Makes an empty database."""
    return postgres_server.new_database


@pytest.fixture(scope="module")
def sql_cluster(database_url: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """On PostgreSQL with the queue in it."""
    folder = tmp_path_factory.mktemp("sql-cluster")
    with _started(Cluster("sql", folder, Combination("postgresql", "sql"), database_url())) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def redis_cluster(
    database_url: Callable[[], str], redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """On PostgreSQL with the queue in Redis."""
    folder = tmp_path_factory.mktemp("redis-cluster")
    combination = Combination("postgresql", "redis")
    with _started(Cluster("redis", folder, combination, database_url(), redis_url=redis_server.url)) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def doubling_cluster(database_url: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """On PostgreSQL with a queue in it that delivers every message twice."""
    folder = tmp_path_factory.mktemp("doubling-cluster")
    combination, program = Combination("postgresql", "sql"), ("-m", "tests.chaos.doubling")
    with _started(Cluster("doubling", folder, combination, database_url(), program=program)) as cluster:
        yield cluster


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[pytest.TestReport]:
    """Show what the servers said when a test fails."""
    report: pytest.TestReport = yield
    show_tails(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures of every test, also of those that passed."""
    if lines:
        terminalreporter.section("chaos")
        for line in lines:
            terminalreporter.write_line(line)
