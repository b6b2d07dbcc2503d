"""The end of an execution: final state, flow outputs, ``afterExecution`` (flow language 2.6, 5, 9.4)."""

from typing import Any

from segue.domain.engine import sla
from segue.domain.engine.block import advance_sequence, enabled, guess_state
from segue.domain.engine.decision import TriggerEnd
from segue.domain.engine.kill import close_descendants
from segue.domain.engine.listeners import listening_tasks
from segue.domain.engine.progress import Progress
from segue.domain.engine.state import AFTER, MAIN, ExecutionState
from segue.domain.errors import LimitExceededError, SegueError
from segue.domain.execution.creation import successor_id
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.state import State
from segue.domain.flow.flowables import Loop
from segue.domain.flow.outputs import Output
from segue.domain.flow.resolve_inputs import coerce_output
from segue.domain.flow.triggers import FlowTrigger, WebhookTrigger
from segue.domain.trigger.state import TriggerKey
from segue.expr import ExpressionError, MissingVariableError


def finish(progress: Progress) -> None:
    """Give a running execution its final state. Raises ``Needed`` before anything is changed."""
    state = guess_state(progress.state.tally(None, MAIN))
    outputs: dict[str, Any] = {}
    try:
        for output in declared_outputs(progress.state):
            _add(outputs, output, progress)
    except (ExpressionError, SegueError) as error:
        progress.log(LogLevel.ERROR, f"Failed to render output values: {error}")
        state, outputs = State.FAILED, {}
    if outputs:
        progress.store_flow_outputs(outputs)
    close_descendants(progress, None, state)
    if progress.execution.state is State.RETRYING:
        progress.move_execution(State.RUNNING)
    if state is State.KILLED:  # a task run was marked so, or something it called was killed
        progress.move_execution(State.KILLING)
    progress.move_execution(state)


def declared_outputs(state: ExecutionState) -> tuple[Output, ...]:
    """What the execution gives back: the outputs of its flow, those of the Loop for an iteration (7.10)."""
    task_id = state.root_task_id
    if task_id is None:
        return state.flow.flow.outputs
    task = state.flow.get_task(task_id)
    return task.outputs if isinstance(task, Loop) else ()


def _add(outputs: dict[str, Any], output: Output, progress: Progress) -> None:
    try:
        value = progress.render_value(output.value)
    except MissingVariableError:
        if output.required:
            raise
        return
    if value is None and not output.required:
        return
    place = outputs
    *parents, last = output.id.split(".")
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = coerce_output(output, value, progress.renderer.encrypt)


def after(progress: Progress) -> None:
    """Move ``afterExecution`` on; once it is over the execution is finished for good."""
    if progress.execution.is_finished:
        return
    if _is_over(progress):
        details = _details(progress)
        progress.change_execution(is_finished=True)
        progress.free_slot()
        _end_trigger(progress)
        sla.end(progress)
        progress.tell_caller(**details)


def _is_over(progress: Progress) -> bool:
    root_task_id = progress.state.root_task_id
    tasks = enabled(progress.state.flow.children(root_task_id, "afterExecution"))
    if root_task_id is None:
        tasks = (*listening_tasks(progress), *tasks)
    try:
        return advance_sequence(progress, tasks, None, AFTER)
    except LimitExceededError as error:
        progress.log(LogLevel.ERROR, error.message)
        return True


def _end_trigger(progress: Progress) -> None:
    """Tell the trigger that has started the execution, if it waits for that; ``stopAfter`` disables it (12.1)."""
    execution = progress.execution
    if execution.trigger is None or execution.caller is not None:
        return
    trigger_id = execution.trigger.id
    definition = next((each for each in progress.state.flow.flow.triggers if each.id == trigger_id), None)
    if definition is None or isinstance(definition, WebhookTrigger | FlowTrigger):
        return  # these have no state
    is_stopped = execution.state in definition.stop_after
    if definition.allow_concurrent and not is_stopped:
        return
    key = TriggerKey(execution.flow.tenant, execution.flow.namespace, execution.flow.flow_id, trigger_id)
    progress.decision.ends_trigger = TriggerEnd(progress.now, key if is_stopped else None)


def _details(progress: Progress) -> dict[str, Any]:
    """What else the caller has to know at the end. Raises ``Needed`` before anything is changed."""
    execution = progress.execution
    has_run = any(moment.state is State.RUNNING for moment in execution.status.histories)
    details: dict[str, Any] = {"previous": State.RUNNING if has_run else State.CREATED}
    if execution.state is State.RETRIED:
        details["successor_id"] = successor_id(execution)
    elif execution.asked_outputs and not progress.state.flow.flow.outputs:
        owner = f"{execution.id}#asked"
        try:
            progress.store_private(owner, progress.render_value(execution.asked_outputs))
            details["asked_owner"] = owner
        except (ExpressionError, SegueError) as error:
            details["error"] = str(error)
    return details
