"""Parts of the HTTP client that need no server: packed bodies, addresses, options as flows write them."""

import gzip
import os
import subprocess
import sys
import zlib

import pytest
from pydantic import ValidationError

from segue.domain.flow.faults import faults_of
from segue.sdk.http import HttpError, HttpOptions
from segue.sdk.http.decoding import unpacked
from segue.sdk.http.properties import shown, with_params

CONTENT = os.urandom(100_000) + bytes(3_000_000)


async def unpack(packed, *encodings, size=1000):
    async def chunks():
        for start in range(0, len(packed), size):
            yield packed[start : start + size]

    found = [part async for part in unpacked(chunks(), list(encodings))]
    assert max(map(len, found), default=0) <= 256 * 1024
    return b"".join(found)


@pytest.mark.parametrize("size", [1, 999, 10_000_000])
async def test_packed_bodies(size):
    small = CONTENT[:3_000]
    members = gzip.compress(small[:10], mtime=0) + gzip.compress(small[10:])
    assert await unpack(members, "gzip", size=size) == small
    assert await unpack(members + b"\0\0\x1fgarbage", "x-gzip", size=size) == small
    assert await unpack(members + b"\x1f", "gzip", size=size) == small
    assert await unpack(zlib.compress(small), "deflate", size=size) == small
    raw = zlib.compressobj(wbits=-15)
    assert await unpack(raw.compress(small) + raw.flush(), "deflate", size=size) == small
    assert await unpack(gzip.compress(zlib.compress(small)), "deflate", "identity", "gzip", size=size) == small


async def test_what_grows_comes_in_small_steps():
    assert await unpack(gzip.compress(CONTENT, mtime=0), "gzip", size=10_000_000) == CONTENT
    assert await unpack(b"", "gzip") == b""
    assert await unpack(b"br", "br") == b"br"
    assert await unpack(b"x", *["gzip"] * 5) == b"x"


@pytest.mark.parametrize(
    "packed", [b"no gzip at all", gzip.compress(CONTENT, mtime=0)[:-9], gzip.compress(b"abc", mtime=0)[:-9] + b"x" * 8]
)
async def test_packed_bodies_that_are_broken(packed):
    with pytest.raises(HttpError, match="packed with gzip, and cannot be unpacked"):
        await unpack(packed, "gzip")


def test_addresses():
    assert with_params(" http://a/b c?\n", {}) == "http://a/b%20c?"
    assert with_params("http://a?", {"x": 1}) == "http://a?x=1"
    assert with_params("http://a?b&", {"x/": ["?"]}) == "http://a?b&x%2F=%3F"
    assert shown("https://me:secret@a.b:1/c?d=e#f") == "https://a.b:1/c"
    assert shown("me:secret@a.b/c@d") == "a.b/c@d"


@pytest.mark.parametrize(
    ("options", "path", "message"),
    [
        ({"auth": {"type": "NTLM"}}, ("auth", "type"), "Invalid type: NTLM"),
        ({"auth": {"username": "x"}}, ("auth", "type"), "must not be null"),
        ({"auth": {"type": "BASIC", "token": "x"}}, ("auth", "token"), 'Unrecognized field "token"'),
        ({"proxy": {"port": "many"}}, ("proxy", "port"), "integer"),
        ({"logs": ["EVERYTHING"]}, ("logs", 0), "must be one of"),
        ({"timeout": {"connectTimeout": "soon"}}, ("timeout", "connectTimeout"), "duration"),
        ({"colour": 1}, ("colour",), "Unrecognized"),
    ],
)
def test_faults_of_options(options, path, message):
    with pytest.raises(ValidationError) as caught:
        HttpOptions.model_validate(options)
    (fault,) = faults_of(caught.value)
    assert fault.path == path
    assert message.lower() in fault.message.lower()


def test_reading_a_flow_imports_no_http_client():
    modules = "segue.plugins.core.http.request, segue.plugins.core.http.download, segue.plugins.core.http.sse"
    program = (
        f"import sys, {modules}; print([name for name in ('httpx', 'httpcore', 'certifi') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
