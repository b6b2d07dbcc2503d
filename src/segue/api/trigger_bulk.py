"""What users do to many triggers, by keys or by query (REST API 1.5, 4.6).

Written in batches. A query that matches more than one batch is worked off in the background of this process; all
operations can be asked for again, since they leave alone what they do not fit.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from segue.api.ports import ApiPorts
from segue.api.problems import BULK_VALIDATION_FAILED, ProblemError
from segue.domain.trigger.operations import (
    First,
    delete_backfill,
    pause_backfill,
    reset,
    set_disabled,
    unlock,
    unpause_backfill,
)
from segue.domain.trigger.state import TriggerKey, TriggerState
from segue.ports.queue import Channel
from segue.ports.repositories.trigger_filters import TriggerAll, TriggerIs, TriggerTrait
from segue.ports.repositories.triggers import TriggerQuery

logger = logging.getLogger(__name__)

MOST_TRIGGERS = 10_000
_BATCH = 500
_WORDS = 100


class TriggerAction(NamedTuple):
    """One operation. ``change`` gives the same state back where it does not fit.

    ``counts_all``: triggers that are as wanted already count too. ``trait`` limits a query beforehand.
    """

    name: str
    change: Callable[[TriggerState, datetime], TriggerState]
    counts_all: bool = False
    trait: TriggerTrait | None = None


def _pause(state: TriggerState, now: datetime) -> TriggerState:
    return state if state.running_backfill is None else pause_backfill(state, now)


def _unpause(state: TriggerState, now: datetime) -> TriggerState:
    return unpause_backfill(state, now) if state.backfill is not None and state.backfill.paused else state


def _end(state: TriggerState, now: datetime) -> TriggerState:
    return state if state.backfill is None else delete_backfill(state, now)


def switching(*, disabled: bool) -> TriggerAction:
    """Disable or enable. A scheduler finds out the next date of those that are enabled."""

    def change(state: TriggerState, now: datetime) -> TriggerState:
        return set_disabled(state, disabled=disabled, now=now, first=First(now, is_planned=False))

    return TriggerAction("set-disabled", change, counts_all=True)


PAUSE = TriggerAction("backfill/pause", _pause)
UNPAUSE = TriggerAction("backfill/unpause", _unpause)
DELETE_BACKFILL = TriggerAction("backfill/delete", _end)
UNLOCK = TriggerAction("unlock", unlock, trait=TriggerTrait.LOCKED)
DELETE = TriggerAction("delete", lambda state, now: reset(state, now, First(now, is_planned=False)))


class TriggerBulk:
    """Bulk operations of one process."""

    def __init__(self, ports: ApiPorts) -> None:
        self._ports = ports
        self._running: set[asyncio.Task[int]] = set()

    async def by_keys(self, keys: Sequence[TriggerKey], action: TriggerAction) -> int:
        """Change all of them, or none when one is unknown; how many count.

        Raises ``ProblemError`` naming every unknown one.
        """
        unique = list(dict.fromkeys(keys))
        if len(unique) > MOST_TRIGGERS:
            raise ProblemError(BULK_VALIDATION_FAILED, f"more than {MOST_TRIGGERS} triggers")
        known = [key for batch in _batches(unique) for key in await self._ports.triggers.known(batch)]
        unknown = [key for key in unique if key not in set(known)]
        if unknown:
            invalids = tuple(
                {"message": "trigger not found", "propertyPath": "trigger", "invalidValue": _name(key)}
                for key in unknown
            )
            raise ProblemError(BULK_VALIDATION_FAILED, f"invalid bulk {action.name}", invalids=invalids)
        changed = [await self._change(batch, action) for batch in _batches(unique)]
        return len(unique) if action.counts_all else sum(changed)

    async def by_query(self, query: TriggerQuery, action: TriggerAction) -> int:
        """Change the matches; how many count. More than a batch go on after the answer, which counts all matches."""
        if action.trait is not None:
            parts = (TriggerIs(action.trait), *(() if query.where is None else (query.where,)))
            query = msgspec.structs.replace(query, where=TriggerAll(parts))
        total = await self._ports.triggers.count(query)
        if total <= _BATCH:
            changed = await self._work_off(query, action)
            return total if action.counts_all else changed
        task = asyncio.create_task(self._in_background(query, action), name=f"bulk {action.name} of triggers")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return total

    async def stop(self) -> None:
        """End what still runs; what is written stays written."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _in_background(self, query: TriggerQuery, action: TriggerAction) -> int:
        try:
            return await self._work_off(query, action)
        except asyncio.CancelledError:
            logger.warning("bulk %s of triggers was broken off by the end of the server: ask again", action.name)
            raise
        except Exception:
            logger.exception("bulk %s of triggers was broken off: ask again", action.name)
            return 0

    async def _work_off(self, query: TriggerQuery, action: TriggerAction) -> int:
        after, changed = "", 0
        while states := await self._ports.triggers.scan(query, after, _BATCH):
            after = states[-1].key.uid
            changed += await self._change([state.key for state in states], action)
            if len(states) < _BATCH:
                break
        return changed

    async def _change(self, keys: Sequence[TriggerKey], action: TriggerAction) -> int:
        now = self._ports.clock.now()
        changed = await self._ports.triggers.change_many(keys, lambda state: action.change(state, now))
        due = [state.due_at for state in changed if state.due_at is not None]
        if due:
            await self._ports.queue.broadcast(Channel.TRIGGERS, [min(due).isoformat()])
        return len(changed)


def _batches(keys: Sequence[TriggerKey]) -> list[Sequence[TriggerKey]]:
    return [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]


def _name(key: TriggerKey) -> str:
    return ".".join(part[:_WORDS] for part in (key.namespace, key.flow_id, key.trigger_id))
