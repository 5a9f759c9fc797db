"""The endpoints that programs call: tokens and what is done with them, pushed requests, metadata.

Each module is one endpoint, a view of :class:`~broker.oidc.api.context.Api`; the table of their addresses is in
``broker.oidc.views``.

What always holds: parameters come from the body, once each; a client authenticates by its registered method and no
other; whatever is wrong is an OAuth error (RFC 6749 section 5.2), and nothing of an answer is kept by anybody.
"""
