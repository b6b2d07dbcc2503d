"""Preloaded executions are what a server would have stored: they read like real ones, under their own ids."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.preload import preload_sqlite

from segue.adapters.databases.sql import SqlDatabase
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.state import State, Status
from segue.domain.execution.task_run import OutputReference, TaskRun
from segue.ports.repositories.executions import ExecutionQuery
from segue.ports.repositories.journal import Change, InlineOutputs

NOW = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)
FLOW = FlowKey("main", "benchmarks", "b1", 1)


async def test_copies_are_whole_and_distinct(tmp_path: Path) -> None:
    path = tmp_path / "segue.db"
    database = SqlDatabase(f"sqlite:///{path}")
    await database.start()
    execution = Execution(id="0realExecutionOne00000", flow=FLOW, status=Status.begin(NOW), created_at=NOW)
    await database.executions.create([execution])
    loaded = await database.journal.load([execution.id], ())
    ended = Execution(
        id=execution.id,
        flow=FLOW,
        status=execution.status.to(State.RUNNING, NOW).to(State.SUCCESS, NOW + timedelta(milliseconds=5)),
        created_at=NOW,
        version=loaded.snapshots[execution.id].execution.version,
        is_finished=True,
    )
    run = TaskRun(
        id=f"{execution.id}-0",
        execution_id=execution.id,
        task_id="greet",
        status=Status.begin(NOW).to(State.SUCCESS, NOW),
        outputs=OutputReference(2, "digest"),
    )
    change = Change(
        execution=ended,
        new_task_runs=[run],
        outputs=[InlineOutputs(run.id, execution.id, b"{}", "digest")],
        consumed=[fact.seq for fact in loaded.facts[execution.id]],
    )
    assert await database.journal.apply([change]) == frozenset()
    await database.stop()

    assert preload_sqlite(path, 50) == 150

    await database.start()
    page = await database.executions.search(ExecutionQuery(tenant="main", states=(State.SUCCESS,)))
    assert page.total == 51
    copy = next(found for found in page.items if found.id != execution.id)
    assert execution.id not in repr(copy)
    assert copy.status.started_at < NOW
    assert copy.status.started_at.time() == NOW.time()
    assert copy.status.duration(NOW) == timedelta(milliseconds=5)
    (task_run,) = await database.executions.task_runs(copy.id)
    assert (task_run.id, task_run.execution_id) == (f"{copy.id}-0", copy.id)
    assert await database.outputs.get_many([task_run.id]) == {task_run.id: b"{}"}
    assert await database.executions.backlog() == 0
    await database.stop()
