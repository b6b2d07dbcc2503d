"""Places in internal storage: whose file a URI names, and where a task may write (flow language 14.4)."""

import re
from typing import NamedTuple

from segue.domain.errors import IllegalPathError
from segue.domain.execution.model import FlowKey, folder_of
from segue.domain.ids import check_path_segment, slugify

_EXECUTION = re.compile(r"kestra:///(?P<space>[^\0]+?)/(?P<flow>[^/]+)/executions/(?P<id>[A-Za-z0-9_-]{1,200})/")
CACHE_NAMES = frozenset({"cache.zip", "outputs.json"})
"""Files that a task can keep for its later runs."""
_OBJECT_ID = re.compile(r"[0-9a-f]{32}")
_NAMESPACE_FILES = re.compile(r"kestra:///(?P<space>[^\0]+?)/_files/")


class Owner(NamedTuple):
    """Whose file a URI names: of an execution, or of a namespace when there is none."""

    namespace: str
    flow_slug: str | None
    execution_id: str | None


def owner_of(uri: str) -> Owner:
    """Whose file a URI names. Raises ``IllegalPathError`` when it is none that tasks may read at all."""
    if any(part in {"..", "."} for part in uri.split("/")) or "\\" in uri or "\0" in uri:
        raise IllegalPathError(f"{uri[:200]!r} is no plain URI of internal storage")
    of_namespace, of_execution = _NAMESPACE_FILES.match(uri), _EXECUTION.match(uri)
    if of_namespace and not (of_execution and len(of_execution["space"]) < len(of_namespace["space"])):
        return Owner(of_namespace["space"].replace("/", "."), None, None)
    if of_execution:
        return Owner(of_execution["space"].replace("/", "."), of_execution["flow"], of_execution["id"])
    raise IllegalPathError(f"{uri[:200]!r} belongs to no execution and to no namespace")


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
