"""Discovery and keys: what is said there is so, and nothing else is."""

import requests
from authlib.oidc.discovery import OpenIDProviderMetadata

from tests.world import TIMEOUT, World


def test_discovery_is_valid_and_public(world: World) -> None:
    response = requests.get(f"{world.base}/.well-known/openid-configuration", timeout=TIMEOUT)
    assert response.headers["Cache-Control"].startswith("public")
    document = response.json()
    assert document["issuer"] == world.base
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert document[name].startswith(world.base + "/")
    # Authlib wants https, which a loopback issuer may go without.
    secure = {
        name: value.replace("http://", "https://") if isinstance(value, str) else value
        for name, value in document.items()
    }
    OpenIDProviderMetadata(secure).validate()


def test_the_key_set_has_public_parts_only(world: World) -> None:
    keys = requests.get(f"{world.base}/jwks", timeout=TIMEOUT).json()["keys"]
    assert {(key["kty"], key["alg"], key["use"]) for key in keys} == {
        ("RSA", "RS256", "sig"),
        ("RSA", "PS256", "sig"),
        ("EC", "ES256", "sig"),
        ("OKP", "EdDSA", "sig"),
    }
    assert len({key["kid"] for key in keys}) == 4
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
