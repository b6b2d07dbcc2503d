"""An open-loop HTTP client: requests leave by the clock, however slowly the server answers.

Request ``k`` is due at ``start + k / rate`` and its acknowledgement is timed from that moment, not from when a
connection was free for it. A slow server is therefore not spared: requests queue up in front of it and count
as late. The client speaks HTTP/1.1 over raw asyncio connections that are kept open; the bytes of a request are
made once. It runs on the machine it measures, so it has to be cheap: about 30 us per request.
"""

import asyncio
import itertools
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

LATE_AFTER = 0.010
SHORTEST_SLEEP = 0.001
"""The resolution of the event loop's timers; a shorter sleep would spin."""
_CHUNKED_END = b"0\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class LoadPlan:
    """What to send where, how often (per second) and for how long (seconds)."""

    host: str
    port: int
    request: bytes
    rate: float
    duration: float
    connections: int = 512
    """How many connections are open at most; requests wait for one beyond that."""
    patience: float = 20.0
    """How long to wait for answers after the last request was due."""

    @property
    def planned(self) -> int:
        """How many requests that makes."""
        return max(1, round(self.rate * self.duration))


@dataclass
class LoadResult:
    """What became of the requests. Times are in seconds."""

    planned: int
    began_at: float = 0.0
    """Wall time of the first request."""
    accepted: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    """Answers other than 2xx by status."""
    broken: int = 0
    """Requests whose connection broke before the answer."""
    unanswered: int = 0
    """Requests without an answer, or not even sent, when patience ended."""
    late: int = 0
    """Requests that left more than 10 ms after they were due."""
    acknowledged: list[float] = field(default_factory=list)
    """From when a request was due to its 2xx answer."""
    first_refusal: str = ""
    """The text of the first answer that was not 2xx."""
    connections: int = 0
    cpu_seconds: float = 0.0
    """CPU time of the client itself."""

    @property
    def errors(self) -> int:
        """Requests that did not get a 2xx answer."""
        return self.refused.total() + self.broken + self.unanswered


def post_request(host: str, port: int, path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """The bytes of a POST over a connection that stays open."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nAccept: application/json\r\n\r\n"
    )
    return head.encode() + body


class _Connection(asyncio.Protocol):
    """One connection with at most one request on the way."""

    def __init__(self, owner: "LoadGenerator") -> None:
        self._owner = owner
        self._transport: Any = None
        self._received = b""
        self._due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def close(self) -> None:
        self._transport.close()

    @property
    def is_open(self) -> bool:
        return not self._transport.is_closing()

    def data_received(self, data: bytes) -> None:
        if self._received:
            data = self._received + data
        if not _is_whole(data):
            self._received = data
            return
        self._received = b""
        due, self._due = self._due, None
        if due is not None:
            self._owner.answered(self, int(data[9:12]), due, data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        was_busy, self._due = self._due is not None, None
        self._owner.lost(self, was_busy)


def _is_whole(data: bytes) -> bool:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = data[:end].lower()
    position = head.find(b"content-length:")
    if position < 0:
        return b"chunked" not in head or data.endswith(_CHUNKED_END)
    stop = head.find(b"\r\n", position)
    length = int(head[position + 15 : stop if stop > 0 else end])
    return len(data) >= end + 4 + length


class LoadGenerator:
    """Carries out one ``LoadPlan``."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._idle: list[_Connection] = []
        self._waiting: deque[float] = deque()
        self._open: set[_Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._closing = False
        self.result = LoadResult(plan.planned)

    async def run(self) -> LoadResult:
        """Send everything, wait for the answers, close the connections."""
        plan, result = self._plan, self.result
        await asyncio.gather(*(self._connect() for _ in range(min(plan.connections, 16))))
        cpu = time.process_time()
        result.began_at = time.time()
        await self._send_by_the_clock(time.perf_counter())
        deadline = time.perf_counter() + plan.patience
        while (self._in_flight or self._waiting) and time.perf_counter() < deadline:  # noqa: ASYNC110  no event per answer
            await asyncio.sleep(0.02)
        result.cpu_seconds = time.process_time() - cpu
        result.unanswered = self._in_flight + len(self._waiting)
        self._waiting.clear()
        await self._close()
        return result

    async def _send_by_the_clock(self, start: float) -> None:
        rate, planned = self._plan.rate, self._plan.planned
        sent = 0
        while sent < planned:
            due = min(planned, int((time.perf_counter() - start) * rate) + 1)
            for number in range(sent, due):
                self._dispatch(start + number / rate)
            sent = due
            await asyncio.sleep(max(SHORTEST_SLEEP, start + sent / rate - time.perf_counter()))

    def _dispatch(self, due: float) -> None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                self._send(connection, due)
                return
        self._waiting.append(due)
        if len(self._opening) < len(self._waiting) and len(self._open) + len(self._opening) < self._plan.connections:
            task = self._loop.create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _send(self, connection: _Connection, due: float) -> None:
        if time.perf_counter() - due > LATE_AFTER:
            self.result.late += 1
        self._in_flight += 1
        connection.send(self._plan.request, due)

    async def _connect(self) -> None:
        try:
            _, connection = await self._loop.create_connection(
                lambda: _Connection(self), self._plan.host, self._plan.port
            )
        except OSError:
            if self._waiting:
                self._waiting.popleft()
                self.result.broken += 1
            return
        self.result.connections += 1
        self._open.add(connection)
        self._free(connection)

    def _free(self, connection: _Connection) -> None:
        if self._waiting and connection.is_open:
            self._send(connection, self._waiting.popleft())
        else:
            self._idle.append(connection)

    def answered(self, connection: _Connection, status: int, due: float, answer: bytes) -> None:
        """Called by a connection with a whole answer."""
        self._in_flight -= 1
        result = self.result
        if 200 <= status < 300:
            result.accepted += 1
            result.acknowledged.append(time.perf_counter() - due)
        else:
            result.refused[status] += 1
            result.first_refusal = result.first_refusal or answer.partition(b"\r\n\r\n")[2][:400].decode(
                errors="replace"
            )
        self._free(connection)

    def lost(self, connection: _Connection, was_busy: bool) -> None:
        """Called by a connection that ended."""
        self._open.discard(connection)
        if was_busy and not self._closing:
            self._in_flight -= 1
            self.result.broken += 1

    async def _close(self) -> None:
        self._closing = True
        for task in tuple(self._opening):
            task.cancel()
        for connection in tuple(self._open):
            connection.close()
        for _ in itertools.repeat(None, 50):
            if not self._open:
                return
            await asyncio.sleep(0.01)


async def drive(plan: LoadPlan) -> LoadResult:
    """Carry out ``plan``."""
    return await LoadGenerator(plan).run()
