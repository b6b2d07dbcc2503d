"""Tasks that ask another server, when that one is odd: what it says reaches the log without the credentials."""

import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from test_platform import KESTRA, failure_of, outputs_of
from whole import open_whole


class Odd(BaseHTTPRequestHandler):
    """Says back who asks with a 401, unless the path asks for something else."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Authorization", "")))
        status, body = self.server.answer or (401, f"not {self.headers.get('Authorization')}".encode())
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def odd():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    server.seen, server.answer = [], None
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as opened:
        yield opened


def asking(odd, more):
    return f"    kestraUrl: http://127.0.0.1:{odd.server_port}/base\n{more}"


async def test_tokens_are_hidden(whole, odd):
    more = "    auth: {apiToken: \"{{ 's3cret' ~ '-token' }}\"}\n    tenantId: a/b\n"
    said = await failure_of(whole, KESTRA + "executions.Count", asking(odd, more))
    assert "answered with 401: not Bearer ***" in said
    assert "s3cret" not in said
    path, authorization = odd.seen[-1]
    assert path.startswith("/base/api/v1/a%2Fb/executions/search?page=1&size=1")
    assert authorization == "Bearer s3cret-token"


async def test_names_and_passwords_are_hidden(whole, odd):
    said = await failure_of(
        whole, KESTRA + "executions.Count", asking(odd, "    auth: {username: u, password: s3cret}\n")
    )
    encoded = b64encode(b"u:s3cret").decode()
    assert odd.seen[-1][1] == f"Basic {encoded}"
    assert "401" in said
    assert "s3cret" not in said
    assert encoded not in said


async def test_answers_that_make_no_sense(whole, odd):
    for body, reason in ((b"<html>", "the answer is no JSON"), (b"[]", "is not what was expected")):
        odd.answer = (200, body)
        assert reason in await failure_of(whole, KESTRA + "executions.Count", asking(odd, ""))
    odd.answer = (200, b'{"total": 3, "results": []}')
    assert await outputs_of(whole, KESTRA + "executions.Count", asking(odd, "")) == {"count": 3}
    assert odd.seen[-1][1] == ""
