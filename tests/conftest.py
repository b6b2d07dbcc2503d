"""Servers for all tests: private ones, started when a test first asks and gone at the end."""

import os
from collections.abc import Callable, Iterator

import pytest

from segue.testing.bucket_servers import AzureServer, S3Server
from segue.testing.servers import MissingServerError, PodmanServer, PostgresServer, RedisServer, Server


def _serve(make: Callable[[], Server], name: str = "") -> Iterator[Server]:
    """A server while the tests of a session need it. ``name``: how CI says that its machine cannot have it."""
    try:
        server = make()
    except MissingServerError as error:
        is_known = name in os.environ.get("SEGUE_TESTS_WITHOUT", "").split()
        if os.environ.get("CI") and not is_known:
            pytest.fail(f"{error}, and CI runs every test")
        pytest.skip(f"NOT TESTED: {error}")
    with server:
        yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server of this session."""
    yield from _serve(PostgresServer)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """A Redis server of this session."""
    yield from _serve(RedisServer)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    """An S3 server of this session."""
    yield from _serve(S3Server)


@pytest.fixture(scope="session")
def azure_server() -> Iterator[Server]:
    """An Azure Blob Storage server of this session."""
    yield from _serve(AzureServer, "azure")


@pytest.fixture(scope="session")
def podman_server() -> Iterator[Server]:
    """An engine for containers of this session. A machine whose kernel forbids them is told, and nothing is tested."""
    for server in _serve(PodmanServer, "containers"):
        assert isinstance(server, PodmanServer)
        if reason := server.why_not():
            pytest.skip(f"NOT TESTED: this machine runs no containers: {reason}")
        yield server
