"""What every store of log lines must do: ``LogConformance``, with the fixture of ``databases``."""

import asyncio
from datetime import timedelta

import pytest

from segue.domain.execution.logs import LogLevel
from segue.ports.repositories.database import Database
from segue.ports.repositories.logs import LogQuery
from segue.ports.repositories.paging import PageRequest
from segue.testing.samples import HOSTILE, NOW, line

LATER = NOW + timedelta(hours=1)


class LogConformance:
    """``LogRepository``."""

    async def test_lines_come_back_as_they_were_and_once(self, database: Database) -> None:
        full = line(
            'it\'s \\ "all" {here}', "e1", task_id="t", task_run_id="r", attempt=2, trigger_id="g", thread="main"
        )
        bare = line(level=LogLevel.ERROR)
        await database.logs.append([full, bare, full])
        await database.logs.append([full])
        lines, cursor = await followed(database, LogQuery(tenant="main"), 0, 2)
        assert lines == [full, bare]
        assert await database.logs.lines(LogQuery(tenant="main"), cursor) == ([], cursor)

    async def test_conditions(self, database: Database) -> None:
        first = line("First 100%", "e1", task_id="a", level=LogLevel.DEBUG, at=NOW - timedelta(seconds=1))
        second = line("second", "e1", task_id="b", attempt=1, task_run_id="r", level=LogLevel.WARN)
        third = line("third", "e2", namespace="company.team.x", flow_id="other", at=LATER)
        foreign = line("foreign", tenant="foreign")
        await database.logs.append([first, second, third, foreign])

        async def found(**conditions: object) -> list[str]:
            query = LogQuery(tenant="main", **conditions)  # type: ignore[arg-type]  # the query's fields
            return [item.message for item in (await database.logs.search(query)).items]

        assert await found() == ["third", "second", "First 100%"]
        assert await found(execution_id="e1") == ["second", "First 100%"]
        assert await found(minimum_level=LogLevel.INFO) == ["third", "second"]
        assert await found(task_id="a") == await found(text="0%") == await found(text="fIRST") == ["First 100%"]
        assert await found(task_run_id="r") == await found(attempt=1) == ["second"]
        assert await found(namespace_prefix="company.team") == ["third", "second", "First 100%"]
        assert await found(namespace_prefix="company.team.x") == await found(flow_id="other") == ["third"]
        assert await found(after=NOW, before=NOW) == ["second"]
        page = await database.logs.search(LogQuery(tenant="main", page=PageRequest(2, 2)))
        assert ([item.message for item in page.items], page.total) == (["First 100%"], 3)
        assert await database.logs.delete(LogQuery(tenant="main", execution_id="e1")) == 2
        assert await found() == ["third"]

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_messages_hold_any_text(self, database: Database, text: str) -> None:
        await database.logs.append([line(text), line("other")])
        stored = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
        page = await database.logs.search(LogQuery(tenant="main", text=text))
        assert stored in [item.message for item in page.items]
        assert page.total == (2 if text == "" else 1)
        assert (await database.logs.search(LogQuery(tenant=text, execution_id=text))).total == 0

    async def test_a_follower_misses_nothing_of_many_writers(self, database: Database) -> None:
        query = LogQuery(tenant="main")
        seen: list[str] = []
        written: list[str] = []

        async def write() -> None:
            for _ in range(15):
                batch = [line() for _ in range(5)]
                await database.logs.append(batch)
                written.extend(item.id for item in batch)

        async def follow() -> None:
            cursor = 0
            while len(seen) < 300:
                lines, cursor = await database.logs.lines(query, cursor, 7)
                seen.extend(item.id for item in lines)

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(write())
            group.create_task(follow())
        assert len(seen) == len(set(seen))
        assert set(seen) == set(written)


async def followed(database: Database, query: LogQuery, cursor: int, count: int) -> tuple[list[object], int]:
    """Lines after the cursor, as soon as there are ``count``."""
    found: list[object] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            lines, cursor = await database.logs.lines(query, cursor)
            found.extend(lines)
    return found, cursor
