"""The tables, as the newest migration leaves them.

Two rules shape them. What is searched is a column; everything else of an object lies in ``body``, the JSON of
its struct, so that a new field needs no migration. And an index on a column that changes often exists for
open rows only, so that finishing an execution costs the same however many are stored.

Times are integers, microseconds since 1970 UTC: the same order and the same code in every database, and no
time zone of a session can change them. Text sorts by its bytes everywhere (collation C).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    column,
)

metadata = MetaData()

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that compares by its bytes."""
NUMBER = BigInteger().with_variant(Integer, "sqlite")
"""64 bits; ``INTEGER`` in SQLite, where only that name makes a row id."""

_UPDATED = {
    "fillfactor": 70,
    "autovacuum_vacuum_scale_factor": 0.01,
    "autovacuum_vacuum_insert_scale_factor": 0.05,
    "autovacuum_analyze_scale_factor": 0.02,
}
"""Rows that are rewritten in place: room on the page for the next version, and early cleaning."""
_TRANSIENT = {
    "autovacuum_vacuum_scale_factor": 0.0,
    "autovacuum_vacuum_threshold": 2000,
    "autovacuum_analyze_scale_factor": 0.0,
    "autovacuum_analyze_threshold": 5000,
}
"""Rows that come and go: cleaned by the number of dead ones, not by a share of the table."""

