"""What only shows at the socket: probes that keep it alive, and who is trusted."""

import socket

import httpx
import pytest
from tests.web import Proxy as ProxyServer
from tests.web import SocksProxy, Web, serving, tls_web

from segue.sdk.http import HttpSettings, Proxy
from segue.sdk.http import connection as connections


@pytest.mark.parametrize("keeps_alive", [True, False])
@pytest.mark.parametrize("is_proxied", [True, False])
async def test_probes_keep_a_silent_connection_alive(keeps_alive, is_proxied):
    with serving(Web()) as web, serving(ProxyServer(SocksProxy)) as server:
        proxy = Proxy("socks5h", "127.0.0.1", server.port) if is_proxied else None
        settings = HttpSettings(keeps_alive=keeps_alive, proxy=proxy)
        async with connections.open_client(settings) as client, client.stream("GET", web.url + "/echo") as answer:
            raw = answer.extensions["network_stream"].get_extra_info("socket")
            assert bool(raw.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)) is keeps_alive
        assert len(server.seen) == is_proxied


async def test_the_authorities_of_the_machine_are_trusted(tmp_path, monkeypatch):
    with serving(tls_web(tmp_path)) as web:
        connections.tls_context.cache_clear()
        async with connections.open_client(HttpSettings()) as client:
            with pytest.raises(httpx.ConnectError, match="self-signed"):
                await client.get(web.url + "/echo")
        connections.tls_context.cache_clear()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        async with connections.open_client(HttpSettings()) as client:
            assert (await client.get(web.url + "/echo")).status_code == 200
        connections.tls_context.cache_clear()
