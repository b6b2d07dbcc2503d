"""Between a thread that reads or writes a file object and a coroutine that has or wants chunks. Bounded memory."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import CancelledError
from typing import Any, BinaryIO, TypeVar, cast

T = TypeVar("T")

CHUNK = 256 * 1024
_AHEAD = 4


class _Pipe(io.RawIOBase):
    """One end for a thread. After ``give_up`` its reads and writes raise ``OSError``."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._is_given_up = False
        self._has_ended = False

    def give_up(self) -> None:
        """Called in the loop when nobody is at the other end any more."""
        self._is_given_up = True
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)

    def _wait(self, coroutine: Any) -> Any:
        if self._is_given_up:
            coroutine.close()
            raise BrokenPipeError("the other end is gone")
        try:
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()
        except CancelledError:
            raise BrokenPipeError("the other end is gone") from None


class _Sink(_Pipe):
    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._wait(self.queue.put(bytes(data)))
        return len(data)


class _Source(_Pipe):
    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        if not self._rest and not self._has_ended:
            chunk = self._wait(self.queue.get())
            if self._is_given_up:
                raise BrokenPipeError("the other end is gone")
            self._has_ended = chunk is None
            self._rest = chunk or b""
        taken = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return taken


async def written_by(write: Callable[[BinaryIO], None]) -> AsyncGenerator[bytes, None]:
    """The chunks that ``write``, in a thread, writes into the file it is given. Raises what it raises."""
    sink = _Sink()

    async def work() -> None:
        try:
            await asyncio.to_thread(write, cast("BinaryIO", sink))
        finally:
            await sink.queue.put(None)

    working = asyncio.create_task(work())
    try:
        while (chunk := await sink.queue.get()) is not None:
            yield chunk
        await working
    finally:
        if not working.done():
            sink.give_up()
            await asyncio.wait([working], timeout=5)
            working.cancel()


async def read_by(chunks: AsyncIterator[bytes], read: Callable[[BinaryIO], T]) -> T:
    """What ``read``, in a thread, makes of a file with these chunks. Raises what it raises."""
    source = _Source()
    reading = asyncio.create_task(asyncio.to_thread(read, cast("BinaryIO", source)))

    async def feed() -> None:
        async for chunk in chunks:
            await source.queue.put(chunk)
        await source.queue.put(None)

    feeding = asyncio.create_task(feed())
    try:
        await asyncio.wait([reading, feeding], return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            await feeding
        return await reading
    finally:
        feeding.cancel()
        if not reading.done():
            source.give_up()
            await asyncio.wait([reading], timeout=5)
        await asyncio.wait([feeding])
