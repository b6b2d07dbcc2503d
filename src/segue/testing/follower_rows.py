"""What every database must do for flow triggers: subclass in a test module with a fixture ``database``."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import Created
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.domain.trigger.followers import Interest, Selector
from segue.domain.trigger.gathering import Gathered, Met
from segue.domain.trigger.registration import Registration
from segue.ports.repositories.database import Database
from segue.ports.repositories.followers import FollowerNews, GatheringKey, Settlement, Transition
from segue.ports.repositories.journal import Change
from segue.testing.samples import NOW, ended, execution, stored_flow

SOON = NOW + timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)
KEY = GatheringKey("main", "company.team", "target", "depends_on_t")
GATHERED = Gathered(NOW, LATER, (Met("a", "e1", "company.team", "source"),))


async def end(database: Database, count: int = 1) -> list[Transition]:
    """Executions that end, a second apart, with the transitions that are written at their end."""
    found = []
    for number in range(count):
        source = execution(at=NOW + timedelta(seconds=number))
        await database.executions.create([source])
        done = ended(source)
        transition = Transition(
            execution_id=source.id, number=2, flow=source.flow, state=done.state, at=NOW + timedelta(seconds=number)
        )
        assert not await database.journal.apply([Change(execution=done, transitions=[transition])])
        found.append(transition)
    return found


async def claim(database: Database, owner: str = "me", *, limit: int = 10, late: bool = False) -> list[Transition]:
    """Claim for a minute; ``late``: after all claims of the others are over."""
    now = LATER if late else NOW
    return await database.followers.claim(owner, now, now + timedelta(minutes=1), limit)


async def settle(database: Database, transitions: Sequence[Transition], owner: str = "me", **fields: object) -> bool:
    """Settle transitions."""
    return await database.followers.settle(owner, Settlement(transitions=transitions, **fields))  # type: ignore[arg-type]  # its fields


async def met(database: Database) -> Gathered | None:
    """What has been met under the key of these tests."""
    return (await database.followers.gathered([KEY])).get(KEY)


def following(*interests: Interest) -> Registration:
    """What is registered of a flow with these flow triggers."""
    return Registration(at=NOW, definitions=(), interests=interests)


def interest(namespace: str | None = "company.team", flow_id: str | None = "source") -> Interest:
    """The interest of a flow trigger in one flow."""
    return Interest("t", frozenset({Selector(namespace, flow_id)}), frozenset({State.SUCCESS, State.FAILED}))


class FollowerConformance:
    """``FollowerRepository``, and what flows and the journal do for it."""

    async def test_flow_triggers_are_registered_with_their_flow(self, database: Database) -> None:
        assert await database.followers.news(0) == FollowerNews(0, {})
        first = await database.flows.save(stored_flow("a"), triggers=following(interest()))
        await database.flows.save(stored_flow("b"), triggers=following())
        epoch, flows = await database.followers.news(0)
        assert flows == {first.key: (interest(),)}
        assert epoch > 0
        assert await database.followers.news(epoch) == FollowerNews(epoch, {})

    async def test_only_what_changed_is_news(self, database: Database) -> None:
        await database.flows.save(stored_flow("a"), triggers=following(interest()))
        await database.flows.save(stored_flow("b"), triggers=following(interest()))
        epoch, _ = await database.followers.news(0)
        same = await database.flows.save(stored_flow("a"), triggers=following(interest()))
        assert (await database.followers.news(epoch)).flows == {}
        changed = msgspec.structs.replace(same, source=same.source + "\n# changed")
        second = await database.flows.save(changed, triggers=following(interest(flow_id=None)))
        epoch, flows = await database.followers.news(epoch)
        assert flows == {second.key: (interest(flow_id=None),)}
        await database.flows.delete("main", second.namespace, "a", NOW)
        _, flows = await database.followers.news(epoch)
        assert [(key.flow_id, found) for key, found in flows.items()] == [("a", ())]

    async def test_an_executor_hears_that_flow_triggers_changed(self, database: Database) -> None:
        source = execution()
        await database.executions.create([source])
        before = (await database.journal.load([source.id], [])).follower_epoch
        await database.flows.save(stored_flow("a"), triggers=following(interest()))
        assert (await database.journal.load([source.id], [])).follower_epoch > before

    async def test_transitions_are_claimed_oldest_first_by_one_at_a_time(self, database: Database) -> None:
        first, second, third = await end(database, 3)
        assert await claim(database, limit=2) == [first, second]
        assert await claim(database, "other") == [third]
        assert await claim(database) == []
        assert await claim(database, late=True) == [first, second, third], "claims end"

    async def test_a_transition_is_written_with_its_change_or_not_at_all(self, database: Database) -> None:
        (transition,) = await end(database)
        loser = Change(execution=ended(execution()), transitions=[msgspec.structs.replace(transition, number=9)])
        assert await database.journal.apply([loser])
        assert await claim(database) == [transition]

    async def test_settled_transitions_are_gone(self, database: Database) -> None:
        await end(database, 2)
        claimed = await claim(database)
        assert await settle(database, claimed[:1])
        assert await claim(database, late=True) == claimed[1:]
        assert await database.followers.next_at() is not None
        assert await settle(database, claimed[1:])
        assert await database.followers.next_at() is None

    async def test_nothing_is_written_by_one_who_lost_the_claim(self, database: Database) -> None:
        await end(database)
        claimed = await claim(database)
        assert await claim(database, "other", late=True) == claimed
        new = NewExecution(execution=execution())
        assert not await settle(database, claimed, gathered={KEY: GATHERED}, executions=[new])
        assert await met(database) is None
        assert await database.executions.get("main", new.execution.id) is None
        assert await settle(database, claimed, "other", gathered={KEY: GATHERED}, executions=[new])

    async def test_executions_begin_with_the_settlement_and_once(self, database: Database) -> None:
        await end(database, 2)
        first, second = await claim(database)
        new: Execution = execution()
        assert await settle(database, [first], executions=[NewExecution(execution=new)])
        assert await settle(database, [second], executions=[NewExecution(execution=new)])
        facts = (await database.journal.load([new.id], [])).facts[new.id]
        assert [fact.fact for fact in facts] == [Created()]

    async def test_what_was_met_is_kept_and_taken_back(self, database: Database) -> None:
        await end(database, 3)
        first, second, third = await claim(database)
        assert await settle(database, [first], gathered={KEY: GATHERED})
        kept = await met(database)
        assert kept == msgspec.structs.replace(GATHERED, version=1)
        assert await settle(database, [second], gathered={KEY: GATHERED}, before={KEY: 1})
        assert await met(database) == msgspec.structs.replace(GATHERED, version=2)
        assert await settle(database, [third], gathered={KEY: None}, before={KEY: 2})
        assert await met(database) is None

    async def test_what_others_met_meanwhile_is_not_written_over(self, database: Database) -> None:
        await end(database, 3)
        first, second, third = await claim(database)
        assert await settle(database, [first], gathered={KEY: GATHERED})
        assert not await settle(database, [second], gathered={KEY: GATHERED}), "it did not exist when it was read"
        assert not await settle(database, [second], gathered={KEY: None}, before={KEY: 7})
        assert await settle(database, [second], gathered={KEY: GATHERED}, before={KEY: 1})
        assert not await settle(database, [third], gathered={KEY: GATHERED}, before={KEY: 1})
        assert await settle(database, [third], gathered={KEY: GATHERED}, before={KEY: 2})

    async def test_gatherings_of_others_are_not_read(self, database: Database) -> None:
        await end(database)
        other = KEY._replace(flow_id="other")
        assert await settle(database, await claim(database), gathered={KEY: GATHERED, other: GATHERED})
        found = await database.followers.gathered([KEY, KEY._replace(tenant="another")])
        assert list(found) == [KEY]
        assert await database.followers.gathered([]) == {}

    async def test_windows_that_are_over_are_purged(self, database: Database) -> None:
        await end(database)
        await settle(database, await claim(database), gathered={KEY: GATHERED})
        assert await database.followers.purge(SOON) == 0
        assert await database.followers.purge(LATER) == 1
        assert await met(database) is None
