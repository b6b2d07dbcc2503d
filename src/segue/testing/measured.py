"""What every database must do with figures: subclass in a test module with a fixture ``database``."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from segue.domain.execution.model import ExecutionKind
from segue.ports.repositories.database import Database
from segue.ports.repositories.jobs import Metric, Report
from segue.ports.repositories.metrics import Aggregation, MetricQuery, MetricScope, Summary
from segue.ports.repositories.paging import PageRequest
from segue.testing.samples import HOSTILE, NOW, execution

SCOPE = MetricScope(tenant="main", namespace="n", flow_id="f")


def figure(value: float = 1.0, **fields: Any) -> Metric:
    """A figure of the task ``t`` of the execution ``e``."""
    given: dict[str, Any] = {
        "execution_id": "e",
        "task_run_id": "e-1",
        "task_id": "t",
        "namespace": "n",
        "flow_id": "f",
        "tenant": "main",
        "type": "counter",
        "name": "rows",
        "at": NOW,
    }
    return Metric(value=value, **(given | fields))


async def store(database: Database, *figures: Metric) -> None:
    """Write them as a worker's report."""
    await database.jobs.accept(Report(metrics=list(figures)))


class MetricConformance:
    """``MetricRepository``."""

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_a_figure_comes_back(self, database: Database, text: str) -> None:
        given = figure(1.5, tags={"a": text}, task_id=text.replace("\0", "."))
        await store(database, given)
        query = MetricQuery(tenant="main", execution_id="e", task_id=given.task_id)
        found = await database.metrics.search(query)
        assert (found.items, found.total) == ([given], 1)
        assert (await database.metrics.search(MetricQuery(tenant="other", execution_id="e"))).total == 0

    async def test_figures_of_an_execution_come_in_pages(self, database: Database) -> None:
        some = [
            figure(
                float(number % 3), name=f"m{number}", task_run_id=f"e-{number % 2}", at=NOW - timedelta(seconds=number)
            )
            for number in range(5)
        ]
        await store(database, *some, figure(execution_id="other"))

        async def names(**fields: Any) -> list[str]:
            found = await database.metrics.search(MetricQuery(tenant="main", execution_id="e", **fields))
            return [item.name for item in found.items]

        assert await names() == ["m4", "m3", "m2", "m1", "m0"]
        assert await names(task_run_id="e-1") == ["m3", "m1"]
        by_value = PageRequest(1, 10, (("value", False), ("name", True)))
        assert await names(page=by_value) == ["m2", "m1", "m4", "m0", "m3"]
        assert await names(page=PageRequest(2, 2)) == ["m2", "m1"]
        assert await names(page=PageRequest(1, 10, (("unknown", True),))) == ["m4", "m3", "m2", "m1", "m0"]

    async def test_names_and_tasks(self, database: Database) -> None:
        await store(database, figure(name="b"), figure(name="a", task_id="u"), figure(name="a", execution_id="e2"))
        await store(database, figure(name="c", flow_id="other"), figure(name="d", tenant="other"))
        assert await database.metrics.names(SCOPE) == ["a", "b"]
        assert await database.metrics.tasks(SCOPE) == ["t", "u"]
        of_task = MetricScope(tenant="main", namespace="n", flow_id="f", task_id="u")
        assert await database.metrics.names(of_task) == ["a"]

    async def test_figures_are_summed_up_by_period(self, database: Database) -> None:
        minute = NOW.replace(second=0, microsecond=0)
        end = minute + timedelta(minutes=3)
        for seconds, value in (
            (0, 1.0),
            (59.999999, 4.0),
            (60, 2.5),
            (179.999999, 7.0),
            (180, 100.0),
            (-0.000001, 100.0),
        ):
            await store(database, figure(value, at=minute + timedelta(seconds=seconds)))
        await store(database, figure(50.0, name="other", at=minute))
        found = await database.metrics.summaries(SCOPE, "rows", minute, end, 60)
        assert found == {
            minute: Summary(2, 5.0, 1.0, 4.0),
            minute + timedelta(minutes=1): Summary(1, 2.5, 2.5, 2.5),
            minute + timedelta(minutes=2): Summary(1, 7.0, 7.0, 7.0),
        }
        (day,) = (await database.metrics.summaries(SCOPE, "rows", minute, end, 86_400)).items()
        assert day == (datetime(NOW.year, NOW.month, NOW.day, tzinfo=NOW.tzinfo), Summary(4, 14.5, 1.0, 7.0))
        assert [day[1].value(each) for each in Aggregation] == [14.5, 3.625, 1.0, 7.0]

    async def test_trials_do_not_count(self, database: Database) -> None:
        for kind in ExecutionKind:
            made = execution(kind=kind)
            await database.executions.create([made])
            await store(database, figure(1.0, execution_id=made.id))
        await store(database, figure(1.0, execution_id="deleted since"))
        found = await database.metrics.summaries(SCOPE, "rows", NOW, NOW + timedelta(seconds=1), 86_400)
        assert [summary.count for summary in found.values()] == [3], "NORMAL, LOOP, and the one that is gone"
