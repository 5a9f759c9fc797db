"""How each identity provider is asked how its users authenticated.

Enter at ``provider`` (the protocol and its values), ``catalog`` (settings -> providers) and ``tenants`` (which Entra
tenants may sign in). ``github``, ``oidc`` and ``microsoft`` implement the protocol; ``http``, ``wire``, ``circuit``,
``id_token``, ``jwks``, ``discovery`` and ``callback`` are what they share; ``guarded`` goes where somebody else points;
``standins`` are loopback stand-ins of Microsoft and GitHub for the demo and the tests.

What always holds: a provider reports and never decides; what was asked for is never evidence, only what came
back is; no provider token outlives ``complete``, and none reaches a log; every failure is a ``ProviderError``; no
provider keeps more threads than its share.
"""
