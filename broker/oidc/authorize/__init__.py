"""What a registry's authorization request must be: one ordered table of checks.

Enter at :func:`broker.oidc.authorize.table.validate`. Each check is one function that names the section it
upholds. A check before the redirect URI is known good ends on our own page; one after it answers the registry.
"""
