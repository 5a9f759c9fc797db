"""GUIDs as Microsoft writes them in tokens and addresses."""

import re
from typing import TypeGuard

GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def is_guid(value: object) -> TypeGuard[str]:
    """Return whether this is a GUID in lower case."""
    return isinstance(value, str) and re.fullmatch(GUID, value) is not None
