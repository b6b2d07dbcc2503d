"""Which places of internal storage a task may write (flow language 14.4)."""

from segue.domain.execution.model import FlowKey, folder_of
from segue.domain.ids import check_path_segment, slugify


def execution_folder(flow: FlowKey, execution_id: str) -> str:
    """The folder of an execution, with a slash at its end. Raises ``SegueError`` for ids that are no part of a path."""
    for part in (*flow.namespace.split("."), slugify(flow.flow_id), execution_id):
        check_path_segment(part)
    return f"{folder_of(flow.namespace, flow.flow_id, execution_id)}/"


def run_folder(flow: FlowKey, execution_id: str, task_id: str, task_run_id: str) -> str:
    """The folder of a task run, with a slash at its end: the only place its worker may write to.

    Raises ``SegueError`` when an id cannot be part of a path.
    """
    task, run = check_path_segment(slugify(task_id) or "-"), check_path_segment(task_run_id)
    return f"{execution_folder(flow, execution_id)}tasks/{task}/{run}/"
