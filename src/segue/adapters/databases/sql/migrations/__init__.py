"""The schema's history, brought up to date when a database is opened.

Every step must let the previous release go on working: first add, and take away one release later.
"""

from pathlib import Path

import sqlalchemy as sa

from segue.adapters.databases.sql.dialects import Dialect, Lane
from segue.domain.errors import UnavailableError

HEAD = "0009"
"""The newest step; lets a start that has nothing to do go without loading Alembic."""


def migrate(dialect: Dialect) -> None:
    """Bring the schema up to date. Raises ``UnavailableError`` when the database cannot be reached, or was
    written by a newer release."""
    engine = dialect.engine(Lane.WRITE)
    try:
        dialect.migrate(engine, upgrade)
    except sa.exc.DBAPIError as error:
        raise UnavailableError(f"the database cannot be opened: {error.orig}") from error
    finally:
        engine.dispose()


def upgrade(connection: sa.Connection) -> None:
    """Run every step that is missing on ``connection``, inside its transaction."""
    if _current(connection) == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise UnavailableError(f"the database was written by another release of Segue: {error}") from error


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
