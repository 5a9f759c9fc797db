"""The outbox: what people must be told, written with what it tells of, and sent afterwards until it arrives.

Enter at ``service.Outbox``: ``enqueue_mail`` inside a transaction, ``deliver`` from the worker. How mail
leaves is ``mailer.open_mailer``.

What always holds: a mail is committed with its cause, or not at all; address and text are encrypted while
they wait, and their row is deleted when the mail is sent or has expired; a mail may arrive twice, under one
Message-ID, rather than not at all; no log line carries an address or a text.
"""
