"""The database schema, step by step: one Alembic revision per file in ``versions``, the lowest number first.

Enter at ``broker.storage.schema``, which runs them. What always holds: a revision, once released, is never
edited; it names its tables and columns itself and imports nothing of the broker, so that it does the same
for ever; each runs whole or not at all, on SQLite and on PostgreSQL.
"""
