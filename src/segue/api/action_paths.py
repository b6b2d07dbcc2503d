"""Paths of 1.x that mean two things: ``executions/{id}/replay``, and the flow ``replay`` of a namespace (REST API 2).

An execution of that id decides: where there is none the path starts the flow.
"""

from collections.abc import Awaitable, Callable

from litestar.types import HTTPScope

_ACTIONS = frozenset(
    {
        "change-status",
        "eval",
        "force-run",
        "kill",
        "labels",
        "pause",
        "replay",
        "replay-with-inputs",
        "restart",
        "resume",
        "resume-from-breakpoint",
        "review",
        "state",
        "unqueue",
    }
)
_LENGTH = len(["", "api", "v1", "tenant", "executions", "id", "action"])


async def start_flow_instead(scope: HTTPScope, is_execution: Callable[[str, str], Awaitable[bool]]) -> None:
    """Turn the path of an action on no execution into the one that starts the flow of that name.

    ``is_execution`` is asked with tenant and id.
    """
    parts = scope["path"].split("/")
    if scope["method"] != "POST" or len(parts) != _LENGTH or parts[4] != "executions" or parts[6] not in _ACTIONS:
        return
    if not await is_execution(parts[3], parts[5]):
        scope["path"] = "/".join([*parts[:5], "trigger", *parts[5:]])
        scope["raw_path"] = scope["path"].encode()
