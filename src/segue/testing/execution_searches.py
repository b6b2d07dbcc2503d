"""What every database must do for searches and operations on executions: see ``segue.testing.databases``."""

from datetime import timedelta
from typing import Any

import msgspec

from segue.domain.execution.creation import NewExecution
from segue.domain.execution.facts import Created
from segue.domain.execution.model import Caller, ExecutionKind, ExecutionTrigger
from segue.ports.repositories.database import Database
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.filters import (
    All,
    Comparison,
    Dated,
    DateField,
    ExecutionField,
    Filter,
    Match,
    Present,
    Some,
)
from segue.ports.repositories.journal import Change, InlineOutputs
from segue.testing.databases import KILL, LATER, created, facts_of, with_job
from segue.testing.samples import NOW, execution, flow_key, label, outputs


class ExecutionSearchConformance:
    """``ExecutionRepository``: trees of conditions, unread facts, and executions that start with task runs."""

    async def test_trees_of_conditions(self, database: Database) -> None:
        old = execution(at=NOW - timedelta(days=1), labels=(label("a", "1"), label("b", "2")))
        child = execution(flow_key(namespace="company.team.sub", flow_id="Child"), caller=Caller(old.id, "r"))
        daily = ExecutionTrigger("daily", "io.kestra.plugin.core.trigger.Flow", {"executionId": child.id})
        other = execution(flow_key(namespace="company.teams", flow_id="100%"), at=LATER, trigger=daily)
        loop = execution(kind=ExecutionKind.LOOP, caller=Caller(old.id, "r"))
        await database.executions.create([old, child, other, loop])
        names = {old.id: "old", child.id: "child", other.id: "other", loop.id: "loop"}

        async def found(tree: Filter, **conditions: Any) -> set[str]:
            query = ExecutionQuery(tenant="main", where=tree, **conditions)
            page = await database.executions.search(query)
            scanned = await database.executions.scan(query, "", 10)
            assert page.total == len(page.items) == len(scanned) == await database.executions.count(query)
            assert [one.id for one in scanned] == sorted(one.id for one in page.items)
            return {names[one.id] for one in page.items}

        def match(field: ExecutionField, comparison: Comparison, *values: str) -> Match:
            return Match(field, comparison, values)

        field, how = ExecutionField, Comparison
        assert await found(match(field.FLOW_ID, how.CONTAINS, "0%")) == {"other"}
        assert await found(match(field.FLOW_ID, how.STARTS_WITH, "Ch")) == {"child"}
        assert await found(match(field.FLOW_ID, how.ENDS_WITH, "%")) == {"other"}
        assert await found(match(field.FLOW_ID, how.REGEX, "^[A-Z]")) == {"child"}
        assert await found(match(field.NAMESPACE, how.PREFIX, "company.team")) == {"old", "child"}
        assert await found(match(field.NAMESPACE, how.NOT_EQUALS, "company.team")) == {"child", "other"}
        assert await found(match(field.TRIGGER_ID, how.NOT_EQUALS, "daily")) == {"old", "child"}
        assert await found(match(field.CALLER_ID, how.EQUALS, old.id)) == {"child"}
        assert await found(match(field.CALLER_ID, how.EQUALS, child.id)) == {"other"}
        assert await found(match(field.PARENT_ID, how.EQUALS, old.id), kinds=()) == {"loop"}
        assert await found(Present(field.CALLER_ID, False)) == {"old"}
        assert await found(match(field.LABELS, how.IN, "a:1", "x:y")) == {"old"}
        assert await found(match(field.LABELS, how.NOT_IN, "a:1", "x:y")) == {"child", "other"}
        assert await found(match(field.STATE, how.IN, "CREATED", "SUCCESS")) == {"old", "child", "other"}
        assert await found(match(field.STATE, how.NOT_IN, "CREATED")) == set()
        assert await found(Dated(DateField.STARTED_AT, how.GREATER_THAN, NOW)) == {"other"}
        assert await found(Dated(DateField.ENDED_AT, how.LESS_THAN, LATER)) == set()
        both = All((match(field.TEXT, how.EQUALS, "child"), match(field.STATE, how.EQUALS, "CREATED")))
        assert await found(Some((both, match(field.ID, how.EQUALS, old.id)))) == {"child", "old"}
        assert await found(All(())) == {"old", "child", "other"}
        assert await found(Some(())) == set()
        query = ExecutionQuery(tenant="main")
        assert await database.executions.distinct(query, field.FLOW_ID, 2) == ["100%", "Child"]
        assert await database.executions.distinct(query, field.TRIGGER_ID, 9) == ["daily"]
        assert [one.id for one in await database.executions.loop_children([old.id, child.id], 9)] == [loop.id]

    async def test_a_fact_is_unread_until_it_is_consumed(self, database: Database) -> None:
        made, _ = await created(database)
        await database.executions.submit([(made.id, KILL, "k")])
        assert await database.executions.is_unread(made.id, "k")
        assert not await database.executions.is_unread(made.id, "other")
        waiting = (await database.journal.load([made.id], [])).facts[made.id]
        await database.journal.apply([Change(execution=made, consumed=[fact.seq for fact in waiting])])
        assert not await database.executions.is_unread(made.id, "k")

    async def test_what_an_execution_starts_with_is_written_once(self, database: Database) -> None:
        made, run = await with_job(database)
        own = [
            outputs(run),
            InlineOutputs(f"{run.id}#values", made.id, b"[1]", "d"),
            InlineOutputs(f"{run.id}0", made.id, b"{}", "d"),
        ]
        await database.journal.apply([Change(execution=made, outputs=own)])
        copy = execution(parent_id=made.id)
        copied = msgspec.structs.replace(run, id=f"{copy.id}-1", execution_id=copy.id)
        new = NewExecution(execution=copy, task_runs=(copied,), copied_outputs=((run.id, copied.id),))
        for version in (1, 2):
            at = msgspec.structs.replace(made, version=made.version + version)
            assert await database.journal.apply([Change(execution=at, executions=[new])]) == frozenset()
        assert await database.executions.task_runs(copy.id) == [copied]
        found = await database.outputs.get_many([copied.id, f"{copied.id}#values", f"{copied.id}0"])
        assert found.keys() == {copied.id, f"{copied.id}#values"}
        assert found[f"{copied.id}#values"] == b"[1]"
        assert await facts_of(database, copy.id) == [Created()]
