"""Where things are kept: the database for what must last, the short-lived store for what must not.

Enter at ``database.Database`` (SQLite or PostgreSQL, SQLAlchemy Core), ``store.open_store`` (in-process or
Redis) and ``schema.upgrade`` (Alembic).

What always holds: times go in and come out as aware UTC; a write transaction on SQLite takes its lock when it
begins, so it never fails half-way for want of one; a step of the short-lived store happens whole or not at
all; a store that cannot answer raises, and is never taken for an empty one.
"""
