"""What operators' pages call the reasons of refusals, and what they say of kill switches."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from broker.switches.service import Kind
from claims.decision import Reason

_REASONS: Mapping[str, str] = MappingProxyType(
    {
        Reason.SATISFIED: "Enough",
        Reason.EXEMPT: "By an exception",
        Reason.NOT_DISCLOSED: "The provider says nothing of a second factor",
        Reason.TOO_WEAK: "No second factor, or a weak one",
        Reason.BINDING_NOT_ACCEPTED: "Not proven in a way that is taken here",
        Reason.EVIDENCE_EXPIRED: "The proof is too old",
        Reason.AUTH_TIME_UNKNOWN: "Nobody knows when they signed in",
        Reason.AUTHENTICATION_TOO_OLD: "Signed in at the provider too long ago",
        Reason.ACR_UNMET: "Not what the registry asked for",
    }
)


def reason(code: str) -> str:
    """Return what an operator reads for a reason; for one of another version, its code."""
    return _REASONS.get(code, code)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfSwitch:
    """``noun``: what it is about. ``question`` is completed by a name, where it has one. ``happens``: once thrown."""

    noun: str
    state: str
    question: str
    throw: str
    restore: str
    happens: tuple[str, ...]


OF_SWITCHES: Mapping[Kind, OfSwitch] = MappingProxyType(
    {
        Kind.PROVIDER: OfSwitch(
            noun="provider",
            state="off",
            question="Switch off",
            throw="Switch it off",
            restore="Switch on",
            happens=(
                "Nobody signs in by it, also not those who are on their way back from it.",
                "Everybody who came by it is refused, with the tokens that registries hold.",
                "What lives by the time it is switched on again holds again. What was used up meanwhile does not.",
            ),
        ),
        Kind.TENANT: OfSwitch(
            noun="tenant",
            state="off",
            question="Switch off",
            throw="Switch it off",
            restore="Switch on",
            happens=(
                "Nobody of this tenant signs in with it, also not those who are on their way back.",
                "Everybody who came by it is refused, with the tokens that registries hold.",
                "What lives by the time it is switched on again holds again. What was used up meanwhile does not.",
            ),
        ),
        Kind.CLIENT: OfSwitch(
            noun="client",
            state="off",
            question="Switch off",
            throw="Switch it off",
            restore="Switch on",
            happens=(
                "Nobody signs in to it through us, and its tokens and codes are refused.",
                "Its users stay signed in here, and at other registries.",
                "What lives by the time it is switched on again holds again.",
            ),
        ),
        Kind.READ_ONLY: OfSwitch(
            noun="changes",
            state="nothing may be changed",
            question="Take no changes?",
            throw="Take no changes",
            restore="Take changes again",
            happens=(
                "People, admins and operators change nothing, programs neither, and nobody new gets an account.",
                "What was to take effect meanwhile waits, as nobody could stop it.",
                "Signing in and out, tokens, taking back access, and this page go on.",
            ),
        ),
        Kind.SIGN_UP: OfSwitch(
            noun="sign-up",
            state="closed",
            question="Close sign-up?",
            throw="Close sign-up",
            restore="Open sign-up",
            happens=(
                "Nobody new gets an account. They are told to come back later.",
                "Everybody who has an account signs in as ever.",
            ),
        ),
    }
)
SWITCH_NOTICES: Mapping[str, str] = MappingProxyType(
    {
        "thrown": "Done. It holds from the next request on, on every host.",
        "restored": "Taken back. It holds from the next request on, on every host.",
        "already": "Nothing was changed: that is how it was already.",
    }
)


def restoring(kind: Kind, target: str) -> str:
    """Return the command that takes a switch back."""
    match kind:
        case Kind.READ_ONLY:
            return "vestibule switch read-only off"
        case Kind.SIGN_UP:
            return "vestibule switch sign-up open"
        case _:
            return f"vestibule switch on {kind.value} {target}"
