"""Task ``http.SseRequest`` against a real server (core plugins 5.5)."""

import base64

import pytest
from http_bench import open_bench

from segue.domain.execution.state import State


@pytest.fixture
async def bench(tmp_path):
    async with open_bench(tmp_path) as opened:
        yield opened


def sending(text, **more):
    """The path of a stream; `|` is where the server pauses."""
    query = "".join(f"&{name}={value}" for name, value in more.items())
    return f"/events?of={base64.urlsafe_b64encode(text.encode()).decode()}{query}"


NUMBERS = 'data: {"count": 1}\n\n|data: {"count": 2}\n\n'


async def test_events(bench):
    done = await bench.events(
        sending("id: 7\nevent: greeting\nretry: 100\ndata: Hello\ndata: World\n\n|: ping\n\n" + NUMBERS)
    )
    assert done.state is State.SUCCESS, done.lines
    assert done.outputs["size"] == 4
    first, ping, one, _ = done.outputs["events"]
    assert first == {"data": "Hello\nWorld", "id": "7", "name": "greeting", "comment": None, "retry": 100}
    assert (ping["comment"], ping["data"]) == ("ping", None)
    assert one["data"] == {"count": 1}
    assert "result" not in done.outputs
    assert bench.web.seen[-1][2]["Accept"] == "text/event-stream"
    assert [metric.value for metric in bench.metrics("size")] == [4]


@pytest.mark.parametrize(
    ("text", "expression", "result"),
    [
        ("data: Hello\n\ndata: World\n\n|data: Test\n\n", ".data", "HelloWorldTest"),
        (NUMBERS, ".data.count", "12"),
        (NUMBERS + ": only a comment\n\n", ".data.count * 1.5", "1.53"),
        (NUMBERS, ".data.count > 1 # why", "falsetrue"),
        ("", ".data", ""),
        ("data: a\n\n" * 450, ".data", "a" * 450),
        (NUMBERS, "{{ '.data.' ~ 'count' }}", "12"),
    ],
)
async def test_joined_with_jq(bench, text, expression, result):
    done = await bench.events(sending(text), concatJqExpression=expression)
    assert done.state is State.SUCCESS, done.lines
    assert done.outputs["result"] == result
    assert "events" not in done.outputs


async def test_jq_that_does_not_fit(bench):
    text = 'data: {"a": 1}\n\ndata: text\n\ndata: {"a": {}}\n\ndata: {"a": 2}\n\n'
    done = await bench.events(sending(text), concatJqExpression=".data.a")
    assert done.error.startswith("Failed to resolve JQ expression '.data.a' and value '{")
    assert '"data":"text"' in done.error
    done = await bench.events(sending(text), concatJqExpression=".data.a", failedOnMissingJq=False)
    assert done.outputs["result"] == "12"
    done = await bench.events(sending(text), concatJqExpression=".data.(", failedOnMissingJq=False)
    assert "jq" in done.error


async def test_streams_that_fail(bench):
    done = await bench.events(sending("data: x\n\n", code=503))
    assert done.error.startswith("Failed http request with response code '503'")
    done = await bench.events(sending("data: x\n\n", code=503), options={"allowFailed": True})
    assert done.outputs["size"] == 1
    done = await bench.events(f"/zeros/{19 * 1024 * 1024 + 1}")
    assert "The events are too large to store in task outputs" in done.error
    done = await bench.events("/slow/5", options={"timeout": {"readIdleTimeout": "PT0.2S"}})
    assert "sent nothing for 0.2 s" in done.error
    done = await bench.events("/reset")
    assert done.state is State.FAILED
