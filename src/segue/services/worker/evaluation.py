"""Triggers on a worker: one look, or a stream for as long as it is wanted (flow language 12.8)."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from typing import Any

import msgspec

from segue.domain.errors import LimitExceededError
from segue.domain.trigger.evaluation import MAX_EVENTS, MAX_EVENTS_BYTES, MAX_MEMORY_BYTES
from segue.domain.trigger.state import TriggerKind
from segue.proto.generated import worker_pb2 as pb
from segue.sdk import Output, PollingTrigger, PollResult, RealtimeTrigger
from segue.services.worker.context import WorkerContext
from segue.services.worker.journal import stamp
from segue.services.worker.outputs import outputs_json
from segue.services.worker.spool import Spool

REALTIME = TriggerKind.REALTIME.value


async def poll(
    trigger: PollingTrigger, context: WorkerContext, in_thread: Callable[[Callable[[], Any]], Any]
) -> Mapping[str, Any]:
    """Look once; ``events`` for the report, and ``memory`` if there is some. Raises what the plugin raises,
    ``TypeError`` for what are no outputs, and ``LimitExceededError`` for too much."""
    if inspect.iscoroutinefunction(trigger.poll):
        found: PollResult = await trigger.poll(context)
    else:
        work = asyncio.ensure_future(in_thread(lambda: trigger.poll(context)))
        try:
            found = await asyncio.shield(work)
        except asyncio.CancelledError:  # its thread has heard that it should end; the run gives it up after a while
            with contextlib.suppress(Exception):
                await work
            raise
    events = [_variables(event) for event in _events(found)]
    if len(events) > MAX_EVENTS:
        raise LimitExceededError(f"The trigger found {len(events)} events at once; {MAX_EVENTS} are allowed", "events")
    _check_size(sum(map(len, events)))
    found_all: dict[str, Any] = {"events": [msgspec.Raw(event) for event in events]}
    if context.remembered is not None:
        found_all["memory"] = msgspec.Raw(_memory(context.remembered))
    return found_all


class Stream:
    """A realtime trigger that is listened to. Its events are numbered, and few of them are on the way at once."""

    def __init__(self, key: pb.TaskRunKey, spool: Spool, window: int) -> None:
        self._key = key
        self._spool = spool
        self._window = window
        self._given = 0
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Something was acknowledged."""
        self._news.set()

    async def follow(self, trigger: RealtimeTrigger, context: WorkerContext) -> None:
        """Report each event, and ask for the next one when there is room. Raises what the plugin raises,
        ``TypeError`` for an event that is none, and ``LimitExceededError`` for one that is too large."""
        events = trigger.stream(context)
        try:
            async for event in events:
                await self._until(self._window - 1)
                self._give(_variables(event))
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()

    async def stored(self) -> None:
        """Return once everything given is acknowledged."""
        await self._until(0)

    def _give(self, variables: bytes) -> None:
        _check_size(len(variables))
        event = pb.Event(run=self._key, number=self._given, variables=variables)
        stamp(event.at)
        self._given += 1
        self._spool.add_event(event)

    async def _until(self, on_the_way: int) -> None:
        while self._given - self._spool.stored_events[self._key.token] > on_the_way:
            self._news.clear()
            await self._news.wait()


def _events(found: PollResult) -> Iterable[Any]:
    if found is None:
        return ()
    return (found,) if isinstance(found, Output | Mapping) else found


def _variables(event: Any) -> bytes:
    return outputs_json(event) or b"{}"


def _memory(remembered: Mapping[str, Any]) -> bytes:
    memory = outputs_json(remembered) or b"{}"
    if len(memory) > MAX_MEMORY_BYTES:
        raise LimitExceededError(
            f"The trigger remembers {len(memory)} bytes; {MAX_MEMORY_BYTES} are allowed", "trigger memory"
        )
    return memory


def _check_size(size: int) -> None:
    if size > MAX_EVENTS_BYTES:
        raise LimitExceededError(
            f"The variables of the trigger have {size} bytes; {MAX_EVENTS_BYTES} are allowed. Store what is large as "
            "a file and give its URI",
            "trigger",
        )
