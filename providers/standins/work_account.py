"""A person of an Entra tenant: of Contoso, with a password, unless told otherwise."""

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from .directory import CONTOSO
from .personas import Canary, MicrosoftPersona


def work_account(
    canary: Canary, id: str, label: str, description: str, expected: str, **traits: Any
) -> MicrosoftPersona:
    """Return the persona; ``traits`` are fields of it."""
    return MicrosoftPersona(
        **{
            "id": id,
            "provider": "entra",
            "label": label,
            "description": description,
            "expected": expected,
            "subject": str(uuid5(NAMESPACE_DNS, id)),
            "email": canary.email(id),
            "name": canary.name(id),
            "canary": canary,
            "tid": CONTOSO,
            **traits,
        }
    )
