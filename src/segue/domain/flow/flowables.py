"""Tasks that steer: their properties (flow language 7). What they do is the engine's subject."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeAlias, TypeVar

from pydantic import Discriminator, Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from segue.domain.flow.fields import (
    TAG_MARK,
    Definition,
    Duration,
    DynamicBool,
    DynamicDuration,
    DynamicInt,
    DynamicLabels,
    OrExpression,
    Text,
    tag,
)
from segue.domain.flow.inputs import Input
from segue.domain.flow.outputs import Output
from segue.domain.flow.source import Path
from segue.domain.flow.steering import Exit, Labels, Resume, SetVariables, UnsetVariables
from segue.domain.flow.tasks import RunnableTask, Task
from segue.domain.flow.type_names import FLOW_PACKAGE, canonical_flowable

Tasks: TypeAlias = "tuple[AnyTask, ...]"
Some: TypeAlias = Annotated[Tasks, Field(min_length=1)]
_Block = TypeVar("_Block", bound=Task)


class Child(NamedTuple):
    """A task inside a flowable: the list it stands in, its path below the parent, and itself."""

    section: str
    path: Path
    task: Task


class Flowable(Task):
    """A task with tasks inside.

    `sections` names the attributes that hold its own lists, before errors and finally.
    """

    sections: ClassVar[tuple[str, ...]] = ("tasks",)

    errors: Tasks = ()
    finally_: Annotated[Tasks, Field(alias="finally")] = ()

    def children(self) -> Iterator[Child]:
        """All direct children in the order of the documentation: own lists, errors, finally."""
        for section in (*self.sections, "errors", "finally_"):
            field = type(self).model_fields[section]
            key = field.alias or section
            value = getattr(self, section)
            tasks = () if value is None else value if isinstance(value, tuple) else None
            if tasks is None:
                yield Child(key, (key,), value)
                continue
            for index, task in enumerate(tasks):
                yield Child(key, (key, index), task)


class Sequential(Flowable):
    """A group of tasks, one after the other (7.3)."""

    tasks: Some


class AllowFailure(Flowable):
    """A group whose failure becomes a warning (7.16)."""

    tasks: Some


class Parallel(Flowable):
    """Tasks side by side (7.4); `concurrent` 0 means all at once."""

    tasks: Some
    concurrent: DynamicInt = 0
    on_child_failure: Text | None = None


class DagTask(Definition):
    """One node of a `Dag` with the ids it waits for."""

    task: AnyTask
    depends_on: tuple[str, ...] = ()


class Dag(Flowable):
    """Tasks ordered by their dependencies (7.5)."""

    sections: ClassVar[tuple[str, ...]] = ()

    tasks: Annotated[tuple[DagTask, ...], Field(min_length=1)]
    concurrent: DynamicInt = 0
    on_child_failure: Text | None = None

    def children(self) -> Iterator[Child]:
        """The nodes, then errors and finally."""
        for index, node in enumerate(self.tasks):
            yield Child("tasks", ("tasks", index, "task"), node.task)
        yield from super().children()

    @model_validator(mode="after")
    def _check(self) -> Self:
        edges = {node.task.id: node.depends_on for node in self.tasks}
        unknown = sorted({name for names in edges.values() for name in names} - edges.keys())
        cyclic = cyclic_ids(edges)
        faults = [f"Not existing task id in dag dependencies: {', '.join(unknown)}"] if unknown else []
        if cyclic:
            faults.append(f"Cyclic dependency detected: {', '.join(cyclic)}")
        return _without_faults(self, faults)


class If(Flowable):
    """One of two branches (7.6)."""

    sections: ClassVar[tuple[str, ...]] = ("then", "else_")

    condition: Text
    then: Some
    else_: Annotated[Tasks, Field(alias="else")] = ()


class Switch(Flowable):
    """One branch of many, chosen by the text `value` renders to (7.7)."""

    sections: ClassVar[tuple[str, ...]] = ("defaults",)

    value: Text
    cases: dict[str, Tasks] = Field(default_factory=dict)
    defaults: Tasks = ()

    def children(self) -> Iterator[Child]:
        """The cases in order, defaults, errors, finally."""
        for key, tasks in self.cases.items():
            for index, task in enumerate(tasks):
                yield Child(f"cases.{key}", ("cases", key, index), task)
        yield from super().children()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.defaults and not any(self.cases.values()):
            raise PydanticCustomError("switch", "No task defined, neither cases or default have any tasks")
        return self


class ForEach(Flowable):
    """A group of tasks for every value (7.8, 1.x)."""

    values: Any
    tasks: Some
    concurrency_limit: Annotated[int, Field(ge=0)] = 1


class EachSequential(Flowable):
    """`ForEach` one value at a time (7.8, 1.x)."""

    value: Any
    tasks: Some


class EachParallel(Flowable):
    """Every pair of value and task on its own (7.8, 1.x)."""

    value: Any
    tasks: Some
    concurrent: DynamicInt = 0


class FetchType(StrEnum):
    """Where outputs of iterations or bodies of requests are kept."""

    AUTO = "AUTO"
    FETCH = "FETCH"
    STORE = "STORE"
    NONE = "NONE"


class Loop(Flowable):
    """An execution of its own for every value (7.10); the default of `concurrency_limit` is core plugins 2.8's."""

    values: Any
    tasks: Some
    concurrency_limit: Annotated[int, Field(ge=0)] = 1
    transmit_failed: bool = True
    outputs: tuple[Output, ...] = ()
    fetch_type: Literal[FetchType.AUTO, FetchType.FETCH, FetchType.STORE] = FetchType.AUTO
    break_when: Text | None = None