flows = Table(
    "flows",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("namespace", TEXT, primary_key=True),
    Column("id", TEXT, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("source", TEXT, nullable=False),
    Column("description", TEXT),
    Column("labels", TEXT, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("updated_at", NUMBER, nullable=False),
)
Index(
    "flows_latest",
    flows.c.tenant,
    flows.c.namespace,
    flows.c.id,
    sqlite_where=column("latest"),
    postgresql_where=column("latest"),
)

executions = Table(
    "executions",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("tenant", TEXT, nullable=False),
    Column("namespace", TEXT, nullable=False),
    Column("flow_id", TEXT, nullable=False),
    Column("version", NUMBER, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("started_at", NUMBER, nullable=False),
    Column("ended_at", NUMBER),
    Column("parent_id", TEXT),
    Column("trigger_id", TEXT),
    Column("labels", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("caller_id", TEXT),
    postgresql_with=_UPDATED,
)
Index(
    "executions_caller",
    executions.c.caller_id,
    sqlite_where=executions.c.caller_id.is_not(None),
    postgresql_where=executions.c.caller_id.is_not(None),
)
Index("executions_started", executions.c.tenant, executions.c.started_at.desc(), executions.c.id.desc())
Index(
    "executions_flow",
    executions.c.tenant,
    executions.c.namespace,
    executions.c.flow_id,
    executions.c.started_at.desc(),
)
Index(
    "executions_open",
    executions.c.tenant,
    executions.c.started_at.desc(),
    sqlite_where=column("open"),
    postgresql_where=column("open"),
)
Index(
    "executions_parent",
    executions.c.parent_id,
    sqlite_where=executions.c.parent_id.is_not(None),
    postgresql_where=executions.c.parent_id.is_not(None),
)
Index(
    "executions_trigger",
    executions.c.tenant,
    executions.c.trigger_id,
    executions.c.started_at.desc(),
    sqlite_where=executions.c.trigger_id.is_not(None),
    postgresql_where=executions.c.trigger_id.is_not(None),
)

task_runs = Table(
    "task_runs",
    metadata,
    Column("position", NUMBER, primary_key=True, autoincrement=True),
    Column("id", TEXT, nullable=False, unique=True),
    Column("execution_id", TEXT, nullable=False),
    Column("task_id", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    postgresql_with=_UPDATED,
)
Index("task_runs_execution", task_runs.c.execution_id, task_runs.c.position)

task_outputs = Table(
    "task_outputs",
    metadata,
    Column("owner_id", TEXT, primary_key=True),
    Column("execution_id", TEXT, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
Index("task_outputs_execution", task_outputs.c.execution_id)

inbox = Table(
    "inbox",
    metadata,
    Column("seq", NUMBER, primary_key=True, autoincrement=True),
    Column("execution_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("payload", TEXT, nullable=False),
    Column("dedup_key", TEXT),
    Column("created_at", NUMBER, nullable=False),
    postgresql_with=_TRANSIENT,
    sqlite_autoincrement=True,
)
Index("inbox_execution", inbox.c.execution_id, inbox.c.seq)
Index(
    "inbox_dedup",
    inbox.c.execution_id,
    inbox.c.dedup_key,
    unique=True,
    sqlite_where=inbox.c.dedup_key.is_not(None),
    postgresql_where=inbox.c.dedup_key.is_not(None),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("execution_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("payload", TEXT, nullable=False),
    Column("dedup_key", TEXT),
    Column("error", TEXT, nullable=False),
    Column("parked_at", NUMBER, nullable=False),
    sqlite_autoincrement=True,
)
Index("dead_letters_execution", dead_letters.c.execution_id)

jobs = Table(
    "jobs",
    metadata,
    Column("task_run_id", TEXT, primary_key=True),
    Column("execution_id", TEXT, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("worker_queue", TEXT, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    Column("worker_id", TEXT),
    Column("token", TEXT),
    Column("claimed_at", NUMBER),
    Column("started_at", NUMBER),
    Column("body", TEXT, nullable=False),
    Column("trigger_uid", TEXT),
    postgresql_with=_TRANSIENT | {"fillfactor": 70},
)
"""Of an evaluation of a trigger, ``trigger_uid`` says which; there is no execution yet."""
Index(
    "jobs_ready",
    jobs.c.worker_queue,
    jobs.c.priority.desc(),
    jobs.c.created_at,
    jobs.c.task_run_id,
    sqlite_where=jobs.c.worker_id.is_(None),
    postgresql_where=jobs.c.worker_id.is_(None),
)
Index(
    "jobs_held",
    jobs.c.worker_id,
    sqlite_where=jobs.c.worker_id.is_not(None),
    postgresql_where=jobs.c.worker_id.is_not(None),
)
Index("jobs_execution", jobs.c.execution_id)
Index(
    "jobs_trigger",
    jobs.c.trigger_uid,
    sqlite_where=jobs.c.trigger_uid.is_not(None),
    postgresql_where=jobs.c.trigger_uid.is_not(None),
)

workers = Table(
    "workers",
    metadata,
    Column("worker_id", TEXT, primary_key=True),
    Column("expires_at", NUMBER, nullable=False),
    Column("body", TEXT, nullable=False),
    postgresql_with=_TRANSIENT | {"fillfactor": 70},
)

timers = Table(
    "timers",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("execution_id", TEXT, nullable=False),
    Column("due_at", NUMBER, nullable=False),
    Column("body", TEXT, nullable=False),
    postgresql_with=_TRANSIENT,
)
Index("timers_due", timers.c.due_at)
Index("timers_execution", timers.c.execution_id)

concurrency_limits = Table(
    "concurrency_limits",
    metadata,
    Column("scope", TEXT, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("max_running", Integer),
    postgresql_with=_UPDATED,
)
"""One row for each flow that has had a limit: what it is now, NULL for none. Locked while its slots change hands."""

concurrency_slots = Table(
    "concurrency_slots",
    metadata,
    Column("execution_id", TEXT, primary_key=True),
    Column("scope", TEXT, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    postgresql_with=_TRANSIENT,
)
"""Slots that are held, and executions that wait for one: the oldest first."""
Index(
    "concurrency_slots_queue",
    concurrency_slots.c.scope,
    concurrency_slots.c.held,
    concurrency_slots.c.created_at,
    concurrency_slots.c.execution_id,
)

followers = Table(
    "followers",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("namespace", TEXT, primary_key=True),
    Column("flow_id", TEXT, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("epoch", NUMBER, nullable=False),
    Column("body", TEXT, nullable=False),
)
"""The flow triggers of a flow, an empty list when it had some once. ``epoch`` is when they changed."""
Index("followers_epoch", followers.c.epoch)

follower_epoch = Table(
    "follower_epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", NUMBER, nullable=False),
)
"""One row, locked while flow triggers change, so that epochs become visible in their order."""

transitions = Table(
    "transitions",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("execution_id", TEXT, nullable=False),
    Column("at", NUMBER, nullable=False),
    Column("owner", TEXT),
    Column("claimed_until", NUMBER, nullable=False),
    Column("body", TEXT, nullable=False),
    postgresql_with=_TRANSIENT,
)
"""States that executions entered and that flow triggers have not looked at yet."""
Index("transitions_claim", transitions.c.claimed_until, transitions.c.at)

gatherings = Table(
    "gatherings",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("namespace", TEXT, primary_key=True),
    Column("flow_id", TEXT, primary_key=True),
    Column("id", TEXT, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("ends_at", NUMBER, nullable=False),
    Column("body", TEXT, nullable=False),
    postgresql_with=_UPDATED,
)
"""What has been met of the conditions of a flow trigger in the window that is open."""
Index("gatherings_end", gatherings.c.ends_at)

triggers = Table(
    "triggers",
    metadata,
    Column("uid", TEXT, primary_key=True),
    Column("tenant", TEXT, nullable=False),
    Column("namespace", TEXT, nullable=False),
    Column("flow_id", TEXT, nullable=False),
    Column("trigger_id", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("version", NUMBER, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("due_at", NUMBER),
    Column("pending_at", NUMBER),
    Column("next_at", NUMBER),
    Column("free_at", NUMBER),
    Column("triggered_at", NUMBER),
    Column("execution_id", TEXT),
    Column("worker_id", TEXT),
    Column("body", TEXT, nullable=False),
    Column("evaluation_id", TEXT),
    postgresql_with=_UPDATED,
)
"""``due_at``: when a scheduler looks next, NULL for never; a claim moves it. Columns rule over what ``body`` says."""
Index(
    "triggers_due",
    triggers.c.due_at,
    triggers.c.uid,
    sqlite_where=triggers.c.due_at.is_not(None),
    postgresql_where=triggers.c.due_at.is_not(None),
)
Index(
    "triggers_execution",
    triggers.c.execution_id,
    sqlite_where=triggers.c.execution_id.is_not(None),
    postgresql_where=triggers.c.execution_id.is_not(None),
)
Index(
    "triggers_evaluation",
    triggers.c.evaluation_id,
    sqlite_where=triggers.c.evaluation_id.is_not(None),
    postgresql_where=triggers.c.evaluation_id.is_not(None),
)
Index(
    "triggers_worker",
    triggers.c.worker_id,
    sqlite_where=triggers.c.worker_id.is_not(None),
    postgresql_where=triggers.c.worker_id.is_not(None),
)
Index("triggers_flow", triggers.c.tenant, triggers.c.namespace, triggers.c.flow_id, triggers.c.trigger_id)

logs = Table(
    "logs",
    metadata,
    Column("position", NUMBER, primary_key=True, autoincrement=True),
    Column("id", TEXT, nullable=False, unique=True),
    Column("tenant", TEXT, nullable=False),
    Column("namespace", TEXT, nullable=False),
    Column("flow_id", TEXT, nullable=False),
    Column("execution_id", TEXT),
    Column("task_id", TEXT),
    Column("task_run_id", TEXT),
    Column("attempt", Integer),
    Column("trigger_id", TEXT),
    Column("thread", TEXT),
    Column("at", NUMBER, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("message", TEXT, nullable=False),
    sqlite_autoincrement=True,
)
Index("logs_execution", logs.c.execution_id, logs.c.position)
Index("logs_flow", logs.c.tenant, logs.c.namespace, logs.c.flow_id, logs.c.position)

log_epoch = Table("log_epoch", metadata, Column("base", NUMBER, nullable=False))
"""One row: what is added to transaction numbers to make log positions (``dialects.postgresql``)."""

metrics = Table(
    "metrics",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("tenant", TEXT, nullable=False),
    Column("namespace", TEXT, nullable=False),
    Column("flow_id", TEXT, nullable=False),
    Column("execution_id", TEXT, nullable=False),
    Column("task_run_id", TEXT, nullable=False),
    Column("task_id", TEXT, nullable=False),
    Column("type", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("value", Float, nullable=False),
    Column("tags", TEXT, nullable=False),
    Column("at", NUMBER, nullable=False),
)
Index("metrics_execution", metrics.c.execution_id)
Index("metrics_flow", metrics.c.tenant, metrics.c.namespace, metrics.c.flow_id, metrics.c.at)

insights = Table(
    "insights",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("tenant", TEXT, nullable=False),
    Column("execution_id", TEXT, nullable=False),
    Column("task_run_id", TEXT, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("revision", NUMBER, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("at", NUMBER, nullable=False),
    Column("body", TEXT, nullable=False),
)
Index("insights_execution", insights.c.execution_id, insights.c.at, insights.c.number, insights.c.id)

kv = Table(
    "kv",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("namespace", TEXT, primary_key=True),
    Column("key", TEXT, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("latest", Boolean, nullable=False),
    Column("content", TEXT, nullable=False),
    Column("description", TEXT),
    Column("created_at", NUMBER, nullable=False),
    Column("updated_at", NUMBER, nullable=False),
    Column("expires_at", NUMBER),
)
Index(
    "kv_latest",
    kv.c.tenant,
    kv.c.namespace,
    kv.c.key,
    sqlite_where=column("latest"),
    postgresql_where=column("latest"),
)

namespace_files = Table(
    "namespace_files",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("namespace", TEXT, primary_key=True),
    Column("path", TEXT, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("uri", TEXT),
    Column("size", NUMBER, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    Column("updated_at", NUMBER, nullable=False),
    Column("folder", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("published", Boolean, nullable=False),
    Column("latest", Boolean, nullable=False),
)
"""A revision that is not ``published`` waits for its content."""
Index(
    "namespace_files_uri",
    namespace_files.c.tenant,
    namespace_files.c.uri,
    unique=True,
    sqlite_where=namespace_files.c.uri.is_not(None),
    postgresql_where=namespace_files.c.uri.is_not(None),
)

namespaces = Table(
    "namespaces",
    metadata,
    Column("tenant", TEXT, primary_key=True),
    Column("id", TEXT, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("latest", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    Column("updated_at", NUMBER, nullable=False),
)
Index(
    "namespaces_latest",
    namespaces.c.tenant,
    namespaces.c.id,
    sqlite_where=column("latest"),
    postgresql_where=column("latest"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("trigger_uid", TEXT, nullable=False),
    Column("at", NUMBER, nullable=False),
    Column("body", TEXT, nullable=False),
    postgresql_with=_TRANSIENT,
)
"""What came of evaluations of triggers and is not settled yet."""
Index("outcomes_at", outcomes.c.at, outcomes.c.id)
Index("outcomes_trigger", outcomes.c.trigger_uid)
