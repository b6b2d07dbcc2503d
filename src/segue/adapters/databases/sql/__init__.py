"""SQLite and PostgreSQL behind the repository ports (design D3, D13)."""

from segue.adapters.databases.sql.database import SqlDatabase

__all__ = ["SqlDatabase"]
