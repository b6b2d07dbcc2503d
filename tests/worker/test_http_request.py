"""Task ``http.Request`` against real servers: what is sent, what comes back, and what goes wrong (core plugins 5)."""

import base64
import contextlib
import json
import socket

import psutil
import pytest
from http_bench import CORE, open_bench
from tests.web import PASSWORD, TOKEN, USER, HttpProxy, Proxy, SocksProxy, Web, serving, tls_web

from segue.domain.execution.insights import InsightState
from segue.domain.execution.state import State
from segue.ports.repositories.insights import InsightQuery

MAX = 19 * 1024 * 1024


@pytest.fixture
async def bench(tmp_path):
    async with open_bench(tmp_path) as opened:
        yield opened


async def test_a_plain_request(bench):
    done = await bench.request("/echo?a=1")
    assert done.state is State.SUCCESS, done.lines
    assert done.outputs["uri"] == f"{bench.web.url}/echo?a=1"
    assert done.outputs["code"] == 200
    assert done.outputs["headers"]["content-type"] == ["application/json"]
    sent = done.echo
    assert sent["method"] == "GET"
    assert sent["body"] == ""
    assert sent["headers"]["user-agent"] == "Kestra"
    assert sent["headers"]["content-type"] == "application/json"
    assert "content-length" not in sent["headers"]
    assert done.lines == [
        f"DEBUG Request '{bench.web.url}/echo?a=1' from '127.0.0.1:{bench.web.port}' with the response code '200'"
    ]


async def test_what_is_measured(bench):
    body = "x" * 1000
    await bench.request("/echo", method="POST", body=body)
    length = len(json.dumps({}))
    for name in ("request.count", "request.bytes", "response.count", "response.bytes", "response.length"):
        (metric,) = bench.metrics(name)
        assert metric.tags == {
            "request.method": "POST",
            "request.scheme": "http",
            "request.hostname": "127.0.0.1",
            "response.code": "200",
        }
        length = metric.value
        assert (length == 1) if name.endswith("count") else (length >= 1000)
    assert bench.metrics("request.bytes")[0].value == 1000
    await bench.request("/nothing")
    assert len(bench.metrics("response.count")) == 2
    assert len(bench.metrics("response.length")) == 1


async def test_params_join_those_of_the_address(bench):
    params = {"b": ["2", "{{ flow.id }} é&"], "c": 3, "d": None, "e": True}
    done = await bench.request("/echo?a=1&b=0#part", params=params)
    assert done.echo["query"] == {"a": ["1"], "b": ["0", "2", "f é&"], "c": ["3"], "e": ["true"]}
    assert done.outputs["uri"] == f"{bench.web.url}/echo?a=1&b=0&b=2&b=f%20%C3%A9%26&c=3&e=true#part"
    done = await bench.request("/echo", params={"b": {"c": "d"}})
    assert done.error == "Unsupported param type: 'b' must be a text or a list of texts"


async def test_blanks_in_the_address(bench):
    done = await bench.request("/echo/a b?c=d e")
    assert done.echo["path"] == "/echo/a%20b?c=d%20e"


