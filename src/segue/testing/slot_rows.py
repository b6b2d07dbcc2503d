"""What every database must do with slots: subclass in a test module with a fixture ``database`` (see ``databases``)."""

import asyncio
from datetime import timedelta

import msgspec

from segue.domain.execution.facts import Created, SlotGranted
from segue.domain.execution.model import Execution
from segue.domain.execution.slots import SlotRequest, slot_scope
from segue.domain.execution.state import State
from segue.ports.repositories.database import Database
from segue.ports.repositories.journal import Change
from segue.ports.repositories.slots import Mended, SlotUsage, Taken
from segue.testing.samples import NOW, ended, execution, flow_key

SCOPE = slot_scope(flow_key())
HELD = Taken(held=True)
WAITS = Taken(held=False, waits=True)
DENIED = Taken(held=False)


def request(asker: Execution, limit: int = 1, **fields: object) -> SlotRequest:
    """A request of an execution under revision 1 of its flow."""
    given = {"revision": 1, "created_at": asker.created_at, "version": asker.version} | fields
    return SlotRequest(execution_id=asker.id, scope=slot_scope(asker.flow), limit=limit, **given)  # type: ignore[arg-type]  # its fields


async def crowd(database: Database, count: int) -> list[Execution]:
    """Stored executions of one flow, a second apart, whose ``Created`` facts were read."""
    made = [execution(at=NOW + timedelta(seconds=number)) for number in range(count)]
    await database.executions.create(made)
    await consume(database, made)
    return made


async def consume(database: Database, executions: list[Execution]) -> list[object]:
    """Read all facts of executions away; the facts."""
    loaded = (await database.journal.load([each.id for each in executions], [each.id for each in executions])).facts
    found = [fact for each in executions for fact in loaded.get(each.id, [])]
    await database.journal.forget([fact.seq for fact in found])
    return [fact.fact for fact in found]


async def usage(database: Database) -> tuple[int, int]:
    """How many hold a slot of the flow and how many wait."""
    (found,) = await database.slots.usage("main/")
    return found.running, found.queued


async def finish(database: Database, owner: Execution) -> None:
    """End an execution as the executor does."""
    assert await database.journal.apply([Change(execution=ended(owner), frees_slot=True)]) == frozenset()


