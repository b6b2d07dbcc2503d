"""The broker dies or forgets everything under load: Redis as the queue."""

import asyncio

import redis.asyncio

from segue.testing.servers import RedisServer
from tests.chaos.cluster import Cluster
from tests.chaos.verdict import judge


async def test_redis_is_killed(redis_cluster: Cluster, redis_server: RedisServer) -> None:
    async def power_failure() -> None:
        await asyncio.to_thread(redis_server.kill)
        await asyncio.sleep(1)
        await asyncio.to_thread(redis_server.start)

    await judge(redis_cluster, power_failure, "Redis killed")


async def test_redis_forgets_everything_again_and_again(redis_cluster: Cluster, redis_server: RedisServer) -> None:
    """`FLUSHALL` takes messages, streams and consumer groups away."""

    async def forget() -> None:
        async with redis.asyncio.Redis.from_url(redis_server.url) as client:
            for _ in range(50):
                await client.flushall()
                await asyncio.sleep(0.1)

    await judge(redis_cluster, forget, "FLUSHALL ten times a second for 5 s")
