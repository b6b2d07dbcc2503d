"""Executions know which execution started them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the column and an index over the rows that have it."""
    op.add_column("executions", sa.Column("caller_id", TEXT))
    condition = sa.text("caller_id IS NOT NULL")
    op.create_index(
        "executions_caller", "executions", ["caller_id"], sqlite_where=condition, postgresql_where=condition
    )
