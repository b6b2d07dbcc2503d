"""Natural group commit: the next batch is what arrived while the last one was written."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class GroupCommit(Generic[Item, Outcome]):
    """Collects items of many callers into batches for ``write``, without ever waiting for more.

    ``write`` takes 1 to ``limit`` items and returns one outcome for each, in order; an outcome that is
    an exception is raised to its caller alone. When ``write`` itself raises, a batch of several is
    tried again item by item, so that one bad item harms nobody else.
    """

    def __init__(
        self, write: Callable[[list[Item]], Awaitable[Sequence[Outcome | Exception]]], limit: int = 200
    ) -> None:
        self._write = write
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Outcome:
        """Write ``item`` with the next batch and return its outcome, or raise it."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._drain(), name="group-commit")
        return await done

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            try:
                await self._settle(batch)
            except BaseException:
                for _, done in batch:
                    if not done.done():
                        done.cancel()
                raise

    async def _settle(self, batch: list[tuple[Item, "asyncio.Future[Outcome]"]]) -> None:
        try:
            outcomes: Sequence[Outcome | Exception] = await self._write([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1:
                for single in batch:
                    await self._settle([single])
                return
            outcomes = [error]
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            if done.done():
                continue
            if isinstance(outcome, Exception):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)
