"""One batch of wake-ups from the inbox to the commit (design, "The life of an execution" 6 to 9)."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from segue.domain.engine.advance import advance
from segue.domain.engine.decision import Decision
from segue.domain.engine.state import ExecutionState
from segue.domain.engine.unreadable import give_up
from segue.domain.errors import DefinitionError, NotFoundError, UnavailableError
from segue.domain.execution.facts import Fact, InboxFact
from segue.domain.execution.logs import MASK, LogEntry
from segue.domain.execution.slots import slot_scope
from segue.domain.fetched_values import FetchedValues
from segue.domain.flow.resolve_inputs import has_secret_inputs
from segue.domain.needs import ValueNeed
from segue.ports.queue import Channel, Topic
from segue.ports.rendering import ValueRenderer
from segue.ports.repositories.journal import Change, Loaded, Snapshot
from segue.ports.repositories.values import ValueScope
from segue.services.executor.aside import Aside, LaterError
from segue.services.executor.cache import StateCache
from segue.services.executor.changes import change_of
from segue.services.executor.config import ExecutorConfig, ExecutorPorts
from segue.services.executor.following import Following, seen_before
from segue.services.executor.loading import Loading, reference_of

logger = logging.getLogger(__name__)

_KEPT_OUTPUT_BYTES = 16 * 1024
_STORED_AT_ONCE = 16
_KEPT_NEW_BYTES = 4 * 1024
_ROUNDS_OF_LOSERS = 5


@dataclass(slots=True)
class Work:
    """One execution in this batch."""

    state: ExecutionState
    facts: Sequence[InboxFact]
    decision: Decision
    renderer: ValueRenderer
    seen: int
    """How many states of the execution were there before this step."""
    is_decided: bool = False

    @property
    def id(self) -> str:
        """The execution's id."""
        return self.state.execution.id


