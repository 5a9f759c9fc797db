"""What comes of a step through the gate: the values it returns, and the errors that end a sign-in on a page."""

from dataclasses import dataclass

from broker.signin.goals import Landing
from broker.signin.transactions import Transaction
from broker.web.errors import BrokerError
from claims.decision import Verdict
from providers.provider import Fault, Missing, Provider, ProviderError


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The provider is asked once more."""

    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A sign-in that ended without what was asked for. Either ``verdict`` or ``error`` says why."""

    transaction: Transaction
    provider: Provider
    verdict: Verdict | None = None
    missing: Missing | None = None
    error: ProviderError | None = None

    @property
    def reason(self) -> str:
        """Return the stable code."""
        if self.verdict is not None:
            return self.verdict.reason.value
        return self.error.code.value if self.error is not None else Fault.INVALID_RESPONSE.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """The user got where they wanted."""

    landing: Landing


def expired(detail: str) -> BrokerError:
    """Return the error for a sign-in that is over: used, too old, or never ours."""
    return BrokerError(
        status=400,
        code="signin_expired",
        title="This sign-in is over",
        sentence="This sign-in is over: it was finished already, or took longer than ten minutes.",
        next_step="Go back to where you came from and sign in again.",
        detail=detail,
    )


def switched_off(provider_id: str) -> BrokerError:
    """Return the error for a way of signing in that a kill switch shuts."""
    return BrokerError(
        status=403,
        code="switched_off",
        title="This way in is shut for now",
        sentence="The people who run this site have switched this way of signing in off for the time being.",
        next_step="Go back to where you came from and choose another way to sign in, or try again later.",
        detail=f"provider {provider_id[:64]!r}, or the tenant, is switched off",
    )


def unavailable(provider_id: str) -> BrokerError:
    """Return the error for a provider that may not serve this sign-in."""
    return BrokerError(
        status=400,
        code="provider_unavailable",
        sentence="That way of signing in is not available here.",
        next_step="Choose another one.",
        detail=f"provider {provider_id[:64]!r} not offered",
    )


def elsewhere() -> BrokerError:
    """Return the error for a return to another browser than the one that left, or from another provider."""
    return BrokerError(
        status=400,
        code="wrong_browser",
        title="This sign-in belongs elsewhere",
        sentence="This sign-in was started in another browser or window.",
        next_step="Start again where you want to be signed in.",
        detail="flow of another browser or provider",
    )


def closed(status: str) -> BrokerError:
    """Return the error for an account that is not active, but ``status``."""
    return BrokerError(
        status=403,
        code=f"account_{status}",
        sentence="This account is closed.",
        next_step="If you think this is a mistake, write to the people who run this site.",
        detail="account not active",
    )
