"""Reports that are not acknowledged yet, in the order they happened."""

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import Callable

from segue.proto.generated import worker_pb2 as pb

_OVERHEAD = 200
_LOOK_EVERY = 0.02


class Spool:
    """Gathers reports into numbered batches and keeps each until it is acknowledged.

    This one keeps them in memory: they outlive the controller, not the worker. Usable from any thread.
    """

    def __init__(self, *, items: int, bytes_: int, limit: int, wake: Callable[[], None]) -> None:
        """A batch holds at most about ``items`` parts or ``bytes_``; ``wake`` is called when there is
        something to send; above ``limit`` bytes the spool is full."""
        self._items = items
        self._bytes = bytes_
        self._limit = limit
        self._wake = wake
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._open = pb.ReportBatch()
        self._open_items = 0
        self._open_bytes = 0
        self._ready: deque[tuple[pb.ReportBatch, int]] = deque()
        self._sent: deque[tuple[pb.ReportBatch, int]] = deque()
        self._kept = 0
        self._number = 0
        self.stored_events: Counter[str] = Counter()
        """How many events were acknowledged, by the token of the stream."""

    @property
    def is_empty(self) -> bool:
        """Whether everything is acknowledged."""
        return not self._open_items and not self._ready and not self._sent

    @property
    def has_news(self) -> bool:
        """Whether there is something to send."""
        return bool(self._open_items or self._ready)

    @property
    def is_full(self) -> bool:
        """Whether the limit is passed."""
        return self._kept > self._limit

    @property
    def on_the_way(self) -> int:
        """Batches sent and not acknowledged."""
        return len(self._sent)

    def wait_for_room(self, seconds: float) -> None:
        """Block a thread while the spool is full, at most so long."""
        if self.is_full:
            with self._room:
                self._room.wait_for(lambda: not self.is_full, seconds)

    async def room(self, seconds: float) -> None:
        """Return once it is not full, at the latest after so many seconds."""
        end = time.monotonic() + seconds
        while self.is_full and time.monotonic() < end:  # noqa: ASYNC110  acknowledgements come from a thread's side too
            await asyncio.sleep(_LOOK_EVERY)

    def add_line(self, line: pb.LogLine) -> None:
        """Keep a log line."""
        with self._lock:
            self._open.logs.append(line)
            self._grow(len(line.message))

    def add_metric(self, metric: pb.Metric) -> None:
        """Keep a metric."""
        with self._lock:
            self._open.metrics.append(metric)
            self._grow(0)

    def add_insight(self, insight: pb.Insight) -> None:
        """Keep something a task shows."""
        with self._lock:
            self._open.insights.append(insight)
            self._grow(len(insight.content))

    def add_started(self, started: pb.Started) -> None:
        """Keep the beginning of an attempt."""
        with self._lock:
            self._open.started.append(started)
            self._grow(0)

    def add_inner(self, report: pb.InnerReport) -> None:
        """Keep the beginning or the end of an attempt inside a WorkingDirectory."""
        with self._lock:
            self._open.inner.append(report)
            self._grow(len(report.outputs) + len(report.message))

    def add_result(self, result: pb.Result) -> None:
        """Keep the end of an attempt."""
        with self._lock:
            self._open.results.append(result)
            self._grow(len(result.outputs) + len(result.message))

    def add_event(self, event: pb.Event) -> None:
        """Keep what a stream gave."""
        with self._lock:
            self._open.events.append(event)
            self._grow(len(event.variables))

    def next_batch(self) -> pb.ReportBatch | None:
        """The next batch to send, now on the way; None when there is nothing."""
        with self._lock:
            if not self._ready:
                if not self._open_items:
                    return None
                self._close()
            entry = self._ready.popleft()
            self._sent.append(entry)
            return entry[0]

    def acknowledge(self, number: int) -> list[str]:
        """Forget batches up to ``number``; the tokens of the results in them."""
        tokens: list[str] = []
        with self._lock:
            while self._sent and self._sent[0][0].number <= number:
                batch, size = self._sent.popleft()
                self._kept -= size
                tokens.extend(result.run.token for result in batch.results)
                self.stored_events.update(event.run.token for event in batch.events)
            if not self.is_full:
                self._room.notify_all()
        return tokens

    def rewind(self) -> None:
        """Send again, in order, what was sent and not acknowledged: the connection is a new one."""
        with self._lock:
            self._ready.extendleft(reversed(self._sent))
            self._sent.clear()

    def _grow(self, size: int) -> None:
        first = not self._open_items
        self._open_items += 1
        self._open_bytes += size + _OVERHEAD
        self._kept += size + _OVERHEAD
        if self._open_items >= self._items or self._open_bytes >= self._bytes:
            self._close()
        if first:
            self._wake()

    def _close(self) -> None:
        self._number += 1
        self._open.number = self._number
        self._ready.append((self._open, self._open_bytes))
        self._open, self._open_items, self._open_bytes = pb.ReportBatch(), 0, 0
