"""How far a call may reach."""

from segue.ports.repositories.file_access import FileAccess
from segue.services.controller.sessions import HeldJob


def check_scope(access: FileAccess, job: HeldJob, namespace: str, flow_id: str) -> None:
    """Raise ``IllegalPathError`` unless the flow of the job may use the namespace (with a flow id) or all of the
    namespaces in and below it; without a namespace all there are."""
    if namespace and flow_id:
        access.check_namespace(job.flow, namespace)
    else:
        access.check_tree(job.flow, namespace)
