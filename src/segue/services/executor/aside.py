"""Values that take their time: answers of other servers, log lines still on their way (design D1, D10).

A batch never waits for them. The execution that asks is left as it is, facts unread; what it asked for is fetched
beside the batches, then it is woken, and decides again with the values at hand.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any, TypeGuard

from segue.domain.errors import UnavailableError
from segue.domain.fetched_values import FetchedValues, Refused
from segue.domain.needs import HttpNeed, ValueKind, ValueNeed
from segue.expr import ExpressionError
from segue.ports.repositories.values import ValueScope
from segue.services.executor.config import ExecutorPorts

logger = logging.getLogger(__name__)

SlowNeed = ValueNeed | HttpNeed

_AT_ONCE = 16
_MOST_ROUNDS = 20
_REMEMBERED = 1000
_PAUSE = 0.5


class LaterError(Exception):
    """The execution has to wait for a value: leave it as it is, it is woken."""


class _Found:
    """What was fetched for one execution, and in how many rounds."""

    def __init__(self) -> None:
        self.values: dict[SlowNeed, Any] = {}
        self.rounds = 0


class Aside:
    """Fetches slow values. ``wake`` is called with the execution's id when they are there."""

    def __init__(self, ports: ExecutorPorts, wake: Callable[[str], None]) -> None:
        self._ports = ports
        self._wake = wake
        self._found: OrderedDict[str, _Found] = OrderedDict()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    @staticmethod
    def is_slow(need: object) -> TypeGuard[SlowNeed]:
        """Whether a need is not to be waited for in a batch."""
        return isinstance(need, HttpNeed) or (isinstance(need, ValueNeed) and need.kind is ValueKind.LOGS)

    def provide(self, scope: ValueScope, needs: Collection[SlowNeed], values: FetchedValues) -> None:
        """Give what is there. Raises ``LaterError`` when something is not.

        An expression that asks for something else each time it is evaluated (a call with the time in it) is refused
        after some rounds.
        """
        execution_id = scope.execution_id
        assert execution_id is not None
        found = self._found.setdefault(execution_id, _Found())
        self._found.move_to_end(execution_id)
        values.provide(found.values)
        missing = [need for need in needs if need not in found.values]
        if not missing:
            return
        if found.rounds >= _MOST_ROUNDS:
            values.calls_refused = f"The expressions of one step made more than {_MOST_ROUNDS} rounds of calls"
            values.provide(dict.fromkeys(missing, Refused(values.calls_refused)))
            return
        if execution_id not in self._running:
            self._running[execution_id] = asyncio.ensure_future(self._fetch(scope, missing, found))
        raise LaterError

    def forget(self, execution_id: str) -> None:
        """The step is written, or given up: its values are worth nothing any more."""
        self._found.pop(execution_id, None)

    async def stop(self) -> None:
        """Break off what is going on; whoever starts next asks again."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _fetch(self, scope: ValueScope, needs: Collection[SlowNeed], found: _Found) -> None:
        assert scope.execution_id is not None
        try:
            async with self._room:
                calls = [need for need in needs if isinstance(need, HttpNeed)]
                others = [need for need in needs if isinstance(need, ValueNeed)]
                answers = await asyncio.gather(*(self._call(need) for need in calls))
                found.values.update(zip(calls, answers, strict=True))
                loaded = await self._ports.values.load(scope, others)
                found.values.update(loaded.items())
            found.rounds += 1
        except UnavailableError as error:
            logger.warning("values for execution %s have to wait: %s", scope.execution_id, error)
            await asyncio.sleep(_PAUSE)
        finally:
            self._running.pop(scope.execution_id, None)
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        self._wake(scope.execution_id)

    async def _call(self, need: HttpNeed) -> Any:
        assert self._ports.http is not None
        try:
            return await asyncio.to_thread(self._ports.http, need.call)
        except ExpressionError as error:
            return Refused(error.message)
        except Exception as error:  # an expression must not end the executor
            logger.exception("http() failed")
            return Refused(f"The call failed: {type(error).__name__}")
