"""From a code, a refresh token or a device code to tokens: the proof is judged once more on the way."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, InvalidScopeError
from sqlalchemy.exc import IntegrityError

from broker.accounts.organizations.belonging import Belongings
from broker.audit.service import Audit
from broker.oidc.belonging import belonging_claims
from broker.oidc.clients import Client
from broker.oidc.codes import Code, Codes, grant_of
from broker.oidc.consent.service import Consents
from broker.oidc.errors import InvalidDpopProof, InvalidTarget
from broker.oidc.grant import SCOPE_OF_CLAIM, Grant
from broker.oidc.scopes import BELONGING, NEEDS_PROOF, OFFLINE, SERVICE_SCOPES
from broker.oidc.subjects import Subjects
from broker.oidc.tokens.access import AccessToken, AccessTokens
from broker.oidc.tokens.id_token import IdTokens
from broker.oidc.tokens.marks import Marks
from broker.oidc.tokens.refresh import Family, RefreshTokens, State
from broker.signin.policy import Demand
from broker.signin.standing import Standing
from broker.storage.database import Database
from claims.decision import Purpose, Verdict
from claims.evidence import dump
from claims.profile import Profile
from claims.release import authentication_claims, person_claims

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a token request asks beside its grant: none and nothing leave it as it was granted.

    ``scope`` counts at a refresh (RFC 6749 section 6) and where a client acts for itself, and nowhere else.
    """

    scope: tuple[str, ...] | None = None
    resources: tuple[str, ...] = ()
    jkt: str | None = None


