"""Who stands before the addresses of admins and operators."""

from enum import StrEnum


class Who(StrEnum):
    """Everybody, by what they are to the organisation. Those that are ``stale`` signed in eleven minutes ago."""

    ADMIN = "admin"
    STALE = "the same admin, stale"
    OTHER = "admin of another organisation"
    MEMBER = "plain member"
    OPERATOR = "operator"
    STALE_OPERATOR = "the same operator, stale"
    SUSPENDED = "suspended admin"  # whose sign-in does not meet the organisation's rule
    SUSPENDED_MEMBER = "suspended member"
    EXEMPT = "exempt admin"  # whose sign-in rests on an exception from MFA
    NOBODY = "signed out"


# What each signs in as. The organisation takes people of Entra only, and Northwind is its own.
PERSONAS = {
    Who.ADMIN: ("entra-mfa", "entra"),
    Who.OTHER: ("2fa-true", "github"),
    Who.MEMBER: ("entra-phr", "entra"),
    Who.OPERATOR: ("oidc-phr", "generic"),
    Who.SUSPENDED: ("oidc-mfa", "generic"),
    Who.SUSPENDED_MEMBER: ("msa-mfa", "msa"),
    Who.EXEMPT: ("northwind-pwd", "entra"),
}
STALE = {Who.STALE: Who.ADMIN, Who.STALE_OPERATOR: Who.OPERATOR}
