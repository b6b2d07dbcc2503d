"""PostgreSQL through psycopg 3.

Sets of rows travel as one array per column and are opened by ``unnest``: a statement is planned for the set
it gets, and costs one message however many rows it writes. The arrays are written as text here, since joining
strings is several times faster than the driver's walk over lists. Statements without rows to fetch are sent in
pipeline mode, so that a transaction costs few round trips.

The planner is held to plans that follow an index (design 7): a plan made for an empty table would otherwise
be kept when it is full. Searches have connections of their own, where it may choose.

**Positions of log lines** are ``(number of the transaction + base) * 2^20 + place in the transaction``. A
sequence would not do: its numbers can become visible in another order than they were given, and a follower
would pass over a line. Below the oldest transaction that still runs nothing can appear any more, so a
follower reads up to there. ``base`` grows when a backup is restored into a server whose transaction numbers
are lower than the lines' (``log_epoch``).
"""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from segue.adapters.databases.sql.dialects.dialect import Lane
from segue.adapters.databases.sql.statements import Insert, Row, Statement, Transaction, Update
from segue.adapters.databases.sql.uncertainty import mark_uncertain

_EACH = re.compile(r"(=|<>) EACH\(:(\w+)\)")
_NAME = re.compile(r"(?<!:):(\w+)")
_SPACE = re.compile(r"\s+")
_MIGRATION_LOCK = 7_356_213_904_117
_POSITION_BITS = 20
_SEARCH_CONNECTIONS = 2
_READ_CONNECTIONS = 2

_PINNED = """
    SELECT set_config(name, value, false) FROM (VALUES
        ('plan_cache_mode', 'force_custom_plan'), ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'),
        ('enable_mergejoin', 'off'), ('jit', 'off')) AS pins(name, value)"""
_COMPRESSED = """
    SELECT set_config(name, 'lz4', false) FROM pg_settings
    WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"""

_READY = """
    SELECT worker_queue, priority, created_at, task_run_id FROM jobs
    WHERE worker_queue = wanted.name AND worker_id IS NULL
    ORDER BY priority DESC, created_at, task_run_id LIMIT"""

_STATEMENTS = {
    # First how many of each queue are among the most urgent, then lock so many of each that nobody else holds.
    "jobs.claim": f"""
        WITH shares AS MATERIALIZED (
            SELECT worker_queue AS name, count(*) AS share FROM (
                SELECT ready.* FROM unnest(:queues::text[]) AS wanted(name)
                CROSS JOIN LATERAL ({_READY} :limit::bigint) AS ready
                ORDER BY priority DESC, created_at, task_run_id LIMIT :limit::bigint) AS urgent
            GROUP BY worker_queue),
        picked AS MATERIALIZED (
            SELECT ready.task_run_id FROM shares AS wanted
            CROSS JOIN LATERAL ({_READY} wanted.share FOR UPDATE SKIP LOCKED) AS ready)
        UPDATE jobs SET worker_id = :worker, token = gen_random_uuid()::text, claimed_at = :now::bigint
        FROM picked WHERE jobs.task_run_id = picked.task_run_id
        RETURNING jobs.priority, jobs.created_at, jobs.task_run_id, jobs.body, jobs.token""",  # noqa: S608  # ours
    "jobs.starting": """
        SELECT j.task_run_id, j.token, j.execution_id
        FROM unnest(:rows_0::text[], :rows_1::text[]) AS r(task_run_id, token)
        JOIN jobs AS j ON j.task_run_id = r.task_run_id AND j.token = r.token
        WHERE j.started_at IS NULL FOR UPDATE OF j""",
    "jobs.finish": """
        DELETE FROM jobs AS j USING unnest(:rows_0::text[], :rows_1::text[]) AS r(task_run_id, token)
        WHERE j.task_run_id = r.task_run_id AND j.token = r.token
        RETURNING j.task_run_id, j.token, j.execution_id""",
    "executions.lock": "SELECT id, version FROM executions WHERE id = EACH(:ids) ORDER BY id FOR UPDATE",
    "limits.lock": """
        SELECT scope, max_running FROM concurrency_limits WHERE scope = EACH(:scopes) ORDER BY scope FOR UPDATE""",
    "triggers.claim": """
        WITH picked AS MATERIALIZED (
            SELECT uid FROM triggers WHERE due_at <= :now::bigint AND kind = EACH(:kinds)
            ORDER BY due_at, uid LIMIT :limit FOR UPDATE SKIP LOCKED)
        UPDATE triggers SET due_at = :until::bigint, version = version + 1
        FROM picked WHERE triggers.uid = picked.uid
        RETURNING version, active, disabled, pending_at, next_at, free_at, execution_id, evaluation_id, body""",
    "triggers.lock": "SELECT uid, version FROM triggers WHERE uid = EACH(:uids) ORDER BY uid FOR UPDATE",
    "triggers.waiting": "SELECT uid FROM triggers WHERE execution_id = EACH(:ids) ORDER BY uid FOR UPDATE",
    "timers.due": """
        DELETE FROM timers WHERE id IN (
            SELECT id FROM timers WHERE due_at <= :now ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING due_at, id, execution_id""",
    "transitions.claim": """
        UPDATE transitions SET owner = :owner, claimed_until = :until WHERE id IN (
            SELECT id FROM transitions WHERE claimed_until <= :now ORDER BY claimed_until, at
            LIMIT :limit FOR UPDATE SKIP LOCKED)
        RETURNING at, id, body""",
}

