"""One real standalone server for each combination of database and queue, for the whole session."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.combinations import COMBINATIONS, Combination
from tests.processes import ServerProcess, running, show_tails
from tests.rest import RestClient


@pytest.fixture(scope="session", params=COMBINATIONS, ids=str)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A standalone server that is ready."""
    combination: Combination = request.param
    folder = tmp_path_factory.mktemp(f"{combination.database}-{combination.queue}")
    postgres_url = redis_url = ""
    if combination.database == "postgresql":
        postgres_url = request.getfixturevalue("postgres_server").new_database()
    if combination.queue == "redis":
        redis_url = request.getfixturevalue("redis_server").url
    config = combination.config(folder, postgres_url, redis_url)
    process = ServerProcess(f"standalone-{combination}", "standalone", folder, config)
    with running(process):
        yield process


@pytest.fixture
async def client(server: ServerProcess) -> AsyncIterator[RestClient]:
    """A client of that server."""
    async with RestClient(server.addresses.http) as connected:
        yield connected


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[pytest.TestReport]:
    """Show what the servers said when a test fails."""
    report: pytest.TestReport = yield
    show_tails(report)
    return report
