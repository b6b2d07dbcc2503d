"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
UPDATED = {
    "fillfactor": 70,
    "autovacuum_vacuum_scale_factor": 0.01,
    "autovacuum_vacuum_insert_scale_factor": 0.05,
    "autovacuum_analyze_scale_factor": 0.02,
}
TRANSIENT = {
    "autovacuum_vacuum_scale_factor": 0.0,
    "autovacuum_vacuum_threshold": 2000,
    "autovacuum_analyze_scale_factor": 0.0,
    "autovacuum_analyze_threshold": 5000,
}


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _flows() -> None:
    op.create_table(
        "flows",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("namespace", TEXT, primary_key=True),
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("revision", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("description", TEXT),
        sa.Column("labels", TEXT, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("draft", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
    )
    op.create_index("flows_latest", "flows", ["tenant", "namespace", "id"], **_where("latest"))


def _executions() -> None:
    op.create_table(
        "executions",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("flow_id", TEXT, nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("started_at", NUMBER, nullable=False),
        sa.Column("ended_at", NUMBER),
        sa.Column("parent_id", TEXT),
        sa.Column("trigger_id", TEXT),
        sa.Column("labels", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        postgresql_with=UPDATED,
    )
    op.create_index("executions_flow", "executions", ["tenant", "namespace", "flow_id", sa.text("started_at DESC")])
    op.create_index("executions_open", "executions", ["tenant", sa.text("started_at DESC")], **_where("open"))
    op.create_index("executions_parent", "executions", ["parent_id"], **_where("parent_id IS NOT NULL"))
    op.create_index("executions_started", "executions", ["tenant", sa.text("started_at DESC"), sa.text("id DESC")])
    op.create_index(
        "executions_trigger",
        "executions",
        ["tenant", "trigger_id", sa.text("started_at DESC")],
        **_where("trigger_id IS NOT NULL"),
    )


def _task_runs() -> None:
    op.create_table(
        "task_runs",
        sa.Column("position", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", TEXT, nullable=False, unique=True),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("task_id", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        postgresql_with=UPDATED,
    )
    op.create_index("task_runs_execution", "task_runs", ["execution_id", "position"])


def _task_outputs() -> None:
    op.create_table(
        "task_outputs",
        sa.Column("owner_id", TEXT, primary_key=True),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
    )
    op.create_index("task_outputs_execution", "task_outputs", ["execution_id"])


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("seq", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.Column("dedup_key", TEXT),
        sa.Column("created_at", NUMBER, nullable=False),
        postgresql_with=TRANSIENT,
        sqlite_autoincrement=True,
    )
    op.create_index(
        "inbox_dedup", "inbox", ["execution_id", "dedup_key"], unique=True, **_where("dedup_key IS NOT NULL")
    )
    op.create_index("inbox_execution", "inbox", ["execution_id", "seq"])


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.Column("dedup_key", TEXT),
        sa.Column("error", TEXT, nullable=False),
        sa.Column("parked_at", NUMBER, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("dead_letters_execution", "dead_letters", ["execution_id"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("task_run_id", TEXT, primary_key=True),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker_queue", TEXT, nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("worker_id", TEXT),
        sa.Column("token", TEXT),
        sa.Column("claimed_at", NUMBER),
        sa.Column("started_at", NUMBER),
        sa.Column("body", TEXT, nullable=False),
        postgresql_with={**TRANSIENT, "fillfactor": 70},
    )
    op.create_index("jobs_execution", "jobs", ["execution_id"])
    op.create_index("jobs_held", "jobs", ["worker_id"], **_where("worker_id IS NOT NULL"))
    op.create_index(
        "jobs_ready",
        "jobs",
        ["worker_queue", sa.text("priority DESC"), "created_at", "task_run_id"],
        **_where("worker_id IS NULL"),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("worker_id", TEXT, primary_key=True),
        sa.Column("expires_at", NUMBER, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        postgresql_with={**TRANSIENT, "fillfactor": 70},
    )


def _timers() -> None:
    op.create_table(
        "timers",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("due_at", NUMBER, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        postgresql_with=TRANSIENT,
    )
    op.create_index("timers_due", "timers", ["due_at"])
    op.create_index("timers_execution", "timers", ["execution_id"])


def _logs() -> None:
    op.create_table(
        "logs",
        sa.Column("position", NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", TEXT, nullable=False, unique=True),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("flow_id", TEXT, nullable=False),
        sa.Column("execution_id", TEXT),
        sa.Column("task_id", TEXT),
        sa.Column("task_run_id", TEXT),
        sa.Column("attempt", sa.Integer()),
        sa.Column("trigger_id", TEXT),
        sa.Column("thread", TEXT),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("logs_execution", "logs", ["execution_id", "position"])
    op.create_index("logs_flow", "logs", ["tenant", "namespace", "flow_id", "position"])


def _log_epoch() -> None:
    op.create_table(
        "log_epoch",
        sa.Column("base", NUMBER, nullable=False),
    )


def _metrics() -> None:
    op.create_table(
        "metrics",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("flow_id", TEXT, nullable=False),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("task_run_id", TEXT, nullable=False),
        sa.Column("task_id", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("tags", TEXT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
    )
    op.create_index("metrics_execution", "metrics", ["execution_id"])
    op.create_index("metrics_flow", "metrics", ["tenant", "namespace", "flow_id", "at"])


def upgrade() -> None:
    """Make them."""
    _flows()
    _executions()
    _task_runs()
    _task_outputs()
    _inbox()
    _dead_letters()
    _jobs()
    _workers()
    _timers()
    _logs()
    _log_epoch()
    _metrics()
    op.execute("INSERT INTO log_epoch (base) VALUES (0)")


def downgrade() -> None:
    """There is nothing before."""
    raise NotImplementedError("the first step cannot be undone: restore a backup")
