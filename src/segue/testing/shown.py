"""What every store of insights must do: ``InsightConformance``, with the fixture of ``databases``."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from segue.domain.execution.insights import Insight, InsightKind, InsightState
from segue.ports.repositories.database import Database
from segue.ports.repositories.insights import InsightQuery
from segue.ports.repositories.jobs import Report
from segue.ports.repositories.paging import PageRequest
from segue.testing.samples import HOSTILE, NOW, execution


def insight(execution_id: str = "e1", number: int = 0, **fields: Any) -> Insight:
    """A text of the first attempt of ``<execution id>-0``."""
    given: dict[str, Any] = {
        "tenant": "main",
        "namespace": "company.team",
        "flow_id": "hello",
        "execution_id": execution_id,
        "task_id": "t",
        "task_run_id": f"{execution_id}-0",
        "attempt": 0,
        "number": number,
        "revision": 0,
        "kind": InsightKind.TEXT,
        "name": f"insight {number}",
        "at": NOW + timedelta(seconds=number),
        "content": {"markdown": "text"},
    }
    return Insight(**(given | fields))


async def tell(database: Database, *insights: Insight) -> None:
    """Store insights as one report."""
    await database.jobs.accept(Report(insights=insights))


async def found(database: Database, execution_id: str = "e1", **conditions: Any) -> list[Insight]:
    """All that match."""
    query = InsightQuery(tenant="main", execution_id=execution_id, **conditions)
    page = await database.insights.search(query)
    assert page.total == len(page.items)
    return page.items


class InsightConformance:
    """``InsightRepository``, and the part of ``JobRepository.accept`` that writes for it."""

    async def test_insights_come_back_as_they_were_in_the_order_they_began(self, database: Database) -> None:
        step = insight(
            number=1,
            kind=InsightKind.STEP,
            state=InsightState.SUCCESS,
            ended_at=NOW + timedelta(hours=1),
            parent=0,
            content={"rows": [1, 2.5, None, True, {"a": "ü"}]},
        )
        other = insight("e2")
        await tell(database, step, insight(), other)
        await tell(database, step, insight())
        assert await found(database) == [insight(), step]
        assert await found(database, "e2") == [other]
        assert await found(database, "none") == []

    async def test_the_highest_revision_counts_whatever_the_order(self, database: Database) -> None:
        begun = insight(kind=InsightKind.STEP, state=InsightState.RUNNING)
        ended = msgspec.structs.replace(begun, revision=2, state=InsightState.SUCCESS, ended_at=NOW)
        between = msgspec.structs.replace(begun, revision=1, content={})
        await tell(database, ended, begun)
        assert await found(database) == [ended]
        await tell(database, between)
        await tell(database, begun, between)
        assert await found(database) == [ended]
        last = msgspec.structs.replace(ended, revision=3, state=InsightState.FAILED)
        await tell(database, between, last, ended)
        assert await found(database) == [last]

    async def test_conditions_and_pages(self, database: Database) -> None:
        link = insight(number=2, kind=InsightKind.LINK)
        again = insight(number=0, attempt=1, at=NOW + timedelta(minutes=1))
        sibling = insight(number=0, task_run_id="e1-1", at=NOW + timedelta(minutes=2))
        foreign = insight(number=9, tenant="foreign")
        await tell(database, insight(), insight(number=1), link, again, sibling, foreign)
        assert await found(database) == [insight(), insight(number=1), link, again, sibling]
        assert await found(database, task_run_id="e1-1") == [sibling]
        assert await found(database, task_run_id="e1-0", attempt=1) == [again]
        assert await found(database, kind=InsightKind.LINK) == [link]
        page = await database.insights.search(
            InsightQuery(tenant="main", execution_id="e1", page=PageRequest(page=2, size=2))
        )
        assert (page.items, page.total) == ([link, again], 5)

    async def test_they_go_with_their_execution(self, database: Database) -> None:
        kept, gone = execution(), execution()
        await database.executions.create([kept, gone])
        await tell(database, insight(kept.id), insight(gone.id), insight(gone.id, 1))
        await database.executions.delete("main", [gone.id], logs=False, metrics=False)
        assert await found(database, gone.id) == []
        assert await found(database, kept.id) == [insight(kept.id)]

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_they_hold_any_text(self, database: Database, text: str) -> None:
        shown = insight(name=text, content={text: [text]})
        await tell(database, shown)
        assert await found(database) == [shown]
        assert (await database.insights.search(InsightQuery(tenant=text, execution_id=text))).total == 0
