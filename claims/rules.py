"""What each provider's claims are worth: one table of rules per provider, and the one reader of them.

A claim that no rule names, and a value that no rule grades, is worth nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from claims.clock import require_utc
from claims.evidence import Binding, Evidence, Kind, Strength
from claims.vocabulary import AMR_REGISTRY, flag, text, text_list

Shape = Callable[[object], tuple[str, ...] | None]
"""How a raw claim must look: returns its values as texts, or none when it looks otherwise."""


def one_text(raw: object) -> tuple[str, ...] | None:
    """Return the one value of a string claim."""
    value = text(raw)
    return None if value is None else (value,)


def true_or_false(raw: object) -> tuple[str, ...] | None:
    """Return ``true`` or ``false`` for a JSON boolean."""
    value = flag(raw)
    return None if value is None else ("true" if value else "false",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one claim of one document becomes evidence.

    ``grades`` holds every value that is recognised and its strength; the strongest one present counts. ``renewed``
    are the values that say that the factor was given for this very sign-in.
    """

    source: str
    document: Literal["id_token", "access_token", "user"]
    claim: str
    kind: Kind
    shape: Shape
    grades: Mapping[str, Strength]
    binding: Binding
    renewed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """A tenant's admin attested that this authentication context (``acrs`` value) requires this strength.

    ``every_time``: its policy asks for the factor at every sign-in, and is not content with one given earlier.
    """

    context: str
    strength: Strength
    every_time: bool = False


ENTRA = (
    Rule(
        source="entra:access_token.amr",
        document="access_token",
        claim="amr",
        kind=Kind.AMR,
        shape=text_list,
        grades=MappingProxyType(
            {
                "none": Strength.NONE,
                # Documented for version-1 tokens. "wiaormfa" is Windows *or* MFA; "rsa" may be a mere key.
                **dict.fromkeys(("pwd", "rsa", "otp", "fed", "wia", "wiaormfa"), Strength.SINGLE),
                # Not documented, yet seen: single methods.
                **dict.fromkeys(("fido", "hwk", "swk", "sms", "face", "pin"), Strength.SINGLE),
                "mfa": Strength.MFA,
                "ngcmfa": Strength.MFA,
            }
        ),
        binding=Binding.SESSION,
    ),
)

MICROSOFT_ACCOUNT = (
    Rule(
        source="microsoft_account:id_token.acr",
        document="id_token",
        claim="acr",
        kind=Kind.ACR,
        shape=one_text,
        grades=MappingProxyType(
            {
                "urn:microsoft:policies:default": Strength.SINGLE,
                "urn:microsoft:policies:mfa": Strength.MFA,
            }
        ),
        binding=Binding.SESSION,
    ),
)

GITHUB = (
    Rule(
        source="github:user.two_factor_authentication",
        document="user",
        claim="two_factor_authentication",
        kind=Kind.ACCOUNT_SETTING,
        shape=true_or_false,
        grades=MappingProxyType({"false": Strength.SINGLE, "true": Strength.MFA}),
        binding=Binding.ACCOUNT_STATE,
    ),
)


def attested(attestations: Iterable[Attestation]) -> tuple[Rule, ...]:
    """Return the rules for a tenant with these attestations on file, one for each context.

    Without any, ``acrs`` is worth nothing: Entra adds a requested context to the token even where no policy stands
    behind it, so the value alone proves nothing. A context attested twice is worth the weaker of the two, and renewed
    only if both say so. Each is evidence of its own, as any of them may count no more one day.
    """
    strongest_first = sorted(attestations, key=lambda attestation: attestation.strength, reverse=True)
    grades = {attestation.context: attestation.strength for attestation in strongest_first}
    not_every_time = {attestation.context for attestation in strongest_first if not attestation.every_time}
    return tuple(
        Rule(
            source="entra:id_token.acrs",
            document="id_token",
            claim="acrs",
            kind=Kind.ACRS,
            shape=text_list,
            grades=MappingProxyType({context: strength}),
            binding=Binding.ATTESTED,
            renewed=frozenset({context}) - not_every_time,
        )
        for context, strength in grades.items()
    )


# Registered values that add no factor: where, how risky, and that somebody was there.
_NO_FACTOR = frozenset({"geo", "rba", "user"})
_REGISTERED_AMR = {
    **dict.fromkeys(AMR_REGISTRY, Strength.SINGLE),
    **dict.fromkeys(_NO_FACTOR, Strength.NONE),
}


def generic(accept_acr: Mapping[str, Strength], accept_amr: Mapping[str, Strength]) -> tuple[Rule, ...]:
    """Return the rules for an OpenID provider of which the operator accepts these values, and no others.

    A registered ``amr`` value (RFC 8176) that is not accepted is a single method, ``mfa`` included.
    """
    return (
        Rule(
            source="oidc:id_token.acr",
            document="id_token",
            claim="acr",
            kind=Kind.ACR,
            shape=one_text,
            grades=MappingProxyType(dict(accept_acr)),
            binding=Binding.SESSION,
        ),
        Rule(
            source="oidc:id_token.amr",
            document="id_token",
            claim="amr",
            kind=Kind.AMR,
            shape=text_list,
            grades=MappingProxyType({**_REGISTERED_AMR, **accept_amr}),
            binding=Binding.SESSION,
        ),
    )


def read(rules: Iterable[Rule], documents: Mapping[str, object], *, observed_at: datetime) -> tuple[Evidence, ...]:
    """Return what these documents (name -> JSON value) prove, at most one evidence a rule.

    Never raises on any document; raises ``ValueError`` if ``observed_at`` is not aware UTC.
    """
    require_utc(observed_at)
    found = (_apply(rule, documents, observed_at) for rule in rules)
    return tuple(evidence for evidence in found if evidence is not None)


def _apply(rule: Rule, documents: Mapping[str, object], observed_at: datetime) -> Evidence | None:
    values = rule.shape(_member(_member(documents, rule.document), rule.claim)) or ()
    recognised = tuple(value for value in values if value in rule.grades)
    if not recognised:
        return None
    strength = max(rule.grades[value] for value in recognised)
    return Evidence(
        kind=rule.kind,
        values=recognised,
        strength=strength,
        binding=rule.binding,
        observed_at=observed_at,
        source=rule.source,
        # A weaker value that was renewed says nothing of the factor that the strength comes from.
        renewed=any(value in rule.renewed for value in recognised if rule.grades[value] == strength),
    )


def _member(container: object, name: str) -> object:
    return container.get(name) if isinstance(container, Mapping) else None
