"""A flow prepared for execution: every look-up the engine needs, made once per revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from segue.domain.errors import NotFoundError
from segue.domain.flow.flowables import Child, Flowable
from segue.domain.flow.model import Flow
from segue.domain.flow.source import Path
from segue.domain.flow.tasks import Task
from segue.domain.namespace_settings import NO_SETTINGS, NamespaceSettings
from segue.expr import Dialect


class TaskNode(NamedTuple):
    """A task with its place. `section` is the list of the parent (or of the flow) it stands in.

    `position` counts from zero within that list. `root` is the section of the flow it belongs to in the end:
    tasks, errors, finally, listeners or afterExecution. `ancestors` are ids, the nearest first.
    """

    task: Task
    parent_id: str | None
    section: str
    root: str
    position: int
    path: Path
    ancestors: tuple[str, ...]


class CompiledFlow:
    """One revision of a flow with indexes over its tasks. Read-only, but for `extras`.

    `extras` is a place for facts that later layers work out once per revision; they own their keys. `dialect`
    reads the flow's expressions, `None` leaves it to the server's setting. `settings` are those of its namespaces;
    their plugin defaults are filled in already.
    """

    __slots__ = ("_children", "dialect", "extras", "flow", "nodes", "revision", "settings", "tenant")

    def __init__(
        self,
        flow: Flow,
        revision: int,
        tenant: str = "main",
        *,
        dialect: Dialect | None = None,
        settings: NamespaceSettings = NO_SETTINGS,
    ) -> None:
        """Index `flow`. Costs one walk over its tasks."""
        self.flow = flow
        self.revision = revision
        self.tenant = tenant
        self.dialect = dialect
        self.settings = settings
        self.extras: dict[str, Any] = {}
        nodes: dict[str, TaskNode] = {}
        children: dict[tuple[str | None, str], list[Task]] = {}
        for node in _walk(flow.children(), None, None, (), ()):
            nodes[node.task.id] = node
            children.setdefault((node.parent_id, node.section), []).append(node.task)
        self.nodes: Mapping[str, TaskNode] = MappingProxyType(nodes)
        self._children = {key: tuple(tasks) for key, tasks in children.items()}

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Tenant, namespace, id and revision."""
        return self.tenant, self.flow.namespace, self.flow.id, self.revision

    def find_task(self, task_id: str) -> Task | None:
        """Return a task anywhere in the tree, `None` if there is none with this id."""
        node = self.nodes.get(task_id)
        return None if node is None else node.task

    def get_task(self, task_id: str) -> Task:
        """Return a task anywhere in the tree. Raise `NotFoundError` if there is none with this id."""
        return self.get_node(task_id).task

    def get_node(self, task_id: str) -> TaskNode:
        """Return a task with its place. Raise `NotFoundError` if there is none with this id."""
        node = self.nodes.get(task_id)
        if node is None:
            raise NotFoundError(
                f"Can't find task '{task_id}' on flow '{self.flow.namespace}.{self.flow.id}' revision {self.revision}"
            )
        return node

    def parent_id(self, task_id: str) -> str | None:
        """Return the id of the flowable around a task, `None` at the top level."""
        return self.get_node(task_id).parent_id

    def children(self, parent_id: str | None, section: str = "tasks") -> tuple[Task, ...]:
        """Return the tasks of one list: of a flowable, or with `None` of the flow itself.

        Sections are named as in YAML (`then`, `else`, `finally`); a case of a Switch is `cases.<key>`.
        """
        return self._children.get((parent_id, section), ())


def _walk(
    children: Iterator[Child], parent_id: str | None, root: str | None, path: Path, ancestors: tuple[str, ...]
) -> Iterator[TaskNode]:
    positions: dict[str, int] = {}
    for section, below, task in children:
        position = positions.get(section, 0)
        positions[section] = position + 1
        place = (*path, *below)
        node = TaskNode(task, parent_id, section, root or section, position, place, ancestors)
        yield node
        if isinstance(task, Flowable):
            yield from _walk(task.children(), task.id, node.root, place, (task.id, *ancestors))
