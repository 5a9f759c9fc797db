"""The tokens we issue: signed ID tokens, and access tokens that only we can read.

An access token is its own record, sealed: nothing about it is stored, and redeeming a code writes nothing. What
ends one early is a mark in the short-lived store, per grant and per session, read at each use.
"""

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, cast

from joserfc import jws, jwt
from joserfc.errors import JoseError

from broker.keys.cipher import FieldCipher, Undecryptable
from broker.keys.signing import SigningKeys
from broker.signin.sessions import revocation_key
from broker.storage.store import ShortLived

PREFIX = "vat_"
ALGORITHMS = ("RS256", "ES256")
MAX_HINT_LENGTH = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What an access token says. ``grant`` names the code it came from, ``expires_at`` is in Unix seconds."""

    grant: str
    sid: str
    client_id: str
    account_id: str
    identity_id: str
    provider_id: str
    scope: tuple[str, ...]
    userinfo_claims: tuple[str, ...]
    expires_at: int

    # The interface that Authlib's bearer token validator asks. Expired and ended ones never get this far.

    def get_scope(self) -> str:
        return " ".join(self.scope)

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False


class AccessTokens:
    """Seals, reads and ends access tokens."""

    def __init__(self, cipher: FieldCipher, store: ShortLived, lifetime: int, epoch: str = "") -> None:
        """``epoch`` sets tokens apart from those of another time: a store that forgets its marks needs a new one."""
        self._cipher = cipher
        self._store = store
        self._context = f"access-token:{epoch}"
        self.lifetime = lifetime

    def seal(self, token: AccessToken) -> str:
        """Return the token as the registry carries it."""
        sealed = self._cipher.seal(json.dumps(asdict(token)).encode(), self._context)
        return PREFIX + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def read(self, text: str, now: datetime) -> AccessToken | None:
        """Return a token of ours that is neither expired nor ended, or none. Raises ``StoreUnavailable``."""
        token = self._unseal(text)
        if token is None or now.timestamp() >= token.expires_at:
            return None
        ended = self._store.get_many([revocation_key(token.grant), revocation_key(token.sid)])
        return token if ended == [None, None] else None

    def end_grant(self, grant: str) -> None:
        """End the tokens of a code that somebody tried to use again (RFC 6749 section 4.1.2)."""
        self._store.put(revocation_key(grant), b"1", self.lifetime)

    def _unseal(self, text: str) -> AccessToken | None:
        if not text.startswith(PREFIX) or len(text) > 4096:
            return None
        body = text.removeprefix(PREFIX)
        try:
            sealed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            record = json.loads(self._cipher.open(sealed, self._context))
        except (binascii.Error, ValueError, Undecryptable):
            return None
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
        return AccessToken(**cast(dict[str, Any], values))


def grant_of(code: str) -> str:
    """Return the name of a code's grant: only who has had the code can name it."""
    return hashlib.sha256(b"grant:" + code.encode()).hexdigest()


def new_code() -> str:
    """Return a code of 256 random bits."""
    return secrets.token_urlsafe(32)


class IdTokens:
    """Signs ID tokens, and recognises them when they come back as hints."""

    def __init__(self, keys: SigningKeys, issuer: str, lifetime: int) -> None:
        self._keys = keys
        self._issuer = issuer
        self._lifetime = lifetime

    def sign(self, claims: Mapping[str, object], *, client_id: str, algorithm: str, now: datetime) -> str:
        """Return a signed ID token (OpenID Connect Core section 2): one audience, a ``kid``, our times.

        ``claims`` come first and never replace what the protocol sets.
        """
        key = self._keys.active(algorithm, now)
        issued_at = int(now.timestamp())
        payload = {
            **claims,
            "iss": self._issuer,
            "aud": client_id,
            "iat": issued_at,
            "exp": issued_at + self._lifetime,
        }
        return jwt.encode({"alg": algorithm, "kid": key.kid, "typ": "JWT"}, payload, key.key, algorithms=[algorithm])

    def subject_of(self, token: str, now: datetime) -> str | None:
        """Return the ``sub`` of an ID token of ours, expired or not; none when it is not ours."""
        if len(token) > MAX_HINT_LENGTH:
            return None
        try:
            header = jws.extract_compact(token.encode()).headers()
            key = next((each for each in self._keys.verifying(now) if each.kid == header.get("kid")), None)
            # We never demand an extension (RFC 7515 section 4.1.11), so a token that does is not ours.
            if key is None or "crit" in header:
                return None
            claims = jwt.decode(token, key.key, algorithms=[key.alg]).claims
        except (JoseError, ValueError):
            return None
        if claims.get("iss") != self._issuer or "sid" not in claims:
            return None
        subject = claims.get("sub")
        return subject if isinstance(subject, str) else None
