"""The scopes there are."""

OFFLINE = "offline_access"
ORGANIZATIONS = "organizations"
"""The organisations that a person belongs to, by id, and their role in each."""

REGISTRY_ACCOUNTS = "registry_accounts"
"""The accounts of the registry's old world that a person carries. A client has it from an operator, too."""

BELONGING = frozenset({ORGANIZATIONS, REGISTRY_ACCOUNTS})
"""What is looked up anew for every token."""

READ, MANAGE, OPERATE = "organizations.read", "organizations.manage", "operator"
MANAGEMENT = frozenset({READ, MANAGE, OPERATE})
"""What the management API takes. A client has them from an operator, and never from itself."""

SCOPES = ("openid", "profile", "email", OFFLINE, ORGANIZATIONS, REGISTRY_ACCOUNTS, READ, MANAGE, OPERATE)
INTROSPECTION, EVENTS = "introspection", "events"
SERVICE_SCOPES = frozenset({INTROSPECTION, EVENTS})
"""What a client may do for itself, without anybody signed in."""

NEEDS_PROOF = MANAGEMENT | {ORGANIZATIONS}
"""Whose tokens carry the proof of the sign-in, since it is judged at every use."""
