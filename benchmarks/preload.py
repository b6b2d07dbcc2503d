"""Stores many finished executions, by copying the rows of real ones.

A few executions run through the server. Then, with the server stopped, every row they left in any table is
copied with a new execution id and its times moved back by whole days, so that what is stored is what a server
writes, index entries and log lines included. Numbers that the database gives itself are left to it.
"""

import re
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from segue.domain.ids import time_ordered_id

DAYS = 60
"""The copies are spread over so many days before the real ones."""
_DAY_MICROS = 86_400_000_000
_BATCH = 2_000
_TABLES = ("executions", "task_runs", "task_outputs", "logs", "metrics")
_GENERATED = frozenset({"position", "seq"})
_DATE = re.compile(r"\b(20\d\d-\d\d-\d\d)T")


@dataclass(frozen=True)
class _Template:
    """The rows of one real execution by table."""

    execution_id: str
    milliseconds: int
    rows: dict[str, list[tuple[Any, ...]]]


class _Copier:
    """Makes rows of copies. ``columns`` are those to write, by table."""

    def __init__(self, columns: dict[str, list[str]], templates: Sequence[_Template]) -> None:
        self._templates = templates
        self._times = {
            table: [name.endswith("_at") or name == "at" for name in names] for table, names in columns.items()
        }

    def rows(self, table: str, keys: Sequence[tuple[int, int, str]]) -> Iterator[tuple[Any, ...]]:
        """Rows of ``table`` for copies ``(template, days back, new id)``."""
        times = self._times[table]
        for number, days, new_id in keys:
            template = self._templates[number]
            for row in template.rows[table]:
                yield tuple(
                    _moved(value, days, template.execution_id, new_id, is_time)
                    for value, is_time in zip(row, times, strict=True)
                )

    def keys(self, count: int) -> Iterator[list[tuple[int, int, str]]]:
        """``count`` copies in batches, oldest first."""
        for begin in range(0, count, _BATCH):
            batch = []
            for number in range(begin, min(count, begin + _BATCH)):
                days = DAYS - number * DAYS // count
                which = number % len(self._templates)
                at = self._templates[which].milliseconds - days * 86_400_000
                batch.append((which, days, time_ordered_id(at, secrets.token_bytes(10))))
            yield batch


def _moved(value: Any, days: int, old_id: str, new_id: str, is_time: bool) -> Any:
    if isinstance(value, str):
        if old_id in value:
            value = value.replace(old_id, new_id)
        return _DATE.sub(lambda found: f"{_earlier(found[1], days)}T", value)
    if isinstance(value, bytes):
        return value.replace(old_id.encode(), new_id.encode())
    if is_time and isinstance(value, int):
        return value - days * _DAY_MICROS
    return value


_earlier_dates: dict[tuple[str, int], str] = {}


def _earlier(date: str, days: int) -> str:
    key = (date, days)
    if key not in _earlier_dates:
        moved = datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() - days * 86_400
        _earlier_dates[key] = datetime.fromtimestamp(moved, UTC).date().isoformat()
    return _earlier_dates[key]


def preload_sqlite(path: Path, count: int) -> int:
    """Copy finished executions until there are ``count`` copies; how many rows were written."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA cache_size=-262144")
    columns = {}
    for table in _TABLES:
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        columns[table] = [name for name in names if name not in _GENERATED]

    def fetch(statement: str, *values: str) -> list[tuple[Any, ...]]:
        return connection.execute(statement.format("?"), values).fetchall()

    copier = _Copier(columns, _templates(fetch, columns))
    written = 0
    for keys in copier.keys(count):
        with connection:
            for table, names in columns.items():
                rows = list(copier.rows(table, keys))
                marks = ",".join("?" * len(names))
                connection.executemany(f"INSERT INTO {table} ({_list(names)}) VALUES ({marks})", rows)
                written += len(rows)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return written


def preload_postgres(url: str, count: int) -> int:
    """The same by COPY, with the statistics and the clean-up that autovacuum would have made meanwhile."""
    import psycopg

    columns = {}
    with psycopg.connect(url) as connection:
        for table in _TABLES:
            found = connection.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER' "
                "ORDER BY ordinal_position",
                (table,),
            )
            columns[table] = [name for (name,) in found if name not in _GENERATED]

        def fetch(statement: str, *values: str) -> list[tuple[Any, ...]]:
            return connection.execute(statement.format("%s").encode(), values).fetchall()

        copier = _Copier(columns, _templates(fetch, columns))
        written = 0
        for keys in copier.keys(count):
            for table, names in columns.items():
                with connection.cursor().copy(f"COPY {table} ({_list(names)}) FROM STDIN".encode()) as copy:
                    for row in copier.rows(table, keys):
                        copy.write_row(row)
                        written += 1
            connection.commit()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return written


def _templates(fetch: Any, columns: dict[str, list[str]]) -> list[_Template]:
    found = []
    ended = fetch("SELECT id, started_at FROM executions WHERE ended_at IS NOT NULL LIMIT 200")
    for execution_id, started_at in ended:
        rows = {}
        for table, names in columns.items():
            key = "id" if table == "executions" else "execution_id"
            rows[table] = fetch(f"SELECT {_list(names)} FROM {table} WHERE {key} = {{0}}", execution_id)
        found.append(_Template(execution_id, started_at // 1000, rows))
    if not found:
        raise ValueError("there is no finished execution to copy")
    return found


def _list(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
