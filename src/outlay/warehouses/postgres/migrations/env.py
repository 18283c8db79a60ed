"""What Alembic runs: the caller has opened the transaction, and taken its turn in it."""

from alembic import context

given = context.config.attributes
context.configure(
    connection=given["connection"], version_table=given["version_table"], version_table_schema=given["schema"]
)
with context.begin_transaction():
    context.run_migrations()