async def test_headers_and_types_of_bodies(bench):
    vendor = "application/vnd.export.v1+json"
    done = await bench.request(
        method="post",
        headers={"X-Number": 7, "X-List": ["a", "{{ flow.id }}"], "User-Agent": "mine", "Content-Length": "99"},
        contentType=vendor,
        body='{"é": 1}',
    )
    sent = done.echo
    assert (sent["method"], sent["body"]) == ("POST", '{"é": 1}')
    assert sent["headers"]["content-type"] == f"{vendor}; charset=UTF-8"
    assert (sent["headers"]["x-number"], sent["headers"]["user-agent"]) == ("7", "mine")
    assert ("X-List", "f") in bench.web.seen[-1][2].items()
    assert sent["headers"]["content-length"] == "9"
    done = await bench.request(method="PUT", headers={"content-type": "text/plain"}, body={"a": [1]})
    assert done.echo["headers"]["content-type"] == "text/plain"
    assert done.echo["body"] == '{"a":[1]}'
    done = await bench.request(method="PUT", headers={"Content-Type": "text/plain"}, formData={"a": 1})
    assert done.echo["headers"]["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"


async def test_charsets(bench):
    options = {"defaultCharset": "ISO-8859-1"}
    await bench.request(method="POST", contentType="text/plain", body="é", options=options)
    assert bench.web.seen[-1][3] == b"\xe9"
    await bench.request(method="POST", contentType="text/plain; charset=utf-16-le", body="é", options=options)
    assert bench.web.seen[-1][3] == "é".encode("utf-16-le")
    done = await bench.request(method="POST", body="€", options=options)
    assert "does not exist in ISO-8859-1" in done.error
    done = await bench.request(options={"defaultCharset": "none-such"})
    assert "There is no charset 'none-such'" in done.error
    for content, kind in (("é".encode("latin-1"), "text/plain; charset=iso-8859-1"), ("é".encode(), "text/html")):
        done = await bench.request(f"/bytes?of={base64.urlsafe_b64encode(content).decode()}&type={kind}")
        assert done.outputs["body"] == "é"


async def test_url_encoded_forms(bench):
    form = {"name": "a b&c=é", "number": 3, "list": [1, "x"], "none": None}
    done = await bench.request(method="POST", contentType="text/plain", formData=form, body="not sent")
    assert done.echo["headers"]["content-type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert done.echo["body"] == "name=a+b%26c%3D%C3%A9&number=3&list=%5B1%2C%22x%22%5D&none="


async def test_forms_in_parts_carry_files(bench):
    text = "line\n" * 50_000
    form = {
        "title": "{{ flow.id }}",
        "file": "{{ outputs.write.uri }}",
        "named": {"name": 'a "b".csv', "content": "{{ outputs.write.uri }}"},
        "json": {"a": 1},
        'odd"\r\n': "x",
    }
    done = await bench.flow(
        {"id": "write", "type": CORE + "storage.Write", "content": text, "extension": ".txt"},
        {
            "id": "t",
            "type": CORE + "http.Request",
            "uri": bench.web.url + "/redirect?code=307",
            "method": "POST",
            "contentType": "multipart/form-data",
            "formData": form,
        },
    )
    assert done.state is State.SUCCESS, done.lines
    (_, first_path, _, first), (_, path, headers, body) = bench.web.seen
    assert (first_path, path, first) == ("/redirect?code=307", "/echo", body)
    boundary = headers["Content-Type"].partition("boundary=")[2].encode()
    parts = [part.strip(b"\r\n").partition(b"\r\n\r\n") for part in body.split(b"--" + boundary)[1:-1]]
    heads = [head.decode().split("\r\n") for head, _, _ in parts]
    assert heads[0] == ['Content-Disposition: form-data; name="title"']
    assert heads[1][0].startswith('Content-Disposition: form-data; name="file"; filename="content')
    assert heads[2][0] == 'Content-Disposition: form-data; name="named"; filename="a %22b%22.csv"'
    assert heads[4] == ['Content-Disposition: form-data; name="odd%22%0D%0A"']
    assert [content for _, _, content in parts][::3] == [b"f", b'{"a":1}']
    assert parts[1][2] == parts[2][2] == text.rstrip("\n").encode()
    missing = await bench.request(
        method="POST", contentType="multipart/form-data", formData={"a": "kestra:///io/test/_files/none"}
    )
    assert "There is no file" in missing.error


@pytest.mark.parametrize(
    ("path", "properties", "code"),
    [
        ("/status/200", {"method": "HEAD"}, 200),
        ("/status/404", {"method": "HEAD"}, "Failed http request with response code '404'"),
        ("/status/417?body=no", {}, "Failed http request with response code '417' and body:\nno"),
        ("/status/417?body=no", {"options": {"allowFailed": True}}, 417),
        ("/status/417?body=no", {"allowFailed": True}, 417),
        ("/status/417", {"allowFailed": True, "options": {"allowFailed": False}}, "response code '417'"),
        ("/status/404", {"options": {"allowedResponseCodes": [404, 200]}}, 404),
        (
            "/status/201",
            {"options": {"allowedResponseCodes": "{{ [404] }}", "allowFailed": True}},
            "response code '201'",
        ),
        ("/status/301", {}, 301),
        ("/redirect", {}, 200),
        ("/redirect?code=301", {"options": {"followRedirects": False}}, 301),
        ("/nothing", {}, 204),
    ],
)
async def test_codes(bench, path, properties, code):
    done = await bench.request(path, **properties)
    if isinstance(code, str):
        assert code in done.error
    else:
        assert done.state is State.SUCCESS, done.lines
        assert done.outputs["code"] == code
        assert done.outputs["uri"] == bench.web.url + path
        assert ("body" in done.outputs) is (code != 204 and properties.get("method") != "HEAD")


@pytest.mark.parametrize("code", [301, 302, 303, 307])
async def test_redirects_keep_method_and_body_as_their_code_says(bench, code):
    done = await bench.request(f"/redirect?code={code}", method="POST", body="text")
    assert (done.echo["method"], done.echo["body"]) == (("POST", "text") if code == 307 else ("GET", ""))


LOGINS = {
    "basic": {"type": "BASIC", "username": USER, "password": "{{ inputs.none ?? '" + PASSWORD + "' }}"},
    "bearer": {"type": "BEARER", "token": TOKEN},
    "digest/MD5": {"type": "DIGEST", "username": USER, "password": PASSWORD},
    "digest/SHA-256": {"type": "DIGEST", "username": USER, "password": PASSWORD},
}


@pytest.mark.parametrize("path", LOGINS)
async def test_credentials(bench, path):
    logs = ["REQUEST_HEADERS", "RESPONSE_HEADERS", "REQUEST_BODY", "RESPONSE_BODY"]
    options = {"auth": LOGINS[path], "logs": logs}
    done = await bench.request(f"/{path}", method="POST", body="text", options=options)
    assert done.state is State.SUCCESS, done.lines
    assert done.outputs["body"].startswith("in")
    said = "\n".join(done.lines)
    for secret in (PASSWORD, TOKEN, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode(), "response="):
        assert secret not in said
    assert "Authorization: ******" in said
    for text in ("Request body:\ntext", "Response body:\nin", "Response headers:\n"):
        assert text in said
    wrong = options | {"auth": LOGINS[path] | {"password": "wr0ng-one"}}
    if path != "bearer":
        done = await bench.request(f"/{path}", options=wrong)
        assert done.error.startswith("Failed http request with response code '40")


@pytest.mark.parametrize("path", LOGINS)
async def test_credentials_are_not_for_other_hosts(bench, path):
    with serving(Web()) as other:
        options = {"auth": LOGINS[path], "allowFailed": True}
        headers = {} if path.startswith("digest") else {"Cookie": "session=1"}
        done = await bench.request(f"/redirect?to={other.url}/{path}", options=options, headers=headers)
        assert done.outputs["code"] == 401
        assert [set(headers) & {"Authorization", "Cookie"} for _, _, headers, _ in other.seen] == [set()]
        back = await bench.request(f"/redirect?to={bench.web.url}/{path}", options=options)
        assert back.outputs["code"] == 200


async def test_an_authorization_header_is_not_for_other_hosts(bench):
    with serving(Web()) as other:
        await bench.request(f"/redirect?to={other.url}/echo", headers={"Authorization": "Bearer x"})
        assert "Authorization" in bench.web.seen[-1][2]
        assert "Authorization" not in other.seen[-1][2]


@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        ({"type": "DIGEST", "username": USER}, "Digest authentication requires both `username` and `password`."),
        ({"type": "DIGEST", "password": "x"}, "Digest authentication requires both `username` and `password`."),
    ],
)
async def test_digests_that_lack_something(bench, auth, reason):
    assert (await bench.request(options={"auth": auth})).error == reason


