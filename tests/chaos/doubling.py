"""`python -m tests.chaos.doubling server ROLE ...`: the product with a queue that delivers everything twice."""

import asyncio
import random
import sys
from collections.abc import Coroutine, Sequence

from segue.adapters.queues.sql import SqlQueue
from segue.bootstrap import backends
from segue.cli.app import run
from segue.config import Configuration
from segue.ports.queue import Channel, Topic

_LONGEST_DELAY = 0.5


class DoublingQueue(SqlQueue):
    """Every message comes a second time, at any moment within half a second: mostly out of order."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._echoes: set[asyncio.Task[None]] = set()

    async def publish(self, topic: Topic, messages: Sequence[str]) -> None:
        """Publish, and once more later."""
        await super().publish(topic, messages)
        self._later(self._publish_again(topic, tuple(messages)))

    async def broadcast(self, channel: Channel, messages: Sequence[str]) -> None:
        """Tell, and once more at once."""
        await super().broadcast(channel, messages)
        await super().broadcast(channel, messages)

    async def stop(self) -> None:
        """Drop what has not been doubled yet."""
        for echo in tuple(self._echoes):
            echo.cancel()
        await super().stop()

    async def _publish_again(self, topic: Topic, messages: Sequence[str]) -> None:
        await asyncio.sleep(random.random() * _LONGEST_DELAY)
        await super().publish(topic, messages)

    def _later(self, echo: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(echo)
        self._echoes.add(task)
        task.add_done_callback(self._echoes.discard)


def open_queue(configuration: Configuration, *, shared: bool) -> DoublingQueue:
    """In place of the one of the composition root."""
    return DoublingQueue(backends.database_url(configuration))


if __name__ == "__main__":
    backends.open_queue = open_queue
    sys.exit(run(sys.argv[1:]))
