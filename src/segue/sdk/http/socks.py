"""Connections through a SOCKS proxy, with the two things httpcore's own lack: the talk with the proxy has a time limit,
and a connection that the proxy refuses is closed."""

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from segue.sdk.http.settings import Proxy


class SocksConnections(httpcore.AsyncNetworkBackend):
    """Opens connections and remembers them."""

    def __init__(self, timeout: float, options: Iterable[tuple[int, int, int]]) -> None:
        """``timeout`` in seconds is for each step of the talk with the proxy."""
        self._backend = httpcore.AnyIOBackend()
        self._timeout = timeout
        self._options = list(options)
        self._open: list[httpcore.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  the signature of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """See ``httpcore.AsyncNetworkBackend``."""
        options = [*self._options, *(socket_options or ())]
        stream = await self._backend.connect_tcp(host, port, timeout, local_address, options)
        self._open.append(stream)
        return _Patient(stream, self._timeout)

    async def sleep(self, seconds: float) -> None:
        """See ``httpcore.AsyncNetworkBackend``."""
        await self._backend.sleep(seconds)

    async def aclose(self) -> None:
        """Close all connections that were opened."""
        streams, self._open = self._open, []
        for stream in streams:
            await stream.aclose()


class _Patient(httpcore.AsyncNetworkStream):
    """A stream whose reads and writes end after a time even when nobody says so."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, timeout: float) -> None:
        self._stream = stream
        self._timeout = timeout

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  see connect_tcp
        if timeout is not None:
            return await self._stream.read(max_bytes, timeout)
        try:
            return await self._stream.read(max_bytes, self._timeout)
        except httpcore.ReadTimeout as error:
            raise httpcore.ConnectTimeout(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  see connect_tcp
        await self._stream.write(buffer, timeout or self._timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  see connect_tcp
    ) -> httpcore.AsyncNetworkStream:
        return await self._stream.start_tls(ssl_context, server_hostname, timeout or self._timeout)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def socks_pool(proxy: Proxy, tls: ssl.SSLContext, connections: SocksConnections) -> httpcore.AsyncSOCKSProxy:
    """Connections of one client."""
    login = None if proxy.login is None else (proxy.login.username, proxy.login.password)
    return httpcore.AsyncSOCKSProxy(
        httpcore.URL(scheme=b"socks5", host=proxy.host.encode("ascii"), port=proxy.port, target=b"/"),
        proxy_auth=login,
        ssl_context=tls,
        network_backend=connections,
    )