async def test_a_digest_needs_a_host_and_a_known_algorithm(bench):
    auth = LOGINS["digest/MD5"]
    done = await bench.task("Request", uri="/relative", options={"auth": auth})
    assert done.error == "Digest authentication requires an absolute URI with a host."
    done = await bench.request("/digest/SHA-3", options={"auth": auth})
    assert "asks for a digest of a kind that is not known" in done.error


async def test_options_of_1_x(bench):
    old = {"basicAuthUser": USER, "basicAuthPassword": PASSWORD, "logLevel": "TRACE", "connectTimeout": "PT2S"}
    ignored = {"readIdleTimeout": "PT1S", "connectionPoolIdleTimeout": "PT1S", "maxContentLength": 1}
    done = await bench.request("/basic", options=old | ignored | {"readTimeout": "PT20S"})
    assert done.state is State.SUCCESS, done.lines
    assert any(line.startswith("DEBUG Response body:") for line in done.lines)
    done = await bench.request("/slow/3", options={"readTimeout": "PT0.2S"})
    assert "sent nothing for 0.2 s" in done.error
    with serving(Proxy(HttpProxy)) as proxy:
        flat = {"proxyType": "HTTP", "proxyAddress": "127.0.0.1", "proxyPort": proxy.port}
        done = await bench.request(options=flat)
        assert done.state is State.SUCCESS, done.lines
        assert proxy.seen == [f"GET {bench.web.url}/echo"]
        await bench.request(options=flat | {"proxy": {"type": "DIRECT"}})
        assert len(proxy.seen) == 1


