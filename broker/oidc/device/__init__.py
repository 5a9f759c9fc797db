"""The device grant (RFC 8628): a command line that has no browser is let in by a person who has one, elsewhere.

Enter at ``endpoint`` (the device asks), ``views`` (the person decides) and ``service.Devices`` (the device polls, and
redeems). A person without a proof that holds goes through a sign-in first: ``goal``.

What always holds: a user code is typed or followed, never approved by following it; the person sees who asks, when,
and for what; the proof is judged when the page is shown, when it is answered and when the code is redeemed; the answer
counts only while the session stands that gave it, and ends with it; a device code is redeemed once; wrong user codes
are counted, and whatever is not decided expires by itself.
"""