class Step:
    """Takes wake-ups to decisions and applies all of a batch in one transaction.

    Not to be run twice at the same time in one process: a state has one owner.
    """

    def __init__(self, ports: ExecutorPorts, config: ExecutorConfig) -> None:
        self._ports = ports
        self._config = config
        self._loading = Loading(ports)
        self._aside = Aside(ports, self._wake)
        self._following = Following(ports.followers)
        self._cache = StateCache(config.cached_executions, config.cached_task_runs)
        self._failures: Counter[str] = Counter()
        self._telling: set[asyncio.Future[None]] = set()

    async def stop(self) -> None:
        """Break off what goes on beside the batches."""
        await self._aside.stop()

    async def run(self, execution_ids: Sequence[str]) -> None:
        """Bring these executions as far as they go. Raises ``UnavailableError`` when the database is away.

        An execution that another executor moved meanwhile is read again and tried again.
        """
        waiting = list(dict.fromkeys(execution_ids))
        for _ in range(_ROUNDS_OF_LOSERS):
            waiting = await self._round(waiting)
            if not waiting:
                return
        await self._ports.queue.publish(Topic.EXECUTIONS, waiting)

    async def _round(self, execution_ids: Sequence[str]) -> list[str]:
        loaded = await self._ports.journal.load(execution_ids, self._cache.ids)
        await self._following.renew(loaded.follower_epoch)
        works = [work for work in [await self._open(loaded, each) for each in loaded.facts] if work is not None]
        works = [work for work in works if await self._decide(work)]
        losers = await self._apply(works)
        return [work.id for work in works if work.id in losers]

    async def _open(self, loaded: Loaded, execution_id: str) -> Work | None:
        """The state of one execution with its facts, None when there is nothing to do for it."""
        facts = loaded.facts[execution_id]
        state = self._cache.take(execution_id)
        if state is None:
            snapshot = loaded.snapshots.get(execution_id)
            if snapshot is None:
                await self._ports.journal.forget([fact.seq for fact in facts])
                return None
            try:
                flow = await self._ports.catalog.by_key(snapshot.execution.flow)
            except (DefinitionError, NotFoundError) as error:
                return self._give_up(snapshot, facts, error.message)
            state = ExecutionState(flow, snapshot.execution, snapshot.task_runs)
        renderer = self._ports.renderer.over(
            FetchedValues(), reveals=has_secret_inputs(state.flow), http=self._ports.http is not None
        )
        return Work(state, facts, Decision(), renderer, seen_before(state.execution))

    def _give_up(self, snapshot: Snapshot, facts: Sequence[InboxFact], reason: str) -> Work:
        now, renderer = self._ports.clock.now(), self._ports.renderer.over(FetchedValues())
        state, decision = give_up(snapshot.execution, snapshot.task_runs, reason, now, renderer)
        return Work(state, facts, decision, renderer, seen_before(snapshot.execution), is_decided=True)

    async def _decide(self, work: Work) -> bool:
        """Advance one execution with all it needs; whether there is a decision to apply."""
        if work.is_decided:
            return True
        try:
            self._advance(work, [fact.fact for fact in work.facts])
            while work.decision.needs:
                await self._load(work)
                self._advance(work, ())
            _hide_secrets(work)
        except UnavailableError:
            raise
        except LaterError:
            return False
        except Exception as error:
            await self._failed(work.id, work.facts, error)
            return False
        return True

    def _advance(self, work: Work, facts: Iterable[Fact]) -> None:
        now = self._ports.clock.now()
        advance(work.state, facts, now, work.renderer, work.decision, self._config.limits)

    async def _load(self, work: Work) -> None:
        """All that is needed. Secrets, KV values and contents of files are known for this step only.

        Raises ``LaterError`` for what takes its time.
        """
        needs, values = work.decision.needs, work.renderer.values
        scope = ValueScope(work.state.execution.flow, work.id)
        slow = [need for need in needs if self._aside.is_slow(need)]
        if slow:
            self._aside.provide(scope, slow, values)
        quick = [need for need in needs.difference(slow) if isinstance(need, ValueNeed)]
        if quick:
            values.provide(await self._ports.values.load(scope, quick))
        await self._loading.load(work.state, needs.difference(slow, quick))

    async def _apply(self, works: Sequence[Work]) -> frozenset[str]:
        if not works:
            return frozenset()
        changes = []
        await self._store_large(works)
        for work in works:
            transitions = self._following.transitions(work.state.execution, work.seen)
            changes.append(change_of(work.state, work.decision, work.facts, transitions))
        try:
            losers = await self._ports.journal.apply(changes)
        except UnavailableError:
            raise
        except Exception as error:
            if len(works) > 1:
                logger.warning("A batch of %d could not be written, each is tried alone: %s", len(works), error)
                return frozenset().union(*[await self._apply([work]) for work in works])
            await self._failed(works[0].id, works[0].facts, error)
            return frozenset()
        self._tell([change for change in changes if change.execution.id not in losers])
        for work in works:
            if work.id not in losers:
                self._keep(work)
        return losers

    async def _store_large(self, works: Sequence[Work]) -> None:
        """Some at a time: a bucket takes a while for each."""
        puts = [
            (work.state.execution.flow.tenant, new.reference.uri, new.payload)
            for work in works
            for new in work.decision.outputs
            if new.reference.uri is not None
        ]
        for first in range(0, len(puts), _STORED_AT_ONCE):
            some = puts[first : first + _STORED_AT_ONCE]
            await asyncio.gather(*(self._ports.storage.put(tenant, uri, _once(load)) for tenant, uri, load in some))

    def _keep(self, work: Work) -> None:
        """Put the state into the cache, without outputs that are large."""
        state = work.state
        for new in work.decision.outputs:
            if len(new.payload) > _KEPT_NEW_BYTES:
                state.outputs.pop(new.owner_id, None)
        self._failures.pop(state.execution.id, None)
        self._aside.forget(state.execution.id)
        version = state.execution.version + 1
        state.execution = msgspec.structs.replace(state.execution, version=version)
        state.found.clear()
        for owner in tuple(state.outputs):
            reference = reference_of(state, owner)
            if reference is not None and reference.size > _KEPT_OUTPUT_BYTES:
                del state.outputs[owner]
        self._cache.put(state)

    def _tell(self, changes: Sequence[Change]) -> None:
        """Begin to tell of what is written, without waiting for it: news may be late or lost (design D9)."""
        telling = asyncio.ensure_future(self._publish(changes))
        self._telling.add(telling)
        telling.add_done_callback(self._told)

    def _told(self, telling: "asyncio.Future[None]") -> None:
        self._telling.discard(telling)
        if not telling.cancelled() and telling.exception() is not None:
            logger.warning("news were not told and will be found in the database: %s", telling.exception())

    async def _publish(self, changes: Sequence[Change]) -> None:
        """Tell who has to act and who looks on; lost news are found in the database later."""
        queue = self._ports.queue
        queues = sorted({job.worker_queue for change in changes for job in change.jobs})
        killed = [run_id for change in changes for run_id in change.dropped_jobs]
        timers = [timer.due_at for change in changes for timer in change.timers]
        others = [new.execution.id for change in changes for new in change.executions]
        others += [fact.execution_id for change in changes for fact in change.facts]
        if others:
            await queue.publish(Topic.EXECUTIONS, list(dict.fromkeys(others)))
        await queue.broadcast(Channel.JOBS, queues)
        await queue.broadcast(Channel.KILLS, killed)
        if timers:
            await queue.broadcast(Channel.TIMERS, [min(timers).isoformat()])
        await queue.broadcast(Channel.EXECUTIONS, [change.execution.id for change in changes])
        await queue.broadcast(Channel.LOGS, [change.execution.id for change in changes if change.logs])
        followed = [change.execution.id for change in changes if change.transitions]
        if followed:
            await queue.publish(Topic.TRANSITIONS, followed)
        ended = [change.frees_trigger for change in changes if change.frees_trigger is not None]
        if ended:
            await queue.broadcast(Channel.TRIGGERS, [min(ended).isoformat()])
        freed = {slot_scope(change.execution.flow) for change in changes if change.frees_slot}
        if freed:
            await queue.publish(Topic.EXECUTIONS, await self._ports.slots.woken(sorted(freed)))

    async def _failed(self, execution_id: str, facts: Sequence[InboxFact], error: Exception) -> None:
        """A step failed: try again later, and park the facts when that does not help (design D10)."""
        self._failures[execution_id] += 1
        count = self._failures[execution_id]
        if count < self._config.attempts:
            logger.warning("Step %d of execution %s failed and is tried again: %s", count, execution_id, error)
            delay = self._config.retry_delay * 4 ** (count - 1)
            asyncio.get_running_loop().call_later(delay, self._wake, execution_id)
            return
        logger.error("Facts of execution %s are parked as dead letters", execution_id, exc_info=error)
        del self._failures[execution_id]
        self._aside.forget(execution_id)
        await self._ports.journal.park(facts, f"{type(error).__name__}: {error}", self._ports.clock.now())

    def _wake(self, execution_id: str) -> None:
        waking = asyncio.ensure_future(self._ports.queue.publish(Topic.EXECUTIONS, [execution_id]))
        self._telling.add(waking)
        waking.add_done_callback(self._told)


def _hide_secrets(work: Work) -> None:
    """No line of the engine repeats a secret that an expression of this step looked at."""
    secrets = sorted(work.renderer.values.secrets_seen, key=len, reverse=True)
    if secrets:
        work.decision.logs[:] = [_hidden(line, secrets) for line in work.decision.logs]


def _hidden(line: LogEntry, secrets: Iterable[str]) -> LogEntry:
    message = line.message
    for secret in secrets:
        message = message.replace(secret, MASK)
    return line if message == line.message else msgspec.structs.replace(line, message=message)


async def _once(payload: bytes) -> AsyncIterator[bytes]:
    yield payload
