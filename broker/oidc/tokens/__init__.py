"""The tokens we issue.

Enter at ``access.AccessTokens``, ``id_token.IdTokens`` and ``refresh.RefreshTokens``; all JWTs of ours are made and
recognised by ``signed.Signer``, each kind by its ``typ``.

What always holds: an access token is its own record, sealed, so that nothing of it is stored and only we can read
what is not the registry's; what ends one early is a mark in the short-lived store, read at each use; of refresh
tokens only hashes are kept.
"""
