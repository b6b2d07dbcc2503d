"""What the one who runs the server decides about its REST API."""

from dataclasses import dataclass, field

from segue import __version__
from segue.domain.execution.limits import DEFAULT_LIMITS, EngineLimits

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user of basic authentication."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiConfig:
    """Settings of the API.

    ``version`` is what ``GET /api/v1/configs`` reports: clients take a major below 2 for a server without
    the paths of 2.0 (REST API 6.10), so it is the version this server is compatible with, not its own.
    ``url`` is the address users see, without a slash at the end; links are paths without it.
    ``open_paths`` are prefixes that need no credentials, in addition to those that never do.
    ``allowed_hosts``: when given, requests with another ``Host`` are refused (DNS rebinding).
    """

    version: str = "2.0.0"
    server_version: str = __version__
    url: str | None = None
    credentials: Credentials | None = None
    open_paths: tuple[str, ...] = ()
    allowed_hosts: frozenset[str] = frozenset()
    system_namespace: str = "system"
    max_backlog: int = 50_000
    """Facts that may wait in all inboxes before new executions are refused with 429 (design D10)."""
    operation_wait: float = 2.0
    """Seconds that a request to an execution waits for an executor, so that its answer shows the new state."""
    limits: EngineLimits = DEFAULT_LIMITS
    """Of executions: their inputs and labels."""
    max_body_bytes: int = 64 * MEBIBYTE
    """Of a flow, a JSON body, or a text part of a form."""
    max_upload_bytes: int = 10 * 1024 * MEBIBYTE
    """Of a whole form with its files."""
    max_webhook_bytes: int = 16 * MEBIBYTE
    """Of a webhook's body that becomes a trigger variable."""
