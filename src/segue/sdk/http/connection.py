"""The way from the settings to httpx: connections, TLS, proxies, credentials. Only the client imports it."""

import socket
import ssl
from collections.abc import Generator
from functools import lru_cache

import certifi
import httpx

from segue.sdk.http.decoding import ACCEPTED
from segue.sdk.http.settings import Digest, HttpSettings, Login, Proxy, Token
from segue.sdk.http.socks import SocksConnections, socks_pool

USER_AGENT = "Kestra"
_PROBES = (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 5))


def open_client(settings: HttpSettings) -> httpx.AsyncClient:
    """A client with these settings; it makes each request as it is, without following redirects.

    Raises ``ValueError`` for a proxy whose address is none.
    """
    idle = settings.read_idle_timeout.total_seconds()
    return httpx.AsyncClient(
        transport=_transport(settings),
        timeout=httpx.Timeout(idle, connect=settings.connect_timeout.total_seconds(), pool=None),
        headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": ACCEPTED},
        trust_env=False,
        follow_redirects=False,
    )


def _transport(settings: HttpSettings) -> httpx.AsyncHTTPTransport:
    if settings.proxy is not None and settings.proxy.scheme != "http":
        return SocksTransport(settings, settings.proxy)
    return httpx.AsyncHTTPTransport(
        verify=tls_context(settings.trusts_all),
        trust_env=False,
        proxy=None if settings.proxy is None else http_proxy(settings.proxy),
        socket_options=_options(settings),
    )


def credentials_of(settings: HttpSettings) -> httpx.Auth | None:
    """What proves who asks."""
    given = settings.credentials
    if isinstance(given, Token):
        return _Bearer(given.token)
    if isinstance(given, Digest):
        return httpx.DigestAuth(given.username, given.password)
    return httpx.BasicAuth(given.username, given.password) if isinstance(given, Login) else None


class _Bearer(httpx.Auth):
    """A token in a header."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token.strip()}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = self._header
        yield request


class SocksTransport(httpx.AsyncHTTPTransport):
    """The way through a SOCKS proxy."""

    def __init__(self, settings: HttpSettings, proxy: Proxy) -> None:
        super().__init__(verify=tls_context(settings.trusts_all), trust_env=False)
        self._connections = SocksConnections(settings.connect_timeout.total_seconds(), _options(settings))
        self._pool = socks_pool(proxy, tls_context(settings.trusts_all), self._connections)

    async def aclose(self) -> None:
        """Close everything, also what the proxy refused."""
        await super().aclose()
        await self._connections.aclose()


@lru_cache(maxsize=2)
def tls_context(trusts_all: bool) -> ssl.SSLContext:
    """Trust in the machine's certificate authorities (``SSL_CERT_FILE`` names others) and in those of certifi."""
    context = ssl.create_default_context()
    if trusts_all:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(certifi.where())
    return context


def http_proxy(proxy: Proxy) -> httpx.Proxy:
    """A proxy as httpx wants it. Raises ``ValueError`` for one whose address is none."""
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    login = None if proxy.login is None else (proxy.login.username, proxy.login.password)
    try:
        return httpx.Proxy(f"{proxy.scheme}://{host}:{proxy.port}", auth=login)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from None


def _options(settings: HttpSettings) -> list[tuple[int, int, int]]:
    """Options of sockets: probes that keep a silent connection alive, and find out that it is dead."""
    if not settings.keeps_alive:
        return []
    known = [(socket.IPPROTO_TCP, getattr(socket, name), value) for name, value in _PROBES if hasattr(socket, name)]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *known]
