"""What every database must do with triggers: subclass these in a module with a fixture ``database`` (``databases``)."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from segue.domain.errors import ConflictError
from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import Created
from segue.domain.trigger.registration import Registration, TriggerDefinition
from segue.domain.trigger.state import TriggerKey, TriggerKind, TriggerState
from segue.ports.repositories.database import Database
from segue.ports.repositories.filters import Comparison
from segue.ports.repositories.journal import Change
from segue.ports.repositories.paging import PageRequest
from segue.ports.repositories.trigger_filters import (
    TriggerAll,
    TriggerDate,
    TriggerDated,
    TriggerField,
    TriggerFilter,
    TriggerIs,
    TriggerMatch,
    TriggerSome,
    TriggerTrait,
)
from segue.ports.repositories.triggers import TriggerQuery, TriggerTurn
from segue.testing.samples import HOSTILE, NOW, ended, execution, line, new_id, stored_flow

SCHEDULES = (TriggerKind.SCHEDULE,)
MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(seconds=10)


def definition(trigger_id: str = "every", first_at: datetime | None = NOW, **fields: Any) -> TriggerDefinition:
    """A schedule to register."""
    given: dict[str, Any] = {"kind": TriggerKind.SCHEDULE, "fingerprint": "f", "first_at": first_at}
    return TriggerDefinition(trigger_id=trigger_id, **(given | fields))


def registration(*definitions: TriggerDefinition, **fields: Any) -> Registration:
    """The triggers of a revision that is saved a minute ago."""
    given: dict[str, Any] = {"at": NOW - MINUTE, "definitions": definitions}
    return Registration(**(given | fields))


def key(trigger_id: str = "every", flow_id: str = "hello") -> TriggerKey:
    """The key of a trigger."""
    return TriggerKey("main", "company.team", flow_id, trigger_id)


async def registered(database: Database, *definitions: TriggerDefinition, **fields: Any) -> list[TriggerState]:
    """Save a flow with these triggers; their states."""
    await database.flows.save(stored_flow(**fields), triggers=registration(*definitions))
    return await database.triggers.of_flow("main", "company.team", fields.get("flow_id", "hello"))


async def claim(database: Database, now: datetime = NOW, limit: int = 100) -> list[TriggerState]:
    """Claim what is due for ten seconds."""
    return await database.triggers.claim(now, LATER, limit, SCHEDULES)


def turn(state: TriggerState, *, locks: bool = True) -> TriggerTurn:
    """A turn that starts an execution and goes on in a minute."""
    started = execution()
    moved = msgspec.structs.replace(
        state, pending_at=NOW + MINUTE, next_at=NOW + MINUTE, execution_id=started.id if locks else None
    )
    return TriggerTurn(state=moved, executions=[NewExecution(execution=started)])


class TriggerConformance:
    """``TriggerRepository``, and what flows and the journal do to triggers."""

    async def test_triggers_come_and_go_with_their_flow(self, database: Database) -> None:
        first, second = await registered(database, definition("a"), definition("b", first_at=None))
        assert (first.key, first.revision, first.version, first.due_at) == (key("a"), 1, 0, NOW)
        assert second.due_at is None
        kept, fresh = await registered(database, definition("a"), definition("c"), source="id: hello # 2")
        assert (kept.revision, kept.version, kept.due_at) == (2, 1, NOW)
        assert fresh.key == key("c")
        assert await database.triggers.get(key("b")) is None
        assert [state.key for state in await claim(database)] == [key("a"), key("c")]
        await database.flows.delete("main", "company.team", "hello", NOW)
        assert await database.triggers.of_flow("main", "company.team", "hello") == []
        assert await database.triggers.next_due(SCHEDULES) is None

    async def test_an_equal_source_registers_what_is_missing_and_a_draft_nothing(self, database: Database) -> None:
        await database.flows.save(stored_flow())
        assert await database.triggers.get(key()) is None
        (state,) = await registered(database, definition())
        assert state.revision == 1
        assert await registered(database, definition()) == [state]
        await database.flows.save(stored_flow(source="id: hello # draft", draft=True))
        assert await database.triggers.get(key()) == state

    async def test_another_definition_begins_anew_and_stays_disabled_and_locked(self, database: Database) -> None:
        await registered(database, definition())

        def touch(state: TriggerState) -> TriggerState:
            return msgspec.structs.replace(state, disabled=True, execution_id="e1", triggered_at=NOW)

        await database.triggers.change(key(), touch)
        (state,) = await registered(
            database, definition(fingerprint="g", first_at=NOW + MINUTE), source="id: hello # 2"
        )
        assert (state.disabled, state.execution_id, state.triggered_at) == (True, "e1", NOW)
        assert (state.pending_at, state.due_at) == (None, None)

    async def test_triggers_of_a_disabled_flow_rest(self, database: Database) -> None:
        await registered(database, definition())
        await database.flows.save(stored_flow(source="x: 1"), triggers=registration(definition(), active=False))
        assert await claim(database) == []
        await database.flows.save(stored_flow(source="x: 2"), triggers=registration(definition(first_at=LATER)))
        assert await database.triggers.next_due(SCHEDULES) == LATER
        await database.flows.save(
            stored_flow(source="x: 3"), triggers=Registration(at=NOW, definitions=None, active=False)
        )
        (state,) = await database.triggers.of_flow("main", "company.team", "hello")
        assert (state.active, state.due_at, state.revision) == (False, None, 4)

    async def test_what_is_claimed_is_nobody_elses_until_the_claim_ends(self, database: Database) -> None:
        ids = [f"t{number}" for number in range(20)]
        await registered(database, *(definition(each, NOW - timedelta(seconds=20 - int(each[1:]))) for each in ids))
        (oldest,) = await claim(database, limit=1)
        assert oldest.key.trigger_id == "t0"
        both = await asyncio.gather(claim(database, limit=12), claim(database, limit=12))
        found = [state.key.trigger_id for states in both for state in states]
        assert sorted(found, key=ids.index) == ids[1:]
        assert await claim(database) == []
        assert await database.triggers.next_due(SCHEDULES) == LATER
        assert len(await claim(database, LATER)) == 20
        assert await database.triggers.claim(LATER, LATER, 5, (TriggerKind.POLLING,)) == []

    async def test_a_turn_is_written_once_with_its_execution(self, database: Database) -> None:
        await registered(database, definition())
        (state,) = await claim(database)
        taken = turn(state)
        said = line(trigger_id="every", id=new_id("l"))
        taken = msgspec.structs.replace(taken, logs=[said])
        assert await database.triggers.apply([taken]) == frozenset()
        (started,) = taken.executions
        assert await database.executions.get("main", started.execution.id) == started.execution
        facts = (await database.journal.load([started.execution.id], [])).facts[started.execution.id]
        assert [fact.fact for fact in facts] == [Created()]
        written = await database.triggers.get(state.key)
        assert written == msgspec.structs.replace(taken.state, version=state.version + 1)
        assert await database.triggers.apply([turn(state)]) == {state.key.uid}
        assert await database.triggers.get(state.key) == written
        assert await database.triggers.next_due(SCHEDULES) is None

    async def test_the_loser_of_a_batch_writes_nothing_and_the_others_all(self, database: Database) -> None:
        await registered(database, definition("a"), definition("b"))
        first, second = await claim(database)
        await database.triggers.change(key("a"), lambda state: msgspec.structs.replace(state, disabled=True))
        turns = [turn(first), turn(second)]
        assert await database.triggers.apply(turns) == {key("a").uid}
        found = [await database.executions.get("main", each.executions[0].execution.id) for each in turns]
        assert [each is not None for each in found] == [False, True]
        with pytest.raises(ValueError, match="at most one"):
            await database.triggers.apply([turns[0], turns[0]])

    async def test_an_execution_that_exists_is_left_as_it_is(self, database: Database) -> None:
        await registered(database, definition())
        (state,) = await claim(database)
        taken = turn(state)
        known = msgspec.structs.replace(taken.executions[0].execution, inputs={"a": 1})
        await database.executions.create([known])
        assert await database.triggers.apply([taken]) == frozenset()
        assert await database.executions.get("main", known.id) == known

    async def test_the_end_of_its_execution_frees_a_trigger(self, database: Database) -> None:
        await registered(database, definition("a"), definition("b"))
        taken = [turn(state) for state in await claim(database)]
        await database.triggers.apply(taken)
        over = ended(taken[0].executions[0].execution)
        await database.journal.apply([Change(execution=over, frees_trigger=LATER)])
        freed, other = await database.triggers.of_flow("main", "company.team", "hello")
        assert (freed.execution_id, freed.free_at, freed.due_at) == (None, LATER, NOW + MINUTE)
        assert other.execution_id == taken[1].executions[0].execution.id
        assert await database.triggers.next_due(SCHEDULES) == NOW + MINUTE

    async def test_the_end_of_an_execution_may_stop_its_trigger(self, database: Database) -> None:
        await registered(database, definition("a"), definition("b"))
        taken = [turn(state, locks=False) for state in await claim(database)]
        await database.triggers.apply(taken)
        over = ended(taken[0].executions[0].execution)
        await database.journal.apply([Change(execution=over, frees_trigger=LATER, stops_trigger=key("a"))])
        stopped, other = await database.triggers.of_flow("main", "company.team", "hello")
        assert (stopped.disabled, stopped.due_at, stopped.next_at) == (True, None, None)
        assert (other.disabled, other.due_at) == (False, NOW + MINUTE)

    async def test_locks_of_executions_that_are_over_or_gone_are_taken_away(self, database: Database) -> None:
        await registered(database, definition("a"), definition("b"), definition("c"))
        taken = [turn(state) for state in await claim(database)]
        await database.triggers.apply(taken)
        assert await database.triggers.mend(NOW) == []
        await database.journal.apply([Change(execution=ended(taken[0].executions[0].execution))])
        await database.executions.delete("main", [taken[1].executions[0].execution.id])
        assert await database.triggers.mend(LATER) == [key("a").uid]
        first, second, third = await database.triggers.of_flow("main", "company.team", "hello")
        assert (first.execution_id, first.free_at, first.due_at) == (None, LATER, NOW + MINUTE)
        assert second.execution_id is None
        assert third.is_locked

    async def test_changes_count_versions_and_errors_change_nothing(self, database: Database) -> None:
        (state,) = await registered(database, definition())
        assert await database.triggers.change(key(), lambda same: same) == state
        assert await database.triggers.change(key("none"), lambda same: same) is None

        def fail(_: TriggerState) -> TriggerState:
            raise ConflictError("no")

        with pytest.raises(ConflictError):
            await database.triggers.change(key(), fail)
        assert await database.triggers.get(key()) == state
        await database.triggers.change(key(), lambda each: msgspec.structs.replace(each, disabled=True))
        changed = await database.triggers.get(key())
        assert changed is not None
        assert (changed.version, changed.disabled, changed.due_at) == (1, True, None)
        assert await database.triggers.remove([key(), key("none")]) == 1

    async def test_what_will_be_due_can_be_seen(self, database: Database) -> None:
        await registered(database, definition("a", LATER), definition("b"), definition("c", NOW + MINUTE))
        seen = await database.triggers.upcoming(NOW + MINUTE, 10, SCHEDULES)
        assert [state.key.trigger_id for state in seen] == ["b", "a"]

    async def test_search(self, database: Database) -> None:
        await registered(database, definition("a", LATER), definition("b"))
        await registered(database, definition("c", NOW + MINUTE), flow_id="other")
        found = await database.triggers.search(TriggerQuery(tenant="main", page=PageRequest(size=2)))
        assert (found.total, [state.key.trigger_id for state in found.items]) == (3, ["a", "b"])
        by_date = PageRequest(sort=(("nextExecutionDate", False),))
        found = await database.triggers.search(TriggerQuery(tenant="main", page=by_date))
        assert [state.key.trigger_id for state in found.items] == ["c", "a", "b"]
        found = await database.triggers.search(TriggerQuery(tenant="main", flow_id="other", namespace="company.team"))
        assert [state.key.trigger_id for state in found.items] == ["c"]
        found = await database.triggers.search(TriggerQuery(tenant="main", text="OTH"))
        assert found.total == 1
        for text in HOSTILE:
            assert await database.triggers.get(TriggerKey("main", "n", text, text)) is None
            assert (await database.triggers.search(TriggerQuery(tenant="main", flow_id=text or "?"))).total == 0

    async def test_search_by_traits_dates_and_texts(self, database: Database) -> None:
        await registered(database, definition("a", LATER), definition("b"), definition("c", enabled=False))
        await database.triggers.change(key("b"), lambda each: msgspec.structs.replace(each, execution_id="e"))

        async def found(where: TriggerFilter) -> list[str]:
            query = TriggerQuery(tenant="main", where=where)
            page = await database.triggers.search(query)
            assert await database.triggers.count(query) == page.total
            return [state.key.trigger_id for state in page.items]

        assert await found(TriggerIs(TriggerTrait.LOCKED)) == ["b"]
        assert await found(TriggerIs(TriggerTrait.LOCKED, False)) == ["a", "c"]
        assert await found(TriggerIs(TriggerTrait.DISABLED)) == ["c"]
        after = TriggerDated(TriggerDate.NEXT, Comparison.GREATER_THAN, NOW)
        assert await found(after) == ["a"]
        assert await found(TriggerDated(TriggerDate.LAST, Comparison.LESS_THAN, LATER)) == []
        for field, comparison, value, expected in (
            (TriggerField.TRIGGER_ID, Comparison.REGEX, "^[ab]$", ["a", "b"]),
            (TriggerField.NAMESPACE, Comparison.PREFIX, "company", ["a", "b", "c"]),
            (TriggerField.NAMESPACE, Comparison.PREFIX, "comp", []),
            (TriggerField.EXECUTION_ID, Comparison.NOT_EQUALS, "e", ["a", "c"]),
            (TriggerField.FLOW_ID, Comparison.ENDS_WITH, "_lo", []),
            (TriggerField.TEXT, Comparison.NOT_EQUALS, "HELLO", []),
            (TriggerField.WORKER_ID, Comparison.CONTAINS, "w", []),
        ):
            assert await found(TriggerMatch(field, comparison, (value,))) == expected, (field, comparison)
        assert await found(TriggerSome((after, TriggerIs(TriggerTrait.DISABLED)))) == ["a", "c"]
        assert await found(TriggerAll((after, TriggerIs(TriggerTrait.DISABLED)))) == []
        for text in HOSTILE:
            assert await found(TriggerMatch(TriggerField.TRIGGER_ID, Comparison.CONTAINS, (text or "?",))) == []

    async def test_what_has_no_date_comes_last(self, database: Database) -> None:
        await registered(database, definition("a", None), definition("b"), definition("c", LATER))
        for ascending, expected in ((True, ["b", "c", "a"]), (False, ["c", "b", "a"])):
            page = PageRequest(sort=(("nextEvaluationDate", ascending),))
            found = await database.triggers.search(TriggerQuery(tenant="main", page=page))
            assert [state.key.trigger_id for state in found.items] == expected

    async def test_many_are_scanned_and_changed_at_once(self, database: Database) -> None:
        ids = [f"t{number:02}" for number in range(25)]
        await registered(database, *(definition(each) for each in ids))
        query, seen, after = TriggerQuery(tenant="main", flow_id="hello"), [], ""
        while states := await database.triggers.scan(query, after, 10):
            seen += [state.key.trigger_id for state in states]
            after = states[-1].key.uid
        assert seen == ids
        keys = [key(each) for each in ids]
        assert await database.triggers.known([*keys, key("none")]) == frozenset(keys)

        def disable_odd(state: TriggerState) -> TriggerState:
            return msgspec.structs.replace(state, disabled=True) if int(state.key.trigger_id[1:]) % 2 else state

        changed = await database.triggers.change_many([*keys, *keys, key("none")], disable_odd)
        assert [state.key.trigger_id for state in changed] == ids[1::2]
        assert await database.triggers.count(query) == 25
        assert {state.version for state in await database.triggers.of_flow("main", "company.team", "hello")} == {0, 1}

        def fail(_: TriggerState) -> TriggerState:
            raise ConflictError("no")

        with pytest.raises(ConflictError):
            await database.triggers.change_many(keys, fail)
        assert await database.triggers.change_many([], fail) == []
        assert await database.triggers.known([]) == frozenset()
