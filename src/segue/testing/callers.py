"""What every database must know of executions that others have started: subclass with a fixture ``database``."""

from segue.domain.execution.model import Caller, Execution
from segue.domain.execution.state import State, Status
from segue.ports.repositories.database import Database
from segue.testing.samples import NOW, execution

STARTED = Status.begin(NOW).to(State.RUNNING, NOW)


def called(caller: Execution, run_id: str, state: State | None = None) -> Execution:
    """An execution that a task run of ``caller`` has started, ended in ``state`` or still going on."""
    status = STARTED if state is None else STARTED.to(state, NOW)
    return execution(caller=Caller(caller.id, run_id), status=status, is_finished=state is not None)


class CallerConformance:
    """The part of ``Journal`` that follows the callers of executions."""

    async def test_open_and_failed_executions_by_their_caller(self, database: Database) -> None:
        caller, other = execution(), execution()
        going, failed = called(caller, "r-1"), called(caller, "r-2", State.FAILED)
        rest = [called(caller, "r-1", State.SUCCESS), called(other, "r-3", State.FAILED)]
        await database.executions.create([caller, other, going, failed, *rest])
        assert await database.journal.open_children(caller.id) == [going.id]
        assert await database.journal.failed_children(caller.id) == [(failed.id, "r-2")]
        assert await database.journal.failed_children("none") == []

    async def test_executions_by_id(self, database: Database) -> None:
        one, two = execution(), execution()
        await database.executions.create([one, two])
        assert await database.journal.executions([two.id, "none", "no\0ne"]) == {two.id: two}