class CheckFrequency(Definition):
    """How often and how long a `LoopUntil` tries."""

    interval: DynamicDuration = timedelta(minutes=1)
    max_iterations: DynamicInt | None = None
    max_duration: DynamicDuration | None = None


class LoopUntil(Flowable):
    """Tasks repeated until a condition holds (7.11)."""

    condition: Text
    tasks: Some
    check_frequency: CheckFrequency = Field(default_factory=CheckFrequency)
    fail_on_max_reached: DynamicBool = False


class PauseBehavior(StrEnum):
    """What happens when a pause runs out."""

    RESUME = "RESUME"
    WARN = "WARN"
    FAIL = "FAIL"
    CANCEL = "CANCEL"


class Pause(Flowable):
    """A wait for a person or a time (7.13)."""

    sections: ClassVar[tuple[str, ...]] = ("on_pause", "tasks")

    pause_duration: DynamicDuration | None = None
    behavior: Annotated[PauseBehavior | str, OrExpression(PauseBehavior)] = PauseBehavior.RESUME
    on_resume: tuple[Input, ...] = ()
    on_pause: AnyTask | None = None
    tasks: Tasks = ()


class ApprovalOutcome(StrEnum):
    """What an execution does after a review."""

    CONTINUE = "CONTINUE"
    WARN = "WARN"
    FAIL = "FAIL"
    SUCCEED = "SUCCEED"
    CANCEL = "CANCEL"
    KILL = "KILL"


class Approval(Flowable):
    """A review gate (7.14)."""

    sections: ClassVar[tuple[str, ...]] = ("on_wait", "on_approve", "on_deny")

    inputs: tuple[Input, ...] = ()
    decisions: dict[str, Text] = Field(default_factory=dict)
    comment_required: Text = "NEVER"
    auto_approve: DynamicBool = False
    approve_behavior: ApprovalOutcome = ApprovalOutcome.CONTINUE
    deny_behavior: ApprovalOutcome = ApprovalOutcome.CANCEL
    expire_behavior: ApprovalOutcome = ApprovalOutcome.CANCEL
    on_wait: Tasks = ()
    on_approve: Tasks = ()
    on_deny: Tasks = ()