_COMPUTED = {
    "logs": {
        "position": f"""((pg_current_xact_id()::text::bigint + (SELECT base FROM log_epoch))
            << {_POSITION_BITS}) + place""",  # noqa: S608  # a number
    }
}
"""Columns that the server makes; ``place`` counts the rows of an insert from 1."""

_SETTLED = sa.text(
    "logs.position < ((pg_snapshot_xmin(pg_current_snapshot())::text::bigint"  # noqa: S608  # a number
    f" + (SELECT base FROM log_epoch)) << {_POSITION_BITS})"
)
_RAISE_EPOCH = sa.text(
    f"""UPDATE log_epoch SET base = newest.number - pg_current_xact_id()::text::bigint
    FROM (SELECT max(position) >> {_POSITION_BITS} AS number FROM logs) AS newest
    WHERE newest.number > pg_current_xact_id()::text::bigint + base"""  # noqa: S608  # a number
)


class PostgresqlTransaction:
    """A transaction on a psycopg connection."""

    def __init__(self, connection: psycopg.Connection[Row], compiled: dict[object, str]) -> None:
        self._send = connection.execute
        self._compiled = compiled

    def fetch(self, statement: Statement, **values: object) -> list[Row]:
        """See ``Transaction.fetch``."""
        return self._send(self._text(statement), _bind(values)).fetchall()

    def execute(self, statement: Statement, **values: object) -> None:
        """See ``Transaction.execute``."""
        self._send(self._text(statement), _bind(values))

    def insert(self, insert: Insert, rows: Sequence[Row]) -> None:
        """See ``Transaction.insert``."""
        if rows:
            text = self._compiled.get(insert)
            if text is None:
                text = self._compiled[insert] = _insert_text(insert)
            self._send(text, _columns(rows))

    def update(self, update: Update, rows: Sequence[Row]) -> None:
        """See ``Transaction.update``."""
        if rows:
            text = self._compiled.get(update)
            if text is None:
                text = self._compiled[update] = _update_text(update)
            self._send(text, _columns(rows))

    def _text(self, statement: Statement) -> str:
        text = self._compiled.get(statement)
        if text is None:
            source = _SPACE.sub(" ", statement.text or _STATEMENTS[statement.name]).strip()
            source = _EACH.sub(lambda m: f"{m[1]} {'ANY' if m[1] == '=' else 'ALL'}(:{m[2]})", source)
            text = self._compiled[statement] = _NAME.sub(r"%(\1)s", source)
        return text


