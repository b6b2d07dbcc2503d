"""Replay: another execution made out of one, from scratch or from a task run (flow language 11.3, 11.4)."""

from collections.abc import Iterable

import msgspec

from segue.domain.engine.decision import Decision
from segue.domain.engine.kill import close
from segue.domain.engine.needs import FlowNeed
from segue.domain.engine.operations.reopening import beside, in_side_branch, remove_runs, reopen, runs_to_restart
from segue.domain.engine.operations.successors import changed_runs, successors
from segue.domain.engine.progress import Progress
from segue.domain.engine.state import ExecutionState
from segue.domain.errors import IllegalStateError, NotFoundError
from segue.domain.execution.creation import NewExecution, StartRequest, create_execution
from segue.domain.execution.logs import LogEntry, LogLevel
from segue.domain.execution.model import Execution
from segue.domain.execution.operations import Operation, check_legal
from segue.domain.execution.requests import ReplayRequested
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun, task_run_id
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.tasks import RunnableTask
from segue.domain.labels import REPLAY, REPLAYED, RESTARTED, Label, merge_labels

_UNFINISHED = frozenset(State) - {State.SUCCESS, State.WARNING, State.SKIPPED}


def replay(progress: Progress, fact: ReplayRequested) -> None:
    """Start the new execution and mark this one as its source.

    Raises ``Needed`` before anything is changed, ``NotFoundError`` for an unknown revision or task run, and
    ``IllegalStateError`` when there is nothing to begin from.
    """
    source = progress.state
    if fact.is_restart:
        check_legal(Operation.RESTART, source.execution.state)
    flow = _flow(progress, fact.revision)
    new = _from_scratch(source.execution, flow, fact, progress)
    if fact.task_run_id is not None or fact.is_restart:
        new = _from_task_runs(progress, flow, new.execution, fact)
    by = f" by {fact.by}" if fact.by else ""
    progress.start_execution(new)
    if fact.is_restart:
        progress.log(LogLevel.INFO, f"Execution is restarted{by} on revision {flow.revision} as {fact.new_id}")
    else:
        progress.log(LogLevel.INFO, f"Execution is replayed{by} as {fact.new_id}")
        mark = Label(REPLAYED, "true")
        if mark not in source.execution.labels:
            progress.change_execution(labels=merge_labels(source.execution.labels, [mark]))
    progress.decision.logs.append(_first_line(new.execution, source.execution.id, by, progress))


def check_replay(state: ExecutionState, task_run_id: str) -> TaskRun:
    """The task run to replay from. Raises ``NotFoundError``, and ``IllegalStateError`` for one of a side branch."""
    run = state.runs.get(task_run_id)
    if run is None:
        raise NotFoundError(f"Task run id '{task_run_id[:64]}' not found in execution")
    if in_side_branch(state, run):
        raise IllegalStateError(
            f"Task run '{task_run_id}' belongs to errors, finally or afterExecution: replay from a task before them"
        )
    return run


def _flow(progress: Progress, revision: int | None) -> CompiledFlow:
    """The revision to run, with what its namespaces give to flows now: a new execution begins with that."""
    flow = progress.state.flow
    found: CompiledFlow = progress.state.find(FlowNeed(flow.flow.namespace, flow.flow.id, revision or flow.revision))
    return found


def _from_scratch(source: Execution, flow: CompiledFlow, fact: ReplayRequested, progress: Progress) -> NewExecution:
    mark = Label(RESTARTED if fact.is_restart else REPLAY, "true")
    kept = [label for label in source.labels if label.key not in {REPLAYED, RESTARTED}]
    request = StartRequest(
        inputs=source.inputs if fact.inputs is None else fact.inputs,
        labels=merge_labels(kept, [mark]),
        trigger=source.trigger,
        kind=source.kind,
        breakpoints=fact.breakpoints,
        fixtures=source.fixtures,
        parent_id=source.id,
        original_id=source.origin_id,
    )
    execution = create_execution(flow, request, fact.new_id, progress.now)
    return NewExecution(
        execution=msgspec.structs.replace(
            execution,
            created_at=source.created_at,
            attempt_number=source.attempt_number + 1,
        )
    )


