"""The KV store and the register of namespace files."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "kv",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("namespace", TEXT, primary_key=True),
        sa.Column("key", TEXT, primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("content", TEXT, nullable=False),
        sa.Column("description", TEXT),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("expires_at", NUMBER),
    )
    op.create_index(
        "kv_latest",
        "kv",
        ["tenant", "namespace", "key"],
        sqlite_where=sa.text("latest"),
        postgresql_where=sa.text("latest"),
    )
    op.create_table(
        "namespace_files",
        sa.Column("tenant", TEXT, primary_key=True),
        sa.Column("namespace", TEXT, primary_key=True),
        sa.Column("path", TEXT, primary_key=True),
        sa.Column("revision", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("uri", TEXT),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("created_at", NUMBER, nullable=False),
        sa.Column("updated_at", NUMBER, nullable=False),
        sa.Column("folder", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
    )
    op.create_index(
        "namespace_files_uri",
        "namespace_files",
        ["tenant", "uri"],
        unique=True,
        sqlite_where=sa.text("uri IS NOT NULL"),
        postgresql_where=sa.text("uri IS NOT NULL"),
    )
