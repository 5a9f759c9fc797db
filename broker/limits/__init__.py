"""Limits: how often something may be tried, for all processes of the broker together.

Enter by :class:`~broker.limits.service.Limits`, for sign-ins by :class:`~broker.limits.sign_ins.SignIns`. ``table``
says what is counted and by what, ``[limits]`` of the settings how many, ``raises`` for whom more for a time,
``errors`` what somebody over a limit is told.

What always holds: counting and looking is one step of the short-lived store, so parallel tries get no further than
one after another; what is counted by is an id or a keyed hash that nobody can vary, and never an address; a guess of
little entropy counts before it is looked at, a failed credential once it has failed, and a right one never; what
others did is told to nobody; strangers fill what is strangers', and lock out nobody who can prove who they are.
"""
