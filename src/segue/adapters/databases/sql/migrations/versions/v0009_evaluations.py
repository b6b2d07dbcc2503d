"""Evaluations of triggers by workers: jobs without an execution, and what came of them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
TRANSIENT = {
    "autovacuum_vacuum_scale_factor": 0.0,
    "autovacuum_vacuum_threshold": 2000,
    "autovacuum_analyze_scale_factor": 0.0,
    "autovacuum_analyze_threshold": 5000,
}


def upgrade() -> None:
    """Add columns and the table."""
    op.add_column("triggers", sa.Column("evaluation_id", TEXT))
    op.add_column("jobs", sa.Column("trigger_uid", TEXT))
    _partial("triggers", "triggers_evaluation", "evaluation_id")
    _partial("jobs", "jobs_trigger", "trigger_uid")
    op.create_table(
        "outcomes",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("trigger_uid", TEXT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        postgresql_with=TRANSIENT,
    )
    op.create_index("outcomes_at", "outcomes", ["at", "id"])
    op.create_index("outcomes_trigger", "outcomes", ["trigger_uid"])


def _partial(table: str, name: str, column: str) -> None:
    """An index of the rows whose column is not NULL."""
    there = sa.column(column).is_not(None)
    op.create_index(name, table, [column], sqlite_where=there, postgresql_where=there)
