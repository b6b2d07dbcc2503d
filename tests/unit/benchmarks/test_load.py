"""The load generator against a real server of this process: it keeps to the clock and counts what fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from benchmarks.load import LoadPlan, drive, post_request

Answer = Callable[[int], Awaitable[bytes]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """A server that gives ``answer(number of the request)``, or closes the connection for an empty one."""
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(2)
                count += 1
                text = await answer(count)
                if not text:
                    break
                for part in (text[:10], text[10:]):
                    writer.write(part)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def plan(
    port: int, *, rate: float = 100, duration: float = 0.5, connections: int = 64, patience: float = 2
) -> LoadPlan:
    request = post_request("127.0.0.1", port, "/", b"{}")
    return LoadPlan(
        host="127.0.0.1",
        port=port,
        request=request,
        rate=rate,
        duration=duration,
        connections=connections,
        patience=patience,
    )


async def test_every_request_is_answered() -> None:
    async def answer(_number: int) -> bytes:
        return OK

    async with serving(answer) as port:
        result = await drive(plan(port))
    assert (result.planned, result.accepted, result.errors) == (50, 50, 0)
    assert len(result.acknowledged) == 50


async def test_chunked_answers_and_refusals() -> None:
    async def answer(number: int) -> bytes:
        if number % 2:
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        return b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nwait"

    async with serving(answer) as port:
        result = await drive(plan(port))
    assert result.accepted == 25
    assert result.refused == {429: 25}
    assert result.first_refusal == "wait"


async def test_a_stall_is_charged_to_the_requests_that_were_due_in_it() -> None:
    stalled = asyncio.Event()

    async def answer(number: int) -> bytes:
        if number == 1:
            asyncio.get_running_loop().call_later(0.4, stalled.set)
        await stalled.wait()
        return OK

    async with serving(answer) as port:
        result = await drive(plan(port, connections=1))
    assert result.accepted == 50
    assert result.late >= 35
    ordered = sorted(result.acknowledged)
    assert ordered[-1] >= 0.35
    assert ordered[25] >= 0.1


async def test_broken_connections_and_missing_answers_are_errors() -> None:
    async def answer(number: int) -> bytes:
        if number == 3:
            return b""
        if number > 40:
            await asyncio.sleep(30)
        return OK

    async with serving(answer) as port:
        result = await drive(plan(port, patience=0.3))
    assert result.broken == 1
    assert result.unanswered == 10
    assert result.accepted == 39
