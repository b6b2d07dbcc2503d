"""What every database must do when old things are removed.

Subclass these in a test module with a fixture ``database`` as in ``segue.testing.databases``.
"""

from datetime import timedelta

import msgspec
import pytest

from segue.domain.errors import ConflictError
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.ports.repositories.database import Database
from segue.ports.repositories.executions import Purge
from segue.ports.repositories.jobs import Metric, Report
from segue.ports.repositories.journal import Change
from segue.ports.repositories.kv import KvQuery
from segue.ports.repositories.logs import LogQuery
from segue.testing.databases import claim_all, result, timer, with_job
from segue.testing.samples import NOW, line, outputs
from segue.testing.stores import LATER, NAMESPACE, SOON, put, write


class PurgeConformance:
    """Executions, log lines, keys, and revisions of files."""

    async def test_parts_of_executions_are_removed_and_counted(self, database: Database) -> None:
        made, run = await with_job(database)
        await database.logs.append([line(execution_id=made.id), line(execution_id=made.id), line(execution_id="x")])
        metric = Metric(
            tenant="main", namespace="company.team", flow_id="hello", execution_id=made.id, task_run_id=run.id,
            task_id=run.task_id, type="counter", name="rows", value=1, at=NOW, tags={},
        )  # fmt: skip
        await database.jobs.accept(Report(metrics=[metric]))
        await database.journal.apply([Change(execution=made, outputs=[outputs(run)], timers=[timer(made)])])
        nothing = await database.executions.purge("other", [made.id], Purge())
        assert (nothing.executions, nothing.logs) == ([], 0)
        assert (await database.executions.purge("main", [], Purge())).executions == []

        logs = await database.executions.purge("main", [made.id, "none"], Purge(rows=False, metrics=False))
        assert [row.id for row in logs.executions] == [made.id]
        assert (logs.logs, logs.metrics, logs.outputs) == (2, 0, 0)
        assert await database.executions.get("main", made.id) is not None
        assert await database.outputs.get_many([run.id]) != {}

        rows = await database.executions.purge("main", [made.id], Purge())
        assert (rows.logs, rows.metrics, rows.outputs) == (0, 1, 1)
        assert await database.executions.get("main", made.id) is None
        assert await database.executions.task_runs(made.id) == []
        assert len((await database.logs.lines(LogQuery(tenant="main")))[0]) == 1

    async def test_a_late_result_does_not_bring_a_purged_execution_back(self, database: Database) -> None:
        made, _ = await with_job(database)
        (claimed,) = await claim_all(database)
        await database.executions.purge("main", [made.id], Purge())
        assert await database.jobs.accept(Report(results=[result(claimed)])) == []
        assert await database.executions.backlog() == 0
        assert await database.executions.get("main", made.id) is None
        assert await database.outputs.get_many([claimed.job.task_run_id]) == {}

        moved = msgspec.structs.replace(made, version=made.version + 1, status=made.status.to(State.RUNNING, NOW))
        await database.journal.apply([Change(execution=moved)])
        assert await database.executions.get("main", made.id) is None

    async def test_the_oldest_lines_go_first(self, database: Database) -> None:
        levels = (LogLevel.DEBUG, LogLevel.INFO, LogLevel.ERROR)
        lines = [
            line(execution_id="e", level=level, at=NOW + timedelta(minutes=at)) for at, level in enumerate(levels * 2)
        ]
        other = line(trigger_id="t", at=LATER)
        await database.logs.append([*lines, other])
        of_executions = LogQuery(tenant="main", of_executions=True)
        assert await database.logs.delete(msgspec.structs.replace(of_executions, levels=levels[:2]), 3) == 3
        left = (await database.logs.lines(LogQuery(tenant="main")))[0]
        assert [one.id for one in left] == [lines[2].id, lines[4].id, lines[5].id, other.id]
        above, namespace = lines[0].namespace.rpartition(".")[0], lines[0].namespace
        assert await database.logs.delete(LogQuery(tenant="main", namespace=above), 10) == 0
        assert await database.logs.delete(LogQuery(tenant="other"), 10) == 0
        early = LogQuery(tenant="main", namespace=namespace, before=NOW + timedelta(minutes=2))
        assert await database.logs.delete(early) == 1
        assert await database.logs.delete(LogQuery(tenant="main", of_executions=False), 10) == 1
        assert await database.logs.delete(of_executions, 10) == 2

    async def test_only_keys_whose_time_is_over_go(self, database: Database) -> None:
        await put(database, "over", expires_at=SOON)
        await put(database, "later", expires_at=LATER)
        await put(database, "renewed", expires_at=SOON)
        await put(database, "renewed", at=SOON)
        await put(database, "always")
        keys = ["always", "later", "none", "over", "renewed"]
        assert await database.kv.delete("main", NAMESPACE, keys, expired_at=SOON) == ["over"]
        assert await database.kv.delete("other", NAMESPACE, keys) == []
        query = KvQuery(tenant="main", namespaces=(NAMESPACE,), key_after="always")
        assert [entry.key for entry in (await database.kv.search(query)).items] == ["later", "renewed"]

    async def test_old_versions_of_keys_go_and_the_latest_stays(self, database: Database) -> None:
        for number in range(4):
            await put(database, "a", number, at=NOW + timedelta(minutes=number))
        await put(database, "b")
        await put(database, "c", at=NOW - timedelta(days=1))
        await put(database, "c")
        kv = database.kv
        assert await kv.forget_versions("main", NAMESPACE, ["a", "b", "none"], keep=3) == 1
        assert await kv.forget_versions("main", NAMESPACE, ["a", "b"], before=NOW + timedelta(minutes=2)) == 1
        assert await kv.forget_versions("main", NAMESPACE, ["a", "b"], before=LATER) == 1
        assert await kv.forget_versions("main", NAMESPACE, [], keep=1) == 0
        assert await kv.forget_versions("other", NAMESPACE, ["c"], keep=1) == 0
        left = {key: await kv.get("main", NAMESPACE, key) for key in "abc"}
        assert [entry and entry.version for entry in left.values()] == [4, 1, 2]
        assert await kv.get("main", NAMESPACE, "c", 1) is not None
        assert await kv.get("main", NAMESPACE, "a", 3) is None
        assert (await put(database, "a", 5)).version == 5

    async def test_a_key_is_written_after_the_version_that_was_read(self, database: Database) -> None:
        await put(database, "a", 1, after_version=0)
        for known in (0, 2):
            with pytest.raises(ConflictError):
                await put(database, "a", 2, after_version=known)
        assert (await put(database, "a", 2, after_version=1)).version == 2

    async def test_old_revisions_of_files_go_and_the_latest_stays(self, database: Database) -> None:
        register = database.namespace_files
        revisions = [await write(database, "a/b.txt", at=NOW + timedelta(minutes=number)) for number in range(3)]
        await write(database, "gone.txt")
        await register.delete("main", NAMESPACE, "gone.txt", SOON)
        await register.make_folder("main", NAMESPACE, "z", NOW)
        await register.reserve("main", NAMESPACE, "unfinished.txt", NOW)
        assert await register.paths("main", NAMESPACE, "", 10) == ["a/b.txt", "gone.txt"]
        assert await register.paths("main", NAMESPACE, "a/b.txt", 1) == ["gone.txt"]
        assert await register.paths("other", NAMESPACE, "", 10) == []
        gone = await register.forget("main", NAMESPACE, "a/b.txt", [1, 3, 9])
        assert [file.uri for file in gone] == [revisions[0].uri]
        assert [file.revision for file in await register.revisions("main", NAMESPACE, "a/b.txt")] == [2, 3]
        assert await register.forget("main", NAMESPACE, "a/b.txt", []) == []
        assert [file.revision for file in await register.forget("main", NAMESPACE, "gone.txt", [1, 2])] == [1]
        assert (await write(database, "a/b.txt")).revision == 4