class PostgresqlDialect:
    """See ``Dialect``. ``pool_size`` connections write."""

    name = "postgresql"

    def __init__(self, url: str, pool_size: int) -> None:
        self._url = sa.make_url(url).set(drivername="postgresql+psycopg")
        self.lanes = {
            Lane.WRITE: max(pool_size, 1),
            Lane.READ: _READ_CONNECTIONS,
            Lane.SEARCH: _SEARCH_CONNECTIONS,
        }
        self._compiled: dict[object, str] = {}

    def engine(self, lane: Lane) -> sa.Engine:
        """See ``Dialect.engine``."""
        engine = sa.create_engine(
            self._url,
            poolclass=NullPool,
            use_native_hstore=False,
            connect_args={
                "application_name": f"segue-{lane.value}",
                "connect_timeout": 5,
                "keepalives_idle": 15,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "prepare_threshold": 2,
            },
        )
        sa.event.listen(engine, "connect", lambda connection, _: _set_up(connection, lane))
        return engine

    @contextmanager
    def transaction(
        self,
        connection: psycopg.Connection[Row],
        lane: Lane,
        *,
        relaxed: bool = False,  # noqa: ARG002  # the contract's
    ) -> Iterator[Transaction]:
        """See ``Dialect.transaction``. Never relaxed: a crash of the server alone would undo the commit."""
        committing = False
        with connection.pipeline() as pipeline:
            try:
                yield PostgresqlTransaction(connection, self._compiled)
                committing = lane is Lane.WRITE
                connection.commit()
            except BaseException as error:
                if committing and self.is_lost(error):
                    mark_uncertain(error)
                with contextlib.suppress(psycopg.Error):
                    pipeline.sync()
                with contextlib.suppress(psycopg.Error):
                    connection.rollback()
                raise

    def within(self, connection: psycopg.Connection[Row]) -> Transaction:
        """See ``Dialect.within``."""
        return PostgresqlTransaction(connection, self._compiled)

    def migrate(self, engine: sa.Engine, upgrade: Callable[[sa.Connection], None]) -> None:
        """See ``Dialect.migrate``: an advisory lock that ends with the transaction."""
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            upgrade(connection)
            connection.execute(_RAISE_EPOCH)

    def is_lost(self, error: BaseException) -> bool:
        """See ``Dialect.is_lost``."""
        if isinstance(error, psycopg.errors.OperationalError):
            state = error.sqlstate
            return state is None or state[:2] in {"08", "53", "57"}
        return isinstance(error, psycopg.InterfaceError)

    def is_transient(self, error: BaseException) -> bool:
        """See ``Dialect.is_transient``."""
        return isinstance(error, psycopg.Error) and error.sqlstate in {"40001", "40P01", "55P03"}

    def is_duplicate(self, error: BaseException) -> bool:
        """See ``Dialect.is_duplicate``."""
        return isinstance(error, psycopg.errors.UniqueViolation)

    def contains(self, text: sa.ColumnElement[str], part: str) -> sa.ColumnElement[bool]:
        """See ``Dialect.contains``."""
        return sa.func.strpos(text, part) > 0

    def settled_logs(self) -> sa.ColumnElement[bool]:
        """See ``Dialect.settled_logs``."""
        return _SETTLED  # type: ignore[return-value]  # a condition, written as text


def _set_up(connection: psycopg.Connection[Row], lane: Lane) -> None:
    connection.execute(_COMPRESSED)
    if lane is not Lane.SEARCH:
        connection.execute(_PINNED)
    connection.commit()


def _bind(values: dict[str, object]) -> dict[str, object]:
    bound: dict[str, object] = {}
    for name, value in values.items():
        if not isinstance(value, list):
            bound[name] = value
        elif value and isinstance(value[0], tuple):
            bound |= {f"{name}_{index}": array(column) for index, column in enumerate(zip(*value, strict=True))}
        else:
            bound[name] = array(value)
    return bound


def _columns(rows: Sequence[Row]) -> list[str]:
    return [array(column) for column in zip(*rows, strict=True)]


def array(values: Sequence[Any]) -> str:
    """An array literal of texts, numbers, truth values or bytes; None is NULL."""
    kind = next((type(value) for value in values if value is not None), None)
    if kind is str:
        return _text_array(values)
    if kind is bytes:
        return "{" + ",".join("NULL" if v is None else f'"\\\\x{v.hex()}"' for v in values) + "}"
    return "{" + ",".join("NULL" if v is None else str(v) for v in values) + "}"


def _text_array(values: Sequence[str | None]) -> str:
    """Texts between quotes, with backslashes before backslashes and quotes. No text may hold NUL."""
    if None in values:
        return "{" + ",".join("NULL" if v is None else _quoted(v) for v in values) + "}"
    joined = "\0".join(values)  # type: ignore[arg-type]  # None was excluded above
    return "{" + _quoted(joined).replace("\0", '","') + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _types(table: sa.Table, columns: Iterable[str]) -> list[str]:
    names = {
        sa.Text: "text",
        sa.BigInteger: "bigint",
        sa.Integer: "integer",
        sa.Boolean: "boolean",
        sa.LargeBinary: "bytea",
        sa.Float: "float8",
    }
    return [f"%s::{names[type(table.c[column].type)]}[]" for column in columns]


def _insert_text(insert: Insert) -> str:
    table, columns = insert.table, insert.columns
    computed = _COMPUTED.get(table.name, {})
    names = ", ".join([*columns, *computed])
    values = ", ".join([*(f"r.{column}" for column in columns), *computed.values()])
    arrays = ", ".join(_types(table, columns))
    return (
        f"INSERT INTO {table.name} ({names}) SELECT {values} "  # noqa: S608  # our names
        f"FROM unnest({arrays}) WITH ORDINALITY AS r({', '.join(columns)}, place) "
        f"ORDER BY place {insert.conflict}"
    )


def _update_text(update: Update) -> str:
    columns = (*update.columns, update.key)
    changes = ", ".join(f"{column} = r.{column}" for column in update.columns)
    return (
        f"UPDATE {update.table.name} AS t SET {changes} "  # noqa: S608  # our names
        f"FROM unnest({', '.join(_types(update.table, columns))}) AS r({', '.join(columns)}) "
        f"WHERE t.{update.key} = r.{update.key}"
    )
