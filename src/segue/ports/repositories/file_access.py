"""Which files of internal storage what is done for an execution may read (expression language 8.4, 14.4)."""

from segue.domain.errors import IllegalPathError
from segue.domain.execution.model import Execution, FlowKey
from segue.domain.execution.places import owner_of
from segue.domain.ids import slugify
from segue.domain.namespaces import NamespaceAccess
from segue.ports.repositories.executions import ExecutionRepository


class FileAccess:
    """Files of the execution itself and of its chain (parents and children share the correlation id), those of other
    executions of its flow, such as the task cache names, and the files of the namespaces it may use."""

    def __init__(self, executions: ExecutionRepository, namespaces: NamespaceAccess) -> None:
        self._executions = executions
        self._namespaces = namespaces

    def is_open(self, flow: FlowKey, namespace: str) -> bool:
        """Whether a flow may use something of the namespace."""
        return self._namespaces.allows(flow.namespace, namespace)

    def check_namespace(self, flow: FlowKey, namespace: str) -> None:
        """Raise ``IllegalPathError`` when a flow may use nothing of the namespace."""
        if not self.is_open(flow, namespace):
            raise IllegalPathError(f"The namespace '{namespace[:200]}' is not open to the namespace '{flow.namespace}'")

    def check_tree(self, flow: FlowKey, root: str) -> None:
        """The same for a namespace with all those below it; an empty ``root`` stands for every namespace."""
        if not self._namespaces.allows_tree(flow.namespace, root):
            what = f"The namespaces in and below '{root[:200]}' are" if root else "All namespaces together are"
            raise IllegalPathError(f"{what} not open to the namespace '{flow.namespace}'")

    async def check_file(self, flow: FlowKey, execution_id: str | None, uri: str, *, is_deleted: bool = False) -> None:
        """Raise ``IllegalPathError`` unless the file may be read for this execution, or deleted: that only within
        its chain."""
        owner = owner_of(uri)
        if owner.execution_id is None:
            self.check_namespace(flow, owner.namespace)
            return
        if execution_id is None:
            raise IllegalPathError("Files of executions cannot be read without an execution")
        related = await self.check_related(flow, execution_id, owner.execution_id, or_same_flow=not is_deleted)
        if related != (owner.namespace, owner.flow_slug):
            raise IllegalPathError("The file does not lie where its execution's files do")

    async def check_related(
        self, flow: FlowKey, execution_id: str, other_id: str, *, or_same_flow: bool = False
    ) -> tuple[str, str]:
        """Namespace and flow slug of an execution. Raises ``IllegalPathError`` unless it is the same one or one of
        its chain, or of its flow where that is enough."""
        if other_id == execution_id:
            return _place(flow)
        found = await self._executions.get_many([execution_id, other_id])
        own, other = found.get(execution_id), found.get(other_id)
        is_close = or_same_flow and other is not None and _is_of(flow, other)
        if own is None or other is None or not (is_close or _are_related(own, other)):
            raise IllegalPathError(f"The execution '{other_id[:100]}' is not related to the task's own")
        return _place(other.flow)


def _are_related(one: Execution, other: Execution) -> bool:
    return one.flow.tenant == other.flow.tenant and one.correlation_id == other.correlation_id


def _is_of(flow: FlowKey, execution: Execution) -> bool:
    own = execution.flow
    return (own.tenant, own.namespace, own.flow_id) == (flow.tenant, flow.namespace, flow.flow_id)


def _place(flow: FlowKey) -> tuple[str, str]:
    return flow.namespace, slugify(flow.flow_id)
