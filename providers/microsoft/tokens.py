"""The validation of Microsoft's tokens, which MSAL leaves out.

Source: Microsoft's "Access tokens in the Microsoft identity platform" and "Secure applications by validating
claims". The issuer follows from the token's own ``tid``, the signing key says whose tokens it signs, and both must
agree with the instance that the operator named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from providers.circuit import Circuit
from providers.http import outbound
from providers.id_token import InvalidToken, IssuerRule, validate
from providers.jwks import JwksCache, KeysUnavailable
from providers.microsoft.app import Tokens
from providers.microsoft.guids import is_guid
from providers.provider import Fault, ProviderError

Claims = Mapping[str, object]

_SAME_SIGN_IN = 300  # seconds between the issue of the ID token and of the evidence token


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceApi:
    """Our own API, whose version-1 access tokens say how the user authenticated. ``scope`` without its API."""

    issuer: str
    audience: str
    scope: str

    def issuer_for(self, tid: object) -> str:
        """Return the issuer of the tenant's version-1 tokens."""
        return f"{self.issuer}/{tid}/"


class TokenReader:
    """Validates the tokens for one client, by the keys of the authority that gave them. Safe to share."""

    def __init__(
        self, *, client_id: str, instance: str, ca_bundle: Path | None, circuit: Circuit | None = None
    ) -> None:
        self._client_id = client_id
        self._instance = instance
        self._jwks = JwksCache(lambda: outbound(ca_bundle=ca_bundle, circuit=circuit))

    def issuer_for(self, tid: object) -> str:
        """Return the issuer of the tenant's version-2 tokens."""
        return f"{self._instance}/{tid}/v2.0"

    def id_token(self, tokens: Tokens, now: datetime) -> Claims:
        """Return the claims of an ID token that holds: ``tid`` and ``oid`` are GUIDs.

        Which tenants and accounts may sign in is for the caller to say. Raises :class:`ProviderError`.
        """

        def issuer(claims: Claims, key: Claims) -> str:
            tid = _guid(claims, "tid")
            _guid(claims, "oid")
            _require(claims.get("ver") == "2.0", "version")
            _require(_issuer_of_key(key, tid) == self.issuer_for(tid), "key_issuer")
            return self.issuer_for(tid)

        keys_url = f"{tokens.authority}/discovery/v2.0/keys"
        return self._validate("ID token", tokens.id_token, keys_url, issuer, self._client_id, now, nonce=tokens.nonce)

    def evidence(self, tokens: Tokens, identity: Claims, api: EvidenceApi, now: datetime) -> Claims | None:
        """Return the claims of the access token for ``api`` that came with the ID token of ``identity``.

        None when none came, or one that only Microsoft can read: that proves nothing. One that can be read must
        hold and be of the same sign-in. Raises :class:`ProviderError`.
        """
        token = tokens.access_token
        if token is None or token.count(".") != 2:
            return None
        tid = str(identity["tid"])

        def issuer(claims: Claims, key: Claims) -> str:
            _require(claims.get("ver") == "1.0", "version")
            _require(claims.get("tid") == tid, "tenant")
            # Version-1 key sets do not say whose the keys are; where they do, it must be this tenant's.
            key_issuer = _issuer_of_key(key, tid)
            _require(key_issuer in (None, api.issuer_for(tid), self.issuer_for(tid)), "key_issuer")
            _require(claims.get("oid") == identity["oid"], "user")
            _require(claims.get("appid") == self._client_id, "client")
            _require(api.scope in str(claims.get("scp")).split(), "scope")
            # Not compared with the clock: Entra dates both tokens five minutes back.
            _require(_apart(claims, identity) <= _SAME_SIGN_IN, "another_sign_in")
            return api.issuer_for(tid)

        keys_url = f"{tokens.authority}/discovery/keys"
        return self._validate("evidence token", token, keys_url, issuer, api.audience, now)

    def _validate(
        self,
        what: str,
        token: str,
        keys_url: str,
        issuer: IssuerRule,
        audience: str,
        now: datetime,
        nonce: str | None = None,
    ) -> Claims:
        try:
            return validate(
                token,
                keys=lambda kid: self._jwks.keys(keys_url, kid, now),
                issuer=issuer,
                audience=audience,
                now=now,
                nonce=nonce,
            )
        except KeysUnavailable:
            raise ProviderError(Fault.UNAVAILABLE, "Microsoft's signing keys cannot be had") from None
        except InvalidToken as error:
            raise ProviderError(Fault.INVALID_RESPONSE, f"{what} refused: {error.code}") from None


def _issuer_of_key(key: Claims, tid: str) -> str | None:
    issuer = key.get("issuer")
    return issuer.replace("{tenantid}", tid) if isinstance(issuer, str) else None


def _guid(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not is_guid(value):
        raise InvalidToken(f"{name}_type")
    return value


def _apart(claims: Claims, identity: Claims) -> int:
    issued, identified = claims.get("iat"), identity["iat"]
    if not isinstance(issued, int) or not isinstance(identified, int):
        raise InvalidToken("iat_type")
    return abs(issued - identified)


def _require(holds: bool, code: str) -> None:
    if not holds:
        raise InvalidToken(code)
