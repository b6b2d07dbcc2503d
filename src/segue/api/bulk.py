"""Operations on many executions, by ids or by query (REST API 1.5, 4.4): checked, then written in batches.

The API writes the facts and answers; executors do the work. A query that matches more than one batch is worked
off in the background of this process, in the order of the ids, as fast as the inboxes allow.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from segue.api.config import ApiConfig
from segue.api.operating import Operating
from segue.api.ports import ApiPorts
from segue.api.problems import BULK_VALIDATION_FAILED, ProblemError
from segue.domain.execution.facts import Fact
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.filters import All, Comparison, Dated, DateField, ExecutionField, Filter, Match

logger = logging.getLogger(__name__)

MOST_IDS = 10_000
_BATCH = 500
_PRESSURE_PAUSE = 0.5


@dataclass(frozen=True)
class BulkAction:
    """One operation on many executions.

    ``states`` are those it is legal in, ``otherwise`` says so of an execution in another one. ``fact`` makes the
    request for one execution, None for one that is to be left out; ``key`` is its dedup key.
    """

    name: str
    states: frozenset[State]
    otherwise: str
    fact: Callable[[Execution], Awaitable[Fact | None]]
    key: str | None = None


class Bulk:
    """Bulk operations of one process."""

    def __init__(self, ports: ApiPorts, config: ApiConfig, operating: Operating) -> None:
        self._ports = ports
        self._config = config
        self._operating = operating
        self._running: set[asyncio.Task[None]] = set()

    async def chosen(
        self, tenant: str, ids: Sequence[str], action: str, states: frozenset[State], otherwise: str
    ) -> list[Execution]:
        """The executions of these ids, each once. Raises ``ProblemError`` naming every bad id."""
        unique = list(dict.fromkeys(ids))
        if len(unique) > MOST_IDS:
            raise ProblemError(BULK_VALIDATION_FAILED, f"more than {MOST_IDS} ids")
        found = await self._ports.executions.get_many(unique)
        invalids: list[Mapping[str, str]] = []
        chosen = []
        for one in unique:
            execution = found.get(one)
            if execution is None or execution.flow.tenant != tenant:
                invalids.append(_invalid("execution not found", one))
            elif execution.state not in states:
                invalids.append(_invalid(otherwise, one))
            else:
                chosen.append(execution)
        if invalids:
            raise ProblemError(BULK_VALIDATION_FAILED, f"invalid bulk {action}", invalids=tuple(invalids))
        return chosen

    async def by_ids(self, tenant: str, ids: Sequence[str], action: BulkAction) -> int:
        """Ask all of them, or none when one is unknown or in a wrong state; how many."""
        chosen = await self.chosen(tenant, ids, action.name, action.states, action.otherwise)
        for start in range(0, len(chosen), _BATCH):
            await self._ask(chosen[start : start + _BATCH], action)
        return len(chosen)

    async def by_query(self, query: ExecutionQuery, action: BulkAction) -> int:
        """Ask the matches that are in a right state; how many those are. More than a batch go on after the answer."""
        limited = self.limited(query, action.states)
        total = await self._ports.executions.count(limited)
        if total <= _BATCH:
            async for batch in self.batches(limited):
                await self._ask(batch, action)
            return total
        task = asyncio.create_task(self._work_off(limited, action), name=f"bulk {action.name}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return total

    def limited(self, query: ExecutionQuery, states: frozenset[State]) -> ExecutionQuery:
        """The query without executions that start from now on (a replay makes such), and in these states only."""
        parts: list[Filter] = [
            Dated(DateField.STARTED_AT, Comparison.LESS_THAN_OR_EQUAL_TO, self._ports.clock.now()),
            Match(ExecutionField.STATE, Comparison.IN, tuple(sorted(state.value for state in states))),
        ]
        if query.where is not None:
            parts.append(query.where)
        return msgspec.structs.replace(query, where=All(tuple(parts)))

    async def batches(self, query: ExecutionQuery) -> AsyncIterator[list[Execution]]:
        """All matches, a batch at a time, in the order of their ids."""
        after = ""
        while batch := await self._ports.executions.scan(query, after, _BATCH):
            after = batch[-1].id
            yield batch
            if len(batch) < _BATCH:
                return

    async def stop(self) -> None:
        """End what still runs; what is written stays written."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _work_off(self, query: ExecutionQuery, action: BulkAction) -> None:
        try:
            async for batch in self.batches(query):
                await self._ask(batch, action)
                await self._relief()
        except asyncio.CancelledError:
            logger.warning("bulk %s was broken off by the end of the server: ask again", action.name)
            raise
        except Exception:
            logger.exception("bulk %s was broken off: ask again", action.name)

    async def _relief(self) -> None:
        """Wait until the inboxes have room."""
        while await self._ports.executions.backlog() > self._config.max_backlog:  # noqa: ASYNC110  nobody tells of it
            await asyncio.sleep(_PRESSURE_PAUSE)

    async def _ask(self, executions: Sequence[Execution], action: BulkAction) -> None:
        facts = []
        for execution in executions:
            fact = await action.fact(execution)
            if fact is not None:
                facts.append((execution.id, fact, action.key))
        if facts:
            await self._operating.submit(facts)


def _invalid(message: str, execution_id: str) -> Mapping[str, str]:
    return {"message": message, "propertyPath": "execution", "invalidValue": execution_id[:100]}
