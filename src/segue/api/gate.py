"""What happens before routing: the tenant in the path, limits of the body, and the guard (REST API 1)."""

from litestar.types import HTTPScope

from segue.api.auth import Guard
from segue.api.problems import BAD_REQUEST, ProblemError

TENANT = "main"
_ROOT = "/api/v1/"
_TENANT_LESS = frozenset({"configs", "login", "logout", "basicAuthValidationErrors", "plugins", "pebble"})
RESOURCES = frozenset(
    {
        "basicAuth",
        "cluster",
        "concurrency-limit",
        "dashboards",
        "dead-letters",
        "executions",
        "expressions",
        "flows",
        "kv",
        "logs",
        "metrics",
        "namespaces",
        "outputs",
        "secrets",
        "triggers",
        "usages",
    }
)
"""First words of paths that may come without their tenant: old clients and scripts send them so."""


def with_tenant(path: str) -> str:
    """``path`` with its tenant. Raises ``ProblemError`` for a tenant that does not exist."""
    if not path.startswith(_ROOT):
        return path
    first, slash, _ = path[len(_ROOT) :].partition("/")
    if first in _TENANT_LESS or (first == TENANT and slash):
        return path
    if first in RESOURCES:
        return f"{_ROOT}{TENANT}/{path[len(_ROOT) :]}"
    if slash:
        raise ProblemError(BAD_REQUEST, f"there is no tenant '{first[:100]}', only '{TENANT}'")
    return path


class Gate:
    """The way into the application. ``admit`` returns the scope to route, or raises ``ProblemError``."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def admit(self, scope: HTTPScope) -> None:
        """Put the tenant into the scope's path and check the request."""
        if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
            raise ProblemError(BAD_REQUEST, "a NUL character is not allowed in a URL")
        path = with_tenant(scope["path"])
        if path != scope["path"]:
            scope["path"] = path
            scope["raw_path"] = path.encode()
        self._guard.check(scope, path)
