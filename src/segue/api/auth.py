"""Who may call: basic authentication, and requests that a foreign web page makes a browser send (REST API 1.1)."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

from litestar.types import HTTPScope

from segue.api.config import ApiConfig, Credentials
from segue.api.problems import FORBIDDEN, UNAUTHENTICATED, ProblemError

_OPEN_PATHS = frozenset({"/ping", "/api/v1/configs/login", "/api/v1/basicAuthValidationErrors"})
_OPEN_PREFIXES = ("/api/v1/main/executions/webhook/",)
"""A webhook's key is its credential (flow language 12.5)."""
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LONGEST_NAME = 200
_CHALLENGE = 'Basic realm="Segue", charset="UTF-8"'


class Guard:
    """Decides about one request by its path and headers; raises ``ProblemError`` to refuse it."""

    def __init__(self, config: ApiConfig) -> None:
        self._expected = _plain(config.credentials) if config.credentials else None
        self._open_prefixes = (*_OPEN_PREFIXES, *config.open_paths)
        self._hosts = config.allowed_hosts

    def check(self, scope: HTTPScope, path: str) -> None:
        """Refuse the request unless it may go on; ``path`` has its tenant already."""
        headers = {name: value for name, value in scope["headers"] if name in _READ}
        if self._hosts and _host_name(headers.get(b"host", b"")) not in self._hosts:
            raise ProblemError(FORBIDDEN, "this host name is not allowed; see the setting allowed_hosts")
        if path.startswith(self._open_prefixes) or path in _OPEN_PATHS:
            return
        if scope["method"] in _UNSAFE and b"origin" in headers and not _is_own_origin(headers):
            raise ProblemError(FORBIDDEN, "requests of other sites' pages are not allowed")
        if self._expected is None:
            return
        given = _given(headers.get(b"authorization", b""))
        if given is None or not hmac.compare_digest(given, self._expected):
            is_script = headers.get(b"x-requested-with", b"").lower() == b"xmlhttprequest"
            challenge = {} if is_script else {"WWW-Authenticate": _CHALLENGE}
            raise ProblemError(UNAUTHENTICATED, "wrong or missing credentials", headers=challenge)


_READ = frozenset({b"authorization", b"host", b"origin", b"x-requested-with"})


def _plain(credentials: Credentials) -> bytes:
    return f"{credentials.username}:{credentials.password}".encode()


def _given(header: bytes) -> bytes | None:
    """What stands in a header of basic authentication, None when it is no such header."""
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None


def caller_name(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The user name of a request that the guard has let in, for logs; None without basic authentication."""
    given = next((value for name, value in headers if name == b"authorization"), b"")
    credentials = _given(given)
    name = (credentials or b"").partition(b":")[0].decode("utf-8", "replace")
    return name[:_LONGEST_NAME] or None


def _host_name(host: bytes) -> str:
    return urlsplit("//" + host.decode("latin-1")).hostname or ""


def _is_own_origin(headers: dict[bytes, bytes]) -> bool:
    origin = headers[b"origin"].decode("latin-1")
    return urlsplit(origin).netloc.lower() == headers.get(b"host", b"").decode("latin-1").lower()
