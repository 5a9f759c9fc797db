"""What a client may be: each setting, and what goes with what."""

import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey
from pydantic import ValidationError

from broker.settings import ClientMetadata, ClientSettings
from broker.settings.clients import MAX_AGE, check_public_keys
from tests.oidc.jose.samples import RSA

SECRET = secrets.token_urlsafe(32)
CALLBACK = "https://registry.example.org/callback"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EC = ECKey.generate_key("P-256")
JWKS = {"keys": [EC.as_dict(private=False)]}
SIGNING: dict[str, Any] = {"auth_method": "private_key_jwt", "jwks": JWKS}


def metadata(**changes: Any) -> ClientMetadata:
    described = {"name": "Demo", "redirect_uris": [CALLBACK], **changes}
    return ClientMetadata.model_validate({name: value for name, value in described.items() if value is not None})


def settings(**changes: Any) -> ClientSettings:
    described = {"name": "Demo", "redirect_uris": [CALLBACK], "secret": SECRET, **changes}
    return ClientSettings.model_validate({name: value for name, value in described.items() if value is not None})


def wrong(**changes: Any) -> set[str]:
    """Return the keys that are named as wrong."""
    with pytest.raises(ValidationError) as caught:
        metadata(**changes)
    return {".".join(map(str, each["loc"])) for each in caught.value.errors()}


GOOD: dict[str, Mapping[str, Any]] = {
    "machine": {"grant_types": ["client_credentials"], "redirect_uris": None, "scopes": ["introspection", "events"]},
    "machine and people": {
        "grant_types": ["authorization_code", "client_credentials"],
        "scopes": ["openid", "introspection"],
    },
    "command line": {"grant_types": [DEVICE], "redirect_uris": None, "auth_method": "none"},
    "native": {"auth_method": "none", "redirect_uris": ["http://127.0.0.1:4711/cb", "http://[::1]:4711/cb"]},
    "offline": {
        "grant_types": ["authorization_code", "refresh_token"],
        "scopes": ["openid", "offline_access"],
    },
    "FAPI": {
        **SIGNING,
        "require_pushed_authorization_requests": True,
        "require_signed_request_object": True,
        "dpop_bound_access_tokens": True,
        "id_token_signed_response_alg": "PS256",
    },
    "keys elsewhere": {"auth_method": "private_key_jwt", "jwks_uri": "https://registry.example.org/jwks"},
    "pairwise on one host": {"subject_type": "pairwise", "redirect_uris": [CALLBACK, CALLBACK + "/two"]},
    "pairwise on two": {
        "subject_type": "pairwise",
        "redirect_uris": [CALLBACK, "https://other.example.org/"],
        "sector_identifier_uri": "https://registry.example.org/sector.json",
    },
    "certification": {"insecure_pkce_optional": True},
    "max_age 0": {"max_age": 0},
    "a year": {"max_age": MAX_AGE},
    "no secret, no tokens": {"auth_method": "none", "jwks": JWKS},
    "resources": {"resources": ["https://api.example.org/v1?x=1", "urn:example:api"], "serves": ["urn:example:api"]},
    "a name of many scripts": {"name": "Régistre 注册表 📦"},
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD.keys())
def test_a_client_may_be_this(changes: Mapping[str, Any]) -> None:
    made = metadata(**changes)
    assert ClientMetadata.model_validate_json(made.model_dump_json()) == made


