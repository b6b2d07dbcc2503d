"""Whose file a URI of internal storage names (flow language 14.4, server document 4)."""

import re
from typing import NamedTuple

from segue.domain.errors import IllegalPathError

_EXECUTION = re.compile(r"kestra:///(?P<space>[^\0]+?)/(?P<flow>[^/]+)/executions/(?P<id>[A-Za-z0-9_-]{1,200})/")
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
