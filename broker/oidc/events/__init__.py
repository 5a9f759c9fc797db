"""Telling registries of security events, each as a signed token (RFC 8417), by push (RFC 8935) or poll (RFC 8936).

Enter at ``push.Push``, with which the worker tells a client that has an address for it, and at ``poll.poll``, by which
one that has none asks. ``tokens`` makes the tokens. What is to be told, and in which order, is
``broker.events.streams``'.

What always holds: a client is told what its stream has, and of no other's; a client that is switched off is told
nothing, and everything once it is on again; nothing is given up; a token is no other kind of token, by its ``typ``.
"""
