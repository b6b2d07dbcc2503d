"""Threads for plugin code that blocks: as many as are needed, reused, none of which keeps the process up."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

_Work = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Threads:
    """A pool without an upper limit: the worker's slots are the limit, and a thread that was given up
    (its code did not listen to a kill) must not keep others from running."""

    def __init__(self) -> None:
        self._idle: list[queue.SimpleQueue[_Work | None]] = []
        self._lock = threading.Lock()
        self._count = 0
        self._is_closed = False

    def submit(self, work: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Run ``work`` in a thread; the future belongs to the running loop."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
            if inbox is None:
                self._count += 1
        if inbox is None:
            inbox = queue.SimpleQueue()
            name = f"segue-task-{self._count}"
            threading.Thread(target=self._serve, args=(inbox, loop), name=name, daemon=True).start()
        inbox.put((work, done))
        return done

    def close(self) -> None:
        """End idle threads, and the others once their work is done."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for inbox in idle:
            inbox.put(None)

    def _serve(self, inbox: "queue.SimpleQueue[_Work | None]", loop: asyncio.AbstractEventLoop) -> None:
        while (item := inbox.get()) is not None:
            work, done = item
            settle, value = _run(work)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, done, settle, value)
            del item, work, done, settle, value
            with self._lock:
                if self._is_closed:
                    return
                self._idle.append(inbox)


def _run(work: Callable[[], Any]) -> tuple[bool, Any]:
    try:
        return True, work()
    except BaseException as error:  # a plugin's SystemExit must not end the thread unseen
        return False, error


def _settle(done: "asyncio.Future[Any]", succeeded: bool, value: Any) -> None:
    if done.done():
        return
    if succeeded:
        done.set_result(value)
    elif isinstance(value, StopIteration | asyncio.CancelledError):
        done.set_exception(RuntimeError(f"the task raised {type(value).__name__}"))
    else:
        done.set_exception(value)
