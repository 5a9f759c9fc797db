"""The scopes there are."""

OFFLINE = "offline_access"
ORGANIZATIONS = "organizations"
"""The organisations that a person belongs to, by id, and their role in each."""

READ, MANAGE, OPERATE = "organizations.read", "organizations.manage", "operator"
MANAGEMENT = frozenset({READ, MANAGE, OPERATE})
"""What the management API takes. A client has them from an operator, and never from itself."""

SCOPES = ("openid", "profile", "email", OFFLINE, ORGANIZATIONS, READ, MANAGE, OPERATE)
SERVICE_SCOPES = frozenset({"introspection"})
"""What a client may do for itself, without anybody signed in."""

NEEDS_PROOF = MANAGEMENT | {ORGANIZATIONS}
"""Whose tokens carry the proof of the sign-in, since it is judged at every use."""
