"""States of triggers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
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


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "triggers",
        sa.Column("uid", TEXT, primary_key=True),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("namespace", TEXT, nullable=False),
        sa.Column("flow_id", TEXT, nullable=False),
        sa.Column("trigger_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("due_at", NUMBER),
        sa.Column("pending_at", NUMBER),
        sa.Column("next_at", NUMBER),
        sa.Column("free_at", NUMBER),
        sa.Column("triggered_at", NUMBER),
        sa.Column("execution_id", TEXT),
        sa.Column("worker_id", TEXT),
        sa.Column("body", TEXT, nullable=False),
        postgresql_with=UPDATED,
    )
    _partial("triggers_due", "due_at", "uid")
    _partial("triggers_execution", "execution_id")
    _partial("triggers_worker", "worker_id")
    op.create_index("triggers_flow", "triggers", ["tenant", "namespace", "flow_id", "trigger_id"])


def _partial(name: str, *columns: str) -> None:
    """An index of the rows whose first column is not NULL."""
    there = sa.column(columns[0]).is_not(None)
    op.create_index(name, "triggers", list(columns), sqlite_where=there, postgresql_where=there)