BAD: tuple[tuple[Mapping[str, Any], set[str]], ...] = (
    ({"redirect_uris": None}, {"redirect_uris"}),
    ({"redirect_uris": [CALLBACK] * 51}, {"redirect_uris"}),
    ({"grant_types": []}, {"grant_types"}),
    ({"grant_types": ["password"]}, {"grant_types", "grant_types.0"}),
    ({"grant_types": ["implicit"]}, {"grant_types", "grant_types.0"}),
    ({"grant_types": ["client_credentials"], "auth_method": "none"}, {"auth_method"}),
    ({"auth_method": "client_secret_jwt"}, {"auth_method"}),
    ({"auth_method": "private_key_jwt"}, {"jwks_uri"}),
    ({**SIGNING, "jwks_uri": "https://registry.example.org/jwks"}, {"jwks_uri"}),
    ({"auth_method": "private_key_jwt", "jwks": {}}, {"jwks"}),
    ({"auth_method": "magic", "jwks": {"keys": 1}}, {"auth_method", "jwks"}),
    ({"jwks_uri": "http://registry.example.org/jwks"}, {"jwks_uri"}),
    ({"token_endpoint_auth_signing_alg": "HS256"}, {"token_endpoint_auth_signing_alg"}),
    ({"scopes": ["profile"]}, {"scopes"}),
    ({"scopes": []}, {"scopes"}),
    ({"scopes": ["openid", "admin"]}, {"scopes.1"}),
    ({"scopes": ["openid", "offline_access"]}, {"scopes"}),
    ({"grant_types": ["authorization_code", "refresh_token"]}, {"scopes"}),
    ({"grant_types": ["authorization_code", "refresh_token"], "scopes": ["openid"]}, {"scopes"}),
    ({"scopes": ["openid", "introspection"]}, {"scopes"}),
    ({"scopes": ["openid", "events"]}, {"scopes"}),
    ({"grant_types": "x", "scopes": ["profile"]}, {"grant_types"}),
    ({"id_token_signed_response_alg": "none"}, {"id_token_signed_response_alg"}),
    ({"introspection_signed_response_alg": "none"}, {"introspection_signed_response_alg"}),
    ({"request_object_signing_alg": "none"}, {"request_object_signing_alg"}),
    ({"subject_type": "pairwise", "redirect_uris": [CALLBACK, "https://b.example.org/"]}, {"sector_identifier_uri"}),
    ({"subject_type": "pairwise", "redirect_uris": None, "grant_types": [DEVICE]}, {"sector_identifier_uri"}),
    *(
        ({"subject_type": "pairwise", "scopes": ["openid", each]}, {"subject_type"})
        for each in ("organizations.read", "organizations.manage", "operator")
    ),
    ({"subject_type": "pairwise", "scopes": ["openid", "magic"]}, {"scopes.1"}),
    ({"subject_type": "pairwise", "redirect_uris": ["x"]}, {"redirect_uris.0"}),
    ({"sector_identifier_uri": "http://registry.example.org/"}, {"sector_identifier_uri"}),
    ({"require_signed_request_object": True}, {"require_signed_request_object"}),
    ({"require_signed_request_object": True, "jwks": {}}, {"jwks"}),
    ({"insecure_pkce_optional": True, "auth_method": "none"}, {"insecure_pkce_optional"}),
    ({"post_logout_redirect_uris": ["http://registry.example.org/"]}, {"post_logout_redirect_uris.0"}),
    ({"backchannel_logout_uri": "https://registry.example.org/#x"}, {"backchannel_logout_uri"}),
    ({"resources": ["/api"]}, {"resources.0"}),
    ({"resources": ["https://api.example.org/#x"]}, {"resources.0"}),
    ({"serves": ["api"]}, {"serves.0"}),
    ({"max_age": MAX_AGE + 1}, {"max_age"}),
    ({"max_age": -1}, {"max_age"}),
    ({"nmae": "x"}, {"nmae"}),
)


@pytest.mark.parametrize("changes, keys", BAD, ids=[f"{min(keys)} {n}" for n, (_, keys) in enumerate(BAD)])
def test_t8_what_does_not_go_together_is_named(changes: Mapping[str, Any], keys: set[str]) -> None:
    assert wrong(**changes) == keys


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 101, " padded", "a\x00b", "a\nb", "\u202eyrtsiger", "a\u200bb", "a\u2028"]
)
def test_a_name_is_what_people_see_of_it(name: str) -> None:
    assert wrong(name=name) == {"name"}


