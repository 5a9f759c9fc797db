"""Access tokens: opaque, or as JWT (RFC 9068). Either carries its own record, which only we can open."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, cast

from broker.keys.cipher import FieldCipher, Undecryptable
from broker.oidc.tokens.marks import Marks
from broker.oidc.tokens.signed import Signer
from broker.storage.sealed import compact
from claims.evidence import Authentication, load

PREFIX = "vat_"
TYP = "at+jwt"
# The record inside a JWT: what a resource server has no business to read.
RECORD_CLAIM = "vst"
_NOTHING_PROVEN = Authentication(evidence=(), auth_time=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What an access token says.

    ``account_id`` is empty where a client acts for itself. ``audience`` empty: for us alone. ``jkt`` is the
    thumbprint of the key it is bound to (RFC 9449). Times are Unix seconds. ``proof`` is what ``claims.evidence.dump``
    wrote, in tokens with which memberships are judged.
    """

    jti: str
    grant: str
    sid: str
    client_id: str
    account_id: str
    identity_id: str
    provider_id: str
    sub: str
    scope: tuple[str, ...]
    userinfo_claims: tuple[str, ...]
    audience: tuple[str, ...]
    acr: str | None
    auth_time: int | None
    jkt: str | None
    issued_at: int
    expires_at: int
    tenant: str = ""
    guest: bool = False
    signed_in: int = 0
    proof: Mapping[str, object] | None = None

    @property
    def signed_in_at(self) -> datetime:
        """Return when the sign-in was that it rests on."""
        return datetime.fromtimestamp(self.signed_in, UTC)

    @property
    def authentication(self) -> Authentication:
        """Return how the user authenticated, as it was proven; of a token without ``proof`` nothing was."""
        return load(self.proof) if self.proof is not None else _NOTHING_PROVEN

    def get_scope(self) -> str:
        """Return the scope as it is written (RFC 6749 section 3.3)."""
        return " ".join(self.scope)


class AccessTokens:
    """Makes and reads access tokens."""

    def __init__(self, cipher: FieldCipher, signer: Signer, marks: Marks, epoch: str = "") -> None:
        """``epoch`` sets tokens apart from those of another time: a store that forgets its marks needs a new one."""
        self._cipher = cipher
        self._signer = signer
        self._marks = marks
        self._context = f"access-token:{epoch}"

    def opaque(self, token: AccessToken) -> str:
        """Return the token as nobody but us can read it."""
        return PREFIX + self._seal(token, self._context)

    def jwt(self, token: AccessToken, *, algorithm: str, now: datetime) -> str:
        """Return the token as a JWT (RFC 9068 section 2.2, RFC 9449 section 6.1)."""
        audience = token.audience or (self._signer.issuer,)
        claims: dict[str, object] = {
            "sub": token.sub,
            "aud": audience[0] if len(audience) == 1 else list(audience),
            "client_id": token.client_id,
            "scope": token.get_scope(),
            "jti": token.jti,
            "iat": token.issued_at,
            "exp": token.expires_at,
            **authentication_claims(token),
            RECORD_CLAIM: self._seal(token, f"{self._context}:jwt"),
        }
        return self._signer.sign(claims, typ=TYP, algorithm=algorithm, now=now)

    def read(self, text: str, now: datetime) -> AccessToken | None:
        """Return a token of ours that is neither expired nor ended, or none. Raises ``StoreUnavailable``."""
        token = self._unseal(text.removeprefix(PREFIX), self._context) if text.startswith(PREFIX) else None
        if token is None and text.count(".") == 2:
            token = self._of_jwt(text, now)
        if token is None or now.timestamp() >= token.expires_at or self._marks.ended(token, now):
            return None
        return token

    def _of_jwt(self, text: str, now: datetime) -> AccessToken | None:
        claims = self._signer.read(text, typ=TYP, now=now)
        return self._unseal(str(claims.get(RECORD_CLAIM)), f"{self._context}:jwt") if claims is not None else None

    def _seal(self, token: AccessToken, context: str) -> str:
        sealed = self._cipher.seal(compact(_dump(token)).encode(), context)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def _unseal(self, body: str, context: str) -> AccessToken | None:
        if len(body) > 4096:
            return None
        try:
            sealed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            record = json.loads(self._cipher.open(sealed, context).decode())
        except (binascii.Error, ValueError, Undecryptable):
            return None
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
        return AccessToken(**cast(dict[str, Any], values))


_FIELDS = tuple(field.name for field in fields(AccessToken))


def _dump(token: AccessToken) -> dict[str, object]:
    """Return the record as JSON values. Its parts are no dataclasses themselves, which ``asdict`` would look for."""
    return {name: getattr(token, name) for name in _FIELDS}


def authentication_claims(token: AccessToken) -> dict[str, object]:
    """Return the claims that say how the user authenticated and what binds the token (RFC 9470 section 6)."""
    claims: dict[str, object] = {"acr": token.acr, "auth_time": token.auth_time}
    if token.jkt is not None:
        claims["cnf"] = {"jkt": token.jkt}
    return {name: value for name, value in claims.items() if value is not None}
