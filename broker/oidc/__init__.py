"""The registry's way in: an OpenID provider, on Authlib.

Enter at :mod:`broker.oidc.views`, the endpoints. A request passes the table of checks in ``oidc.authorize``, becomes
a transaction or reuses a session, comes back as a code (:mod:`~broker.oidc.goal`), and the code becomes tokens
(:mod:`~broker.oidc.redeem`, behind Authlib's grant in :mod:`~broker.oidc.grants`).

What always holds: nothing is redirected before the redirect URI is known good; a code is taken once, in one step;
the proof is judged again when a session is reused and when a code is redeemed; a token says no more than was proven.
"""