class SlotConformance:
    """``SlotRepository``, and what the journal does to slots."""

    async def test_slots_are_given_up_to_the_limit_then_places_in_order(self, database: Database) -> None:
        first, second, third, fourth = await crowd(database, 4)
        assert await database.slots.take(request(first, 2)) == HELD
        assert await database.slots.take(request(second, 2)) == HELD
        assert await database.slots.take(request(fourth, 2)) == WAITS
        assert await database.slots.take(request(third, 2)) == WAITS
        assert await database.slots.usage("main/") == [SlotUsage(SCOPE, 2, 2, 2)]
        assert await database.slots.usage("other/") == []
        await finish(database, first)
        assert await database.slots.woken([SCOPE]) == [third.id]
        assert await consume(database, [fourth, third]) == [SlotGranted()]
        assert await database.slots.woken([SCOPE]) == []
        assert await database.slots.take(request(third, 2)) == HELD
        assert await database.slots.take(request(fourth, 2)) == WAITS

    async def test_asking_again_changes_nothing(self, database: Database) -> None:
        first, second = await crowd(database, 2)
        answers = [await database.slots.take(request(each)) for each in (first, second, first, second, first)]
        assert answers == [HELD, WAITS, HELD, WAITS, HELD]
        assert await usage(database) == (1, 1)

    async def test_those_who_do_not_queue_are_denied(self, database: Database) -> None:
        first, second = await crowd(database, 2)
        assert await database.slots.take(request(first, queues=False)) == HELD
        assert await database.slots.take(request(second, queues=False)) == DENIED
        assert await usage(database) == (1, 0)
        await finish(database, first)
        assert await database.slots.take(request(second, queues=False)) == HELD

    async def test_a_forced_one_counts(self, database: Database) -> None:
        first, second, third = await crowd(database, 3)
        await database.slots.take(request(first))
        await database.slots.take(request(second))
        await database.slots.take(request(third))
        assert await database.slots.take(request(second, is_forced=True)) == HELD
        assert await usage(database) == (2, 1)
        await finish(database, first)
        assert await usage(database) == (1, 1)
        await finish(database, second)
        assert await usage(database) == (1, 0)

    async def test_who_is_out_of_date_or_gone_gets_nothing(self, database: Database) -> None:
        (first,) = await crowd(database, 1)
        assert await database.slots.take(request(first, version=7)) == WAITS
        assert await database.slots.take(request(execution())) == WAITS
        assert await database.slots.usage("main/") == []

    async def test_nothing_is_freed_by_a_loser(self, database: Database) -> None:
        first, second = await crowd(database, 2)
        await database.slots.take(request(first))
        await database.slots.take(request(second))
        stale = Change(execution=msgspec.structs.replace(first, version=9), frees_slot=True)
        assert await database.journal.apply([stale]) == {first.id}
        assert await usage(database) == (1, 1)

    async def test_one_batch_frees_many(self, database: Database) -> None:
        made = await crowd(database, 6)
        for each in made:
            await database.slots.take(request(each, 2))
        changes = [Change(execution=ended(each), frees_slot=True) for each in (made[0], made[1], made[2])]
        await database.journal.apply(changes)
        assert await database.slots.woken([SCOPE]) == [made[3].id, made[4].id]
        assert await usage(database) == (2, 1)

    async def test_a_deleted_execution_frees_its_slot(self, database: Database) -> None:
        made = await crowd(database, 3)
        for each in made:
            await database.slots.take(request(each))
        assert await database.executions.delete("main", [made[1].id])
        assert await database.executions.delete("main", [made[0].id])
        assert await database.slots.woken([SCOPE]) == [made[2].id]
        assert await usage(database) == (1, 0)

    async def test_the_newest_revision_rules(self, database: Database) -> None:
        made = await crowd(database, 5)
        assert await database.slots.change_limit(SCOPE, 1, 5) == []
        assert await database.slots.usage("main/") == []
        for each in made:
            await database.slots.take(request(each, revision=3))
        assert await database.slots.change_limit(SCOPE, 2, 9) == []
        assert await database.slots.change_limit(SCOPE, 4, 2) == [made[1].id]
        assert await database.slots.take(request(made[4], 9, revision=3)) == WAITS
        assert await database.slots.take(request(made[4], 3, revision=5)) == Taken(
            held=False, waits=True, woken=[made[2].id]
        )
        assert await database.slots.change_limit(SCOPE, 6, None) == [made[3].id, made[4].id]
        assert await usage(database) == (5, 0)

    async def test_mending_leaves_what_is_right(self, database: Database) -> None:
        assert await database.slots.mend() == Mended()
        first, second = await crowd(database, 2)
        await database.slots.take(request(first))
        await database.slots.take(request(second))
        assert await database.slots.mend() == Mended()
        assert await usage(database) == (1, 1)

    async def test_mending_removes_slots_of_the_finished(self, database: Database) -> None:
        first, second = await crowd(database, 2)
        await database.slots.take(request(first))
        await database.slots.take(request(second))
        await database.journal.apply([Change(execution=ended(first))])
        await database.executions.submit([(first.id, Created(), None)])
        assert await database.slots.mend() == Mended()
        await consume(database, [first])
        assert await database.slots.mend() == Mended([first.id], [second.id])
        assert await usage(database) == (1, 0)

    async def test_mending_tells_those_who_did_not_hear(self, database: Database) -> None:
        first, second = await crowd(database, 2)
        await database.slots.take(request(first))
        await database.slots.take(request(second))
        queued = msgspec.structs.replace(second, status=second.status.to(State.QUEUED, NOW))
        await database.journal.apply([Change(execution=queued)])
        await finish(database, first)
        assert await consume(database, [second]) == [SlotGranted()]
        assert await database.slots.mend() == Mended([], [second.id])
        assert await database.slots.mend() == Mended()
        assert await consume(database, [second]) == [SlotGranted()]

    async def test_simultaneous_askers_and_enders_keep_the_limit(self, database: Database) -> None:
        limit = 3
        made = await crowd(database, 24)
        most = 0

        async def live(each: Execution) -> None:
            nonlocal most
            taken = await database.slots.take(request(each, limit))
            while not taken.held:
                await asyncio.sleep(0.005)
                taken = await database.slots.take(request(each, limit))
            running.add(each.id)
            most = max(most, len(running))
            await asyncio.sleep(0)
            running.discard(each.id)
            await finish(database, each)

        running: set[str] = set()
        async with asyncio.timeout(60):
            await asyncio.gather(*(live(each) for each in made))
        assert most <= limit
        assert await usage(database) == (0, 0)
