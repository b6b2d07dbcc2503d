"""What differs between databases: connecting, transactions, set-based statements, errors."""

from segue.adapters.databases.sql.dialects.dialect import Dialect, Lane


def dialect_for(url: str, pool_size: int) -> Dialect:
    """The dialect of a database URL (``sqlite:///file`` or ``postgresql://...``).

    Raises ``UnavailableError`` for another scheme, or naming the extra when the driver is not installed.
    """
    from segue.domain.errors import UnavailableError

    scheme = url.split(":", 1)[0].split("+", 1)[0].lower()
    if scheme == "sqlite":
        from segue.adapters.databases.sql.dialects.sqlite import SqliteDialect

        return SqliteDialect(url)
    if scheme in {"postgresql", "postgres"}:
        try:
            import psycopg  # noqa: F401  # only whether it is there
        except ImportError as error:
            raise UnavailableError(
                "PostgreSQL needs the driver psycopg: install the extra, pip install 'segue[postgres]'"
            ) from error
        from segue.adapters.databases.sql.dialects.postgresql import PostgresqlDialect

        return PostgresqlDialect(url, pool_size)
    raise UnavailableError(f"no database adapter for {scheme!r} URLs: use sqlite:/// or postgresql://")


__all__ = ["Dialect", "Lane", "dialect_for"]
