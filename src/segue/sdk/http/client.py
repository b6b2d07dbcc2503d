"""Makes requests as flows describe them: what HTTP tasks do, and what plugins over HTTP build on.

.. code-block:: python

    prepared = await self.prepare(context)          # a task with RequestProperties
    async with HttpClient(context, prepared.settings) as client, client.stream(prepared.request) as response:
        await check_status(response, prepared.settings)
        body = await response.read(1024 * 1024)
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from segue.sdk.context import RunContext
from segue.sdk.http.errors import HttpError, HttpStatusError
from segue.sdk.http.options import HttpLog
from segue.sdk.http.properties import HttpRequest, shown
from segue.sdk.http.response import HttpResponse, readable
from segue.sdk.http.settings import Digest, HttpSettings, Login, Token

if TYPE_CHECKING:
    import httpx

_MOST_REDIRECTS = 50
_LONGEST_BODY_SHOWN = 30_000
_LONGEST_LOGGED = 10_000
_SHORTEST_MASKED = 6
_HIDDEN = "******"
_PRIVATE = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_PRIVATE_WORDS = ("key", "token", "secret", "password", "signature", "credential", "auth")


class HttpClient:
    """A client for one run. Connections are kept while it is open, and closed with it, also when the run is killed."""

    def __init__(self, context: RunContext, settings: HttpSettings | None = None) -> None:
        self._context = context
        self._settings = settings or HttpSettings()
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> HttpClient:
        from segue.sdk.http.connection import open_client

        try:
            self._client = open_client(self._settings)
        except ValueError as error:
            raise HttpError(f"The proxy is no address of a host: {error} (options.proxy.address)") from None
        self._hide_credentials()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def stream(self, request: HttpRequest) -> AsyncIterator[HttpResponse]:
        """Send a request; the response, whatever its code, with its body still to come.

        Raises ``HttpError`` when there is none: the address is wrong, the host cannot be reached or is not trusted,
        redirects lead in a circle. What is measured and logged of the call is so at its end.
        """
        host = urlsplit(request.uri).hostname or ""
        with self._context.insights.step(f"{request.method} {host}", method=request.method, host=host) as step:
            answer, response = await self._open(request)
            step.set(status=response.code)
            try:
                self._log_call(request, answer)
                yield response
            finally:
                sent = 0 if request.body is None else request.body.length
                step.set(bytesSent=sent, bytesReceived=response.received)
                self._measure(request, response)
                await answer.aclose()

    async def _open(self, request: HttpRequest) -> tuple[httpx.Response, HttpResponse]:
        import httpx

        from segue.sdk.http.faults import fault_of

        settings = self._settings
        try:
            answer = await self._exchange(request)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise fault_of(error, request.uri, settings) from error
        place = str(answer.request.url)
        return answer, HttpResponse(request.uri, answer, lambda error: fault_of(error, place, settings))

    async def _exchange(self, request: HttpRequest) -> httpx.Response:
        """The response behind all redirects. Credentials go to the first host and port only."""
        from segue.sdk.http.connection import credentials_of

        assert self._client is not None, "the client is not open"
        sent = self._client.build_request(
            request.method,
            request.uri,
            headers=[(name.encode(), value.encode()) for name, value in _with_length(request)],
            content=request.body,
        )
        first, auth = _origin(sent.url), credentials_of(self._settings)
        seen = {(sent.method, str(sent.url))}
        while True:
            answer = await self._send(sent, auth if _origin(sent.url) == first else None)
            if answer.next_request is None or not self._settings.follows_redirects:
                return answer
            sent = answer.next_request
            await answer.aclose()
            if (sent.method, str(sent.url)) in seen or len(seen) > _MOST_REDIRECTS:
                raise HttpError(
                    f"'{shown(request.uri)}' is redirected in a circle, to '{shown(str(sent.url))}' again; "
                    "set options.followRedirects to false to see the redirect itself"
                )
            seen.add((sent.method, str(sent.url)))
            if _origin(sent.url) != first:
                sent.headers.pop("Authorization", None)

    async def _send(self, request: httpx.Request, auth: httpx.Auth | None) -> httpx.Response:
        assert self._client is not None, "the client is not open"
        try:
            return await self._client.send(request, stream=True, auth=auth, follow_redirects=False)
        except (KeyError, NotImplementedError) as error:
            if not isinstance(self._settings.credentials, Digest):
                raise
            raise HttpError(f"'{shown(str(request.url))}' asks for a digest of a kind that is not known") from error

    def _hide_credentials(self) -> None:
        """Nothing that is logged in this run may show them."""
        given = self._settings.credentials
        proxy = None if self._settings.proxy is None else self._settings.proxy.login
        secrets = [given.token] if isinstance(given, Token) else []
        for login in (given, proxy):
            if isinstance(login, Login):
                encoded = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
                secrets += [login.password, encoded]
        for secret in secrets:
            if len(secret) >= _SHORTEST_MASKED:
                self._context.mask(secret)

    def _log_call(self, request: HttpRequest, answer: httpx.Response) -> None:
        logger, logs = self._context.logger, self._settings.logs
        server = answer.extensions.get("network_stream")
        peer = None if server is None else server.get_extra_info("server_addr")
        place = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) and len(peer) > 1 else answer.url.host
        logger.debug(
            "Request '%s' from '%s' with the response code '%s'", _safe(request.uri), place, answer.status_code
        )
        if HttpLog.REQUEST_HEADERS in logs:
            logger.debug("Request headers:%s", _lines(answer.request.headers.raw))
        if HttpLog.REQUEST_BODY in logs and request.body is not None:
            logger.debug("Request body:\n%s", request.body.preview(_LONGEST_LOGGED))
        if HttpLog.RESPONSE_HEADERS in logs:
            logger.debug("Response headers:%s", _lines(answer.headers.raw))

    def _measure(self, request: HttpRequest, response: HttpResponse) -> None:
        parts = urlsplit(request.uri)
        tags: dict[str, Any] = {
            "request.method": request.method,
            "request.scheme": parts.scheme.lower(),
            "request.hostname": parts.hostname or "",
            "response.code": str(response.code),
        }
        figures = {
            "request.count": 1,
            "request.bytes": 0 if request.body is None else request.body.length,
            "response.count": 1,
            "response.bytes": response.received,
        }
        if response.received or response.content_length:
            figures["response.length"] = response.length or response.size
        for name, value in figures.items():
            self._context.metrics.counter(name, value, **tags)
        if HttpLog.RESPONSE_BODY in self._settings.logs:
            self._context.logger.debug("Response body:\n%s", readable(bytes(response.peeked), response.charset))


async def check_status(response: HttpResponse, settings: HttpSettings, *, is_secret: bool = False) -> None:
    """Raise ``HttpStatusError`` when the code is none of those allowed; with the beginning of the body, unless that
    is secret."""
    if settings.allows(response.code):
        return
    if is_secret:
        raise HttpStatusError(response.code)
    try:
        body = await response.beginning(_LONGEST_BODY_SHOWN)
    except HttpError:
        body = ""  # the code says more than a body that broke off
    raise HttpStatusError(response.code, body)


def _with_length(request: HttpRequest) -> list[tuple[str, str]]:
    length = [] if request.body is None else [("Content-Length", str(request.body.length))]
    kept = [pair for pair in request.headers if pair[0].lower() not in {"content-length", "transfer-encoding"}]
    return [*kept, *length]


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _safe(uri: str) -> str:
    """An address without the user in it."""
    scheme, mark, rest = uri.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}"


def _lines(headers: list[tuple[bytes, bytes]]) -> str:
    pairs = ((name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in headers)
    return "".join(f"\n{name}: {_HIDDEN if _is_private(name.lower()) else value}" for name, value in pairs)


def _is_private(name: str) -> bool:
    return name in _PRIVATE or any(word in name for word in _PRIVATE_WORDS)
