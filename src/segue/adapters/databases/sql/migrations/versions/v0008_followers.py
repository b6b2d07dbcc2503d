"""Flow triggers, what they follow, and what has been met."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
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
    """Add the tables; flows that are there already are registered when the server starts."""
    op.create_table(
        "followers",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("namespace", TEXT, primary_key=True),
        sa.Column("flow_id", TEXT, primary_key=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("epoch", NUMBER, nullable=False),
        sa.Column("body", TEXT, nullable=False),
    )
    op.create_index("followers_epoch", "followers", ["epoch"])
    op.create_table(
        "follower_epoch",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("epoch", NUMBER, nullable=False),
    )
    op.create_table(
        "transitions",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("execution_id", TEXT, nullable=False),
        sa.Column("at", NUMBER, nullable=False),
        sa.Column("owner", TEXT),
        sa.Column("claimed_until", NUMBER, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        postgresql_with=TRANSIENT,
    )
    op.create_index("transitions_claim", "transitions", ["claimed_until", "at"])
    op.create_table(
        "gatherings",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("namespace", TEXT, primary_key=True),
        sa.Column("flow_id", TEXT, primary_key=True),
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ends_at", NUMBER, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        postgresql_with=UPDATED,
    )
    op.create_index("gatherings_end", "gatherings", ["ends_at"])
