"""SQLite: one writer beside readers, in one file (design D13).

WAL with ``synchronous=FULL``: a commit is on the disk before it is acknowledged. Write transactions begin
``IMMEDIATE``, so that several processes may share the file: the second waits for the first, and none fails in
the middle.
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from segue.adapters.databases.sql.dialects.dialect import Lane
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction, Update
from segue.domain.errors import UnavailableError

_BUSY_MS = 10_000
_OLDEST = (3, 35, 0)  # RETURNING
_EACH = re.compile(r"(=|<>) EACH\((:\w+)\)")
_encode = msgspec.json.Encoder().encode

_STATEMENTS = {
    "jobs.claim": """
        UPDATE jobs SET worker_id = :worker, token = lower(hex(randomblob(16))), claimed_at = :now
        WHERE task_run_id IN (
            SELECT task_run_id FROM jobs WHERE worker_id IS NULL AND worker_queue = EACH(:queues)
            ORDER BY priority DESC, created_at, task_run_id LIMIT :limit)
        RETURNING priority, created_at, task_run_id, body, token""",
    "jobs.starting": """
        SELECT j.task_run_id, j.token, j.execution_id FROM json_each(:rows) r
        CROSS JOIN jobs j ON j.task_run_id = json_extract(r.value, '$[0]')
        WHERE j.token = json_extract(r.value, '$[1]') AND j.started_at IS NULL""",
    "jobs.finish": """
        DELETE FROM jobs WHERE rowid IN (
            SELECT j.rowid FROM json_each(:rows) r
            CROSS JOIN jobs j ON j.task_run_id = json_extract(r.value, '$[0]')
            WHERE j.token = json_extract(r.value, '$[1]'))
        RETURNING task_run_id, token, execution_id""",
    "executions.lock": "SELECT id, version FROM executions WHERE id = EACH(:ids)",
    "limits.lock": "SELECT scope, max_running FROM concurrency_limits WHERE scope = EACH(:scopes)",
    "triggers.claim": """
        UPDATE triggers SET due_at = :until, version = version + 1 WHERE uid IN (
            SELECT uid FROM triggers WHERE due_at <= :now AND kind = EACH(:kinds) ORDER BY due_at, uid LIMIT :limit)
        RETURNING version, active, disabled, pending_at, next_at, free_at, execution_id, evaluation_id, body""",
    "triggers.lock": "SELECT uid, version FROM triggers WHERE uid = EACH(:uids)",
    "triggers.waiting": "SELECT uid FROM triggers WHERE execution_id = EACH(:ids)",
    "timers.due": """
        DELETE FROM timers WHERE id IN (
            SELECT id FROM timers WHERE due_at <= :now ORDER BY due_at LIMIT :limit)
        RETURNING due_at, id, execution_id""",
    "transitions.claim": """
        UPDATE transitions SET owner = :owner, claimed_until = :until WHERE id IN (
            SELECT id FROM transitions WHERE claimed_until <= :now ORDER BY claimed_until, at
            LIMIT :limit)
        RETURNING at, id, body""",
}


class SqliteTransaction:
    """A transaction on a ``sqlite3`` connection."""

    def __init__(self, connection: sqlite3.Connection, compiled: dict[str, str]) -> None:
        self._connection = connection
        self._compiled = compiled

    def fetch(self, statement: Statement, **values: object) -> list[Row]:
        """See ``Transaction.fetch``."""
        text = self._compiled.get(statement.name)
        if text is None:
            source = statement.text or re.sub(r"\s+", " ", _STATEMENTS[statement.name]).strip()
            text = self._compiled[statement.name] = _EACH.sub(_expand, source)
        bound = {name: _encode(value).decode() if isinstance(value, list) else value for name, value in values.items()}
        return self._connection.execute(text, bound).fetchall()

    def execute(self, statement: Statement, **values: object) -> None:
        """See ``Transaction.execute``."""
        self.fetch(statement, **values)

    def insert(self, insert: Insert, rows: Sequence[Row]) -> None:
        """See ``Transaction.insert``."""
        if not rows:
            return
        names, marks = ", ".join(insert.columns), ", ".join("?" * len(insert.columns))
        self._connection.executemany(
            f"INSERT INTO {insert.table.name} ({names}) VALUES ({marks}) {insert.conflict}",  # noqa: S608  # our names
            rows,
        )

    def update(self, update: Update, rows: Sequence[Row]) -> None:
        """See ``Transaction.update``."""
        if rows:
            marks = ", ".join(f"{column} = ?" for column in update.columns)
            self._connection.executemany(
                f"UPDATE {update.table.name} SET {marks} WHERE {update.key} = ?",  # noqa: S608  # our names
                rows,
            )


def _expand(match: re.Match[str]) -> str:
    operator = "IN" if match[1] == "=" else "NOT IN"
    return f"{operator} (SELECT value FROM json_each({match[2]}))"  # noqa: S608  # a parameter's name


class SqliteDialect:
    """See ``Dialect``."""

    name = "sqlite"

    def __init__(self, url: str) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise UnavailableError(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed")
        self._url = sa.make_url(url).set(drivername="sqlite+pysqlite")
        path = self._url.database
        if not path or path == ":memory:":
            raise UnavailableError("SQLite needs a file, since several connections share it: sqlite:///path")
        self._path = Path(path)
        self.lanes = {Lane.WRITE: 1, Lane.READ: 1, Lane.SEARCH: 2}
        self._compiled: dict[str, str] = {}

    def engine(self, lane: Lane) -> sa.Engine:
        """See ``Dialect.engine``."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            self._url,
            poolclass=NullPool,
            connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000, "cached_statements": 256},
        )
        begin = "BEGIN IMMEDIATE" if lane is Lane.WRITE else "BEGIN"
        sa.event.listen(engine, "connect", _set_up)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return engine

    @contextmanager
    def transaction(
        self, connection: sqlite3.Connection, lane: Lane, *, relaxed: bool = False
    ) -> Iterator[Transaction]:
        """See ``Dialect.transaction``."""
        if not relaxed:
            with self._strict_transaction(connection, lane) as transaction:
                yield transaction
            return
        connection.execute("PRAGMA synchronous = NORMAL")
        try:
            with self._strict_transaction(connection, lane) as transaction:
                yield transaction
        finally:
            connection.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def _strict_transaction(self, connection: sqlite3.Connection, lane: Lane) -> Iterator[Transaction]:
        connection.execute("BEGIN IMMEDIATE" if lane is Lane.WRITE else "BEGIN")
        try:
            yield SqliteTransaction(connection, self._compiled)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def within(self, connection: sqlite3.Connection) -> Transaction:
        """See ``Dialect.within``."""
        return SqliteTransaction(connection, self._compiled)

    def migrate(self, engine: sa.Engine, upgrade: Callable[[sa.Connection], None]) -> None:
        """See ``Dialect.migrate``: the write transaction is the lock."""
        with engine.begin() as connection:
            upgrade(connection)

    def is_lost(self, error: BaseException) -> bool:
        """See ``Dialect.is_lost``: a file that cannot be read or written, or is no database."""
        return isinstance(error, sqlite3.DatabaseError) and _primary(error) in _FILE_FAULTS

    def is_transient(self, error: BaseException) -> bool:
        """See ``Dialect.is_transient``."""
        return isinstance(error, sqlite3.OperationalError) and _primary(error) in _BUSY

    def is_duplicate(self, error: BaseException) -> bool:
        """See ``Dialect.is_duplicate``."""
        return isinstance(error, sqlite3.IntegrityError)

    def contains(self, text: sa.ColumnElement[str], part: str) -> sa.ColumnElement[bool]:
        """See ``Dialect.contains``."""
        return sa.func.instr(text, part) > 0

    def settled_logs(self) -> None:
        """Nothing: the only writer gives positions in the order of the commits."""


_BUSY = {5, 6}  # SQLITE_BUSY, SQLITE_LOCKED
_FILE_FAULTS = {8, 10, 11, 13, 14, 26}  # READONLY, IOERR, CORRUPT, FULL, CANTOPEN, NOTADB


def _primary(error: sqlite3.Error) -> int:
    """The primary result code; its extended forms carry more in the upper bits."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _set_up(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    for pragma in (
        f"busy_timeout = {_BUSY_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = OFF",
        "cache_size = -65536",
        "temp_store = MEMORY",
        "wal_autocheckpoint = 4000",
        "journal_size_limit = 67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")
