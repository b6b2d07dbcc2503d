"""Slots of flows that limit how many of their executions run at a time."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
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


def upgrade() -> None:
    """Add limits and slots."""
    op.create_table(
        "concurrency_limits",
        sa.Column("scope", TEXT, primary_key=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("max_running", sa.Integer()),
        postgresql_with=UPDATED,
    )
    op.create_table(
        "concurrency_slots",
        sa.Column("execution_id", TEXT, primary_key=True),
        sa.Column("scope", TEXT, nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        postgresql_with=TRANSIENT,
    )
    op.create_index("concurrency_slots_queue", "concurrency_slots", ["scope", "held", "created_at", "execution_id"])
