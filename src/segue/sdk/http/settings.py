"""The options of one run, rendered: what the client works with."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from segue.domain.execution.logs import LogLevel
from segue.sdk.context import RunContext
from segue.sdk.http.body import is_charset
from segue.sdk.http.errors import HttpError
from segue.sdk.http.options import (
    READ_IDLE_TIMEOUT,
    BasicAuth,
    BearerAuth,
    DigestAuth,
    HttpLog,
    HttpOptions,
    ProxyOptions,
    ProxyType,
    TimeoutOptions,
)
from segue.sdk.property import Property

T = TypeVar("T")
CONNECT_TIMEOUT = timedelta(seconds=30)
_LAST_PORT = 65_535
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(?:%\w+)?")
_OLD_LOGS = {
    LogLevel.TRACE: frozenset(HttpLog),
    LogLevel.DEBUG: frozenset({HttpLog.REQUEST_HEADERS, HttpLog.RESPONSE_HEADERS}),
}


@dataclass(frozen=True)
class Login:
    """A user and a password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Digest(Login):
    """A user and a password that are proved."""


@dataclass(frozen=True)
class Token:
    """A bearer token."""

    token: str = field(repr=False)


@dataclass(frozen=True)
class Proxy:
    """A proxy; ``scheme`` is ``http`` or ``socks5h``, which leaves the look-up of names to the proxy."""

    scheme: str
    host: str
    port: int
    login: Login | None = None


@dataclass(frozen=True)
class HttpSettings:
    """How requests are made (core plugins 5.2)."""

    connect_timeout: timedelta = CONNECT_TIMEOUT
    read_idle_timeout: timedelta = READ_IDLE_TIMEOUT
    proxy: Proxy | None = None
    credentials: Login | Digest | Token | None = None
    trusts_all: bool = False
    follows_redirects: bool = True
    allows_failed: bool = False
    allowed_codes: frozenset[int] = frozenset()
    keeps_alive: bool = True
    charset: str = "UTF-8"
    logs: frozenset[HttpLog] = frozenset()

    def allows(self, code: int) -> bool:
        """Whether a response with this code is a result."""
        if self.allowed_codes:
            return code in self.allowed_codes
        return self.allows_failed or code < 400


async def settings_of(options: HttpOptions | None, context: RunContext) -> HttpSettings:
    """The options rendered. Raises ``HttpError`` for what cannot be used, and what rendering raises."""
    options = options or HttpOptions()
    timeout = options.timeout or TimeoutOptions()
    idle = timeout.read_idle_timeout if "read_idle_timeout" in timeout.model_fields_set else None
    charset = await context.render(options.default_charset) or "UTF-8"
    if not is_charset(charset):
        raise HttpError(f"There is no charset '{charset[:50]}' (options.defaultCharset); use UTF-8 for example")
    return HttpSettings(
        connect_timeout=await _first(context, timeout.connect_timeout, options.connect_timeout) or CONNECT_TIMEOUT,
        read_idle_timeout=await _first(context, idle, options.read_timeout) or READ_IDLE_TIMEOUT,
        proxy=await _proxy(options, context),
        credentials=await _credentials(options, context),
        trusts_all=options.ssl is not None
        and await _first(context, options.ssl.insecure_trust_all_certificates) is True,
        follows_redirects=await context.render(options.follow_redirects) is not False,
        allows_failed=await context.render(options.allow_failed) is True,
        allowed_codes=frozenset(await _first(context, options.allowed_response_codes) or ()),
        keeps_alive=await context.render(options.enabled_tcp_extended_keep_alive) is not False,
        charset=charset,
        logs=_logs(options),
    )


async def _first(context: RunContext, *values: Property[T] | None) -> T | None:
    """What the first property that is given renders to."""
    given = next((value for value in values if value is not None), None)
    return None if given is None else await context.render(given)


async def _proxy(options: HttpOptions, context: RunContext) -> Proxy | None:
    new = options.proxy or ProxyOptions()
    kind = await _first(context, new.type if "type" in new.model_fields_set else None, options.proxy_type)
    host = (await _first(context, new.address, options.proxy_address) or "").strip()
    if not host or kind not in {ProxyType.HTTP, ProxyType.SOCKS}:
        return None
    if not _HOST.fullmatch(host):
        raise HttpError(f"The proxy '{host[:100]}' is no host: give its name or address alone (options.proxy.address)")
    port = await _first(context, new.port, options.proxy_port)
    if port is None or not 0 < port <= _LAST_PORT:
        raise HttpError(
            f"The proxy '{host[:100]}' needs its port: a number from 1 to {_LAST_PORT} (options.proxy.port)"
        )
    username = await _first(context, new.username, options.proxy_username)
    password = await _first(context, new.password, options.proxy_password) or ""
    login = Login(username, password) if username else None
    return Proxy("http" if kind is ProxyType.HTTP else "socks5h", host, port, login)


async def _credentials(options: HttpOptions, context: RunContext) -> Login | Digest | Token | None:
    auth = options.auth
    if isinstance(auth, BearerAuth):
        return Token(await _first(context, auth.token) or "")
    if isinstance(auth, DigestAuth):
        username, password = await _first(context, auth.username), await _first(context, auth.password)
        if not username or password is None:
            raise HttpError("Digest authentication requires both `username` and `password`.")
        return Digest(username, password)
    if isinstance(auth, BasicAuth):
        return Login(await _first(context, auth.username) or "", await _first(context, auth.password) or "")
    user = await _first(context, options.basic_auth_user)
    password = await _first(context, options.basic_auth_password)
    return None if user is None and password is None else Login(user or "", password or "")


def _logs(options: HttpOptions) -> frozenset[HttpLog]:
    if options.logs is not None:
        return frozenset(options.logs)
    return frozenset() if options.log_level is None else _OLD_LOGS.get(options.log_level, frozenset())
