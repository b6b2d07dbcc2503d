"""What every queue must do: subclass ``QueueConformance`` with a fixture ``queues``.

The fixture yields two started ``segue.ports.queue.Queue`` objects on one empty broker, as two processes would
have them; the same object twice where a broker lives in one process.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from segue.domain.errors import UnavailableError
from segue.ports.queue import Channel, Queue, Topic
from segue.testing.samples import HOSTILE

Queues = tuple[Queue, Queue]

_PATIENCE = 15.0


async def next_batch(batches: AsyncIterator[list[str]]) -> list[str]:
    """The next list, or ``TimeoutError``."""
    return await asyncio.wait_for(anext(batches), _PATIENCE)


async def gather_messages(batches: AsyncIterator[list[str]], count: int, limit: int) -> list[str]:
    """Messages of as many lists as it takes to have ``count``, each checked against the contract."""
    found: list[str] = []
    while len(found) < count:
        batch = await next_batch(batches)
        assert 1 <= len(batch) <= limit
        assert len(set(batch)) == len(batch)
        found += batch
    return found


class QueueConformance:
    """``Queue``."""

    async def test_a_message_published_before_or_after_arrives(self, queues: Queues) -> None:
        sender, receiver = queues
        await sender.publish(Topic.EXECUTIONS, [])
        await sender.publish(Topic.EXECUTIONS, ["before"])
        async with receiver.consume(Topic.EXECUTIONS, 10) as batches:
            assert await next_batch(batches) == ["before"]
            await sender.publish(Topic.EXECUTIONS, ["after"])
            assert await next_batch(batches) == ["after"]

    async def test_a_waiting_consumer_is_woken_at_once(self, queues: Queues) -> None:
        sender, receiver = queues
        async with receiver.consume(Topic.EXECUTIONS, 10) as batches:
            waiting = asyncio.create_task(next_batch(batches))
            await asyncio.sleep(0.3)
            began = asyncio.get_running_loop().time()
            await sender.publish(Topic.EXECUTIONS, ["now"])
            assert await waiting == ["now"]
            assert asyncio.get_running_loop().time() - began < 1.0

    async def test_lists_keep_the_limit_and_hold_no_message_twice(self, queues: Queues) -> None:
        sender, receiver = queues
        ids = [f"e{n}" for n in range(230)]
        await sender.publish(Topic.EXECUTIONS, ids + ids[:50])
        async with receiver.consume(Topic.EXECUTIONS, 100) as batches:
            assert set(await gather_messages(batches, 230, 100)) == set(ids)

    async def test_what_gathers_comes_together(self, queues: Queues) -> None:
        sender, receiver = queues
        for n in range(20):
            await sender.publish(Topic.EXECUTIONS, [f"e{n}"])
        async with receiver.consume(Topic.EXECUTIONS, 1000) as batches:
            assert len(await next_batch(batches)) > 1

    async def test_consumers_share_the_messages(self, queues: Queues) -> None:
        sender, receiver = queues
        ids = {f"e{n}" for n in range(200)}
        found: list[str] = []
        done = asyncio.Event()

        async def work(queue: Queue) -> None:
            async with queue.consume(Topic.EXECUTIONS, 5) as batches:
                async for batch in batches:
                    found.extend(batch)
                    if set(found) == ids:
                        done.set()
                    await asyncio.sleep(0)

        workers = [asyncio.create_task(work(queue)) for queue in (sender, receiver, receiver)]
        for identifier in sorted(ids):
            await sender.publish(Topic.EXECUTIONS, [identifier])
        async with asyncio.timeout(_PATIENCE):
            await done.wait()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        assert len(found) == len(ids)

    async def test_what_a_leaving_consumer_did_not_hand_out_reaches_the_next(self, queues: Queues) -> None:
        sender, receiver = queues
        ids = [f"e{n}" for n in range(40)]
        await sender.publish(Topic.EXECUTIONS, ids)
        async with receiver.consume(Topic.EXECUTIONS, 7) as batches:
            first = await next_batch(batches)
        async with sender.consume(Topic.EXECUTIONS, 100) as batches:
            rest = await gather_messages(batches, 33, 100)
        assert sorted(first + rest) == sorted(ids)

    async def test_everybody_hears_news_of_the_channel_from_now_on(self, queues: Queues) -> None:
        one, two = queues
        await one.broadcast(Channel.JOBS, ["nobody listens"])
        await asyncio.sleep(0.2)
        async with (
            one.listen(Channel.JOBS) as first,
            two.listen(Channel.JOBS) as second,
            two.listen(Channel.KILLS) as other,
        ):
            await two.broadcast(Channel.JOBS, [])
            await two.broadcast(Channel.JOBS, ["a", "b"])
            await one.broadcast(Channel.KILLS, ["c"])
            assert await next_batch(first) == ["a", "b"]
            assert await next_batch(second) == ["a", "b"]
            assert await next_batch(other) == ["c"]

    async def test_long_news_arrive_or_are_known_to_be_lost(self, queues: Queues) -> None:
        one, two = queues
        ids = [f"{n:05d}" + "x" * 95 for n in range(1000)]
        async with two.listen(Channel.EXECUTIONS) as news:
            await one.broadcast(Channel.EXECUTIONS, ids)
            found: list[str] = []
            while len(found) < len(ids):
                found += await next_batch(news)
            assert found == ids
            await one.broadcast(Channel.EXECUTIONS, ["y" * 100_000])
            assert await next_batch(news) in ([], ["y" * 100_000])

    async def test_a_slow_listener_learns_that_it_lost_something(self, queues: Queues) -> None:
        one, _ = queues
        async with one.listen(Channel.LOGS) as news:
            for n in range(25):
                await one.broadcast(Channel.LOGS, [f"{n}-{m}" for m in range(1000)])
            await asyncio.sleep(0.5)
            found: list[str] = []
            lost = False
            while "24-999" not in found:
                batch = await next_batch(news)
                lost = lost or not batch
                found += batch
            assert lost or len(found) == 25_000

    async def test_messages_hold_any_text(self, queues: Queues) -> None:
        sender, receiver = queues
        texts = [text for text in HOSTILE if "\0" not in text]
        async with receiver.listen(Channel.FLOWS) as news:
            await sender.broadcast(Channel.FLOWS, texts)
            assert await next_batch(news) == texts
        await sender.publish(Topic.EXECUTIONS, texts)
        async with receiver.consume(Topic.EXECUTIONS, 100) as batches:
            assert set(await gather_messages(batches, len(texts), 100)) == set(texts)

    async def test_subscriptions_end_when_the_queue_stops(self, queues: Queues) -> None:
        _, queue = queues
        async with queue.consume(Topic.EXECUTIONS, 5) as batches, queue.listen(Channel.JOBS) as news:
            readers = [asyncio.create_task(_drain(batches)), asyncio.create_task(_drain(news))]
            await asyncio.sleep(0.1)
            await queue.stop()
            async with asyncio.timeout(_PATIENCE):
                await asyncio.gather(*readers)
        with pytest.raises(UnavailableError):
            await queue.publish(Topic.EXECUTIONS, ["late"])
        await queue.broadcast(Channel.JOBS, ["late"])


async def _drain(batches: AsyncIterator[list[str]]) -> None:
    async for _ in batches:
        pass


class RestartConformance:
    """``Queue`` over a broker that goes away and comes back: fixtures ``queues``, ``stop``, ``start``."""

    async def test_everything_goes_on_after_a_restart(
        self, queues: Queues, stop: Callable[[], None], start: Callable[[], None]
    ) -> None:
        sender, receiver = queues
        async with (
            receiver.consume(Topic.EXECUTIONS, 10) as batches,
            receiver.listen(Channel.JOBS) as news,
        ):
            waiting = asyncio.create_task(_until(batches, "after"))
            hearing = asyncio.create_task(next_batch(news))
            await asyncio.sleep(0.2)
            await asyncio.to_thread(stop)
            with pytest.raises(UnavailableError):
                await sender.publish(Topic.EXECUTIONS, ["during"])
            await sender.broadcast(Channel.JOBS, ["during"])
            await asyncio.to_thread(start)
            assert await asyncio.wait_for(hearing, 2 * _PATIENCE) == []
            await sender.publish(Topic.EXECUTIONS, ["after"])
            async with asyncio.timeout(2 * _PATIENCE):
                await waiting
            await sender.broadcast(Channel.JOBS, ["again"])
            assert await asyncio.wait_for(_until(news, "again"), _PATIENCE)


async def _until(batches: AsyncIterator[list[str]], message: str) -> bool:
    async for batch in batches:
        if message in batch:
            return True
    return False
