"""What every database must do: subclass these in a test module with a fixture ``database``.

The fixture yields a started ``segue.ports.repositories.database.Database`` that holds nothing.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from segue.domain.errors import AlreadyExistsError, IllegalStateError, NotFoundError
from segue.domain.execution.facts import Created, InboxFact, JobLost, KillRequested, TaskFinished, TaskStarted, TimerDue
from segue.domain.execution.jobs import Timer, TimerKind
from segue.domain.execution.model import Execution, ExecutionKind, ExecutionTrigger
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.ports.repositories.database import Database
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.flows import FlowQuery, NamespaceMatch, NamespaceTest
from segue.ports.repositories.jobs import ClaimedJob, Metric, Report, Result, WorkerLease
from segue.ports.repositories.journal import Change, InlineOutputs
from segue.ports.repositories.logs import LogQuery
from segue.ports.repositories.paging import PageRequest
from segue.testing.samples import (
    HOSTILE,
    NOW,
    ended,
    execution,
    flow_key,
    job,
    label,
    line,
    new_id,
    outputs,
    stored_flow,
    task_run,
)

LATER = NOW + timedelta(hours=1)
KILL = KillRequested(NOW)


async def created(database: Database, **fields: Any) -> tuple[Execution, list[int]]:
    """A stored execution and the numbers of its facts."""
    made = execution(**fields)
    await database.executions.create([made])
    facts = (await database.journal.load([made.id], [])).facts[made.id]
    return made, [fact.seq for fact in facts]


async def with_job(database: Database, **fields: Any) -> tuple[Execution, TaskRun]:
    """A stored execution with a task run and its job."""
    made, seqs = await created(database)
    run = task_run(made)
    change = Change(execution=made, new_task_runs=[run], jobs=[job(run, **fields)], consumed=seqs)
    assert not await database.journal.apply([change])
    return msgspec.structs.replace(made, version=1), run


async def claim_all(database: Database, worker: str = "w1", limit: int = 100) -> list[ClaimedJob]:
    """Claim what is ready in the usual queue."""
    return await database.jobs.claim(worker, ["default"], limit, NOW)


def result(claimed: ClaimedJob, payload: bytes | None = b"{}", token: str | None = None) -> Result:
    """The success of a claimed job."""
    owner = claimed.job
    fact = TaskFinished(owner.task_run_id, owner.attempt, "w1", State.SUCCESS, NOW, NOW)
    given = None if payload is None else InlineOutputs(owner.task_run_id, owner.execution_id, payload, "d")
    return Result(owner.execution_id, token or claimed.token, fact, given)


def lease(worker_id: str, expires_at: datetime = LATER) -> WorkerLease:
    """A lease of a worker."""
    return WorkerLease(worker_id=worker_id, name=worker_id, worker_queues=("default",), slots=4, expires_at=expires_at)


async def facts_of(database: Database, execution_id: str) -> list[object]:
    """The unread facts of an execution."""
    loaded = await database.journal.load([execution_id], [execution_id])
    return [found.fact for found in loaded.facts.get(execution_id, [])]


class FlowConformance:
    """``FlowRepository``."""

    async def test_revisions_count_up_and_an_equal_source_writes_nothing(self, database: Database) -> None:
        first = await database.flows.save(stored_flow(labels=(label("a", "b"),), description="d"))
        assert (first.revision, await database.flows.save(stored_flow())) == (1, first)
        second = await database.flows.save(stored_flow(source="id: hello # 2"))
        assert second.revision == 2
        assert list(await database.flows.revisions("main", "company.team", "hello")) == [first, second]
        assert await database.flows.get("main", "company.team", "hello") == second
        assert await database.flows.get("main", "company.team", "hello", 1) == first
        assert await database.flows.get("other", "company.team", "hello") is None

    async def test_create_and_update_ask_for_what_is_there(self, database: Database) -> None:
        with pytest.raises(NotFoundError):
            await database.flows.save(stored_flow(), update=True)
        await database.flows.save(stored_flow(), create=True)
        with pytest.raises(AlreadyExistsError):
            await database.flows.save(stored_flow(source="x"), create=True)
        await database.flows.save(stored_flow(source="x"), update=True)

    async def test_a_deletion_is_a_revision_and_numbering_goes_on(self, database: Database) -> None:
        assert await database.flows.delete("main", "company.team", "hello", NOW) is None
        await database.flows.save(stored_flow())
        grave = await database.flows.delete("main", "company.team", "hello", NOW)
        assert grave is not None
        assert (grave.revision, grave.deleted) == (2, True)
        assert await database.flows.delete("main", "company.team", "hello", NOW) is None
        assert await database.flows.get("main", "company.team", "hello") is None
        assert await database.flows.get("main", "company.team", "hello", deleted=True) == grave
        assert (await database.flows.search(FlowQuery(tenant="main"))).total == 0
        with pytest.raises(NotFoundError):
            await database.flows.save(stored_flow(), update=True)
        assert (await database.flows.save(stored_flow(), create=True)).revision == 3

    async def test_drafts_hide_behind_the_latest_proper_revision(self, database: Database) -> None:
        await database.flows.save(stored_flow())
        draft = await database.flows.save(stored_flow(draft=True))
        assert draft.revision == 2
        proper = await database.flows.get("main", "company.team", "hello")
        assert proper is not None
        assert proper.revision == 1
        assert await database.flows.get("main", "company.team", "hello", drafts=True) == draft
        assert [flow.revision for flow in (await database.flows.search(FlowQuery(tenant="main"))).items] == [1]

    async def test_old_revisions_can_be_forgotten(self, database: Database) -> None:
        for number in range(4):
            await database.flows.save(stored_flow(source=f"s: {number}"))
        await database.flows.save(stored_flow(source="s: draft", draft=True))
        for needed in ([4], [1, 5]):
            with pytest.raises(IllegalStateError):
                await database.flows.delete_revisions("main", "company.team", "hello", needed)
        assert await database.flows.delete_revisions("main", "company.team", "hello", [1, 3, 9]) == 2
        left = await database.flows.revisions("main", "company.team", "hello")
        assert [flow.revision for flow in left] == [2, 4, 5]
        assert await database.flows.delete_revisions("other", "company.team", "hello", [2]) == 0
        assert (await database.flows.save(stored_flow(source="s: 6"))).revision == 6

    async def test_simultaneous_saves_get_different_numbers(self, database: Database) -> None:
        saved = await asyncio.gather(*(database.flows.save(stored_flow(source=f"s: {n}")) for n in range(6)))
        assert sorted(flow.revision for flow in saved) == [1, 2, 3, 4, 5, 6]

    async def test_search_filters_sorts_and_pages(self, database: Database) -> None:
        for namespace, flow_id in (("a", "x1"), ("a.b", "x2"), ("ab", "x3"), ("a.c", "y_4")):
            labels = (label("team", flow_id),)
            await database.flows.save(stored_flow(flow_id, namespace=namespace, labels=labels))
        await database.flows.save(stored_flow("x9", tenant="other"))

        async def ids(**conditions: object) -> list[str]:
            query = FlowQuery(tenant="main", **conditions)  # type: ignore[arg-type]  # the query's fields
            return [flow.id for flow in (await database.flows.search(query)).items]

        assert await ids(namespace_prefix="a") == ["x1", "x2", "y_4"]
        assert await ids(namespaces=("ab", "a")) == ["x1", "x3"]
        assert await ids(text="X") == ["x1", "x2", "x3"]
        assert await ids(text="_") == ["y_4"]
        assert await ids(source="HELLO") == ["x1", "x2", "y_4", "x3"]
        assert await ids(source="h%lo") == []
        assert await ids(flow_ids=("x1", "y_4", "none")) == ["x1", "y_4"]
        for match, value, inside in (
            (NamespaceMatch.IS, "a", ["x1"]),
            (NamespaceMatch.WITHIN, "a", ["x1", "x2", "y_4"]),
            (NamespaceMatch.STARTS_WITH, "a.", ["x2", "y_4"]),
            (NamespaceMatch.ENDS_WITH, "b", ["x2", "x3"]),
            (NamespaceMatch.CONTAINS, ".", ["x2", "y_4"]),
            (NamespaceMatch.CONTAINS, "_", []),
        ):
            assert await ids(namespace_tests=(NamespaceTest(match, (value,)),)) == inside
            outside = await ids(namespace_tests=(NamespaceTest(match, (value,), negated=True),))
            assert sorted(inside + outside) == ["x1", "x2", "x3", "y_4"]
        assert await ids(labels=(label("team", "x2"),)) == ["x2"]
        assert await ids(labels=(label("team", "x"),)) == []
        assert await ids(page=PageRequest(2, 3, (("id", False),))) == ["x1"]
        assert (await database.flows.search(FlowQuery(tenant="main", page=PageRequest(9, 3)))).total == 4
        assert list(await database.flows.namespaces("main")) == ["a", "a.b", "a.c", "ab"]


class ExecutionConformance:
    """``ExecutionRepository``."""

    async def test_create_writes_row_and_fact_and_all_or_nothing(self, database: Database) -> None:
        first = execution(labels=(label("k", "v"),), inputs={"n": [1, {"a": None}]}, variables={"x": "y"})
        await database.executions.create([first])
        assert await database.executions.get("main", first.id) == first
        assert await database.executions.get("other", first.id) is None
        assert await facts_of(database, first.id) == [Created()]
        second = execution()
        with pytest.raises(AlreadyExistsError, match=first.id):
            await database.executions.create([second, first])
        assert await database.executions.get_many([second.id, first.id]) == {first.id: first}
        assert await database.executions.backlog() == 1

    async def test_a_fact_whose_key_waits_is_dropped(self, database: Database) -> None:
        made, _ = await created(database)
        await database.executions.submit([(made.id, KILL, "k"), (made.id, KILL, "k"), (made.id, KILL, None)])
        await database.executions.submit([(made.id, KILL, "k"), ("another", KILL, "k")])
        assert await facts_of(database, made.id) == [Created(), KILL, KILL]
        assert await facts_of(database, "another") == [KILL]
        waiting = (await database.journal.load([made.id], [made.id])).facts[made.id]
        await database.journal.forget([fact.seq for fact in waiting])
        await database.executions.submit([(made.id, KILL, "k")])
        assert await facts_of(database, made.id) == [KILL]
        assert await database.executions.backlog() == 2

    async def test_search_finds_what_every_condition_holds_for(self, database: Database) -> None:
        old = execution(at=NOW - timedelta(days=1), labels=(label("a", "1"), label("b", "2")))
        test = execution(kind=ExecutionKind.TEST)
        child = execution(flow_key(namespace="company.team.sub", flow_id="Child"), parent_id=old.id)
        trigger = ExecutionTrigger("daily", "io.kestra.plugin.core.trigger.Schedule")
        other = execution(flow_key(namespace="company.teams"), at=LATER, trigger=trigger)
        foreign = execution(flow_key(tenant="foreign"))
        await database.executions.create([old, test, child, other, foreign])

        async def ids(**conditions: object) -> list[str]:
            query = ExecutionQuery(tenant="main", **conditions)  # type: ignore[arg-type]  # the query's fields
            page = await database.executions.search(query)
            assert page.total == len(page.items)
            return [found.id for found in page.items]

        assert await ids() == [other.id, child.id, old.id]
        assert await ids(kinds=()) == [other.id, child.id, test.id, old.id]
        assert await ids(kinds=(ExecutionKind.TEST,)) == [test.id]
        assert await ids(namespace_prefix="company.team") == [child.id, old.id]
        assert await ids(namespaces=("company.team", "company.teams")) == [other.id, old.id]
        assert await ids(text="cHiLd") == [child.id]
        assert await ids(flow_id="Child") == [child.id]
        assert await ids(parent_id=old.id) == [child.id]
        assert await ids(trigger_id="daily") == [other.id]
        assert await ids(labels=(label("b", "2"), label("a", "1"))) == [old.id]
        assert await ids(labels=(label("a", "2"),)) == []
        assert await ids(started_after=NOW, started_before=NOW) == [child.id]
        assert await ids(states=(State.CREATED,)) == [other.id, child.id, old.id]
        assert await ids(states=(State.SUCCESS, State.RUNNING)) == []

    async def test_search_pages_and_sorts(self, database: Database) -> None:
        made = [execution(at=NOW + timedelta(seconds=n)) for n in range(7)]
        await database.executions.create(made)
        newest = [item.id for item in reversed(made)]

        async def page(number: int, *sort: tuple[str, bool]) -> tuple[list[str], int]:
            request = PageRequest(number, 3, sort)
            found = await database.executions.search(ExecutionQuery(tenant="main", page=request))
            return [item.id for item in found.items], found.total

        assert [await page(n) for n in (1, 2, 3, 4)] == [
            (newest[:3], 7),
            (newest[3:6], 7),
            (newest[6:], 7),
            ([], 7),
        ]
        assert await page(1, ("id", True)) == (sorted(newest)[:3], 7)
        assert await page(3, ("state.startDate", True)) == ([newest[0]], 7)
        for field in ("namespace", "flowId", "state.current", "state.endDate"):
            assert (await page(1, (field, False)))[1] == 7

    async def test_labels_are_found_exactly_whatever_is_in_them(self, database: Database) -> None:
        trap = execution(labels=(label("x[", ",],["), label("]", "z")))
        await database.executions.create([trap])
        query = ExecutionQuery(tenant="main", labels=(label(",", "],["),))
        assert (await database.executions.search(query)).items == []
        for text in HOSTILE:
            mine = execution(labels=(label(text or "k", text),))
            await database.executions.create([mine])
            query = ExecutionQuery(tenant="main", labels=(label(text or "k", text),))
            assert [item.id for item in (await database.executions.search(query)).items] == [mine.id], text

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_texts_are_values_never_statements(self, database: Database, text: str) -> None:
        kept, _ = await created(database)
        assert await database.executions.get("main", text) is None
        assert await database.executions.get(text, kept.id) is None
        assert await database.executions.get_many([text, kept.id]) == {kept.id: kept}
        assert await database.executions.task_runs(text) == []
        for conditions in (
            {"flow_id": text}, {"namespace_prefix": text}, {"namespaces": (text,)},
            {"parent_id": text}, {"trigger_id": text},
        ):  # fmt: skip
            query = ExecutionQuery(tenant="main", **conditions)
            assert (await database.executions.search(query)).total == 0
        found = await database.executions.search(ExecutionQuery(tenant="main", text=text))
        assert found.total == (1 if text == "" else 0)
        assert await database.flows.get("main", text, text) is None
        assert (await database.flows.search(FlowQuery(tenant=text, text=text))).total == 0
        assert not await database.executions.delete("main", [text])
        value = text.replace("\0", "")
        made = execution(flow_key(flow_id=value or "f"), inputs={"text": text}, labels=(label("t", text),))
        await database.executions.create([made])
        assert await database.executions.get("main", made.id) == made

    async def test_delete_takes_everything_of_the_execution(self, database: Database) -> None:
        made, run = await with_job(database)
        keep = line(execution_id="another")
        await database.logs.append([line(execution_id=made.id), keep])
        await database.executions.submit([(made.id, KILL, None)])
        change = Change(execution=made, outputs=[outputs(run)], timers=[timer(made)])
        await database.journal.apply([change])
        assert not await database.executions.delete("other", [made.id])
        assert [one.id for one in await database.executions.delete("main", [made.id, "none"])] == [made.id]
        assert not await database.executions.delete("main", [made.id])
        assert await database.executions.task_runs(made.id) == []
        assert await database.outputs.get_many([run.id]) == {}
        assert await database.journal.next_due() is None
        assert await claim_all(database) == []
        assert await database.executions.backlog() == 0
        assert (await database.logs.search(LogQuery(tenant="main"))).items == [keep]


def timer(owner: Execution, due_at: datetime = NOW, **fields: Any) -> Timer:
    """A timer of an execution."""
    given: dict[str, Any] = {"id": new_id("t"), "execution_id": owner.id, "kind": TimerKind.RETRY, "due_at": due_at}
    return Timer(**(given | fields))


class JournalConformance:
    """``Journal``: what the executor relies on."""

    async def test_load_reads_facts_in_order_and_rows_that_are_not_cached(self, database: Database) -> None:
        made, seqs = await created(database)
        runs = [task_run(made, ordinal) for ordinal in (2, 0, 1, 10)]
        await database.journal.apply([Change(execution=made, new_task_runs=runs, consumed=seqs)])
        assert (await database.journal.load([made.id], [])).facts == {}
        await database.executions.submit([(made.id, KILL, None), (made.id, Created(), None), ("gone", KILL, None)])
        loaded = await database.journal.load([made.id, "gone", "unknown", made.id], [])
        assert [fact.fact for fact in loaded.facts[made.id]] == [KILL, Created()]
        assert set(loaded.facts) == {made.id, "gone"}
        assert set(loaded.snapshots) == {made.id}
        assert loaded.snapshots[made.id].task_runs == runs
        assert loaded.snapshots[made.id].execution == msgspec.structs.replace(made, version=1)
        assert (await database.journal.load([made.id], [made.id])).snapshots == {}
        assert await database.executions.task_runs(made.id) == runs

    async def test_apply_writes_all_of_a_change(self, database: Database) -> None:
        made, seqs = await created(database)
        run = task_run(made)
        wake = timer(made, LATER)
        said = line(execution_id=made.id)
        start = Change(
            execution=made, new_task_runs=[run], outputs=[outputs(run)], jobs=[job(run)],
            timers=[wake, timer(made, NOW, id="dropped")], logs=[said], consumed=seqs,
        )  # fmt: skip
        assert await database.journal.apply([start]) == frozenset()
        assert await database.journal.outputs([run.id, "none"]) == {run.id: b'{"value":1}'}
        assert (await database.logs.search(LogQuery(tenant="main", execution_id=made.id))).items == [said]
        moved = msgspec.structs.replace(run, status=run.status.to(State.SUCCESS, NOW))
        done = msgspec.structs.replace(ended(made), version=1, labels=(label("late", "yes"),))
        end = Change(execution=done, changed_task_runs=[moved], dropped_jobs=[run.id], dropped_timers=["dropped"])
        assert await database.journal.apply([end]) == frozenset()
        assert await database.executions.get("main", made.id) == msgspec.structs.replace(done, version=2)
        assert await database.executions.task_runs(made.id) == [moved]
        assert await database.journal.next_due() == LATER
        assert await claim_all(database) == []
        query = ExecutionQuery(tenant="main", states=(State.SUCCESS,), labels=(label("late", "yes"),))
        assert (await database.executions.search(query)).total == 1

    async def test_a_loser_writes_nothing_and_the_others_win(self, database: Database) -> None:
        (winner, won), (loser, lost) = await created(database), await created(database)
        stale = msgspec.structs.replace(ended(loser), version=7)
        run = task_run(loser)
        bad = Change(
            execution=stale, new_task_runs=[run], jobs=[job(run)], timers=[timer(loser)], outputs=[outputs(run)],
            logs=[line(execution_id=loser.id)], consumed=lost,
        )  # fmt: skip
        gone = Change(execution=execution(), new_task_runs=[task_run(execution())])
        good = Change(execution=ended(winner), consumed=won)
        assert await database.journal.apply([bad, good, gone]) == {loser.id, gone.execution.id}
        assert await database.executions.get("main", loser.id) == loser
        assert await database.executions.task_runs(loser.id) == []
        assert await facts_of(database, loser.id) == [Created()]
        assert await facts_of(database, winner.id) == []
        assert await claim_all(database) == []
        assert await database.journal.next_due() is None
        assert await database.journal.outputs([run.id]) == {}
        assert (await database.logs.search(LogQuery(tenant="main"))).total == 0

    async def test_only_one_of_simultaneous_writers_wins(self, database: Database) -> None:
        made = [execution() for _ in range(5)]
        await database.executions.create(made)
        batches = [[Change(execution=item) for item in made], [Change(execution=item) for item in reversed(made)]]
        outcomes = await asyncio.gather(*(database.journal.apply(batch) for batch in batches * 3))
        assert sum(len(made) - len(lost) for lost in outcomes) == len(made)

    async def test_the_version_counts_even_when_the_row_stays(self, database: Database) -> None:
        made, _ = await created(database)
        unchanged = Change(execution=ended(made), execution_changed=False, new_task_runs=[task_run(made)])
        assert not await database.journal.apply([unchanged])
        assert await database.executions.get("main", made.id) == msgspec.structs.replace(made, version=1)
        assert await database.journal.apply([unchanged]) == {made.id}

    async def test_waiting_names_executions_with_old_facts(self, database: Database) -> None:
        made, seqs = await created(database)
        now = datetime.now(NOW.tzinfo)
        assert await database.journal.waiting(now - timedelta(minutes=1), 10) == []
        assert await database.journal.waiting(now + timedelta(minutes=1), 10) == [made.id]
        await database.journal.forget(seqs)
        assert await database.journal.waiting(now + timedelta(minutes=1), 10) == []

    async def test_parked_facts_leave_the_inbox_and_come_back(self, database: Database) -> None:
        made, seqs = await created(database)
        fact = InboxFact(seqs[0], made.id, Created())
        await database.journal.park([fact], "it's broken\0", NOW)
        await database.journal.park([fact], "again", NOW)
        assert await facts_of(database, made.id) == []
        (letter,) = await database.journal.parked()
        assert (letter.execution_id, letter.kind, letter.parked_at) == (made.id, "created", NOW)
        assert letter.error.startswith("it's broken")
        assert await database.journal.revive(letter.id) == made.id
        assert await database.journal.revive(letter.id) is None
        assert await database.journal.parked() == []
        assert await facts_of(database, made.id) == [Created()]

    async def test_timers_come_due_once(self, database: Database) -> None:
        made, seqs = await created(database)
        timers = [timer(made, NOW + timedelta(seconds=n)) for n in range(10)]
        await database.journal.apply([Change(execution=made, timers=timers, consumed=seqs)])
        assert await database.journal.next_due() == NOW
        assert await database.journal.due(NOW - timedelta(microseconds=1), 100) == []
        limit = NOW + timedelta(seconds=7)
        woken = await asyncio.gather(*(database.journal.due(limit, 3) for _ in range(4)))
        while more := await database.journal.due(limit, 100):
            woken.append(more)
        assert {owner for ids in woken for owner in ids} == {made.id}
        facts = await facts_of(database, made.id)
        assert sorted(fact.timer_id for fact in facts if isinstance(fact, TimerDue)) == [t.id for t in timers[:8]]
        assert await database.journal.next_due() == timers[8].due_at


class JobConformance:
    """``JobRepository``: what the controller relies on."""

    async def test_claims_go_by_priority_then_age(self, database: Database) -> None:
        runs = []
        for queue, priority, age in (("a", 0, 5), ("b", 5, 1), ("a", 5, 2), ("a", 0, 9), ("c", 99, 9)):
            at = NOW - timedelta(minutes=age)
            runs.append((await with_job(database, worker_queue=queue, priority=priority, created_at=at))[1].id)
        assert await database.jobs.ready() == ["a", "b", "c"]
        assert await database.jobs.claim("w", [], 10, NOW) == []
        assert await database.jobs.claim("w", ["nobody's"], 10, NOW) == []
        first = await database.jobs.claim("w", ["a", "b"], 3, NOW)
        assert [item.job.task_run_id for item in first] == [runs[2], runs[1], runs[3]]
        rest = await database.jobs.claim("w", ["b", "a"], 3, NOW)
        assert [item.job.task_run_id for item in rest] == [runs[0]]
        assert len({item.token for item in (*first, *rest)}) == 4
        assert await database.jobs.ready() == ["c"]

    async def test_no_job_goes_to_two(self, database: Database) -> None:
        for _ in range(20):
            await with_job(database)
        claims = await asyncio.gather(*(claim_all(database, f"w{n}", 7) for n in range(6)))
        while more := await claim_all(database, "w", 7):
            claims.append(more)
        ids = [item.job.task_run_id for claimed in claims for item in claimed]
        assert len(ids) == len(set(ids)) == 20
        assert all(len(claimed) <= 7 for claimed in claims)

    async def test_a_job_comes_as_it_was_given(self, database: Database) -> None:
        given: dict[str, Any] = {"context": b'{"taskrun":{"value":"x"}}', "attempt": 3, "priority": 2}
        made, run = await with_job(database, **given)
        (claimed,) = await claim_all(database)
        assert claimed.job == job(run, **given)
        assert await database.jobs.held_by("w1") == [run.id]
        assert await database.executions.get_many([claimed.job.execution_id]) == {made.id: made}

    async def test_a_result_counts_once_with_the_right_token(self, database: Database) -> None:
        made, run = await with_job(database)
        (claimed,) = await claim_all(database)
        assert await database.jobs.accept(Report(results=[result(claimed, b"[1]", "wrong")])) == []
        assert await facts_of(database, made.id) == []
        assert await database.outputs.get_many([run.id]) == {}
        right = result(claimed, b"[2]")
        report = Report(results=[result(claimed, b"[3]", "wrong"), right, right, right])
        assert await database.jobs.accept(report) == [made.id]
        assert await database.jobs.accept(report) == []
        assert await facts_of(database, made.id) == [right.fact]
        assert await database.outputs.get_many([run.id]) == {run.id: b"[2]"}
        assert await database.jobs.held_by("w1") == []

    async def test_a_result_reaches_its_own_execution_only(self, database: Database) -> None:
        made, run = await with_job(database)
        victim, _ = await with_job(database)
        (claimed,) = await claim_all(database, limit=1)
        forged = result(claimed)
        foreign = InlineOutputs(victim.id, victim.id, b"{}", "d")
        forged = Result(victim.id, forged.token, forged.fact, foreign)
        assert await database.jobs.accept(Report(results=[forged])) == [made.id]
        assert await facts_of(database, victim.id) == []
        assert await database.outputs.get_many([victim.id, run.id]) == {run.id: b"{}"}

    async def test_the_same_report_twice_changes_nothing(self, database: Database) -> None:
        made, run = await with_job(database)
        (claimed,) = await claim_all(database)
        began = TaskStarted(run.id, 1, "w1", NOW)
        metric = Metric(
            execution_id=made.id, task_run_id=run.id, task_id="t", namespace="n", flow_id="f", tenant="main",
            type="counter", name="rows", value=3.0, at=NOW, tags={"a": "b"},
        )  # fmt: skip
        said = line(execution_id=made.id)
        started = [(made.id, claimed.token, began), (made.id, "wrong", began)]
        report = Report(logs=[said, said], metrics=[metric, metric], started=started)
        assert await database.jobs.accept(report) == [made.id]
        assert await database.jobs.accept(report) == []
        assert await facts_of(database, made.id) == [began]
        assert (await database.logs.search(LogQuery(tenant="main"))).items == [said]
        late = Report(logs=[line(execution_id=made.id)], results=[result(claimed, None, "wrong")])
        assert await database.jobs.accept(late) == []
        assert (await database.logs.search(LogQuery(tenant="main"))).total == 2

    async def test_released_jobs_are_ready_with_a_new_token(self, database: Database) -> None:
        for queue in ("a", "b", "b"):
            await with_job(database, worker_queue=queue)
        claimed = await database.jobs.claim("w1", ["a", "b"], 3, NOW)
        held = [item.token for item in claimed if item.job.worker_queue == "a"]
        assert await database.jobs.release("w2", [], NOW) == []
        assert await database.jobs.release("w1", held, NOW) == ["b"]
        assert len(await database.jobs.held_by("w1")) == 1
        again = await database.jobs.claim("w2", ["a", "b"], 3, NOW)
        assert len(again) == 2
        assert {item.token for item in again}.isdisjoint(item.token for item in claimed)
        assert await database.jobs.accept(Report(results=[result(item) for item in claimed[1:]])) in (
            [],
            [claimed[0].job.execution_id],
        )

    async def test_an_expired_lease_loses_its_jobs(self, database: Database) -> None:
        begun, begun_run = await with_job(database)
        await database.jobs.renew([lease("w1", NOW), lease("w2")])
        (claimed,) = await claim_all(database)
        await database.jobs.accept(Report(started=[(begun.id, claimed.token, TaskStarted(begun_run.id, 1, "w1", NOW))]))
        waiting, waiting_run = await with_job(database)
        await claim_all(database)
        kept, _ = await with_job(database)
        await claim_all(database, "w2")
        assert await database.jobs.expire(NOW - timedelta(seconds=1)) == []
        assert sorted(await database.jobs.expire(NOW)) == sorted([begun.id, waiting.id])
        assert await database.jobs.expire(NOW) == []
        assert JobLost(begun_run.id, 1, "w1", NOW, NOW) in await facts_of(database, begun.id)
        assert await facts_of(database, waiting.id) == [JobLost(waiting_run.id, 1, "w1", None, NOW)]
        assert await facts_of(database, kept.id) == []
        assert await database.jobs.accept(Report(results=[result(claimed)])) == []
        assert [item.worker_id for item in await database.jobs.workers()] == ["w2"]

    async def test_leases_are_prolonged_and_ended(self, database: Database) -> None:
        made, run = await with_job(database)
        await database.jobs.renew([lease("w1", NOW), lease("w1", LATER), lease("w0")])
        assert await database.jobs.workers() == [lease("w0"), lease("w1", LATER)]
        await claim_all(database)
        assert await database.jobs.expire(NOW) == []
        assert await database.jobs.end("w1", NOW) == [made.id]
        assert await facts_of(database, made.id) == [JobLost(run.id, 1, "w1", None, NOW)]
        assert await database.jobs.workers() == [lease("w0")]

    async def test_jobs_of_a_worker_without_a_lease_do_not_stay_for_ever(self, database: Database) -> None:
        made, _ = await with_job(database)
        await claim_all(database, "ghost")
        assert await database.jobs.expire(NOW) == []
        assert await database.jobs.expire(NOW + timedelta(minutes=5)) == [made.id]

    async def test_a_dropped_job_refuses_its_result(self, database: Database) -> None:
        made, run = await with_job(database)
        (claimed,) = await claim_all(database)
        assert not await database.journal.apply([Change(execution=made, dropped_jobs=[run.id])])
        assert await database.jobs.held_by("w1") == []
        assert await database.jobs.accept(Report(results=[result(claimed)])) == []
        assert await database.outputs.get_many([run.id]) == {}