class Redeemer:
    """Answers the token and userinfo endpoints. What it refuses, it raises as an ``OAuth2Error``."""

    def __init__(
        self,
        *,
        codes: Codes,
        consents: Consents,
        access_tokens: AccessTokens,
        access_lifetime: int,
        refresh_tokens: RefreshTokens,
        id_tokens: IdTokens,
        marks: Marks,
        subjects: Subjects,
        audit: Audit,
        standing: Standing,
        belongings: Belongings,
        database: Database,
        clock: Callable[[], datetime],
    ) -> None:
        self._codes = codes
        self._consents = consents
        self._access_tokens = access_tokens
        self._lifetime = access_lifetime
        self._refresh_tokens = refresh_tokens
        self._id_tokens = id_tokens
        self._marks = marks
        self._subjects = subjects
        self._audit = audit
        self._standing = standing
        self._belongings = belongings
        self._database = database
        self._clock = clock

    def take(self, text: str, client: Client, check: Callable[[Client], None]) -> Code | None:
        """Use a code up and return it, if it is the client's. One that is not there ends what it once led to.

        ``check`` is called once the code is used up, which brings the kill switches along, and before anything else.
        """
        code = self._codes.take(text, self._clock())
        check(client)
        if code is not None and code.grant.client_id == client.client_id:
            return code
        # Whoever came first may have been the thief (RFC 6749 section 4.1.2): what they got ends now. Made-up codes, of
        # which anybody has any number, leave nothing; one of the version before, while hosts are upgraded, has no seal.
        if self._codes.made(text) or code is not None or self._has_family(grant_of(text)):
            self._end(grant_of(text), client, "code_reused")
        return None

    def of_code(self, client: Client, code: Code, asked: Asked) -> Mapping[str, object]:
        """Return the token response for a code (OpenID Connect Core section 3.1.3.3)."""
        return self.of_grant(client, code.grant, asked, Purpose.SESSION)

    def of_grant(self, client: Client, grant: Grant, asked: Asked, purpose: Purpose) -> Mapping[str, object]:
        """Return the token response for what was just granted, with a refresh token where that was granted too."""
        now = self._clock()
        asked = asked if asked.scope is None else replace(asked, scope=None)
        _check_key(grant, asked.jkt)
        _check_resources(grant, asked)
        person, verdict = self._judge(client, grant, purpose, now)
        token, response = self._tokens(client, grant, asked, person, verdict, now)
        if OFFLINE in grant.scope and client.check_grant_type("refresh_token"):
            # A public client proves nothing but the key; a confidential one proves who it is (RFC 9449 section 5).
            kept = replace(grant, nonce=None, jkt=None if client.confidential else asked.jkt)
            try:
                with self._database.change() as connection:
                    response["refresh_token"] = self._refresh_tokens.start(connection, kept, now)
            except IntegrityError as twice:
                # A store that forgot its last second brought back what was used: nothing rests on who came first.
                self._end(grant.id, client, "code_reused")
                raise InvalidGrantError("This was used before.") from twice
            self._end_unless_it_stands(client, grant, token, purpose, now)
        return response

    def _end_unless_it_stands(
        self, client: Client, grant: Grant, token: AccessToken, purpose: Purpose, now: datetime
    ) -> None:
        """End a family that was started while what it rests on was being ended: then nobody found it to end."""
        if self._marks.ended(token, now):
            self._end(grant.id, client, "ended_meanwhile")
            return
        try:
            self._judge(client, grant, purpose, now)
        except InvalidGrantError:
            self._end(grant.id, client, "ended_meanwhile")

    def find(self, text: str, client: Client) -> Family | None:
        """Return the family of a client's refresh token if that is the current one; a reused one ends its family."""
        now = self._clock()
        with self._database.read() as connection:
            family = self._refresh_tokens.find(connection, text, now)
        if family is None or not family.check_client(client):
            return None
        if family.state is State.REUSED:
            self._end(family.grant.id, client, "refresh_token_reused")
        return family if family.state is State.CURRENT else None

    def of_family(self, client: Client, family: Family, text: str, asked: Asked) -> Mapping[str, object]:
        """Return the token response for a refresh (OpenID Connect Core section 12.2).

        The token is replaced, but for a confidential client whose tokens are bound to a key (FAPI 2.0, 5.3.2.1).
        """
        now, grant = self._clock(), family.grant
        _check_key(grant, asked.jkt)
        _check_resources(grant, asked)
        person, verdict = self._judge(client, grant, Purpose.REFRESH, now, family.living)
        # The session may be over; whoever was granted offline access keeps it.
        _, response = self._tokens(client, grant, asked, person, verdict, now, session_bound=False)
        if client.confidential and asked.jkt is not None:
            response["refresh_token"] = text
            return response
        with self._database.change() as connection:
            successor = self._refresh_tokens.rotate(connection, family, text, now)
        if successor is None:
            # Another use of the same token was faster, a moment ago.
            raise InvalidGrantError("The refresh token was just used.")
        response["refresh_token"] = successor
        return response

    def of_client(self, client: Client, asked: Asked) -> Mapping[str, object]:
        """Return the token response for a client that acts for itself (RFC 6749 section 4.4)."""
        now = self._clock()
        allowed = tuple(scope for scope in client.scopes if scope in SERVICE_SCOPES)
        scope = asked.scope if asked.scope is not None else allowed
        if not scope or not set(scope) <= set(allowed):
            raise InvalidScopeError("The client may not have this scope for itself.")
        issued_at = int(now.timestamp())
        token = AccessToken(
            jti=secrets.token_urlsafe(16),
            grant=secrets.token_urlsafe(16),
            sid="",
            client_id=client.client_id,
            account_id="",
            identity_id="",
            provider_id="",
            sub=client.client_id,
            scope=scope,
            userinfo_claims=(),
            audience=asked.resources,
            acr=None,
            auth_time=None,
            jkt=asked.jkt,
            issued_at=issued_at,
            expires_at=issued_at + self._lifetime,
        )
        return self._described(client, token, now)

    def userinfo(self, client: Client, token: AccessToken) -> Mapping[str, object] | None:
        """Return the claims of OpenID Connect Core section 5.3.2, or none when the sign-in no longer stands."""
        now = self._clock()
        with self._database.read() as connection:
            admission, person = self._standing.open_way(connection, token, now, client=client)
            if admission is None or person is None:
                return None
            belonging = belonging_claims(connection, self._belongings, token, token.scope, now)
        return {**_released(person, token.scope, token.userinfo_claims), **belonging, "sub": token.sub}

    def _end(self, grant_id: str, client: Client, reason: str) -> None:
        self._marks.end_grant(grant_id)
        if self._has_family(grant_id):
            with self._database.begin() as connection:
                self._refresh_tokens.end(connection, grant_id)
                self._audit.record(
                    connection,
                    action="grant.ended",
                    client_id=client.client_id,
                    detail={"reason": reason},
                    now=self._clock(),
                )
        log.warning("grant refused", client=client.client_id, reason=reason)

    def _has_family(self, grant_id: str) -> bool:
        with self._database.read() as connection:
            return self._refresh_tokens.has(connection, grant_id)

    def _judge(
        self, client: Client, grant: Grant, purpose: Purpose, now: datetime, living: Sequence[Any] | None = None
    ) -> tuple[Profile, Verdict]:
        """Return person and verdict. Raises ``InvalidGrantError`` unless account, identity, way in and proof hold."""
        # Ages were judged when the request was answered, just now; at a refresh the client's limit counts again.
        timeless = purpose is Purpose.REFRESH or client.rule.max_age is None
        rule = client.rule if timeless else replace(client.rule, max_age=None)
        demand = Demand(asked_at=now, acr=grant.essential_acr)
        with self._database.read() as connection:
            judged = self._standing.judge(
                connection, grant, purpose, now, client=client, rule=rule, demand=demand, living=living
            )
            # Taken back in the meantime, it counts no more: no statement for a first-party client.
            consented = client.first_party or self._consents.covers(
                connection, grant.account_id, client.client_id, grant.consent_scopes
            )
        # A client that moved to another sector may not learn there who it knew elsewhere.
        known_here = client.sector == grant.sector
        if judged.holds and consented and known_here and judged.person is not None and judged.verdict is not None:
            return judged.person, judged.verdict
        raise InvalidGrantError("The sign-in behind this no longer holds. The user has to sign in again.")

    def _tokens(
        self,
        client: Client,
        grant: Grant,
        asked: Asked,
        person: Profile,
        verdict: Verdict,
        now: datetime,
        *,
        session_bound: bool = True,
    ) -> tuple[AccessToken, dict[str, object]]:
        sub = self._subjects.of(client, grant.account_id)
        authenticated = authentication_claims(verdict, grant.authentication, grant.requested_acr)
        issued_at = int(now.timestamp())
        acr, auth_time = authenticated.get("acr"), authenticated.get("auth_time")
        token = AccessToken(
            jti=secrets.token_urlsafe(16),
            grant=grant.id,
            sid=grant.sid if session_bound else "",
            client_id=client.client_id,
            account_id=grant.account_id,
            identity_id=grant.identity_id,
            provider_id=grant.provider_id,
            sub=sub,
            scope=tuple(each for each in asked.scope or grant.scope if each in grant.scope),
            userinfo_claims=grant.userinfo_claims,
            audience=asked.resources or grant.resources,
            acr=acr if isinstance(acr, str) else None,
            auth_time=auth_time if isinstance(auth_time, int) else None,
            jkt=asked.jkt,
            issued_at=issued_at,
            expires_at=issued_at + self._lifetime,
            tenant=grant.tenant,
            guest=grant.guest,
            signed_in=int(grant.signed_in_at.timestamp()),
            proof=dump(grant.authentication) if not NEEDS_PROOF.isdisjoint(grant.scope) else None,
        )
        response = self._described(client, token, now)
        if "openid" not in token.scope:
            return token, response
        belonging: dict[str, object] = {}
        if not BELONGING.isdisjoint(token.scope):
            with self._database.read() as connection:
                belonging = belonging_claims(connection, self._belongings, grant, token.scope, now)
        claims: dict[str, object] = {
            **belonging,
            **_released(person, (), (*client.id_token_claims, *grant.id_token_claims)),
            **authenticated,
            "sub": sub,
            "sid": self._subjects.sid(client, grant.sid),
        }
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        response["id_token"] = self._id_tokens.sign(
            claims, client_id=client.client_id, algorithm=client.id_token_signed_response_alg, now=now
        )
        return token, response

    def _described(self, client: Client, token: AccessToken, now: datetime) -> dict[str, object]:
        if client.access_token_format == "jwt":  # noqa: S105 - a format, not a password
            text = self._access_tokens.jwt(token, algorithm=client.id_token_signed_response_alg, now=now)
        else:
            text = self._access_tokens.opaque(token)
        return {
            "access_token": text,
            "token_type": "DPoP" if token.jkt is not None else "Bearer",
            "expires_in": self._lifetime,
            "scope": token.get_scope(),
        }


def check_asked(client: Client, asked: Asked) -> None:
    """Raise an ``OAuth2Error`` for what a client may not ask, whatever it was granted."""
    if not set(asked.resources) <= client.resources:
        raise InvalidTarget("The client may not ask for this resource.")
    if client.dpop_bound_access_tokens and asked.jkt is None:
        raise InvalidRequestError("A proof of the key is missing.")


def _check_key(grant: Grant, jkt: str | None) -> None:
    if grant.jkt is not None and jkt is None:
        raise InvalidRequestError("A proof of the key is missing.")
    if grant.jkt not in (None, jkt):
        raise InvalidDpopProof("The proof is of another key.")


def _check_resources(grant: Grant, asked: Asked) -> None:
    if not set(asked.resources) <= set(grant.resources):
        raise InvalidTarget("This resource was not granted.")


def _released(person: Profile, scope: tuple[str, ...], asked: tuple[str, ...]) -> dict[str, object]:
    """Return the person's claims of the scopes, and those asked for by name."""
    by_scope = person_claims(person, scope)
    if not asked:
        return dict(by_scope)
    by_name = person_claims(person, {SCOPE_OF_CLAIM[name] for name in asked})
    return {**{name: value for name, value in by_name.items() if name in asked}, **by_scope}
