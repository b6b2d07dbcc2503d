"""Tasks that change their own execution, done by the engine without a worker (flow language 7.17, 7.18)."""

from typing import Any, Generic, TypeVar

from segue.domain.engine.calling import as_map, rendered_labels
from segue.domain.engine.flowables.base import EngineRun
from segue.domain.engine.kill import end_because_of
from segue.domain.engine.needs import ExecutionNeed
from segue.domain.errors import NotFoundError, SegueError
from segue.domain.execution.model import Execution
from segue.domain.execution.requests import ResumeRequested
from segue.domain.execution.state import State
from segue.domain.flow.flowables import Template
from segue.domain.flow.steering import EXIT_STATES, Exit, Labels, Resume, SetVariables, UnsetVariables
from segue.domain.flow.tasks import Task
from segue.domain.labels import merge_labels
from segue.expr import is_truthy

AnySteering = TypeVar("AnySteering", bound=Task)

_EXITS = {name: State.CANCELLED if name == "CANCELED" else State(name) for name in EXIT_STATES}


class SteeringRun(EngineRun[AnySteering], Generic[AnySteering]):
    """Done when it begins."""

    def begin(self) -> None:
        """Do it, and end."""
        self.do()
        self.run = self.progress.begin_attempt(self.run, self.progress.now)
        self.run = self.progress.move(self.run, State.RUNNING)
        self.end(State.SUCCESS)

    def do(self) -> None:
        """The effect. Raises as ``begin`` may."""

    def rendered(self, value: Any) -> Any:
        """A property with its expressions evaluated."""
        return self.progress.render_value(value, self.run)

    def is_set(self, value: bool | str) -> bool:
        """A property that is true or false."""
        return is_truthy(str(self.rendered(value)).lower())


class LabelsRun(SteeringRun[Labels]):
    """Adds labels to the execution."""

    def do(self) -> None:
        """The later of two labels with one key wins."""
        progress = self.progress
        added = rendered_labels(self.rendered(self.task.labels))
        progress.change_execution(labels=merge_labels(progress.execution.labels, added))


class SetVariablesRun(SteeringRun[SetVariables]):
    """Changes ``vars``."""

    def do(self) -> None:
        """Maps are merged in depth; with ``overwrite`` false no variable may be there already."""
        progress = self.progress
        added = as_map(self.rendered(self.task.variables), "variables")
        known = progress.state.variables
        taken = [name for name in added if name in known]
        if taken and not self.is_set(self.task.overwrite):
            raise SegueError(
                "`overwrite` is set to false and the following variables already exist: " + ",".join(taken)
            )
        changed = {name: _merged(known.get(name), value) for name, value in added.items()}
        progress.change_execution(variables={**known, **changed})


class UnsetVariablesRun(SteeringRun[UnsetVariables]):
    """Takes variables of the execution away."""

    def do(self) -> None:
        """Names may be paths with dots; one that is not there is an error unless ``ignoreMissing``."""
        progress = self.progress
        names = self.rendered(self.task.variables)
        if isinstance(names, str):
            names = [names]
        if not isinstance(names, list):
            raise SegueError("'variables' must be a list of names")
        variables = progress.state.variables
        ignores = self.is_set(self.task.ignore_missing)
        for name in names:
            variables = _without(variables, str(name).split("."), str(name), ignores)
        progress.change_execution(variables=variables)


class ExitRun(EngineRun[Exit]):
    """Ends the execution."""

    def begin(self) -> None:
        """The state is that of the task run, all around it, and the execution."""
        progress = self.progress
        text = progress.render(self.task.state, self.run).strip().upper()
        state = _EXITS.get(text)
        if state is None:
            raise SegueError(f"'state' must be one of {', '.join(_EXITS)}, not {text[:100]!r}")
        if state is State.KILLED:
            end_because_of(progress, self.run, state)
            return
        self.run = progress.begin_attempt(self.run, progress.now)
        end_because_of(progress, progress.move(self.run, State.RUNNING), state)


class ResumeRun(SteeringRun[Resume]):
    """Lets a paused execution go on, its own or another one (1.x)."""

    def do(self) -> None:
        """Ask the execution; whether it can is decided there."""
        task, progress = self.task, self.progress
        named = self.rendered(task.execution_id) if task.execution_id is not None else None
        if named is None and (task.namespace is not None or task.flow_id is not None):
            raise SegueError("'namespace' and 'flowId' are of use only with an 'executionId'")
        inputs = as_map(self.rendered(task.inputs), "inputs")
        target = progress.execution.id if named is None else self._checked(str(named))
        progress.tell(target, ResumeRequested(progress.now, inputs=inputs))

    def _checked(self, execution_id: str) -> str:
        """The id, when it is an execution of this tenant and of the flow named."""
        found: Execution | None = self.progress.state.find(ExecutionNeed(execution_id))
        flow = self.progress.execution.flow
        if found is None or found.flow.tenant != flow.tenant:
            raise NotFoundError(f"No execution found for execution id {execution_id[:100]}")
        for name, actual in (("namespace", found.flow.namespace), ("flow_id", found.flow.flow_id)):
            wanted = getattr(self.task, name)
            if wanted is not None and self.rendered(wanted) != actual:
                raise NotFoundError(
                    f"Execution {execution_id} is of the flow '{found.flow.namespace}.{found.flow.flow_id}'"
                )
        return execution_id


class TemplateRun(EngineRun[Template]):
    """Templates ended with 1.x and are not run here."""

    def begin(self) -> None:
        """Always an error."""
        raise SegueError("Templates are disabled, please check your configuration")


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}


def _without(variables: dict[str, Any], path: list[str], name: str, ignores_missing: bool) -> dict[str, Any]:
    first, *rest = path
    inner = variables.get(first)
    if first not in variables or (rest and not isinstance(inner, dict)):
        if ignores_missing:
            return variables
        raise SegueError(f"There is no variable '{name}' to unset; `ignoreMissing` would go on without it")
    if not rest:
        return {key: value for key, value in variables.items() if key != first}
    assert isinstance(inner, dict)
    return {**variables, first: _without(inner, rest, name, ignores_missing)}
