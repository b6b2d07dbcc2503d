"""A small client of the REST API."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from segue.domain.errors import SegueError

Json = dict[str, Any]
TERMINATED = frozenset({"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED", "SKIPPED"})
"""States in which an execution has ended (REST API 6.3)."""

_PAGE = 1000
_TIMEOUT = httpx.Timeout(30, connect=5)


class RequestError(SegueError):
    """The server refused a request, or cannot be reached. ``status`` is the HTTP code, if there is one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Calls the API of one server for one tenant. All methods raise ``RequestError``."""

    def __init__(self, server: str, credentials: tuple[str, str] | None = None, tenant: str = "main") -> None:
        self.server = server.rstrip("/")
        self._tenant = quote(tenant, safe="")
        try:
            self._http = httpx.Client(
                base_url=f"{self.server}/api/v1/{self._tenant}", auth=credentials, timeout=_TIMEOUT
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise RequestError(f"{server} is no URL of a server") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def deploy(self, source: str) -> list[Json]:
        """Create or update the flows of a YAML text; what the server stored."""
        headers = {"content-type": "application/x-yaml"}
        return list(self._call("POST", "/flows/bulk", params={"delete": "false"}, content=source, headers=headers))

    def start(
        self,
        namespace: str,
        flow_id: str,
        inputs: Mapping[str, str] | None = None,
        files: Mapping[str, Path] | None = None,
        labels: Sequence[str] = (),
    ) -> Json:
        """Start an execution and return it, without waiting for its end."""
        path = f"/executions/{quote(namespace, safe='')}/{quote(flow_id, safe='')}"
        with ExitStack() as stack:
            parts: list[tuple[str, Any]] = [(key, (None, value)) for key, value in (inputs or {}).items()]
            for key, file in (files or {}).items():
                parts.append((key, (key, stack.enter_context(file.open("rb")))))
            return dict(self._call("POST", path, params={"labels": list(labels)}, files=parts or None))

    def execution(self, execution_id: str) -> Json:
        """One execution with its task runs."""
        return dict(self._call("GET", f"/executions/{quote(execution_id, safe='')}"))

    def logs(self, execution_id: str, level: str | None = None) -> list[Json]:
        """All log lines, oldest first; ``level`` is the lowest wanted."""
        params = {"minLevel": level} if level else {}
        return list(self._call("GET", f"/logs/{quote(execution_id, safe='')}", params=params))

    def outputs(self, execution_id: str, limit: int = 100) -> list[Json]:
        """Outputs of the first ``limit`` task runs: ``taskId``, ``taskRunId``, ``value`` and ``outputs``."""
        path = f"/outputs/{quote(execution_id, safe='')}"
        found = list(self._call("GET", path))[:limit]
        return [item | {"outputs": self._call("GET", f"{path}/{quote(item['taskRunId'], safe='')}")} for item in found]

    def insights(self, execution_id: str) -> list[Json]:
        """What the tasks show of their inside, in the order it began."""
        path = f"/executions/{quote(execution_id, safe='')}/insights"
        found: list[Json] = []
        while True:
            params = {"page": len(found) // _PAGE + 1, "size": _PAGE}
            page = self._call("GET", path, params=params)
            found += page["results"]
            if len(page["results"]) < _PAGE:
                return found

    def kill(self, execution_id: str) -> Json:
        """Ask an execution to stop; the execution as it is now."""
        return dict(self._call("DELETE", f"/executions/{quote(execution_id, safe='')}/actions/kill"))

    def triggers(self, filters: Mapping[str, str], page: int, size: int) -> list[Json]:
        """One page of triggers with their states, by namespace, flow and id."""
        order = ["namespace:asc", "flowId:asc", "triggerId:asc"]
        params = {**filters, "page": page, "size": size, "sort": order}
        return list(self._call("GET", "/triggers/search", params=params)["results"])

    def change_trigger(self, method: str, action: str, body: Json) -> Json:
        """Ask for a change of the trigger that ``body`` names; its state then."""
        return dict(self._call(method, f"/triggers/{action}", json=body))

    def unlock_trigger(self, namespace: str, flow_id: str, trigger_id: str) -> Json:
        """Take the lock of a trigger away; its state then."""
        path = "/".join(quote(part, safe="") for part in (namespace, flow_id, trigger_id))
        return dict(self._call("POST", f"/triggers/{path}/unlock"))

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise RequestError(f"the server {self.server} cannot be reached: {error}") from error
        if response.status_code >= 400:
            raise RequestError(_reason(response, self.server), response.status_code)
        return response.json() if response.content else {}


def _reason(response: httpx.Response, server: str) -> str:
    if response.status_code == 401:
        return f"the server {server} wants credentials: set SEGUE_USER or --user to user:password"
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return f"the server {server} answered {response.status_code}"
    text = problem.get("message") or problem.get("detail") or problem.get("title")
    return str(text or f"the server {server} answered {response.status_code}")
