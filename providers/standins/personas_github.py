"""Personas of GitHub."""

from typing import Any

from .personas import Canary, GitHubPersona

SIGNED_IN = "Signed in: two-factor authentication is on for the account; nothing is claimed of the session."
NOT_SAID = "Refused: GitHub did not say whether two-factor authentication is on."


def github_personas(canary: Canary) -> tuple[GitHubPersona, ...]:
    """Return every GitHub persona."""
    return (*_ordinary(canary), *_renamed(canary), *_silent(canary), *_troubled(canary))


def _person(
    canary: Canary, id: str, label: str, description: str, expected: str, number: int, **traits: Any
) -> GitHubPersona:
    return GitHubPersona(
        **{
            "id": id,
            "provider": "github",
            "label": label,
            "description": description,
            "expected": expected,
            "subject": str(number),
            "email": canary.email(id),
            "name": canary.name(id),
            "canary": canary,
            "login": canary.claim("login", id),
            **traits,
        }
    )


def _ordinary(canary: Canary) -> tuple[GitHubPersona, ...]:
    return (
        _person(
            canary,
            "2fa-true",
            "Tara, two-factor authentication on",
            "two_factor_authentication is true.",
            SIGNED_IN,
            583_231_001,
            two_factor=True,
        ),
        _person(
            canary,
            "2fa-false",
            "Fay, two-factor authentication off",
            "two_factor_authentication is false.",
            "Refused: turn on two-factor authentication at GitHub.",
            583_231_002,
            two_factor=False,
        ),
        _person(
            canary,
            "2fa-needs-user",
            "Uma, says more to a broader scope",
            "The field is absent until the scope user is granted, then true.",
            "Asked a second time for the broader scope, then signed in.",
            583_231_003,
            two_factor=True,
            needs_user_scope=True,
        ),
        _person(
            canary,
            "gh-same-email",
            "Eli, with the e-mail address of Ada",
            "Two-factor authentication on, and the e-mail address of entra-mfa.",
            "Signed in, to an account of his own: never Ada's.",
            583_231_004,
            two_factor=True,
            email=canary.email("entra-mfa"),
        ),
        _person(
            canary,
            "gh-unverified-email",
            "Vera, no verified e-mail address",
            "Two-factor authentication on; GitHub never verified her address.",
            "Signed in; her address is offered as unverified, or not at all.",
            583_231_005,
            two_factor=True,
            email_verified=False,
        ),
    )


def _renamed(canary: Canary) -> tuple[GitHubPersona, ...]:
    login = canary.claim("login", "gh-before")
    return (
        _person(
            canary,
            "gh-before",
            "Rona, before she changed her login",
            "Two-factor authentication on.",
            SIGNED_IN,
            583_231_010,
            two_factor=True,
            login=login,
        ),
        _person(
            canary,
            "gh-renamed",
            "Rona, after she changed her login",
            "The id of gh-before under a new login.",
            "Signed in, to the same account as before.",
            583_231_010,
            two_factor=True,
        ),
        _person(
            canary,
            "gh-recycled",
            "Ross, who took Rona's old login",
            "The login of gh-before under a new id.",
            "Signed in, to an account of his own: never Rona's.",
            583_231_011,
            two_factor=True,
            login=login,
        ),
    )


def _silent(canary: Canary) -> tuple[GitHubPersona, ...]:
    return (
        _person(
            canary,
            "2fa-null",
            "Nell, null",
            "two_factor_authentication is null.",
            NOT_SAID,
            583_231_020,
            two_factor=None,
        ),
        _person(
            canary,
            "2fa-absent",
            "Abe, no field at all",
            "two_factor_authentication is absent, whatever the scope.",
            "Asked a second time for the broader scope, then refused: GitHub did not say.",
            583_231_021,
            two_factor="absent",
        ),
        _person(
            canary,
            "2fa-text",
            "Theo, a string",
            "two_factor_authentication is the string true.",
            "Refused: a claim of the wrong type is no evidence.",
            583_231_022,
            two_factor="true",
        ),
        _person(
            canary,
            "gh-reduced",
            "Rhea, grants less than was asked",
            "Agrees to user:email only, so GitHub shows no private field.",
            "Asked a second time, then refused: GitHub may not say.",
            583_231_023,
            two_factor=True,
            grants=frozenset({"user:email"}),
        ),
        _person(
            canary,
            "gh-managed",
            "Emu, managed by a company",
            "An Enterprise Managed User: no factors at GitHub, login ends in _corp.",
            "Refused: sign in with the company's own account instead.",
            583_231_024,
            two_factor="absent",
            login=f"{canary.word}-octo_corp",
        ),
    )


def _troubled(canary: Canary) -> tuple[GitHubPersona, ...]:
    return (
        _person(
            canary,
            "gh-suspended",
            "Sue, suspended",
            "The account is suspended.",
            "Refused: the account cannot be used.",
            583_231_030,
            two_factor=True,
            suspended=True,
        ),
        _person(
            canary,
            "gh-bot",
            "Bo, a bot",
            "The account's type is Bot.",
            "Refused: not a person's account.",
            583_231_031,
            two_factor=True,
            type="Bot",
        ),
        _person(
            canary,
            "gh-email-refused",
            "Ulf, GitHub wants an address verified",
            "The token endpoint answers unverified_user_email.",
            "Refused: verify the primary e-mail address at GitHub first.",
            583_231_032,
            two_factor=True,
            email_verified=False,
            error="unverified_user_email",
        ),
        _person(
            canary,
            "gh-declines",
            "Deb, declines",
            "Says no to the application.",
            "Back: she cancelled.",
            583_231_033,
            two_factor=True,
            error="access_denied",
        ),
    )
