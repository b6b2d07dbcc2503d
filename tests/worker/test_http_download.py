"""Task ``http.Download`` against a real server: names, sizes, empty answers, and memory (core plugins 5.4)."""

import asyncio
import gc
import urllib.parse

import psutil
import pytest
from http_bench import open_bench

from segue.domain.execution.state import State


@pytest.fixture
async def bench(tmp_path):
    async with open_bench(tmp_path) as opened:
        yield opened


async def test_a_body_in_chunks(bench):
    done = await bench.download("/chunked/120000")
    assert done.state is State.SUCCESS, done.lines
    assert (done.outputs["code"], done.outputs["length"]) == (200, 120_000)
    assert done.outputs["headers"]["transfer-encoding"] == ["chunked"]
    assert await bench.content(done.outputs["uri"]) == b"x" * 120_000
    assert [metric.value for metric in bench.metrics("response.length")] == [120_000, 120_000]


@pytest.mark.parametrize(
    ("path", "properties", "name"),
    [
        ("/file?as=inline", {"saveAs": "{{ flow.id }} 1.csv"}, "f+1.csv"),
        ('/file?as=attachment; filename="a b.csv"', {}, "a+b.csv"),
        ("/file?as=attachment; filename=plain.csv; size=3", {}, "plain.csv"),
        ('/file?as=attachment; filename="some/path/to.csv"', {}, "to.csv"),
        ('/file?as=attachment; filename="..\\..\\win.csv"', {}, "win.csv"),
        ('/file?as=attachment; filename="../../../etc/passwd"', {}, "passwd"),
        ('/file?as=attachment; filename=".."', {}, "download"),
        ('/file?as=attachment; filename="a[1].csv"', {}, "a%5B1%5D.csv"),
        ("/file?as=attachment; filename=\"x.csv\"; filename*=UTF-8''%C3%A9t%C3%A9.csv", {}, "été.csv"),
        ("/file?as=attachment; filename*=ISO-8859-1''%E9.csv", {}, "é.csv"),
        ("/file?as=attachment; filename*=none-such''a%2Fb.csv", {}, "b.csv"),
        ("/echo/some/data.json?x=y.z", {}, "download.json"),
        ("/echo/data.%2e%2e", {}, "download"),
    ],
)
async def test_names(bench, path, properties, name):
    head, mark, tail = path.partition("as=")
    done = await bench.download(head + mark + urllib.parse.quote(tail) if mark else path, **properties)
    assert done.state is State.SUCCESS, done.lines
    assert done.outputs["uri"].rpartition("/")[2] == name
    assert len(await bench.content(done.outputs["uri"])) == done.outputs["length"] > 0
    read = await bench.flow(
        {
            "id": "get",
            "type": "io.kestra.plugin.core.http.Download",
            "uri": bench.web.url + "/chunked/3",
            "saveAs": name,
        },
        {"id": "t", "type": "io.kestra.plugin.core.debug.Return", "format": "{{ read(outputs.get.uri) }}"},
    )
    assert read.outputs == {"value": "xxx"}


async def test_a_name_that_leads_elsewhere(bench):
    done = await bench.download("/chunked/3", saveAs="../x.csv")
    assert "cannot be part of a path" in done.error


async def test_empty_answers(bench):
    for path in ("/nothing", "/status/200"):
        assert (await bench.download(path)).error == "No response from server"
        for more in ({"failOnEmptyResponse": False}, {"options": {"allowFailed": True}}):
            done = await bench.download(path, **more)
            assert done.state is State.SUCCESS
            assert "WARN File 'download' is empty" in done.lines
            assert done.outputs["length"] == 0
            assert await bench.content(done.outputs["uri"]) == b""


async def test_failures(bench):
    done = await bench.download("/status/500?body=broken")
    assert done.error == "Failed http request with response code '500' and body:\nbroken"
    done = await bench.download("/status/500?body=broken", options={"allowFailed": True})
    assert await bench.content(done.outputs["uri"]) == b"broken"
    done = await bench.download("/short")
    assert done.error == "Invalid size, got 10, expected 100"
    done = await bench.download("/gzip")
    assert await bench.content(done.outputs["uri"]) == b"first second"


async def test_a_large_file_needs_no_memory(bench, capsys):
    size, process = 200 * 1024 * 1024, psutil.Process()
    await bench.download("/chunked/3")
    gc.collect()
    before, most = process.memory_info().rss, 0

    async def watch():
        nonlocal most
        while True:
            most = max(most, process.memory_info().rss)
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    done = await bench.download(f"/zeros/{size}")
    watching.cancel()
    assert done.state is State.SUCCESS, done.lines
    assert done.outputs["length"] == size
    grown = (most - before) / 1024 / 1024
    with capsys.disabled():
        print(f"\n200 MB downloaded, stored by server and worker of one process: {grown:.0f} MB more memory")
    assert grown < 60
