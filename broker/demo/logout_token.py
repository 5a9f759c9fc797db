"""What a registry has to look at before it believes that a session is over."""

from collections.abc import Callable

from joserfc import jwt
from joserfc.errors import InvalidClaimError, InvalidKeyIdError
from joserfc.jwk import KeySet

EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYP = "logout+jwt"


def read_logout_token(
    text: str, *, keys: Callable[[bool], KeySet], alg: str, issuer: str, client_id: str, leeway: int
) -> str:
    """Return the ``sid`` of a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6).

    ``keys`` returns the broker's, fetched anew if its argument says so; ``leeway`` is in seconds.
    Raises ``JoseError`` for anything that is not one, or is another's.
    """
    try:
        token = jwt.decode(text, keys(False), algorithms=[alg])
    except InvalidKeyIdError:  # newer than what is known here
        token = jwt.decode(text, keys(True), algorithms=[alg])
    jwt.JWTClaimsRegistry(
        leeway=leeway,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": client_id},
        iat={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
        sid={"essential": True},
    ).validate(token.claims)
    events, sid = token.claims.get("events"), token.claims["sid"]
    if token.header.get("typ") != TYP:
        raise InvalidClaimError("typ")
    if not isinstance(events, dict) or EVENT not in events:
        raise InvalidClaimError("events")
    # An ID token may have one, a logout token may not: nobody can pass one for the other.
    if "nonce" in token.claims or not isinstance(sid, str):
        raise InvalidClaimError("nonce")
    return sid