class WorkingDirectoryCache(Definition):
    """Files of a working directory that are kept for later runs."""

    patterns: tuple[str, ...]
    ttl: Duration | None = None


class WorkingDirectory(Flowable):
    """Runnable tasks that share one directory on one worker (7.15)."""

    tasks: Tasks = ()
    input_files: Any = None
    output_files: Any = None
    namespace_files: Any = None
    cache: WorkingDirectoryCache | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        faults = [] if self.tasks else ["The 'tasks' property cannot be empty"]
        if not all(isinstance(task, RunnableTask) for task in self.tasks):
            faults.append("Only runnable tasks are allowed as children of a WorkingDirectory task")
        if any(task.worker_selector is not None for task in self.tasks):
            faults.append(
                "Cannot set a Worker Group in any WorkingDirectory sub-tasks, "
                "it is only supported at the WorkingDirectory level"
            )
        return _without_faults(self, faults)


class RestartBehavior(StrEnum):
    """What a restart of the parent does with a failed child execution."""

    RETRY_FAILED = "RETRY_FAILED"
    NEW_EXECUTION = "NEW_EXECUTION"


class Subflow(Task):
    """Another flow as a task (7.12)."""

    namespace: Text
    flow_id: Text
    revision: DynamicInt | None = None
    inputs: Any = None
    labels: DynamicLabels = ()
    wait: bool = True
    transmit_failed: bool = True
    inherit_labels: DynamicBool = False
    outputs: Any = None
    schedule_date: Text | None = None
    restart_behavior: RestartBehavior = RestartBehavior.RETRY_FAILED


class Batch(Definition):
    """How `ForEachItem` cuts a file."""

    rows: DynamicInt | None = None
    partitions: DynamicInt | None = None
    bytes: Text | None = None
    separator: str = "\n"
    regex_pattern: Text | None = None


BATCH_NAME = "batch-{:07d}.ion"
"""How the files are called that a `ForEachItem` is split into, counted from 0."""


class ForEachItemCalls(Task):
    """The task inside a `ForEachItem` that starts an execution for every batch; made by it, never written."""

    namespace: Text
    flow_id: Text
    revision: DynamicInt | None = None
    inputs: Any = None
    labels: DynamicLabels = ()
    wait: bool = True
    transmit_failed: bool = True
    inherit_labels: DynamicBool = False
    schedule_date: Text | None = None
    restart_behavior: RestartBehavior = RestartBehavior.RETRY_FAILED


class ForEachItem(Flowable):
    """A child execution for every batch of a file (7.9, 1.x).

    Its children are not written but made: `<id>_split` and `<id>_merge` for workers, `<id>_items` between them.
    """

    sections: ClassVar[tuple[str, ...]] = ()
    split_type: ClassVar[str] = FLOW_PACKAGE + "ForEachItem$ForEachItemSplit"
    calls_type: ClassVar[str] = FLOW_PACKAGE + "ForEachItem$ForEachItemExecutable"
    merge_type: ClassVar[str] = FLOW_PACKAGE + "ForEachItem$ForEachItemMergeOutputs"

    items: Text
    batch: Batch = Field(default_factory=Batch)
    namespace: Text
    flow_id: Text
    revision: DynamicInt | None = None
    inputs: Any = None
    labels: DynamicLabels = ()
    wait: bool = True
    transmit_failed: bool = True
    inherit_labels: DynamicBool = False
    schedule_date: Text | None = None
    restart_behavior: RestartBehavior = RestartBehavior.RETRY_FAILED

    def children(self) -> Iterator[Child]:
        """The three made, then errors and finally."""
        batch = self.batch.model_dump(by_alias=True, exclude_none=True)
        split = {
            "id": f"{self.id}_split",
            "type": self.split_type,
            "items": self.items,
            "batch": batch,
            "nameFormat": BATCH_NAME,
        }
        merge = {
            "id": f"{self.id}_merge",
            "type": self.merge_type,
            "baseUri": "{{ parent.outputs.subflowOutputsBaseUri }}",
            "count": "{{ parent.outputs.numberOfBatches }}",
        }
        shared = {name: getattr(self, name) for name in ForEachItemCalls.model_fields.keys() - Task.model_fields.keys()}
        calls = ForEachItemCalls(id=f"{self.id}_items", type=self.calls_type, **shared)
        made = (RunnableTask.model_validate(split), calls, RunnableTask.model_validate(merge))
        for index, task in enumerate(made):
            yield Child("tasks", ("tasks", index), task)
        yield from super().children()


