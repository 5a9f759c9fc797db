"""From what a registry noted of a linked identity to the subject that a sign-in there brings."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from providers.catalog import (
    CONSUMERS,
    EntraSettings,
    GitHubSettings,
    MicrosoftAccountSettings,
    ProviderSettings,
)
from providers.provider import Subject

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# NuGet's id of a personal account: the last 16 digits of its object id, of which the first 16 are zeros.
_SHORT = re.compile(r"[0-9a-f]{16}")
_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
_SUBJECT_LIMIT = 255  # OpenID Connect Core, section 2: ASCII characters
_SUBJECT = re.compile(rf"[\x20-\x7e]{{1,{_SUBJECT_LIMIT}}}")
_MEMBERS = frozenset({"provider", "tenant", "id"})


class BadIdentity(Exception):
    """It cannot be used. The text is a sentence that says why, and repeats nothing of the row."""


class Identities:
    """Reads identities of the providers that are configured, by the ids they have there."""

    def __init__(self, providers: Mapping[str, ProviderSettings]) -> None:
        kinds: dict[str, list[ProviderSettings]] = {}
        for each in providers.values():
            kinds.setdefault(each.kind, []).append(each)
        # A kind will do for an id where it can mean one provider only.
        self._providers = {kind: found[0] for kind, found in kinds.items() if len(found) == 1} | dict(providers)

    def subject(self, linked: Mapping[str, object]) -> Subject:
        """Return whom the provider will say it is. Raises :class:`BadIdentity`."""
        name, tenant, number = linked.get("provider"), linked.get("tenant"), linked.get("id")
        if not linked.keys() <= _MEMBERS or not isinstance(name, str) or not isinstance(tenant, str | None):
            raise BadIdentity("It takes provider, id, and perhaps tenant, as text.")
        settings = self._providers.get(name)
        if settings is None:
            raise BadIdentity("No provider of this id is configured, nor is it the only one of its kind.")
        match settings:
            case MicrosoftAccountSettings():
                return _personal(settings, tenant, _text(number))
            case EntraSettings():
                return _work(settings, tenant, _text(number))
            case GitHubSettings():
                # A login is given to somebody else once it is free; a number never is.
                return _untenanted(urlsplit(settings.api).netloc, tenant, _matching(_NUMBER, _decimal(number), _GITHUB))
            case _:  # the last of the union
                return _untenanted(settings.issuer, tenant, _matching(_SUBJECT, _text(number), _OIDC))


_GITHUB = "GitHub's id is a number; its logins change hands."
_OIDC = "An OpenID provider's id is its sub: 1 to 255 characters of ASCII."
_PERSONAL = "A personal Microsoft account's id is a GUID or NuGet's 16 hex digits."
_WORK = "A work account's id is the GUID of its user object."


def _personal(settings: MicrosoftAccountSettings, tenant: str | None, number: str) -> Subject:
    if tenant is not None and tenant.lower() != CONSUMERS:
        raise BadIdentity("A personal Microsoft account has no other tenant than that of all of them.")
    digits = number.lower()
    if _SHORT.fullmatch(digits):
        digits = f"00000000-0000-0000-{digits[:4]}-{digits[4:]}"
    return Subject(issuer=settings.instance, tenant=CONSUMERS, id=_matching(_GUID, digits, _PERSONAL))


def _work(settings: EntraSettings, tenant: str | None, number: str) -> Subject:
    tid = (tenant or "").lower()
    if not _GUID.fullmatch(tid) or tid == CONSUMERS:
        raise BadIdentity("A work account's tenant is the GUID of its directory.")
    if settings.authority not in ("organizations", tid):
        raise BadIdentity("Nobody of that tenant can sign in at this provider.")
    return Subject(issuer=settings.instance, tenant=tid, id=_matching(_GUID, number.lower(), _WORK))


def _untenanted(issuer: str, tenant: str | None, number: str) -> Subject:
    if tenant:
        raise BadIdentity("This provider has no tenants.")
    return Subject(issuer=issuer, tenant="", id=number)


def _text(number: object) -> str:
    return number if isinstance(number, str) else ""


def _decimal(number: object) -> str:
    return str(number) if type(number) is int else _text(number)


def _matching(pattern: re.Pattern[str], text: str, otherwise: str) -> str:
    if not pattern.fullmatch(text):
        raise BadIdentity(otherwise)
    return text
