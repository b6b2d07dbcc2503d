"""Which server a task asks: the one it runs on, by the platform, or another one, by its REST API.

Without ``kestraUrl`` nothing goes over HTTP and no credentials are needed: the control plane knows on behalf of
which flow is asked. With it the server of that URL is asked with ``auth``.
"""

import contextlib
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from segue.sdk import Property, RunContext, Task, TaskFailed

_TIMEOUT = 60.0
_LONGEST_ANSWER = 64 * 1024 * 1024
_SHOWN = 300

Query = Sequence[tuple[str, str]]


class Auth(BaseModel):
    """How a server is told who asks: by a token, or by a name and a password."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True
    )

    api_token: Property[str] | None = None
    """A token of the server's API."""
    username: Property[str] | None = None
    """The name of a user, together with `password`."""
    password: Property[str] | None = None
    """The password of that user."""
    auto: Property[bool] = Property.of(True)
    """Kept for flows that have it: the own server needs no credentials at all."""


class Remote:
    """The REST API of a server for one tenant."""

    def __init__(self, client: httpx.AsyncClient, tenant: str) -> None:
        self._client = client
        self._base = f"/api/v1/{quote(tenant, safe='')}"

    async def form(self, path: str, fields: Mapping[str, Any]) -> None:
        """Post a form with texts, JSON for what is none. Raises ``TaskFailed``."""
        parts = [
            (name, (None, value if isinstance(value, str) else json.dumps(value, default=str)))
            for name, value in fields.items()
        ]
        try:
            response = await self._client.post(self._base + path, files=parts or None)
        except httpx.HTTPError as error:
            raise TaskFailed(f"POST {path}: {type(error).__name__}: {str(error)[:_SHOWN]}") from None
        if not response.is_success:
            raise TaskFailed(f"POST {path} was answered with {response.status_code}: {_reason(response)}")

    async def json(self, method: str, path: str, query: Query = (), body: Any = None) -> Any:
        """Call and read JSON; None for an empty answer. Raises ``TaskFailed`` for anything but success."""
        content = await self.content(method, path, query, body)
        if not content.strip():
            return None
        try:
            return httpx.Response(200, content=content).json()
        except ValueError:
            raise TaskFailed(f"{method} {path}: the answer is no JSON") from None

    async def page(self, path: str, query: Query = ()) -> tuple[list[dict[str, Any]], int]:
        """A page of search results and how many there are in all. Raises ``TaskFailed``."""
        found = await self.json("GET", path, query)
        try:
            return list(found["results"]), int(found["total"])
        except (TypeError, KeyError, ValueError):
            raise TaskFailed(f"GET {path}: the answer is not what was expected") from None

    async def content(self, method: str, path: str, query: Query = (), body: Any = None) -> bytes:
        """Call and read all of the answer. Raises ``TaskFailed``."""
        return b"".join([chunk async for chunk in self.stream(method, path, query, body)])

    async def stream(self, method: str, path: str, query: Query = (), body: Any = None) -> AsyncIterator[bytes]:
        """Call and read in chunks. Raises ``TaskFailed``, also for an answer that is too large."""
        size = 0
        try:
            async with self._client.stream(
                method, self._base + path, params=httpx.QueryParams(list(query)), json=body
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise TaskFailed(f"{method} {path} was answered with {response.status_code}: {_reason(response)}")
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > _LONGEST_ANSWER:
                        raise TaskFailed(f"{method} {path}: the answer has more than {_LONGEST_ANSWER} bytes")
                    yield chunk
        except httpx.HTTPError as error:
            raise TaskFailed(f"{method} {path}: {type(error).__name__}: {str(error)[:_SHOWN]}") from None


class KestraTask(Task):
    """Base of the tasks that ask a server."""

    kestra_url: Property[str] | None = None
    """The URL of another server; without it the server that runs the task is asked."""
    auth: Auth | None = None
    """Credentials for the server at `kestraUrl`."""
    tenant_id: Property[str] | None = None
    """The tenant on the server at `kestraUrl`; without it the flow's own."""

    @contextlib.asynccontextmanager
    async def remote(self, context: RunContext) -> AsyncIterator[Remote | None]:
        """The other server, or None when the own one is meant.

        Raises ``TaskFailed`` for a URL that is none, for incomplete credentials, and for another tenant of the own
        server.
        """
        url = await text_of(context, self.kestra_url)
        tenant = await text_of(context, self.tenant_id) or context.flow.tenant
        if not url:
            if tenant != context.flow.tenant:
                raise TaskFailed("`tenantId` names another tenant: that needs `kestraUrl` and `auth`")
            yield None
            return
        parts = httpx.URL(_checked(url))
        headers = await self._credentials(context)
        async with httpx.AsyncClient(
            base_url=parts.copy_with(username=None, password=None),
            headers={"Accept": "*/*", **headers},
            timeout=_TIMEOUT,
        ) as client:
            yield Remote(client, tenant)

    async def _credentials(self, context: RunContext) -> Mapping[str, str]:
        if self.auth is None:
            return {}
        token = await text_of(context, self.auth.api_token)
        username, password = await text_of(context, self.auth.username), await text_of(context, self.auth.password)
        for secret in (token, password):
            if secret:
                context.mask(secret)
        if token and username:
            raise TaskFailed("`auth` has an `apiToken` and a `username`: give one of them")
        if bool(username) != bool(password):
            raise TaskFailed("`auth` needs `username` and `password` together")
        if token:
            return {"Authorization": f"Bearer {token}"}
        if not username:
            return {}
        encoded = b64encode(f"{username}:{password}".encode()).decode()
        context.mask(encoded)
        return {"Authorization": f"Basic {encoded}"}


async def text_of(context: RunContext, value: Property[str] | None) -> str:
    """A property as a text, empty when it is not there."""
    return "" if value is None else (await context.render(value) or "").strip()


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise TaskFailed("`kestraUrl` is no URL") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise TaskFailed("`kestraUrl` must begin with http:// or https://")
    return url


def _reason(response: httpx.Response) -> str:
    """What the server says, cut."""
    try:
        data = response.json()
    except ValueError:
        return response.text[:_SHOWN]
    message = data.get("message") if isinstance(data, dict) else None
    return str(message or response.text)[:_SHOWN]
