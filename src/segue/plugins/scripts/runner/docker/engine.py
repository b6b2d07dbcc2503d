"""A client of the Docker Engine API, which Podman serves too: the requests that a run needs, over ``httpx``."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from segue.plugins.scripts.runner.docker.address import Address
from segue.sdk import TaskFailed

_NEWEST = (1, 47)
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 120.0
_LONGEST_ERROR = 2000
_MOST_NEWS_BYTES = 1024 * 1024


class EngineError(TaskFailed):
    """The engine refused a request; ``status`` is that of HTTP."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class EngineUnreachableError(TaskFailed):
    """Nobody answers at the address."""

    def __init__(self, address: Address, reason: str) -> None:
        super().__init__(
            "Docker execution failed because Docker socket is not accessible. Either give the worker access to an "
            "engine: mount its socket, or name it with `host` or the variable DOCKER_HOST. Or run the task without "
            "containers: set `taskRunner.type` to `io.kestra.plugin.core.runner.Process`. "
            f"Tried Docker host: {address.shown} ({reason})"
        )


class EngineBrokenError(TaskFailed):
    """The connection broke while the engine answered."""


class Engine:
    """A connection to an engine, to be used in ``async with``. Errors name what was asked."""

    def __init__(self, address: Address) -> None:
        self.address = address
        transport = httpx.AsyncHTTPTransport(uds=address.socket, verify=address.tls(), retries=0)
        timeout = httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
        self._client = httpx.AsyncClient(
            transport=transport, base_url=address.url, timeout=timeout, trust_env=False, follow_redirects=False
        )
        self._version = ""

    async def __aenter__(self) -> Self:
        try:
            await self._agree_on_version()
        except BaseException:
            await self._client.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def _agree_on_version(self) -> None:
        async with self.stream("GET", "/_ping") as response:
            told = response.headers.get("Api-Version", "")
        parts = told.split(".")
        if len(parts) == 2 and all(part.isdecimal() for part in parts):
            major, minor = min((int(parts[0]), int(parts[1])), _NEWEST)
            self._version = f"/v{major}.{minor}"

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        content: AsyncIterator[bytes] | None = None,
        seconds: float | None = _ANSWER_SECONDS,
    ) -> AsyncGenerator[httpx.Response, None]:
        """A request; its answer is open within the block. ``seconds`` limits the silence of the engine.

        Raises ``EngineError`` for a status of 400 and more, ``EngineUnreachableError`` and ``EngineBrokenError``.
        """
        request = self._client.build_request(
            method,
            f"{self._version}{path}",
            params=params,
            headers={**(headers or {}), **({"Content-Type": "application/x-tar"} if content is not None else {})},
            json=body,
            content=content,
            timeout=httpx.Timeout(seconds, connect=_CONNECT_SECONDS),
        )
        try:
            response = await self._client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise EngineUnreachableError(self.address, str(error) or type(error).__name__) from None
        except httpx.HTTPError as error:
            raise EngineBrokenError(_broken(method, path, error)) from None
        try:
            if response.status_code >= 400:
                raise EngineError(await _reason(response), response.status_code)
            yield response
        except httpx.HTTPError as error:
            raise EngineBrokenError(_broken(method, path, error)) from None
        finally:
            await response.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        seconds: float | None = _ANSWER_SECONDS,
    ) -> Any:
        """A request and its JSON answer, None when it is empty. Raises as ``stream``."""
        async with self.stream(method, path, params=params, body=body, seconds=seconds) as response:
            content = await response.aread()
        if not content.strip():
            return None
        try:
            return json.loads(content)
        except ValueError:
            raise EngineBrokenError(f"The Docker host {self.address.shown} gave no JSON for {method} {path}") from None

    async def news(
        self, method: str, path: str, params: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """A request whose answer is a JSON object per line, as the engine goes on. Raises as ``stream``."""
        async with self.stream(method, path, params=params, headers=headers, seconds=None) as response:
            rest = b""
            async for chunk in response.aiter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                if len(rest) > _MOST_NEWS_BYTES:
                    raise EngineBrokenError(f"The Docker host {self.address.shown} gave a line without an end")
                for line in lines:
                    if line.strip():
                        yield _object(line)
            if rest.strip():
                yield _object(rest)


async def _reason(response: httpx.Response) -> str:
    content = b""
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > 64 * 1024:
            break
    try:
        said = json.loads(content)["message"]
    except (ValueError, KeyError, TypeError):
        said = content.decode("utf-8", "replace") or f"status {response.status_code}"
    return str(said)[:_LONGEST_ERROR]


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _broken(method: str, path: str, error: Exception) -> str:
    return f"The connection to the Docker host broke during {method} {path}: {str(error) or type(error).__name__}"
