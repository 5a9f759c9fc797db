"""The user's way in: choose a provider, go there, come back, be judged, get a session.

Enter at :class:`~broker.signin.gate.Gate`: ``begin`` sends the browser away, ``complete`` receives it. What happens
once the proof is there depends on what the user came for: see :mod:`broker.signin.goals`.

What always holds: a transaction belongs to the browser that began it, lives ten minutes and is finished once; a
``state`` is good for one return; nothing is written for a person before ``decide`` said yes; the session id is new
at every sign-in; a provider is asked at most twice in one attempt.
"""
