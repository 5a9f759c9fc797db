"""From a code to tokens, and from an access token to userinfo: the proof is judged once more on the way."""

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from broker.accounts.service import Accounts
from broker.oidc.authorize.checks import SCOPE_OF_CLAIM
from broker.oidc.clients import Client
from broker.oidc.codes import Code, Codes
from broker.oidc.grants import Redemption
from broker.oidc.tokens import AccessToken, AccessTokens, IdTokens, grant_of
from broker.signin.policy import Demand, Policy
from broker.storage.database import Database
from claims.decision import Purpose, decide
from claims.profile import Profile
from claims.release import authentication_claims, person_claims

log = structlog.get_logger(__name__)


class Redeemer:
    """Answers the token and userinfo endpoints."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        codes: Codes,
        access_tokens: AccessTokens,
        id_tokens: IdTokens,
        policy: Policy,
        providers: frozenset[str],
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self._accounts = accounts
        self._codes = codes
        self._access_tokens = access_tokens
        self._id_tokens = id_tokens
        self._policy = policy
        self._providers = providers
        self._database = database
        self._clock = clock

    def redemption(self) -> Redemption:
        """Return the verbs for the grant."""
        return Redemption(take=self._codes.take, replayed=self._replayed, issue=self._issue)

    def userinfo(self, token: AccessToken) -> Mapping[str, object] | None:
        """Return the claims of OpenID Connect Core section 5.3.2, or none when the account no longer stands."""
        with self._database.read() as connection:
            person = self._accounts.live(connection, token.account_id, token.identity_id)
        if person is None:
            return None
        return {**_released(person, token.scope, token.userinfo_claims), "sub": token.account_id}

    def _replayed(self, code: str, client: Client) -> None:
        # Whoever came first may have been the thief (RFC 6749 section 4.1.2): what they got ends now.
        self._access_tokens.end_grant(grant_of(code))
        log.warning("code refused", client=client.client_id, reason="unknown, used or of another client")

    def _issue(self, client: Client, code: Code) -> Mapping[str, object] | None:
        now = self._clock()
        if code.provider_id not in self._providers or not client.allows(code.provider_id):
            return None
        # The request's ages were judged when it was answered; what policy and the registry insist on still holds.
        demand = Demand(asked_at=now, acr=code.essential_acr)
        requirement = self._policy.requirement(Purpose.SESSION, now, rule=client.rule, demand=demand)
        verdict = decide(requirement, code.authentication, now)
        with self._database.read() as connection:
            person = self._accounts.live(connection, code.account_id, code.identity_id)
        if person is None or not verdict.satisfied:
            return None
        token = AccessToken(
            grant=code.grant,
            sid=code.sid,
            client_id=client.client_id,
            account_id=code.account_id,
            identity_id=code.identity_id,
            provider_id=code.provider_id,
            scope=code.scope,
            userinfo_claims=code.userinfo_claims,
            expires_at=int(now.timestamp()) + self._access_tokens.lifetime,
        )
        claims: dict[str, object] = {
            **_released(person, (), (*client.id_token_claims, *code.id_token_claims)),
            **authentication_claims(verdict, code.authentication, code.requested_acr),
            "sub": code.account_id,
            "sid": code.sid,
        }
        if code.nonce is not None:
            claims["nonce"] = code.nonce
        return {
            "access_token": self._access_tokens.seal(token),
            "token_type": "Bearer",
            "expires_in": self._access_tokens.lifetime,
            "scope": code.get_scope(),
            "id_token": self._id_tokens.sign(
                claims, client_id=client.client_id, algorithm=client.id_token_signed_response_alg, now=now
            ),
        }


def _released(person: Profile, scope: tuple[str, ...], asked: tuple[str, ...]) -> dict[str, object]:
    """Return the person's claims of the scopes, and those asked for by name."""
    by_scope = person_claims(person, scope)
    by_name = person_claims(person, {SCOPE_OF_CLAIM[name] for name in asked})
    return {**{name: value for name, value in by_name.items() if name in asked}, **by_scope}
