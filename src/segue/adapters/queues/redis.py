"""A queue in Redis (5 or newer): streams with a group for topics, publish and subscribe for news."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import msgspec

from segue.adapters.queues.mailbox import Pending, Switchboard
from segue.domain.errors import UnavailableError
from segue.ports.queue import Channel, Topic

try:
    from redis.asyncio import Redis
    from redis.exceptions import RedisError, ResponseError
except ImportError as error:
    raise UnavailableError(
        "the Redis queue needs the client redis: install the extra, pip install 'segue[redis]'"
    ) from error

logger = logging.getLogger(__name__)

_GROUP = "consumers"
_MESSAGES_PER_ENTRY = 50
_LONGEST_STREAM = 100_000
_BLOCK_MS = 2_000
_FIRST_DELAY, _LONGEST_DELAY = 0.1, 5.0
_FAULTS = (RedisError, OSError, TimeoutError)
_decode = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.Encoder().encode


class RedisQueue:
    """See ``Queue``. All keys and channels begin with ``prefix``, so that several servers can share one
    Redis. An entry is removed as soon as it is read; a stream nobody reads keeps its newest entries."""

    def __init__(self, url: str, prefix: str = "segue") -> None:
        self._client = Redis.from_url(
            url, decode_responses=True, socket_connect_timeout=5, socket_timeout=10, health_check_interval=15
        )
        self._prefix = prefix
        self._switchboard = Switchboard()
        self._listener: asyncio.Task[None] | None = None
        self._running = False

    async def start(self) -> None:
        """See ``Queue.start``."""
        try:
            for topic in Topic:
                await self._create_group(topic)
            subscription = await self._subscribe()
        except _FAULTS as error:
            await self._client.aclose()
            raise UnavailableError(f"Redis cannot be reached: {error}") from error
        self._running = True
        self._listener = asyncio.create_task(self._listen(subscription), name="queue.listen")

    async def stop(self) -> None:
        """See ``Queue.stop``."""
        self._running = False
        if self._listener is not None:
            while not self._listener.done():
                self._listener.cancel()
                await asyncio.wait([self._listener], timeout=1)
            self._listener = None
        self._switchboard.close()
        with contextlib.suppress(*_FAULTS):
            await self._client.aclose()

    async def publish(self, topic: Topic, messages: Sequence[str]) -> None:
        """See ``Queue.publish``."""
        if not self._running:
            raise UnavailableError("the queue is not started")
        unique = list(dict.fromkeys(messages))
        if unique:
            await self._add(self._stream(topic), unique)

    @asynccontextmanager
    async def consume(self, topic: Topic, limit: int) -> AsyncIterator[AsyncIterator[list[str]]]:
        """See ``Queue.consume``. What was read but not handed out goes back at the end."""
        pending, name = Pending(), uuid4().hex
        try:
            yield self._batches(topic, limit, pending, name)
        finally:
            if self._running:
                await self._leave(topic, pending, name)

    async def broadcast(self, channel: Channel, messages: Sequence[str]) -> None:
        """See ``Queue.broadcast``."""
        if not messages or not self._running:
            return
        try:
            await self._client.publish(self._channel(channel), _encode(list(messages)))
        except _FAULTS as error:
            logger.warning("news on %s are lost: %s", channel.value, error)

    @asynccontextmanager
    async def listen(self, channel: Channel) -> AsyncIterator[AsyncIterator[list[str]]]:
        """See ``Queue.listen``."""
        mailbox = self._switchboard.open(channel.value)
        try:
            yield mailbox.batches()
        finally:
            self._switchboard.shut(channel.value, mailbox)

    def _stream(self, topic: Topic) -> str:
        return f"{self._prefix}:topic:{topic.value}"

    def _channel(self, channel: Channel) -> str:
        return f"{self._prefix}:news:{channel.value}"

    async def _add(self, stream: str, messages: list[str]) -> None:
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for part in _parts(messages):
                    pipeline.xadd(stream, {"ids": _encode(part)}, maxlen=_LONGEST_STREAM, approximate=True)
                await pipeline.execute()
        except _FAULTS as error:
            raise UnavailableError(f"Redis does not answer: {error}") from error

    async def _create_group(self, topic: Topic) -> None:
        """Make stream and group from the first entry on, unless they are there."""
        try:
            await self._client.xgroup_create(self._stream(topic), _GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _batches(self, topic: Topic, limit: int, pending: Pending, name: str) -> AsyncIterator[list[str]]:
        entries = max(1, limit // _MESSAGES_PER_ENTRY)
        delay = _FIRST_DELAY
        while self._running:
            if len(pending):
                yield pending.take(limit)
                continue
            try:
                pending.add(await self._read(topic, entries, name))
                _notice_cancellation()
                delay = _FIRST_DELAY
                continue
            except _FAULTS as error:
                if not self._running:
                    return
                if "NOGROUP" in str(error):
                    with contextlib.suppress(*_FAULTS):
                        await self._create_group(topic)
                        continue
                logger.warning("the queue cannot be read and is tried again: %s", error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _read(self, topic: Topic, entries: int, name: str) -> list[str]:
        stream = self._stream(topic)
        found: Any = await self._client.xreadgroup(
            _GROUP, name, {stream: ">"}, count=entries, block=_BLOCK_MS, noack=True
        )
        rows = [row for _, rows in _streams(found) for row in rows]
        if rows:
            await self._client.xdel(stream, *(entry_id for entry_id, _ in rows))
        return [message for _, fields in rows for message in _decode(fields["ids"])]

    async def _leave(self, topic: Topic, pending: Pending, name: str) -> None:
        try:
            if len(pending):
                await self._add(self._stream(topic), pending.take(len(pending)))
            await self._client.xgroup_delconsumer(self._stream(topic), _GROUP, name)
        except (UnavailableError, *_FAULTS) as error:
            logger.warning("a consumer could not say good-bye to Redis: %s", error)

    async def _subscribe(self) -> Any:
        subscription = self._client.pubsub()
        names = [self._channel(channel) for channel in Channel]
        await subscription.subscribe(*names)
        for _ in names:
            await subscription.get_message(timeout=5)
        return subscription

    async def _listen(self, subscription: Any) -> None:
        delay = _FIRST_DELAY
        while True:
            try:
                if subscription is None:
                    subscription = await self._subscribe()
                    self._switchboard.lose()
                delay = _FIRST_DELAY
                await self._hear(subscription)
            except _FAULTS as error:
                logger.warning("the queue's listener lost its connection: %s", error)
            finally:
                if subscription is not None:
                    with contextlib.suppress(*_FAULTS):
                        await subscription.aclose()
                    subscription = None
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _hear(self, subscription: Any) -> None:
        news = f"{self._prefix}:news:"
        while True:
            message = await subscription.get_message(ignore_subscribe_messages=True, timeout=5)
            if message is not None and message["type"] == "message":
                self._switchboard.put(message["channel"].removeprefix(news), _decode(message["data"]))


def _notice_cancellation() -> None:
    """End a task that was cancelled while the client read an answer: the client swallows it at times."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _parts(messages: list[str]) -> Iterable[list[str]]:
    for start in range(0, len(messages), _MESSAGES_PER_ENTRY):
        yield messages[start : start + _MESSAGES_PER_ENTRY]


def _streams(found: Any) -> Iterable[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """What XREADGROUP answers: pairs, or with the newer protocol a map of lists."""
    if isinstance(found, dict):
        return [(name, [row for rows in lists for row in rows]) for name, lists in found.items()]
    return found or []
