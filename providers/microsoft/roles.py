"""Directory roles of Entra, by their template ids, and the ``wids`` claim that names a user's.

Sources: Microsoft's "Access token claims reference" (``wids``: an array of role template ids, for applications whose
manifest has ``groupMembershipClaims`` set to ``DirectoryRole`` or ``All``) and "Microsoft Entra built-in roles".
"""

from claims.vocabulary import text_list
from providers.microsoft.guids import is_guid

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
PRIVILEGED_ROLE_ADMINISTRATOR = "e8611ab8-c189-46e8-94e1-60213ab1f814"

SPEAKING_ROLES = frozenset({GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR})
"""One of these is enough to speak for the tenant: the first may do everything in it, the second appoint the first."""

ORDINARY_USER = "b79fbf4d-3ef9-4689-8143-76b194e85509"
"""Stands in everybody's ``wids``, and is no role."""


def directory_roles(wids: object) -> frozenset[str]:
    """Return the roles that a raw ``wids`` claim names, as lower-case GUIDs.

    It is a JSON array of at most 64 different GUIDs; of anything else, not one item is believed.
    """
    roles = [role.lower() for role in text_list(wids) or ()]
    if len(set(roles)) < len(roles) or not all(map(is_guid, roles)):
        return frozenset()
    return frozenset(roles) - {ORDINARY_USER}
