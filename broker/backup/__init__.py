"""One file that has everything: all tables, and the secrets that they are sealed, found and signed with.

Enter at ``taking.take`` and ``restoring.restore``. What always holds: the file is sealed under a passphrase, each
chunk in its place, so that one that was cut, changed or put together anew is refused before anything is written; what
it says is the same for SQLite and PostgreSQL; neither way needs more memory for a million rows than for one.
"""