async def test_certificates(bench, tmp_path):
    with serving(tls_web(tmp_path)) as web:
        uri = web.url + "/echo"
        done = await bench.task("Request", uri=uri)
        assert done.error.startswith(f"The certificate of '{uri}' is not trusted: self-signed certificate; add the")
        for trust in (
            {"options": {"ssl": {"insecureTrustAllCertificates": True}}},
            {"sslOptions": {"insecureTrustAllCertificates": "{{ true }}"}},
        ):
            done = await bench.task("Request", uri=uri, **trust)
            assert done.state is State.SUCCESS, done.lines
        assert bench.metrics("request.count")[-1].tags["request.scheme"] == "https"
        done = await bench.task("Request", uri=uri, options={"ssl": {"insecureTrustAllCertificates": False}})
        assert "is not trusted" in done.error
        done = await bench.task("Request", uri=bench.web.url.replace("http:", "https:"))
        assert "The TLS handshake" in done.error


@pytest.mark.parametrize("kind", ["HTTP", "SOCKS"])
async def test_proxies(bench, kind, tmp_path):
    with serving(Proxy(HttpProxy if kind == "HTTP" else SocksProxy, "me:s3cret-of-proxy")) as proxy:
        options = {"type": kind, "address": "127.0.0.1", "port": proxy.port, "username": "me"}
        right = {"proxy": options | {"password": "s3cret-of-proxy"}, "ssl": {"insecureTrustAllCertificates": True}}
        done = await bench.request(options=right)
        assert done.state is State.SUCCESS, done.lines
        with serving(tls_web(tmp_path)) as web:
            done = await bench.task("Request", uri=web.url + "/echo", options=right)
            assert done.state is State.SUCCESS, done.lines
            wrong = right | {"proxy": options | {"password": "wrong"}}
            done = await bench.task("Request", uri=web.url + "/echo", options=wrong)
            assert f"The proxy '127.0.0.1:{proxy.port}' refuses the way to '{web.url}/echo'" in done.error
            assert "wrong" not in " ".join(done.lines)
            tls = f"127.0.0.1:{web.port}"
        plain = f"GET {bench.web.url}/echo" if kind == "HTTP" else f"127.0.0.1:{bench.web.port}"
        assert proxy.seen == [plain, f"CONNECT {tls}" if kind == "HTTP" else tls]
        await bench.request(options={"proxy": options | {"address": "{{ '' }}"}})
        await bench.request(options={"proxy": options | {"type": "DIRECT"}})
        assert len(proxy.seen) == 2
    done = await bench.request(options={"proxy": options})
    assert "Connection refused" in done.error
    assert "proxy" in done.error
    done = await bench.request(options={"proxy": {"type": kind, "address": "127.0.0.1"}})
    assert "needs its port" in done.error


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("example.com/x", "must begin with http:// or https://"),
        ("ftp://example.com/", "must begin with http:// or https://"),
        ("file:///etc/passwd", "must begin with http:// or https://"),
        ("kestra:///a", "must begin with http:// or https://"),
        ("http://", "must begin with http:// or https:// and name a host"),
        ("{{ '' }}", "must begin with http:// or https://"),
        ("http://a:b/", "is no address"),
        ("http://[::1/", "is no address"),
        ("http://exa\tmple.invalid/\x01", "is no address"),
        ("http://no-such-host.invalid/x?key=s3cret", "The host of 'http://no-such-host.invalid/x' cannot be found"),
    ],
)
async def test_addresses_that_are_none(bench, uri, reason):
    done = await bench.task("Request", uri=uri)
    assert reason in done.error
    assert "s3cret" not in done.error


