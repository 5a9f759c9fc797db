"""A registry's authorization request once every check has passed (OpenID Connect Core 3.1.2.1)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from broker.signin.policy import Demand


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """JSON values only, so that it survives the user's way through the provider.

    ``max_age`` in seconds, none when absent; ``essential_acr`` from the ``claims`` parameter; ``id_token_claims``
    and ``userinfo_claims`` are the person's claims it asked for by name.
    """

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    code_challenge: str
    state: str | None = None
    nonce: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()
    essential_acr: tuple[str, ...] = ()
    auth_time_essential: bool = False
    id_token_claims: tuple[str, ...] = ()
    userinfo_claims: tuple[str, ...] = ()
    provider: str | None = None
    sub: str | None = None

    def demand(self, asked_at: datetime) -> Demand:
        """Return what the request demands of the proof."""
        return Demand(
            asked_at=asked_at,
            max_age=None if self.max_age is None else timedelta(seconds=self.max_age),
            reauthenticate="login" in self.prompt,
            auth_time=self.auth_time_essential,
            acr=self.essential_acr,
        )

    @property
    def requested_acr(self) -> tuple[str, ...]:
        """The acr values in the order of preference: the essential ones first."""
        return self.essential_acr + self.acr_values


def dump(request: AuthorizationRequest) -> dict[str, object]:
    """Return the request as JSON values."""
    return asdict(request)


def load(record: Mapping[str, object]) -> AuthorizationRequest:
    """Return the request of :func:`dump`. Only what we stored ourselves, sealed, comes here."""
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
    return AuthorizationRequest(**cast(dict[str, Any], values))
