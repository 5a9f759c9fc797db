"""Ending sessions, as registries see it.

Enter at ``views.blueprint`` (OpenID Connect RP-Initiated Logout 1.0: a registry sends its user to ``/logout``; what
it asks for is checked by ``request.read``) and at ``backchannel.BackchannelLogout`` (OpenID Connect Back-Channel
Logout 1.0: what the outbox hands to every registry of an ended session).

What always holds: a session ends without a question only when a registry shows an ID token of that very session; the
browser leaves only for an address that this client registered, and only if the client has shown such a token or the
person has said yes; everything else is a page here.
"""