def _from_task_runs(
    progress: Progress, flow: CompiledFlow, execution: Execution, fact: ReplayRequested
) -> NewExecution:
    """The new execution with copies of task runs, as far as they come before those that run again."""
    source = progress.state
    if fact.task_run_id is not None:
        check_replay(source, fact.task_run_id)
    ids = {run_id: task_run_id(execution.id, ordinal) for ordinal, run_id in enumerate(source.runs, 1)}
    execution = msgspec.structs.replace(
        execution,
        variables=source.execution.variables,
        task_run_count=len(ids),
        status=execution.status.to(State.RESTARTED, progress.now),
    )
    copy = ExecutionState(flow, execution, _copies(source.runs.values(), execution.id, ids))
    draft = Progress(copy, progress.now, progress.renderer, Decision(), progress.limits)
    if fact.task_run_id is None:
        targets = runs_to_restart(copy)
        if not targets:
            raise IllegalStateError("No task found to restart execution from!")
        targets += beside(copy, targets, _UNFINISHED)
    else:
        target = copy.runs[ids[fact.task_run_id]]
        remove_runs(draft, successors(copy, target))
        targets = [target, *beside(copy, [target], _UNFINISHED)]
    _close_stragglers(draft)
    if flow.revision != source.flow.revision:
        _fit(draft, source, targets)
    reopen(draft, targets, anew=True)
    _close_stragglers(draft)
    pairs = tuple((old, new) for old, new in ids.items() if new in copy.runs and _may_have_outputs(source, old))
    return NewExecution(execution=copy.execution, task_runs=tuple(copy.runs.values()), copied_outputs=pairs)


def _may_have_outputs(source: ExecutionState, run_id: str) -> bool:
    """Whether something is stored for a task run: its outputs, or what the engine keeps for its own tasks."""
    run = source.runs[run_id]
    return run.outputs is not None or not isinstance(source.flow.find_task(run.task_id), RunnableTask)


def _copies(runs: Iterable[TaskRun], execution_id: str, ids: dict[str, str]) -> Iterable[TaskRun]:
    for run in runs:
        parent_id = None if run.parent_id is None else ids[run.parent_id]
        yield msgspec.structs.replace(run, id=ids[run.id], execution_id=execution_id, parent_id=parent_id)


def _close_stragglers(draft: Progress) -> None:
    """What a worker had not finished when its block had failed already ends here: its result goes to the source."""
    for run in draft.state.open_runs():
        if any(ancestor.state.is_terminated for ancestor in draft.state.ancestors(run)):
            close(draft, run, State.KILLED)


def _fit(draft: Progress, source: ExecutionState, targets: list[TaskRun]) -> None:
    """Drop from the blocks that go on what the new revision of the flow does not have in that place.

    Raises ``NotFoundError`` when the revision lacks a task to begin from.
    """
    for target in targets:
        if draft.state.flow.find_task(target.task_id) is None:
            raise NotFoundError(
                f"Task '{target.task_id}' does not exist in revision {draft.state.flow.revision} of the flow"
            )
    open_blocks: dict[str | None, TaskRun | None] = {None: None}
    for target in targets:
        open_blocks |= {ancestor.id: ancestor for ancestor in draft.state.ancestors(target)}
    for block in open_blocks.values():
        if block is None or block.id in draft.state.runs:
            remove_runs(draft, changed_runs(source, draft.state, block))
            if block is not None and _is_other(source, draft.state, block):
                targets.append(block)


def _is_other(source: ExecutionState, copy: ExecutionState, block: TaskRun) -> bool:
    """Whether a task around a target is of another type now: then it begins anew itself."""
    return type(copy.flow.find_task(block.task_id)) is not type(source.flow.find_task(block.task_id))


def _first_line(execution: Execution, source_id: str, by: str, progress: Progress) -> LogEntry:
    flow = execution.flow
    return LogEntry(
        id=f"{execution.id}:replay",
        tenant=flow.tenant,
        namespace=flow.namespace,
        flow_id=flow.flow_id,
        execution_id=execution.id,
        at=progress.now,
        level=LogLevel.INFO,
        message=f"Made from execution {source_id}{by}",
    )
