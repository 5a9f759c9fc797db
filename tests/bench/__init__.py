"""What the broker costs: ``make bench`` beside a peer, ``bench-import`` for the old world's rows, ``bench-backup``.

``run`` is the command and the driver: a closed loop (``wire``) of whole operations (``operations``) over keep-alive
connections, on another core than the server. ``sides`` starts what is measured, ``standin`` is the provider behind it,
``counters`` reads processes, PostgreSQL and Redis, and ``report`` makes tables of it. docs/performance.md defines the
numbers.
"""
