"""Rendering over values that are fetched when a template first names them; the same for workers and the API.

Rendering is synchronous and happens in the event loop. A look-up of something that is not at hand interrupts it;
that is fetched, and everything is rendered again. What blocks (``http``) is rendered in a thread.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from segue.domain.needs import Needed
from segue.expr import HttpCall, Services

Result = TypeVar("Result")
Fetch = Callable[[Needed], Awaitable[None]]
"""Provides what is needed; raises it again when it cannot."""

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a call in a thread."""

_MISSING = object()


class _ThreadNeeded(Needed):
    """The expression does something that blocks."""


class HttpCalls:
    """The calls of ``http()`` during one evaluation. Rendered again, a template gets the answers it got before."""

    def __init__(self, call: Callable[[HttpCall], Any]) -> None:
        self._call = call
        self._answers: dict[str, list[Any]] = defaultdict(list)
        self._given: dict[str, Iterator[Any]] = {}

    def rewind(self) -> None:
        """The template is rendered from its beginning."""
        self._given = {key: iter(answers[:]) for key, answers in self._answers.items()}

    def __call__(self, call: HttpCall) -> Any:
        """The answer of this call, made unless it was made in an earlier attempt to render."""
        key = repr(call)
        answer = next(self._given.get(key, iter(())), _MISSING)
        if answer is _MISSING:
            answer = self._call(call)
            self._answers[key].append(answer)
        return answer


async def evaluate(
    work: Callable[[Services], Result], services: Services, fetch: Fetch, in_thread: InThread | None = None
) -> Result:
    """``work`` with everything it asks for. Called in an event loop; also outside of a task.

    ``work`` may be run more than once. What blocks runs ``in_thread``, one of the loop's own unless given.
    Raises what it raises, and what ``fetch`` raises.
    """
    in_loop = services if services.http is None else replace(services, http=_leave_the_loop)
    while True:
        try:
            return work(in_loop)
        except _ThreadNeeded:
            loop = asyncio.get_running_loop()
            blocking = partial(evaluate_blocking, work, services, fetch, loop)
            result: Result = await asyncio.ensure_future((in_thread or asyncio.to_thread)(blocking))
            return result
        except Needed as needed:
            await asyncio.ensure_future(fetch(needed))


def evaluate_blocking(
    work: Callable[[Services], Result], services: Services, fetch: Fetch, loop: asyncio.AbstractEventLoop
) -> Result:
    """The same, called in a thread beside ``loop``."""
    calls = None if services.http is None else HttpCalls(services.http)
    own = services if calls is None else replace(services, http=calls)
    while True:
        if calls is not None:
            calls.rewind()
        try:
            return work(own)
        except Needed as needed:
            asyncio.run_coroutine_threadsafe(_awaited(fetch(needed)), loop).result()


async def _awaited(what: Awaitable[None]) -> None:
    await what


def _leave_the_loop(call: HttpCall) -> Any:
    raise _ThreadNeeded(f"a thread for {call.method} {call.uri[:100]}")
