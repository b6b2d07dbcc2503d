"""Real servers for tests of HTTP: a web server with bad habits, with and without TLS, and two proxies."""

import base64
import contextlib
import datetime
import gzip
import hashlib
import http.server
import ipaddress
import json
import re
import select
import socket
import socketserver
import ssl
import struct
import threading
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD, TOKEN = "john", "p4ssw0rd-of-john", "t0ken-of-john"
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


class Handler(http.server.BaseHTTPRequestHandler):
    """One path, one habit."""

    protocol_version = "HTTP/1.1"
    server: "Web"

    def log_message(self, *args: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            super().handle_one_request()
            return
        self.close_connection = True

    def reply(self) -> None:
        self.url = urllib.parse.urlsplit(self.path)
        self.query = {name: values[-1] for name, values in urllib.parse.parse_qs(self.url.query).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers.items()), self.body))
        name, _, self.rest = self.url.path.lstrip("/").partition("/")
        getattr(self, f"on_{name}", self.on_echo)()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.reply
        raise AttributeError(name)

    def answer(self, content: bytes = b"", code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in ({"Content_Length": str(len(content))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def on_echo(self) -> None:
        content = {
            "method": self.command,
            "path": self.path,
            "query": urllib.parse.parse_qs(self.url.query),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": self.body.decode("utf-8", "replace"),
        }
        self.answer(json.dumps(content).encode(), Content_Type="application/json")

    def on_status(self) -> None:
        code = int(self.rest)
        self.answer(self.query.get("body", "").encode(), code)

    def on_nothing(self) -> None:
        self.send_response(204)
        self.end_headers()

    def on_redirect(self) -> None:
        self.answer(b"moved", int(self.query.get("code", "302")), Location=self.query.get("to", "/echo"))

    def on_circle(self) -> None:
        self.answer(b"", 302, Location=f"/circle/{1 - int(self.rest) % 2}")

    def on_basic(self) -> None:
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.answer(b"in", 200 if self.headers.get("Authorization") == wanted else 401)

    def on_bearer(self) -> None:
        self.answer(b"in", 200 if self.headers.get("Authorization") == f"Bearer {TOKEN}" else 401)

    def on_digest(self) -> None:
        algorithm = self.rest
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', self.headers.get("Authorization") or ""))
        digest = _HASHES.get(algorithm, hashlib.md5)

        def hashed(*parts: str) -> str:
            return digest(":".join(parts).encode()).hexdigest()

        if given:
            first, second = hashed(USER, "here", PASSWORD), hashed(self.command, self.path)
            wanted = hashed(first, "n0nce", given["nc"], given["cnonce"], "auth", second)
            self.answer(b"in " + self.body, 200 if wanted == given["response"] else 403)
            return
        challenge = f'Digest realm="here", nonce="n0nce", qop="auth", algorithm={algorithm}'
        self.answer(b"", 401, WWW_Authenticate=challenge)

    def on_chunked(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        left = int(self.rest)
        while left:
            part = b"x" * min(left, 7_001)
            left -= len(part)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def on_short(self) -> None:
        self.answer(b"x" * 10, Content_Length="100")
        self.close_connection = True

    def on_reset(self) -> None:
        self.answer(b"x" * 10, Content_Length="100")
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for end in (self.rfile, self.wfile, self.connection):
            end.close()
        self.close_connection = True

    def on_slow(self) -> None:
        self.answer(b"", Content_Length="2")
        self.server.stopping.wait(float(self.rest))
        self.wfile.write(b"ok")

    def on_file(self) -> None:
        self.answer(b"id,name\n1,a\n", Content_Disposition=self.query["as"])

    def on_gzip(self) -> None:
        self.answer(gzip.compress(b"first ") + gzip.compress(b"second"), Content_Encoding="gzip")

    def on_bomb(self) -> None:
        self.answer(gzip.compress(bytes(64 * 1024 * 1024)), Content_Encoding="gzip")

    def on_bytes(self) -> None:
        self.answer(base64.urlsafe_b64decode(self.query["of"]), Content_Type=self.query.get("type", "text/plain"))

    def on_zeros(self) -> None:
        size, part = int(self.rest), bytes(1024 * 1024)
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        while size > 0:
            self.wfile.write(part[:size])
            size -= len(part)

    def on_events(self) -> None:
        self.send_response(int(self.query.get("code", "200")))
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for part in base64.urlsafe_b64decode(self.query["of"]).split(b"|"):
            self.wfile.write(part)
            self.wfile.flush()
            time.sleep(0.01)
        self.close_connection = True


class Web(http.server.ThreadingHTTPServer):
    """The server; ``seen`` are its requests: method, path, headers, body."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.stopping = threading.Event()
        self.is_tls = False

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http{'s' if self.is_tls else ''}://127.0.0.1:{self.port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up on purpose."""


@contextlib.contextmanager
def serving(server: Any) -> Iterator[Any]:
    """A server that answers meanwhile."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        if isinstance(server, Web):
            server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def tls_web(folder: Path) -> Web:
    """A server with a certificate it has made itself, in ``folder / "cert.pem"``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    web = Web()
    web.is_tls = True
    web.socket = context.wrap_socket(web.socket, server_side=True, do_handshake_on_connect=False)
    return web


class Proxy(socketserver.ThreadingTCPServer):
    """Base of the proxies; ``seen`` are the places they were asked for."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, handler: type[socketserver.BaseRequestHandler], login: str = "") -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.login = login
        self.seen: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up on purpose."""


def _pump(one: socket.socket, other: socket.socket) -> None:
    ends = {one: other, other: one}
    while True:
        ready, _, _ = select.select(list(ends), [], [], 5)
        if not ready:
            return
        for end in ready:
            data = end.recv(65_536)
            if not data:
                return
            ends[end].sendall(data)


class HttpProxy(socketserver.StreamRequestHandler):
    """A proxy for ``http`` addresses and, by CONNECT, for others."""

    server: Proxy

    def handle(self) -> None:
        first = self.rfile.readline().decode()
        lines = []
        while (line := self.rfile.readline().decode()).strip():
            lines.append(line)
        wanted = "Basic " + base64.b64encode(self.server.login.encode()).decode()
        if self.server.login and f"proxy-authorization: {wanted}".lower() not in "".join(lines).lower():
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        method, target, version = first.split()
        self.server.seen.append(f"{method} {target}")
        if method == "CONNECT":
            host, _, port = target.partition(":")
            with socket.create_connection((host, int(port))) as other:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                _pump(self.connection, other)
            return
        url = urllib.parse.urlsplit(target)
        with socket.create_connection((url.hostname or "", url.port or 80)) as other:
            kept = "".join(line for line in lines if not line.lower().startswith(("proxy-", "connection")))
            other.sendall(f"{method} {url.path} {version}\r\n{kept}Connection: close\r\n\r\n".encode())
            while data := other.recv(65_536):
                self.wfile.write(data)


class SocksProxy(socketserver.StreamRequestHandler):
    """A SOCKS5 proxy with a user and a password."""

    server: Proxy

    def handle(self) -> None:
        methods = self.rfile.read(self.rfile.read(2)[1])
        if self.server.login:
            if 2 not in methods:
                self.wfile.write(b"\x05\xff")
                return
            self.wfile.write(b"\x05\x02")
            user = self.rfile.read(self.rfile.read(2)[1])
            password = self.rfile.read(self.rfile.read(1)[0])
            is_right = user + b":" + password == self.server.login.encode()
            self.wfile.write(b"\x01\x00" if is_right else b"\x01\x01")
            if not is_right:
                return
        else:
            self.wfile.write(b"\x05\x00")
        _, _, _, kind = self.rfile.read(4)
        host = socket.inet_ntoa(self.rfile.read(4)) if kind == 1 else self.rfile.read(self.rfile.read(1)[0]).decode()
        port = int.from_bytes(self.rfile.read(2), "big")
        self.server.seen.append(f"{host}:{port}")
        with socket.create_connection((host, port)) as other:
            self.wfile.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            _pump(self.connection, other)
