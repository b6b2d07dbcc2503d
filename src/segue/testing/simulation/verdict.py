"""What must hold: after each write, and at the end of a history."""

from collections import Counter
from itertools import pairwise

from segue.domain.execution.model import Execution
from segue.domain.execution.state import EXECUTION_TRANSITIONS, State
from segue.testing.simulation.database import Database
from segue.testing.world import World


def check_slots(database: Database) -> None:
    """No more slots are held than there are, and what runs under a limit holds one."""
    for scope, held in database.slots.held.items():
        limit = database.slots.limits[scope][1]
        assert database.forced or limit is None or len(held) <= limit, f"{len(held)} slots of {scope} are held"
    for execution in database.executions.values():
        for scope in execution.concurrency_scopes:
            if execution.state is State.RUNNING:
                assert execution.id in database.slots.held[scope], f"{execution.id} runs without a slot"


def check_end(database: Database) -> None:
    """Everything is over and nothing is left behind."""
    for execution in database.executions.values():
        name = execution.id
        assert execution.is_finished, f"{name} ({execution.flow.flow_id}) is left in {execution.state}"
        _check_history(execution)
        open_runs = [run.id for run in database.task_runs[name].values() if not run.state.is_terminated]
        assert not open_runs, f"{name} is over, and these of its task runs are not: {open_runs}"
    assert not database.jobs, f"jobs are left: {sorted(database.jobs)}"
    assert not any(database.slots.held.values()), f"slots are left: {database.slots.held}"
    assert not any(database.slots.waiting.values()), f"some wait for slots: {database.slots.waiting}"
    _check_families(database)


def check_same(faulty: Database, plain: World, *, in_detail: bool, has_open_end: bool) -> None:
    """The faults have changed nothing about how it ends, and no attempt was made up."""
    for runs in faulty.task_runs.values():
        for run in runs.values():
            heard = sum(1 for owner, _ in faulty.results if owner == run.id)
            ended = [attempt for attempt in run.attempts if attempt.worker_id and _is_answer(attempt.status.current)]
            assert len(ended) <= heard, f"{run.id} has {len(ended)} answered attempts and {heard} answers"
    for execution_id, expected in plain.executions.items() if not has_open_end else ():
        if expected.caller is None and expected.original_id is None:
            found = faulty.executions[execution_id]
            assert found.state is expected.state, f"{execution_id} is {found.state}, without faults {expected.state}"
    if in_detail:
        states, without = _states(faulty), _states(plain)
        more, less = states - without, without - states
        assert not more + less, f"{sorted(more)} are there with faults only, {sorted(less)} without them only"


def _states(world: World) -> Counter[str]:
    """How often each execution with each of its task runs is there, whatever their ids."""
    return Counter(
        f"{execution.flow.flow_id} {execution.state}: "
        + ", ".join(sorted(f"{run.task_id}[{run.value}] {run.state}" for run in world.task_runs[execution.id].values()))
        for execution in world.executions.values()
    )


def _is_answer(state: State) -> bool:
    return state in {State.SUCCESS, State.WARNING, State.FAILED}


def _check_history(execution: Execution) -> None:
    for before, after in pairwise(execution.status.histories):
        legal = after.state in EXECUTION_TRANSITIONS[before.state]
        assert legal, f"{execution.id} went from {before.state} to {after.state}"


def _check_families(database: Database) -> None:
    for child in database.executions.values():
        if child.caller is None or not child.caller.is_waiting:
            continue
        parent = database.executions.get(child.caller.execution_id)
        assert parent is not None, f"{child.id} was started by nobody"
