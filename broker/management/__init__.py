"""The management API: what admins and operators do on their pages, for programs.

Enter by :func:`broker.management.views.blueprint`. A program comes with an access token of ours, of the scopes in
:data:`broker.oidc.scopes.MANAGEMENT`; whose it is may do what they may on the pages, by the same capabilities, and
what takes a fresh proof there takes one here: the refusal is a challenge by which the program can have the person
sign in again (RFC 9470).

What always holds: cookies count for nothing; a refusal is a problem (RFC 9457) with a code that stays; what is not
theirs does not exist; names are told, emails are not.
"""