async def test_what_can_go_wrong_on_the_way(bench):
    done = await bench.task("Request", uri=f"http://me:hidden@127.0.0.1:{free_port()}/x")
    assert "Cannot connect to 'http://127.0.0.1:" in done.error
    assert "Connection refused; is it reachable from the worker?" in done.error
    assert "hidden" not in " ".join(done.lines)
    done = await bench.request("/redirect?to=/redirect")
    assert done.state is State.SUCCESS
    done = await bench.request("/redirect?to=ftp://x/")
    assert "must begin with http:// or https://" in done.error
    done = await bench.request("/short")
    assert done.error == "Invalid size, got 10, expected 100"
    done = await bench.request("/reset")
    assert f"The connection to '{bench.web.url}/reset' broke" in done.error
    done = await bench.request("/slow/5", options={"timeout": {"readIdleTimeout": "PT0.3S"}})
    assert done.error == (
        f"'{bench.web.url}/slow/5' sent nothing for 0.3 s; options.timeout.readIdleTimeout says how long to wait"
    )
    done = await bench.request(headers={"a b": "c"})
    assert "There can be no header with the name" in done.error
    done = await bench.request(headers={"a": "x\r\ny: z"})
    assert "has a line break" in done.error
    done = await bench.request(method="GET /")
    assert "There can be no method" in done.error


async def test_a_server_that_takes_no_connection(bench):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as clients:
        for _ in range(2):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        uri = f"http://127.0.0.1:{server.getsockname()[1]}/"
        done = await bench.task("Request", uri=uri, options={"timeout": {"connectTimeout": "PT0.3S"}})
        assert f"No connection to '{uri}' within 0.3 s" in done.error


async def test_a_proxy_that_says_nothing(bench):
    with socket.create_server(("127.0.0.1", 0)) as server:
        proxy = {"type": "SOCKS", "address": "127.0.0.1", "port": server.getsockname()[1]}
        done = await bench.request(options={"proxy": proxy, "timeout": {"connectTimeout": "PT0.3S"}})
        assert f"No connection to '{bench.web.url}/echo' within 0.3 s" in done.error


@pytest.mark.parametrize("address", ["a b", "h\u00e9\u2603.invalid", "[", "http://proxy"])
@pytest.mark.parametrize("kind", ["HTTP", "SOCKS"])
async def test_proxies_that_are_none(bench, kind, address):
    done = await bench.request(options={"proxy": {"type": kind, "address": address, "port": 1}})
    assert f"The proxy '{address}' is no host" in done.error


