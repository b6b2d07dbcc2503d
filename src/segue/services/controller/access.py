"""Which places of internal storage a task may write (flow language 14.4)."""

import re

from segue.domain.errors import IllegalPathError
from segue.domain.execution.model import FlowKey, folder_of
from segue.domain.ids import check_path_segment, slugify

CACHE_NAMES = frozenset({"cache.zip", "outputs.json"})
_OBJECT_ID = re.compile(r"[0-9a-f]{32}")


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


def cache_uri(flow: FlowKey, task_id: str, object_id: str, name: str) -> str:
    """Where a task keeps a file for its later runs (server document 4). Raises ``SegueError`` for strange names."""
    if name not in CACHE_NAMES or (object_id and not _OBJECT_ID.fullmatch(object_id)):
        raise IllegalPathError(f"{name[:80]!r} is no file that tasks keep")
    for part in (*flow.namespace.split("."), slugify(flow.flow_id)):
        check_path_segment(part)
    task = check_path_segment(slugify(task_id) or "-")
    folder = f"kestra:///{flow.namespace.replace('.', '/')}/{slugify(flow.flow_id)}/{task}/cache"
    return f"{folder}/{object_id}/{name}" if object_id else f"{folder}/{name}"
