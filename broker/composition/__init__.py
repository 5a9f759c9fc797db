"""How the broker is put together, from below to above; ``broker.app`` is where it all comes together.

``foundation`` (storage, keys, audit, outbox), ``people`` (accounts, organisations, tenants, sign-ins), ``registries``
(the OpenID provider), ``entrance`` (providers, the gate), ``pages`` (what answers requests), ``chores`` (the worker).

What always holds: every part is made once, here, and handed to whoever needs it; nothing here decides anything.
"""
