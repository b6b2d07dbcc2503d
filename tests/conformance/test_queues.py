"""Every queue keeps the contract."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from segue.adapters.queues.memory import MemoryQueue
from segue.adapters.queues.redis import RedisQueue
from segue.adapters.queues.sql import SqlQueue
from segue.domain.errors import UnavailableError
from segue.ports.queue import Queue, Topic
from segue.testing.queues import QueueConformance, Queues, RestartConformance, next_batch
from segue.testing.servers import PostgresServer, RedisServer, Server, free_port


@asynccontextmanager
async def pair(make: Callable[[], Queue]) -> AsyncIterator[Queues]:
    one, two = make(), make()
    await one.start()
    await two.start()
    try:
        yield one, two
    finally:
        await two.stop()
        await one.stop()


class TestMemory(QueueConformance):
    @pytest.fixture
    async def queues(self) -> AsyncIterator[Queues]:
        queue = MemoryQueue()
        await queue.start()
        yield queue, queue
        await queue.stop()


class TestSqlite(QueueConformance):
    @pytest.fixture
    async def queues(self, tmp_path: Path) -> AsyncIterator[Queues]:
        async with pair(lambda: SqlQueue(f"sqlite:///{tmp_path / 'queue.db'}")) as queues:
            yield queues


@pytest.mark.postgres
class TestPostgresql(QueueConformance):
    @pytest.fixture
    async def queues(self, postgres_server: PostgresServer) -> AsyncIterator[Queues]:
        url = postgres_server.new_database()
        async with pair(lambda: SqlQueue(url)) as queues:
            yield queues


@pytest.mark.redis
class TestRedis(QueueConformance):
    @pytest.fixture
    async def queues(self, redis_server: RedisServer) -> AsyncIterator[Queues]:
        prefix = uuid4().hex
        async with pair(lambda: RedisQueue(redis_server.url, prefix)) as queues:
            yield queues

    async def test_a_flush_loses_messages_but_not_the_consumer(self, queues: Queues, redis_server: RedisServer) -> None:
        from redis.asyncio import Redis

        sender, receiver = queues
        async with receiver.consume(Topic.EXECUTIONS, 10) as batches, Redis.from_url(redis_server.url) as client:
            await sender.publish(Topic.EXECUTIONS, ["one"])
            assert await next_batch(batches) == ["one"]
            await client.flushall()
            await sender.publish(Topic.EXECUTIONS, ["two"])
            assert await next_batch(batches) == ["two"]

    async def test_nothing_read_is_kept(self, queues: Queues, redis_server: RedisServer) -> None:
        from redis.asyncio import Redis

        sender, receiver = queues
        async with receiver.consume(Topic.EXECUTIONS, 10) as batches, Redis.from_url(redis_server.url) as client:
            await sender.publish(Topic.EXECUTIONS, ["one"])
            assert await next_batch(batches) == ["one"]
            keys = await client.keys("*:topic:executions")
            assert [await client.xlen(key) for key in keys if await client.xlen(key)] == []


class OwnServer:
    @pytest.fixture
    def start(self, server: Server) -> Callable[[], None]:
        return server.start

    @pytest.fixture
    def stop(self, server: Server) -> Callable[[], None]:
        return server.stop


@pytest.mark.postgres
class TestPostgresqlRestart(OwnServer, RestartConformance):
    @pytest.fixture
    def server(self, postgres_server: PostgresServer) -> PostgresServer:
        return postgres_server

    @pytest.fixture
    async def queues(self, server: PostgresServer) -> AsyncIterator[Queues]:
        url = server.new_database()
        async with pair(lambda: SqlQueue(url)) as queues:
            yield queues


@pytest.mark.redis
class TestRedisRestart(OwnServer, RestartConformance):
    @pytest.fixture
    def server(self, redis_server: RedisServer) -> RedisServer:
        return redis_server

    @pytest.fixture
    async def queues(self, server: RedisServer) -> AsyncIterator[Queues]:
        async with pair(lambda: RedisQueue(server.url)) as queues:
            yield queues


@pytest.mark.parametrize("scheme", ["postgresql", "redis"])
async def test_an_absent_broker_is_unavailable(scheme: str) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}/0"
    queue = RedisQueue(url) if scheme == "redis" else SqlQueue(url)
    with pytest.raises(UnavailableError):
        await queue.start()


async def test_messages_in_sqlite_outlive_the_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'queue.db'}"
    async with pair(lambda: SqlQueue(url)) as (first, _):
        await first.publish(Topic.EXECUTIONS, ["kept"])
    async with pair(lambda: SqlQueue(url)) as (second, _), second.consume(Topic.EXECUTIONS, 5) as batches:
        assert await next_batch(batches) == ["kept"]


def test_another_url_is_refused() -> None:
    with pytest.raises(UnavailableError, match="sqlite"):
        SqlQueue("mysql://host/name")


async def test_sql_queue_shares_what_its_own_consumer_has_no_room_for(tmp_path: Path) -> None:
    def queue() -> SqlQueue:
        return SqlQueue(f"sqlite:///{tmp_path / 'queue.db'}")

    async with pair(queue) as (one, two), one.consume(Topic.EXECUTIONS, 2) as own:
        await one.publish(Topic.EXECUTIONS, ["a", "b"])
        await one.publish(Topic.EXECUTIONS, ["c"])

        async with two.consume(Topic.EXECUTIONS, 2) as others:
            assert await next_batch(others) == ["c"]
        assert await next_batch(own) == ["a", "b"]


async def test_sql_queue_returns_what_its_consumer_did_not_take(tmp_path: Path) -> None:
    async with pair(lambda: SqlQueue(f"sqlite:///{tmp_path / 'queue.db'}")) as (one, two):
        subscription = one.consume(Topic.EXECUTIONS, 10)
        async with subscription:
            await one.publish(Topic.EXECUTIONS, ["a", "b"])

        async with two.consume(Topic.EXECUTIONS, 10) as others:
            assert await next_batch(others) == ["a", "b"]
