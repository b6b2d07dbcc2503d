"""A decision as the rows it means."""

from collections.abc import Sequence

from segue.domain.engine.decision import Decision
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.facts import InboxFact
from segue.ports.repositories.followers import Transition
from segue.ports.repositories.journal import Change, InlineOutputs


def change_of(
    state: ExecutionState, decision: Decision, facts: Sequence[InboxFact], transitions: Sequence[Transition] = ()
) -> Change:
    """What one execution's step writes. A step without a decision still consumes its facts."""
    return Change(
        execution=state.execution,
        execution_changed=decision.execution_changed,
        new_task_runs=list(decision.new_runs.values()),
        changed_task_runs=list(decision.changed_runs.values()),
        removed_task_runs=sorted(decision.removed_runs),
        outputs=[
            InlineOutputs(new.owner_id, state.execution.id, new.payload, new.reference.digest)
            for new in decision.outputs
            if new.reference.uri is None
        ],
        jobs=list(decision.jobs.values()),
        dropped_jobs=sorted(decision.dropped_jobs),
        timers=list(decision.timers.values()),
        dropped_timers=sorted(decision.dropped_timers),
        logs=decision.logs,
        executions=list(decision.executions.values()),
        facts=decision.facts,
        transitions=transitions,
        frees_slot=decision.frees_slot,
        frees_trigger=None if decision.ends_trigger is None else decision.ends_trigger.at,
        stops_trigger=None if decision.ends_trigger is None else decision.ends_trigger.stopped,
        consumed=[fact.seq for fact in facts],
    )
