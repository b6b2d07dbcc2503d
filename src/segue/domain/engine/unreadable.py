"""The end of an execution whose stored flow cannot be read any more (flow language 9.4, execution-level exceptions)."""

from collections.abc import Iterable
from datetime import datetime

from segue.domain.engine.decision import DEFAULT_LIMITS, Decision
from segue.domain.engine.kill import end_all
from segue.domain.engine.progress import Progress
from segue.domain.engine.rendering import Renderer
from segue.domain.engine.state import ExecutionState
from segue.domain.execution.logs import LogLevel
from segue.domain.execution.model import Execution
from segue.domain.execution.state import State
from segue.domain.execution.task_run import TaskRun
from segue.domain.flow.compiled import CompiledFlow
from segue.domain.flow.model import Flow


def give_up(
    execution: Execution, task_runs: Iterable[TaskRun], reason: str, now: datetime, renderer: Renderer
) -> tuple[ExecutionState, Decision]:
    """The execution with everything that is open in it FAILED, and what is to be written for that.

    One that is finished stays as it is. ``afterExecution`` cannot run: nobody knows it.
    """
    key = execution.flow
    nothing = CompiledFlow(
        Flow.model_construct(id=key.flow_id, namespace=key.namespace, tasks=()), key.revision, key.tenant
    )
    state, decision = ExecutionState(nothing, execution, task_runs), Decision()
    if not execution.is_finished:
        progress = Progress(state, now, renderer, decision, DEFAULT_LIMITS)
        progress.log(LogLevel.ERROR, f"The flow of the execution cannot be read: {reason}")
        if not execution.state.is_terminated:
            end_all(progress, State.FAILED)
        progress.change_execution(is_finished=True)
        decision.frees_slot = True
        progress.tell_caller()
    return state, decision
