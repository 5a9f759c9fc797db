"""Who signs in at the stand-ins: the shape of a persona, and all of them put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from .directory import Kind

WhenMfa = Literal["always", "asked", "forced", "never"]
"""When the person gives a second factor: in every sign-in; when it is asked for, however softly; only when it
is demanded; or never, whatever is demanded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Makes the words that mark each claim about a person, so that a search finds where one was kept."""

    word: str = "canary"
    domain: str = "personas.example"

    def email(self, persona: str) -> str:
        return f"{self.word}-{persona}@{self.domain}"

    def name(self, persona: str) -> str:
        return f"{self.word.capitalize()} {persona}"

    def claim(self, claim: str, persona: str) -> str:
        return f"{self.word}-{claim}-{persona}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """Someone on a sign-in page. ``expected`` tells how the sign-in ends at a broker that demands MFA.

    ``subject`` is the provider's immutable id of the person; two personas may share one. ``error`` is what
    the sign-in ends with instead, a name of the provider's own error.
    """

    id: str
    provider: Kind
    label: str
    description: str
    expected: str
    subject: str
    email: str
    name: str
    canary: Canary
    mfa: WhenMfa = "never"
    error: str | None = None

    def gives_mfa(self, *, asked: bool, forced: bool) -> bool:
        """Return whether MFA is done in a sign-in that asks for it so. What is forced is also asked for."""
        return {"always": True, "asked": asked or forced, "forced": forced, "never": False}[self.mfa]


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrosoftPersona(Persona):
    """``tid`` is the tenant of the token; ``home`` a guest's own, or ``live.com``. ``methods`` is the
    ``amr`` without MFA and ``mfa_methods`` with it; none sends no ``amr``, and a string is sent as it is.
    ``age``: seconds since the person authenticated, until a request wants it fresh. ``wids``: the template ids
    of the person's directory roles.
    """

    tid: str
    home: str | None = None
    methods: tuple[str, ...] | str | None = ("pwd",)
    mfa_methods: tuple[str, ...] | str | None = ("pwd", "mfa")
    acrs: frozenset[str] = frozenset()
    sends_acr: bool = True
    sends_email: bool = True
    owns_email_domain: bool = True
    age: int = 30
    wids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubPersona(Persona):
    """``two_factor`` is the JSON value of ``two_factor_authentication``, or ``absent``. ``grants``: the
    scopes the person agrees to; none agrees to all.
    """

    login: str
    two_factor: bool | str | None
    needs_user_scope: bool = False
    grants: frozenset[str] | None = None
    type: str = "User"
    suspended: bool = False
    email_verified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcPersona(Persona):
    """``amr`` and ``acr`` are those without MFA, ``mfa_amr`` and ``mfa_acr`` those with it. ``age``: seconds
    since the person authenticated, until a request wants it fresh; none where the provider never says.
    """

    amr: tuple[str, ...] | str | None = ("pwd",)
    acr: str | None = None
    mfa_amr: tuple[str, ...] | str | None = ("pwd", "otp", "mfa")
    mfa_acr: str | None = None
    age: int | None = 30
    email_verified: bool = True


PersonaT = TypeVar("PersonaT", bound=Persona)


def narrowed(persona: Persona, kind: type[PersonaT]) -> PersonaT:
    """Return ``persona`` as one of ``kind``. Raises TypeError when it belongs to another provider."""
    if not isinstance(persona, kind):
        raise TypeError(f"{persona.id} does not sign in here")
    return persona


def demo_personas(personas: Sequence[Persona]) -> tuple[tuple[str, Kind, str, str], ...]:
    """Return (id, kind of provider, label, expectation) of each of ``personas``."""
    return tuple((person.id, person.provider, person.label, person.expected) for person in personas)
