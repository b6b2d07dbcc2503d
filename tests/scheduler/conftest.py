"""A stage on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segue.testing.servers import PostgresServer
from tests.scheduler.stage import Stage, staged


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
async def anywhere(database_url: str) -> AsyncIterator[Stage]:
    """A stage on each database."""
    async with staged(database_url) as stage:
        yield stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage on SQLite."""
    async with staged(f"sqlite:///{tmp_path / 'data.db'}") as stage:
        yield stage
