"""What a run did, read from the database in one go after it: starts, ends and states of its executions."""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

GRACE = 5.0
"""Executions that end this many seconds after the last request was due still count as reached."""

_SPANS = "SELECT started_at, ended_at, state FROM executions WHERE started_at >= {0} AND flow_id = {0}"
_OPEN = "SELECT count(*) FROM executions WHERE started_at >= {0} AND flow_id = {0} AND ended_at IS NULL"
_MICROS = 1_000_000


class Rows(Protocol):
    """A connection of a benchmark's own, beside the server's."""

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of ``statement``, in which ``{0}`` stands for each value."""
        ...


class SqliteRows:
    """Reads the server's file."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """See ``Rows``."""
        return self._connection.execute(statement.format("?"), values).fetchall()


class PostgresRows:
    """Reads the server's database."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._connection = psycopg.connect(url.replace("postgresql+psycopg:", "postgresql:"), autocommit=True)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """See ``Rows``."""
        return self._connection.execute(statement.format("%s").encode(), values).fetchall()


@dataclass(frozen=True)
class Span:
    """One execution: start and end in seconds since 1970, None while it runs, and its state."""

    started_at: float
    ended_at: float | None
    state: str


@dataclass(kw_only=True)
class Outcome:
    """The figures of one run. Latencies are in milliseconds, from start to end of an execution."""

    stored: int
    finished: int
    reached: int
    """Ended within the duration and ``GRACE``."""
    reached_per_minute: float
    p50: float
    p95: float
    p99: float
    longest: float
    max_backlog: int
    """Most executions that were open at one moment."""
    states: Counter[str] = field(default_factory=Counter)


def wait_until_done(rows: Rows, flow_id: str, since: float, patience: float) -> None:
    """Return when every execution since then has ended, or patience has."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if rows.query(_OPEN, int(since * _MICROS), flow_id)[0][0] == 0:
            return
        time.sleep(0.25)


def read_spans(rows: Rows, flow_id: str, since: float) -> list[Span]:
    """Every execution of the flow that was started since then."""
    return [
        Span(start / _MICROS, None if end is None else end / _MICROS, state)
        for start, end, state in rows.query(_SPANS, int(since * _MICROS), flow_id)
    ]


def summarise(spans: Sequence[Span], began_at: float, duration: float, now: float) -> Outcome:
    """Figures of a run. An execution that has not ended counts with its age: a stuck server is not flattered."""
    latencies = sorted(1000 * ((span.ended_at or now) - span.started_at) for span in spans)
    in_time = sum(1 for span in spans if span.ended_at is not None and span.ended_at <= began_at + duration + GRACE)
    return Outcome(
        stored=len(spans),
        finished=sum(1 for span in spans if span.ended_at is not None),
        reached=in_time,
        reached_per_minute=in_time * 60 / duration,
        p50=percentile(latencies, 50),
        p95=percentile(latencies, 95),
        p99=percentile(latencies, 99),
        longest=latencies[-1] if latencies else 0.0,
        max_backlog=most_open(spans),
        states=Counter(span.state for span in spans),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` percent of the values do not exceed; 0 for none."""
    if not ordered:
        return 0.0
    rank = -(-len(ordered) * share // 100)
    return ordered[min(len(ordered), max(1, int(rank))) - 1]


def most_open(spans: Iterable[Span]) -> int:
    """The largest number of executions that were open at the same time."""
    moments = []
    for span in spans:
        moments.append((span.started_at, 1))
        if span.ended_at is not None:
            moments.append((span.ended_at, -1))
    count = most = 0
    for _, change in sorted(moments):
        count += change
        most = max(most, count)
    return most
