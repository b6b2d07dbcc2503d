"""Listeners of 1.x: tasks after the end, if their conditions hold (flow language 2.6, 13)."""

from collections.abc import Mapping
from typing import Any

from segue.domain.engine.block import enabled
from segue.domain.engine.progress import Progress
from segue.domain.engine.state import AFTER
from segue.domain.execution.logs import LogLevel
from segue.domain.flow.tasks import Task
from segue.domain.flow.triggers import Condition
from segue.domain.trigger.conditions import ConditionError, Subject, all_hold
from segue.expr import ExpressionError


def listening_tasks(progress: Progress) -> tuple[Task, ...]:
    """The tasks of the listeners whose conditions hold for the execution as it has ended.

    A listener whose conditions cannot be answered does not run. Raises ``Needed``.
    """
    return tuple(
        task
        for listener in progress.state.flow.flow.listeners
        if all(_holds(progress, condition) for condition in listener.conditions)
        for task in enabled(listener.tasks)
    )


def _holds(progress: Progress, condition: Condition) -> bool:
    execution = progress.execution
    name = condition.type.rpartition(".")[2].removesuffix("Condition")
    if name == "ExecutionStatus":
        wanted, unwanted = (condition.properties.get(key) for key in ("in", "notIn"))
        state = execution.state.value
        return (not wanted or state in wanted) and (not unwanted or state not in unwanted)

    def render(text: str, roots: Mapping[str, Any]) -> str | None:
        return progress.renderer.render(text, {**progress.context(text), **roots})

    try:
        return all_hold([condition], render, Subject(execution.flow.namespace, execution.flow.flow_id))
    except (ConditionError, ExpressionError) as error:
        if not progress.state.tally(None, AFTER).ids:
            progress.log(LogLevel.WARN, f"A listener does not run, its condition cannot be answered: {error}")
        return False
