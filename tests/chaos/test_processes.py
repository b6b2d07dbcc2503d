"""Processes are killed under load, on PostgreSQL with the queue in it (promises 3 and 4 of the design)."""

import asyncio

import psycopg
import pytest

from segue.testing.servers import PostgresServer
from tests.chaos.cluster import CONTROL_PLANE, WORKERS, Cluster
from tests.chaos.verdict import judge, nothing


@pytest.fixture
def cluster(sql_cluster: Cluster) -> Cluster:
    """Separate processes on PostgreSQL with the queue in it."""
    return sql_cluster


async def restart(cluster: Cluster, *names: str) -> None:
    """`kill -9` and start again."""
    await asyncio.to_thread(cluster.kill, *names)
    await asyncio.to_thread(cluster.start)


async def test_no_fault(cluster: Cluster) -> None:
    """The measure for all others."""

    await judge(cluster, nothing, "no fault")


async def test_a_worker_is_killed(cluster: Cluster) -> None:
    outcome = await judge(cluster, lambda: restart(cluster, "worker-1"), "worker killed", losing=True)
    assert 0 < outcome.lost.total() <= 200
    assert len(outcome.lost) == 1, "attempts of a live worker were given to another"


async def test_an_executor_is_killed(cluster: Cluster) -> None:
    await judge(cluster, lambda: restart(cluster, "executor-1"), "executor killed")


async def test_both_executors_are_killed(cluster: Cluster) -> None:
    await judge(cluster, lambda: restart(cluster, "executor-1", "executor-2"), "both executors killed")


async def test_a_controller_is_killed(cluster: Cluster) -> None:
    await judge(cluster, lambda: restart(cluster, "controller-1"), "controller killed")


async def test_both_controllers_are_killed(cluster: Cluster) -> None:
    await judge(cluster, lambda: restart(cluster, "controller-1", "controller-2"), "both controllers killed")


async def test_every_role_is_killed_in_turn(cluster: Cluster) -> None:
    async def one_after_the_other() -> None:
        for name in ("worker-1", *CONTROL_PLANE, "worker-2"):
            await asyncio.to_thread(cluster.kill, name)
            await asyncio.to_thread(cluster.processes[name].start, wait=False)
            await asyncio.sleep(0.5)
        await asyncio.to_thread(cluster.start)

    await judge(cluster, one_after_the_other, "every role in turn killed", losing=True)


async def test_the_whole_server_is_killed(cluster: Cluster) -> None:
    await judge(cluster, lambda: restart(cluster, *CONTROL_PLANE, *WORKERS), "everything killed", losing=True)


async def test_a_frozen_worker_comes_back_after_its_jobs_were_given_to_another(cluster: Cluster) -> None:
    """Its late results are refused, and it goes on with new jobs."""

    async def freeze() -> None:
        with cluster.frozen("worker-1"):
            await asyncio.sleep(14)

    outcome = await judge(cluster, freeze, "worker frozen for 14 s", losing=True)
    assert 0 < outcome.lost.total() <= 200
    assert len(outcome.lost) == 1, "attempts of a live worker were given to another"


async def test_a_frozen_executor_comes_back_with_an_old_view(cluster: Cluster) -> None:
    async def freeze() -> None:
        with cluster.frozen("executor-1"):
            await asyncio.sleep(6)

    await judge(cluster, freeze, "executor frozen for 6 s")


async def test_postgresql_is_killed(cluster: Cluster, postgres_server: PostgresServer) -> None:
    async def power_failure() -> None:
        await asyncio.to_thread(postgres_server.kill)
        await asyncio.sleep(1)
        await asyncio.to_thread(postgres_server.start)

    await judge(cluster, power_failure, "PostgreSQL killed")


async def test_the_queue_is_emptied_again_and_again(cluster: Cluster) -> None:
    emptied = 0

    async def empty() -> None:
        nonlocal emptied
        async with await psycopg.AsyncConnection.connect(cluster.database_url, autocommit=True) as connection:
            for _ in range(500):
                emptied += (await connection.execute("DELETE FROM messages")).rowcount
                await asyncio.sleep(0.01)

    await judge(cluster, empty, "queue emptied for 5 s")
    print(f"{emptied} rows of messages were deleted")


async def test_every_message_is_lost(cluster: Cluster) -> None:
    """No wake-up arrives at all for five seconds: only the reconciler moves executions."""

    async def lose() -> None:
        async with await psycopg.AsyncConnection.connect(cluster.database_url, autocommit=True) as connection:
            await connection.execute("CREATE RULE lost AS ON INSERT TO messages DO INSTEAD NOTHING")
            try:
                await asyncio.sleep(5)
            finally:
                await connection.execute("DROP RULE lost ON messages")

    await judge(cluster, lose, "every message lost for 5 s")
