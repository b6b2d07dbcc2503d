"""The function ``http`` of expressions (expression language 8.4): blocks, and must not be called in an event loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from segue.domain.durations import parse_duration
from segue.domain.errors import FlowSyntaxError
from segue.domain.flow.source import read_value
from segue.expr import EvaluationError, HttpCall
from segue.expr.text import java_text, json_text
from segue.expr.yaml_text import yaml_text

if TYPE_CHECKING:
    import httpx

    from segue.sdk.http import HttpSettings as Way
    from segue.sdk.http import Proxy

_FORM = "application/x-www-form-urlencoded"
_SCHEMES = ("http://", "https://")
_JSON_LIMIT = 10 * 1024 * 1024


class HttpSettings(NamedTuple):
    """Limits of one call: seconds for all of it and to connect, bytes of the answer."""

    timeout: float = 30.0
    connect_timeout: float = 10.0
    max_response_bytes: int = _JSON_LIMIT


class HttpFunction:
    """Makes the calls. Connections are not kept: what expressions call is rarely called twice."""

    def __init__(self, settings: HttpSettings | None = None) -> None:
        self._settings = settings or HttpSettings()

    def __call__(self, call: HttpCall) -> Any:
        """The decoded body of the answer. Raises ``EvaluationError`` when there is none, or it is no success.

        Messages name the address without its query, which may carry a secret.
        """
        import httpx

        if not call.uri.lower().startswith(_SCHEMES):
            raise EvaluationError(f"The 'http' function needs an http or https address, not '{_shown(call.uri)}'")
        options = call.options or {}
        way = self._way(options)
        try:
            with self._client(options, way) as client, client.stream(**self._request(call)) as answer:
                body = self._read(answer)
                if not _is_allowed(answer.status_code, options):
                    raise EvaluationError(
                        "Failed to execute HTTP Request, server respond with status "
                        f"{answer.status_code} : {answer.reason_phrase}"
                    )
                return _decoded(body, answer.headers.get("content-type", ""), answer.encoding or "utf-8")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            from segue.sdk.http.faults import fault_of

            reason = fault_of(error, call.uri, way).message
            raise EvaluationError(f"Failed to execute HTTP Request to '{_shown(call.uri)}': {reason}") from None

    def _way(self, options: Mapping[str, Any]) -> Way:
        """How the server is reached, in the words of the HTTP tasks."""
        from segue.sdk.http import HttpSettings as Way

        timeouts = _map(options.get("timeout"))
        longest = self._settings.timeout
        read = min(_seconds(timeouts.get("readIdleTimeout"), longest), longest)
        connect = min(_seconds(timeouts.get("connectTimeout"), self._settings.connect_timeout), longest)
        return Way(
            connect_timeout=timedelta(seconds=connect),
            read_idle_timeout=timedelta(seconds=read),
            proxy=_proxy(_map(options.get("proxy"))),
            trusts_all=_map(options.get("ssl")).get("insecureTrustAllCertificates") is True,
            follows_redirects=options.get("followRedirects") is not False,
        )

    def _client(self, options: Mapping[str, Any], way: Way) -> httpx.Client:
        import httpx

        from segue.sdk.http.connection import http_proxy, tls_context

        return httpx.Client(
            timeout=httpx.Timeout(way.read_idle_timeout.total_seconds(), connect=way.connect_timeout.total_seconds()),
            follow_redirects=way.follows_redirects,
            auth=_auth(_map(options.get("auth"))),
            verify=tls_context(way.trusts_all),
            proxy=None if way.proxy is None else http_proxy(way.proxy),
            trust_env=False,
        )

    def _request(self, call: HttpCall) -> dict[str, Any]:
        headers = [("Accept", call.accept)]
        for name, value in call.headers.items():
            values = value if isinstance(value, list | tuple) else [value]
            headers += [(java_text(name), java_text(one)) for one in values]
        request: dict[str, Any] = {"method": call.method, "url": call.uri, "headers": headers}
        if call.query:
            request["params"] = [
                (java_text(name), java_text(one))
                for name, value in call.query.items()
                for one in (value if isinstance(value, list | tuple) else [value])
            ]
        if call.body is not None:
            request["content"] = _encoded(call.body, call.content_type)
            headers.append(("Content-Type", call.content_type))
        return request

    def _read(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        limit = self._settings.max_response_bytes
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > limit:
                raise EvaluationError(f"The answer of '{_shown(str(answer.url))}' has more than {limit} bytes")
        return bytes(body)


def _shown(uri: str) -> str:
    return uri.partition("?")[0].partition("#")[0].rpartition("@")[2][:200]


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _seconds(value: Any, default: float) -> float:
    if value is None:
        return default
    if isinstance(value, timedelta):
        return value.total_seconds()
    try:
        return parse_duration(str(value)).total_seconds()
    except ValueError as error:
        raise EvaluationError(f"The 'http' function has a bad timeout: {error}") from None


def _proxy(options: Mapping[str, Any]) -> Proxy | None:
    from segue.sdk.http import Login, Proxy

    kind, host = str(options.get("type") or "DIRECT").upper(), java_text(options.get("address") or "").strip()
    if not host or kind not in {"HTTP", "SOCKS"}:
        return None
    port = java_text(options.get("port") or "")
    if not (port.isascii() and port.isdigit()):
        raise EvaluationError(f"The 'http' function needs the port of the proxy '{host[:100]}'")
    username, password = java_text(options.get("username") or ""), java_text(options.get("password") or "")
    login = Login(username, password) if username else None
    return Proxy("http" if kind == "HTTP" else "socks5h", host, int(port), login)


def _auth(options: Mapping[str, Any]) -> Any:
    import httpx

    kind = str(options.get("type") or "").upper()
    if not kind:
        return None
    if kind == "BEARER":
        token = java_text(options.get("token") or "")
        return _Bearer(token)
    username, password = java_text(options.get("username") or ""), java_text(options.get("password") or "")
    if kind == "BASIC":
        return httpx.BasicAuth(username, password)
    if kind == "DIGEST":
        return httpx.DigestAuth(username, password)
    raise EvaluationError(f"The 'http' function knows no authentication '{kind[:50]}'")


class _Bearer:
    """Sets the header of a token; httpx calls it with each request."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _is_allowed(status: int, options: Mapping[str, Any]) -> bool:
    codes = options.get("allowedResponseCodes")
    if codes:
        return status in codes
    return options.get("allowFailed") is True or 200 <= status < 300


def _encoded(body: Any, content_type: str) -> bytes:
    from urllib.parse import urlencode

    kind = content_type.partition(";")[0].strip().lower()
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if kind == _FORM and isinstance(body, Mapping):
        return urlencode({java_text(key): java_text(value) for key, value in body.items()}).encode()
    if "yaml" in kind:
        return yaml_text(body, _JSON_LIMIT).encode()
    return json_text(body).encode()


def _decoded(body: bytes, content_type: str, charset: str) -> Any:
    kind = content_type.partition(";")[0].strip().lower()
    try:
        text = body.decode(charset, "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    try:
        if text.strip() and (kind == "application/json" or kind.endswith("+json")):
            return json.loads(text)
        if text.strip() and "yaml" in kind:
            return read_value(text)
    except (ValueError, RecursionError, FlowSyntaxError) as error:
        raise EvaluationError(f"The answer cannot be read as {kind}: {error}") from None
    return text