class Template(Task):
    """Tasks taken from a template resource (7.17, 1.x)."""

    namespace: Text
    template_id: Text
    args: Any = None


def cyclic_ids(edges: dict[str, tuple[str, ...]]) -> list[str]:
    """Return the ids that lie on a cycle, or between two; empty when the graph has none."""
    waiting = {name: set(after) & edges.keys() for name, after in edges.items()}
    while free := [name for name, after in waiting.items() if not after]:
        for name in free:
            del waiting[name]
        for after in waiting.values():
            after.difference_update(free)
    while ends := waiting.keys() - set().union(*waiting.values()):
        for name in ends:
            del waiting[name]
    return list(waiting)


def _without_faults(task: _Block, faults: list[str]) -> _Block:
    """Return the task. Raise one error that has all the faults, if there are any."""
    if faults:
        raise PydanticCustomError("block", "{faults}", {"faults": ", ".join(faults)})
    return task


FLOWABLES: dict[str, type[Task]] = {
    kind.__name__: kind
    for kind in (
        Sequential,
        AllowFailure,
        Parallel,
        Dag,
        If,
        Switch,
        ForEach,
        EachSequential,
        EachParallel,
        Loop,
        LoopUntil,
        Pause,
        Approval,
        WorkingDirectory,
        Subflow,
        ForEachItem,
        Template,
        *(Exit, Labels, Resume, SetVariables, UnsetVariables),
    )
}
"""Classes by the last part of their canonical type name."""


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        name = canonical_flowable(value.get("type"))
        return TAG_MARK + (name or "task")
    return TAG_MARK + (type(value).__name__ if type(value).__name__ in FLOWABLES else "task")


AnyTask = TypeAliasType(
    "AnyTask",
    Annotated[
        Annotated[Sequential, tag("Sequential")]
        | Annotated[AllowFailure, tag("AllowFailure")]
        | Annotated[Parallel, tag("Parallel")]
        | Annotated[Dag, tag("Dag")]
        | Annotated[If, tag("If")]
        | Annotated[Switch, tag("Switch")]
        | Annotated[ForEach, tag("ForEach")]
        | Annotated[EachSequential, tag("EachSequential")]
        | Annotated[EachParallel, tag("EachParallel")]
        | Annotated[Loop, tag("Loop")]
        | Annotated[LoopUntil, tag("LoopUntil")]
        | Annotated[Pause, tag("Pause")]
        | Annotated[Approval, tag("Approval")]
        | Annotated[WorkingDirectory, tag("WorkingDirectory")]
        | Annotated[Subflow, tag("Subflow")]
        | Annotated[ForEachItem, tag("ForEachItem")]
        | Annotated[Template, tag("Template")]
        | Annotated[Exit, tag("Exit")]
        | Annotated[Labels, tag("Labels")]
        | Annotated[Resume, tag("Resume")]
        | Annotated[SetVariables, tag("SetVariables")]
        | Annotated[UnsetVariables, tag("UnsetVariables")]
        | Annotated[RunnableTask, tag("task")],
        Discriminator(_kind),
    ],
)
"""Any task, told apart by its type."""

DagTask.model_rebuild()
for _model in FLOWABLES.values():
    _model.model_rebuild()
