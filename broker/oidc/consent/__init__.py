"""Consent: what people let clients know of them, asked once by clients that are not first-party.

Enter at ``service.Consents`` (what was given), ``pending.PendingConsents`` (a question under way) and ``views`` (the
page). What always holds: a question belongs to the browser and the session that it was put to, and is answered once,
by POST; the proof is judged again before the answer counts.
"""
