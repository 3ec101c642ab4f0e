"""How Alembic runs here: on the connection it is handed, in that connection's transaction."""

from alembic import context

from bridgetap.store.kind import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