async def test_redirects_in_a_circle(bench):
    done = await bench.request("/circle/2")
    assert f"'{bench.web.url}/circle/2' is redirected in a circle, to '{bench.web.url}/circle/" in done.error
    assert len(bench.web.seen) <= 4


async def test_a_task_with_a_timeout_leaves_the_connection(bench):
    def connections():
        found = psutil.Process().net_connections("tcp")
        return [one for one in found if one.raddr and one.raddr.port == bench.web.port and one.status == "ESTABLISHED"]

    done = await bench.request("/slow/30", timeout="PT0.3S")
    assert "Timeout" in done.error
    await bench.whole.stage.until(lambda: not connections())


async def test_bodies(bench):
    done = await bench.request("/chunked/120000")
    assert len(done.outputs["body"]) == 120_000
    done = await bench.request("/gzip")
    assert done.outputs["body"] == "first second"
    assert bench.web.seen[-1][2]["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize("path", [f"/zeros/{MAX + 1}", "/bomb", f"/chunked/{MAX + 1}"])
async def test_bodies_that_are_too_large(bench, path):
    done = await bench.request(path)
    assert done.error.startswith("Response body is too large to store in task outputs (")
    assert f" bytes > max {MAX} bytes). Use io.kestra.plugin.core.http.Download" in done.error
    assert sum(metric.value for metric in bench.metrics("response.bytes")) < MAX + 65_536


@pytest.mark.parametrize(
    ("content", "reason"),
    [("\u0378".encode(), "Illegal unicode code point in request body: 888, "), (b"\xff\xd8\x00", None)],
)
async def test_bodies_that_are_no_text(bench, content, reason):
    done = await bench.request(f"/bytes?of={base64.urlsafe_b64encode(content).decode()}")
    if reason:
        assert done.error.startswith(reason)
    else:
        assert done.outputs["body"] == "\ufffd\ufffd\0"
        assert done.lines[-1].startswith("WARN The response is no utf-8 text")


async def test_an_encrypted_body(bench):
    path = f"/bytes?of={base64.urlsafe_b64encode(b'open sesame').decode()}"
    get = {
        "type": CORE + "http.Request",
        "uri": bench.web.url + path,
        "encryptBody": True,
        "options": {"logs": ["RESPONSE_BODY"]},
    }
    done = await bench.flow(
        get | {"id": "get"},
        {"id": "t", "type": CORE + "debug.Return", "format": "{{ outputs.get.encryptedBody | length }}"},
    )
    assert done.outputs == {"value": "11"}, done.lines
    done = await bench.flow(get | {"id": "t"})
    assert "body" not in done.outputs
    assert done.outputs["encryptedBody"]["type"] == "io.kestra.datatype:aes_encrypted"
    assert "sesame" not in str(done)
    done = await bench.request("/status/500?body=sesame", encryptBody=True)
    assert done.error == "Failed http request with response code '500'"
    done = await bench.request("/nothing", encryptBody="{{ true }}")
    assert "encryptedBody" not in done.outputs


async def test_each_request_is_shown_as_a_step(bench):
    row, _ = await bench.whole.run(
        f"  - id: a\n    type: {CORE}http.Request\n    uri: {bench.web.url}/echo?key=s3cret\n    method: POST\n    body: text\n"
        f"  - id: b\n    type: {CORE}http.Request\n    uri: {bench.web.url}/status/500\n"
    )
    assert row.state is State.FAILED
    database = bench.whole.stage.database
    found = (await database.insights.search(InsightQuery(tenant="main", execution_id=row.id))).items
    assert [(step.name, step.state) for step in found] == [
        ("POST 127.0.0.1", InsightState.SUCCESS),
        ("GET 127.0.0.1", InsightState.FAILED),
    ]
    first, second = (step.content for step in found)
    assert first.pop("bytesReceived") > 100
    assert first == {"method": "POST", "host": "127.0.0.1", "status": 200, "bytesSent": 4}
    assert second["status"] == 500
