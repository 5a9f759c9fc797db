"""The outbox: what people and registries must be told, written with its cause, and sent afterwards until it arrives.

Enter at ``service.Outbox``, which takes something of a ``kind`` inside a transaction, and at ``delivery.Deliveries``,
with which the worker hands each kind to its ``handling.Handler``. Mail is one kind: ``mail`` writes it, ``mailer`` is
how it leaves. Other rooms bring handlers of their own. ``waiting`` is what an operator sees of it all.

What always holds: an item is committed with its cause, or not at all; its payload is encrypted while it waits, and
its row is deleted when it is delivered or has expired; it may arrive twice, the same both times, rather than not at
all; no log line and no list carries an address or a text.
"""
