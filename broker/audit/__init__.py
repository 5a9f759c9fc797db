"""The audit record: what was done, to which account, by which client or provider. Never by whom by name.

Enter at ``service.Audit``: ``record`` inside the transaction an entry tells of, ``seal`` from the worker,
``verify`` from the command line.

What always holds: an entry is committed with what it tells of, or not at all; the database refuses to change
or remove one; each entry carries a keyed hash of itself, and each is sealed, shortly after and exactly once,
into a keyed hash chain; no entry has room for personal data.
"""