@pytest.mark.parametrize(
    "uri",
    [
        "HTTPS://registry.example.org/cb",
        "https://%72egistry.example.org/cb",
        "https://registry.example.org%2f.evil.example/",
        "https://registry.example.org%00.evil.example/",
        "https://registry.example.org;.evil.example/",
        "https://registry.example.org,evil.example/",
        "https://registry.example.org'.evil.example/",
        "https://127.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://registry.example.0x1/",
        "https://[fe80::1%25eth0]/",
        "https://-/",
        "https://a_b.example/",  # not to be named in a content security policy, as the page that asks for consent does
        "https://registry.example.org:0443/",
        "https://registry.example.org:/",
        "https://registry.example.org[::1]/",
        "https://[v1.example]/",
        "http://registry.example.org[::1]/",
        "http://[::1].example.org/",
        "http://[::1]registry.example.org:80/",
        "https://.example.org/",
        "http://127.1:80/",
        "http://0177.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://foo.localhost/",
    ],
)
def test_t6_a_host_is_written_as_browsers_read_it(uri: str) -> None:
    assert wrong(redirect_uris=[CALLBACK, uri]) == {"redirect_uris.1"}


@pytest.mark.parametrize(
    "uri",
    [
        "https://a/",
        "https://a-b.example:8443/",
        "https://xn--bcher-kva.example/",
        "https://192.0.2.1/",
        "https://[2001:db8::1]/",
    ],
)
def test_a_host_may_be_a_name_or_an_address(uri: str) -> None:
    assert metadata(redirect_uris=[uri]).redirect_uris == (uri,)


def test_a_secret_goes_with_the_methods_that_use_one() -> None:
    assert settings().secret is not None
    assert settings(**SIGNING, secret=None).secret is None
    for changes in ({"secret": None}, {"secret": SECRET, **SIGNING}, {"secret": SECRET, "auth_method": "none"}):
        with pytest.raises(ValidationError) as caught:
            settings(**changes)
        assert [each["loc"] for each in caught.value.errors()] == [("secret",)]
        assert SECRET not in str(caught.value)


KEYS: dict[str, object] = {
    "none": {"keys": []},
    "too many": {"keys": [*JWKS["keys"]] * 21},
    "no list": {"keys": dict(JWKS)},
    "no key": {"keys": ["x"]},
    "symmetric": {"keys": [{"kty": "oct", "k": "A" * 43}]},
    "private EC": {"keys": [EC.as_dict(private=True)]},
    "private OKP": {"keys": [OKPKey.generate_key("Ed25519").as_dict(private=True)]},
    "private RSA": {"keys": [RSA.as_dict(private=True)]},
    "half private": {"keys": [{**RSA.as_dict(private=False), "dp": "AQAB"}]},
    "off the curve": {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
    "unknown curve": {"keys": [{**EC.as_dict(private=False), "crv": "P-257"}]},
    "short RSA": {"keys": [{"kty": "RSA", "n": "x" * 100, "e": "AQAB"}]},
    "no modulus": {"keys": [{"kty": "RSA", "e": "AQAB"}]},
    "a number": {"keys": [{"kty": "RSA", "n": 7, "e": "AQAB"}]},
}


@pytest.mark.parametrize("jwks", KEYS.values(), ids=KEYS.keys())
def test_t9_keys_are_public_asymmetric_and_long_enough(jwks: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^(is not a JWK Set|has a)"):
        check_public_keys(jwks)


def test_t9_all_kinds_of_public_keys_are_taken() -> None:
    keys: tuple[RSAKey | ECKey | OKPKey, ...] = (RSA, EC, ECKey.generate_key("P-384"), OKPKey.generate_key("Ed25519"))
    check_public_keys({"keys": [key.as_dict(private=False) for key in keys]})
