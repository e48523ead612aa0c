"""Alembic's entry: ``relay.store.migrate`` hands it an open, locked connection. No URL here."""

from alembic import context

from relay.store.tables import metadata, version

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=version.name,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
