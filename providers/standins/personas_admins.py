"""Personas with directory roles, and those of Northwind: a tenant that nobody has configured."""

from .directory import CONTOSO, NORTHWIND
from .personas import Canary, MicrosoftPersona
from .work_account import work_account

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
SECURITY_READER = "5d6b6bb7-de71-4623-b4af-96380a352509"

ONCE_MAPPED = "Refused until an organisation has mapped Northwind; then signed in."


def admins(canary: Canary) -> tuple[MicrosoftPersona, ...]:
    """Return who administers Contoso, and who only looks on."""
    return (
        work_account(
            canary,
            "entra-admin",
            "Gina, Global Administrator of Contoso",
            "MFA; wids Global Administrator.",
            "Signed in with MFA; may speak for Contoso.",
            mfa="always",
            wids=(GLOBAL_ADMINISTRATOR,),
        ),
        work_account(
            canary,
            "entra-reader",
            "Remo, Security Reader of Contoso",
            "MFA; wids Security Reader.",
            "Signed in with MFA; may not speak for Contoso.",
            mfa="always",
            wids=(SECURITY_READER,),
        ),
    )


def northwind(canary: Canary) -> tuple[MicrosoftPersona, ...]:
    """Return the people of Northwind, but for ``entra-other-tenant``."""

    def person(id: str, label: str, description: str, expected: str, **traits: object) -> MicrosoftPersona:
        return work_account(canary, id, label, description, expected, tid=NORTHWIND, **traits)

    return (
        person(
            "northwind-admin",
            "Noemi, Global Administrator of Northwind",
            "MFA; wids Global Administrator.",
            f"{ONCE_MAPPED} She may speak for Northwind.",
            mfa="always",
            wids=(GLOBAL_ADMINISTRATOR,),
        ),
        person("northwind-mfa", "Niklas of Northwind, MFA", "MFA; no role.", ONCE_MAPPED, mfa="always"),
        person(
            "northwind-pwd",
            "Norbert of Northwind, password only",
            "amr pwd, whatever is demanded.",
            "Refused: only one factor is ever proven.",
        ),
        person(
            "northwind-c1",
            "Nadia of Northwind, MFA by authentication context alone",
            "amr pwd, and c1, which Northwind binds to MFA.",
            "Signed in where Northwind's admin attested c1; otherwise refused.",
            acrs=frozenset({"c1"}),
        ),
        person(
            "northwind-c2",
            "Nolan of Northwind, passkey",
            "Meets c2, which Northwind binds to phishing-resistant methods.",
            "Signed in: phishing-resistant where Northwind's admin attested c2, otherwise MFA.",
            mfa="always",
            mfa_methods=("fido", "mfa"),
            acrs=frozenset({"c1", "c2"}),
        ),
        person(
            "northwind-guest",
            "Guido of Contoso, guest and Global Administrator at Northwind",
            "MFA; acct 1, idp Contoso; wids Global Administrator.",
            "Refused where Northwind's guests are not taken; a guest speaks for no tenant.",
            mfa="always",
            home=CONTOSO,
            wids=(GLOBAL_ADMINISTRATOR,),
        ),
    )
