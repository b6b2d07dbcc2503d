"""What tasks show of the inside of their attempts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add insights."""
    op.create_table(
        "insights",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("task_run_id", TEXT, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision", NUMBER, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("body", TEXT, nullable=False),
    )
    op.create_index("insights_execution", "insights", ["execution_id", "at", "number", "id"])
