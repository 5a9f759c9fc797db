"""The JWTs that clients send us: assertions (RFC 7523), request objects (RFC 9101), DPoP proofs (RFC 9449).

Enter at :mod:`~broker.oidc.jose.assertions`, :mod:`~broker.oidc.jose.request_object` or
:mod:`~broker.oidc.jose.dpop`. All three read their JWT with :mod:`~broker.oidc.jose.signed`; the keys come from the
client's registration by way of :mod:`~broker.oidc.jose.client_keys`, or, for a proof, from its own header.

What always holds: the algorithm is one the receiver named, never the token's choice, and never ``none`` or a MAC; no
key comes from a token, but for the key that a DPoP proof is there to show; a claim is read after the signature has
held; a ``jti`` is used up last, in one atomic step of the store; whatever a client sends ends in the one exception
of its kind, whose reason holds nothing of what was sent.
"""
