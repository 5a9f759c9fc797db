"""A good token of every kind, which is no good wherever another kind is wanted (RFC 8725 section 3.11; T9)."""

import base64
import json
from collections.abc import Mapping

from joserfc.jwk import ECKey

from tests.oidc.jose.samples import EC, Members
from tests.security.table import dpop
from tests.security.table.forgeries import Specimen
from tests.security.table.house import KID, House

ID_TOKEN, ACCESS_TOKEN, OPAQUE = "an ID token", "an access token", "an opaque access token"
ASSERTION, REQUEST_OBJECT, PROOF = "a client assertion", "a request object", "a proof of a key"


def every_kind(house: House) -> Mapping[str, str]:
    """Return tokens that are good where they belong. Those of ours are somebody's who is signed in."""
    kept: Mapping[str, str] = house.once(_kept)
    return {
        **kept,
        ASSERTION: house.assertion("signer"),
        REQUEST_OBJECT: request_object(house).token(),
        PROOF: dpop.proof(house, "POST", "/token"),
    }


def _kept(house: House) -> object:
    of_basic, of_signer = house.tokens("basic"), house.tokens("signer")
    id_token = ours(house, of_basic["id_token"])
    event: Members = {"http://schemas.openid.net/event/backchannel-logout": {}}
    accept = {"Accept": "application/token-introspection+jwt"}
    introspected = house.call("/introspect", "basic", {"token": of_basic["access_token"]}, accept)
    return {
        ID_TOKEN: of_basic["id_token"],
        ACCESS_TOKEN: of_signer["access_token"],
        OPAQUE: of_basic["access_token"],
        "a refresh token": of_basic["refresh_token"],
        "a security event token": id_token.token(
            claims={"events": {"urn:vestibule:event:account.claimed": {}}, "sub": ..., "sid": ..., "exp": ...},
            typ="secevent+jwt",
        ),
        "a logout token": id_token.token(claims={"events": event, "nonce": ...}, typ="logout+jwt"),
        "an introspection response": introspected.text,
    }


def request_object(house: House) -> Specimen:
    """Return a good one of client ``signing``."""
    now, request = house.now(), house.request("signing", prompt="none")
    claims = {**request.parameters, "iss": "signing", "aud": house.base, "iat": now, "nbf": now, "exp": now + 60}
    return Specimen(header={"kid": KID, "typ": "oauth-authz-req+jwt"}, claims=claims, key=EC)


def ours(house: House, token: str) -> Specimen:
    """Return a token of ours in parts, with our own key: not even that makes one kind of token another."""
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    key = house.world.parts.keys.active("ES256", house.world.clock()).key
    assert isinstance(key, ECKey)
    return Specimen(header=header, claims=claims, key=key)
