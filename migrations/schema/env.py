"""What Alembic runs to get going. The connection comes from the caller, who holds the transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # To compare with the database; running revisions needs none.
    target_metadata=context.config.attributes.get("metadata"),
)
with context.begin_transaction():
    context.run_migrations()
