"""How Alembic reaches the database: over the connection that ``upgrade`` gives it."""

from alembic import context

from segue.adapters.databases.sql.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
