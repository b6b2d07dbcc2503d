"""What every database must do for jobs with tasks inside: subclass this as those of ``segue.testing.databases``."""

from segue.domain.execution.facts import InnerTaskReported
from segue.domain.execution.jobs import InnerTask
from segue.domain.execution.state import State
from segue.ports.repositories.database import Database
from segue.ports.repositories.jobs import ClaimedJob, InnerResult, Report
from segue.ports.repositories.journal import InlineOutputs
from segue.testing.databases import claim_all, facts_of, result, with_job
from segue.testing.samples import NOW


def told(claimed: ClaimedJob, run_id: str, token: str = "") -> InnerResult:
    """What the worker of a WorkingDirectory tells of a task run inside it."""
    fact = InnerTaskReported(
        block_id=claimed.job.task_run_id,
        task_run_id=run_id,
        attempt=1,
        worker_id="w1",
        state=State.SUCCESS,
        started_at=NOW,
        ended_at=NOW,
    )
    payload = InlineOutputs(run_id, "believed-by-nobody", b'{"a":1}', "d")
    return InnerResult(token or claimed.token, fact, payload)


class InnerTaskConformance:
    """``JobRepository``, of jobs with tasks inside."""

    async def test_tasks_inside_are_told_of_while_the_job_is_there(self, database: Database) -> None:
        made, _ = await with_job(database, inner=(InnerTask("one", "inner-1"), InnerTask("two", "inner-2")))
        (claimed,) = await claim_all(database)
        assert claimed.job.inner == (InnerTask("one", "inner-1"), InnerTask("two", "inner-2"))
        first = told(claimed, "inner-1")
        assert await database.jobs.accept(Report(inner=[first])) == [made.id]
        assert await database.outputs.get_many(["inner-1"]) == {"inner-1": b'{"a":1}'}
        last, end = told(claimed, "inner-2"), result(claimed)
        assert await database.jobs.accept(Report(results=[end], inner=[last])) == [made.id]
        assert await facts_of(database, made.id) == [first.fact, last.fact, end.fact]
        assert await database.jobs.accept(Report(inner=[first])) == []

    async def test_only_the_right_token_and_the_tasks_of_the_job_count(self, database: Database) -> None:
        made, run = await with_job(database, inner=(InnerTask("one", "inner-3"),))
        (claimed,) = await claim_all(database)
        wrong = [told(claimed, "inner-3", "wrong"), told(claimed, "inner-4"), told(claimed, run.id)]
        assert await database.jobs.accept(Report(inner=wrong)) == []
        assert await facts_of(database, made.id) == []
        assert await database.outputs.get_many(["inner-3", "inner-4", run.id]) == {}

    async def test_the_jobs_of_a_worker_come_with_their_tokens(self, database: Database) -> None:
        await with_job(database)
        await with_job(database)
        claimed = await claim_all(database)
        assert await database.jobs.claimed_by("w1") == sorted(claimed, key=lambda item: item.job.task_run_id)
        assert await database.jobs.claimed_by("w2") == []
