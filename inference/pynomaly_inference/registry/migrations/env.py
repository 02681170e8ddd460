"""Run by Alembic: migrates on the connection it is given, within that connection's transaction."""

from alembic import context

from pynomaly_inference.registry.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)
with context.begin_transaction():
    context.run_migrations()
