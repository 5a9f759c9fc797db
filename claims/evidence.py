"""Evidence: one thing a provider said about how the user authenticated."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache

from claims.clock import require_utc
from claims.vocabulary import text, text_list


class Strength(IntEnum):
    """How much proof there is. Ordered: a greater one satisfies a demand for a lesser one."""

    NONE = 0
    SINGLE = 1
    MFA = 2
    PHISHING_RESISTANT = 3

    @property
    def label(self) -> str:
        """The name used in configuration, storage and logs, such as ``phishing_resistant``."""
        return self.name.lower()

    @classmethod
    def parse(cls, label: object) -> "Strength":
        """Return the strength of this label. Raises ``ValueError`` for anything else."""
        found = _STRENGTHS.get(label) if isinstance(label, str) else None
        if found is None:
            raise ValueError("not a strength")
        return found


_STRENGTHS = {strength.label: strength for strength in Strength}


class Binding(StrEnum):
    """What the evidence speaks about."""

    SESSION = "session"  # the session that signed in here; the factor may have been given earlier in it
    ATTESTED = "attested"  # this login met a rule of the tenant that the tenant's admin attested
    ACCOUNT_STATE = "account_state"  # a setting of the account; says nothing about this login


class Kind(StrEnum):
    """Where the evidence comes from."""

    AMR = "amr"  # RFC 8176
    ACR = "acr"  # OpenID Connect Core 1.0, section 2
    ACRS = "acrs"  # Entra authentication contexts
    ACCOUNT_SETTING = "account_setting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was said (``values``), what it is worth, and when it was seen.

    ``source`` names the claim it was read from, such as ``entra:access_token.amr``. ``renewed``: the factor was
    given for this very sign-in, whenever the session began. Raises ``ValueError`` for values that are none, empty
    or doubled, for an empty source, and for a moment that is not aware UTC.
    """

    kind: Kind
    values: tuple[str, ...]
    strength: Strength
    binding: Binding
    observed_at: datetime
    source: str
    renewed: bool = False

    def __post_init__(self) -> None:
        require_utc(self.observed_at)
        if text_list(list(self.values)) is None or text(self.source) is None:
            raise ValueError("evidence needs distinct values and a source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """All that was said of one sign-in.

    ``auth_time`` is when the user authenticated, which is not when the second factor was given; none where
    the provider does not say. Raises ``ValueError`` unless it is aware UTC.
    """

    evidence: tuple[Evidence, ...]
    auth_time: datetime | None

    def __post_init__(self) -> None:
        if self.auth_time is not None:
            require_utc(self.auth_time)


def dump(authentication: Authentication) -> dict[str, object]:
    """Return ``authentication`` as JSON values, for :func:`load`."""
    auth_time = authentication.auth_time
    return {
        "auth_time": None if auth_time is None else _dump_moment(auth_time),
        "evidence": [_dump_evidence(evidence) for evidence in authentication.evidence],
    }


def _dump_evidence(evidence: Evidence) -> dict[str, object]:
    members: dict[str, object] = {
        "kind": evidence.kind.value,
        "values": list(evidence.values),
        "strength": evidence.strength.label,
        "binding": evidence.binding.value,
        "observed_at": _dump_moment(evidence.observed_at),
        "source": evidence.source,
    }
    # Left out where it is not so: records of before know nothing of it, and neither do the processes that wrote them.
    return {**members, "renewed": True} if evidence.renewed else members


def load(raw: object) -> Authentication:
    """Return what :func:`dump` wrote. Raises ``ValueError``, and nothing else, for any other JSON value."""
    if not isinstance(raw, dict) or raw.keys() != _OF_AUTHENTICATION:
        raise ValueError("not the expected members")
    auth_time = raw["auth_time"]
    return Authentication(
        evidence=tuple([_load_evidence(item) for item in _list(raw["evidence"])]),
        auth_time=None if auth_time is None else _load_moment(_string(auth_time)),
    )


_OF_AUTHENTICATION = frozenset({"auth_time", "evidence"})


def _load_evidence(raw: object) -> Evidence:
    renewed = isinstance(raw, dict) and raw.get("renewed") is True
    if not isinstance(raw, dict) or raw.keys() != (_OF_RENEWED if renewed else _OF_EVIDENCE):
        raise ValueError("not the expected members")
    values = tuple([_string(value) for value in _list(raw["values"])])
    return _evidence(*[_string(raw[name]) for name in _TEXTS], values, renewed)


# What a session or a family rests on comes back with each of its uses, and evidence is never changed.
@lru_cache(maxsize=4096)
def _evidence(
    kind: str, strength: str, binding: str, observed_at: str, source: str, values: tuple[str, ...], renewed: bool
) -> Evidence:
    return Evidence(
        kind=Kind(kind),
        values=values,
        strength=Strength.parse(strength),
        binding=Binding(binding),
        observed_at=_load_moment(observed_at),
        source=source,
        renewed=renewed,
    )


_TEXTS = ("kind", "strength", "binding", "observed_at", "source")
_OF_EVIDENCE = frozenset({"kind", "values", "strength", "binding", "observed_at", "source"})
_OF_RENEWED = _OF_EVIDENCE | {"renewed"}


def _list(raw: object) -> list[object]:
    if not isinstance(raw, list):
        raise ValueError("not a list")
    return raw


def _string(raw: object) -> str:
    # Of a subclass, which no JSON has, an equal text would be found where this one is kept.
    if type(raw) is not str:
        raise ValueError("not a string")
    return raw


def _dump_moment(moment: datetime) -> str:
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()


def _load_moment(raw: str) -> datetime:
    moment = datetime.fromisoformat(raw)
    require_utc(moment)
    # fromisoformat reads many spellings; only the one that dump writes is ours.
    if _dump_moment(moment) != raw:
        raise ValueError("not a moment as dump writes it")
    return moment
