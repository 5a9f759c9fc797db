"""What may be registered, member by member, and what is answered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey

from broker.oidc.jose.strict_json import json_object
from broker.oidc.registration.metadata import Unacceptable, describe, parse
from broker.oidc.registration.rules import Asked, check
from broker.settings import ClientMetadata
from tests.oidc.jose.samples import ANY_JSON, RSA
from tests.oidc.registration.conftest import CALLBACK, DEVICE, ISSUER, JWKS, asked

RSA_JWK: dict[str, Any] = RSA.as_dict(private=False)
P384_JWK: dict[str, Any] = ECKey.generate_key("P-384").as_dict(private=False)
ED_JWK: dict[str, Any] = OKPKey.generate_key("Ed25519").as_dict(private=False)
DESCRIBING = {chr(code) for code in range(0x20, 0x7F)} - set('"\\')  # RFC 6749 section 5.2
WEB = "https://registry.example.com"


def read(document: dict[str, Any], *, private: bool = False) -> ClientMetadata:
    document = {name: value for name, value in document.items() if value is not None}
    metadata = parse(document, "the-id", None)
    check(Asked(document=document, metadata=metadata, issuer=ISSUER, insecure_allow_private_addresses=private))
    return metadata


def refused(document: dict[str, Any], **options: bool) -> Unacceptable:
    with pytest.raises(Unacceptable) as caught:
        read(document, **options)
    assert set(caught.value.description) <= DESCRIBING
    return caught.value


EVERYTHING: dict[str, Any] = {
    "client_name": "Côté registry",
    "redirect_uris": [CALLBACK, "https://other.example.com/callback?tenant=1"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES256",
    "scope": "openid profile offline_access",
    "jwks": JWKS,
    "id_token_signed_response_alg": "PS256",
    "introspection_signed_response_alg": "EdDSA",
    "subject_type": "pairwise",
    "sector_identifier_uri": f"{WEB}/sector.json",
    "request_object_signing_alg": "ES256",
    "require_signed_request_object": True,
    "require_pushed_authorization_requests": True,
    "dpop_bound_access_tokens": True,
    "post_logout_redirect_uris": [f"{WEB}/bye"],
    "backchannel_logout_uri": f"{WEB}/logout?all",
    "backchannel_logout_session_required": True,
    "default_max_age": 0,
    "application_type": "web",
}


def test_everything_that_is_registered_is_told_again() -> None:
    assert describe(read(EVERYTHING)) == EVERYTHING


def test_what_is_told_can_be_registered_again() -> None:
    told = describe(read(asked()))
    assert describe(read(told)) == told


def test_the_smallest_request_gets_the_defaults_of_rfc_7591() -> None:
    assert describe(read(asked())) == {
        "client_name": "the-id",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "scope": "openid profile email",
        "id_token_signed_response_alg": "RS256",
        "introspection_signed_response_alg": "RS256",
        "subject_type": "public",
        "require_signed_request_object": False,
        "require_pushed_authorization_requests": False,
        "dpop_bound_access_tokens": False,
        "post_logout_redirect_uris": [],
        "backchannel_logout_session_required": False,
        "application_type": "web",
    }


def test_null_is_as_good_as_left_out() -> None:
    assert read(asked(**dict.fromkeys(set(EVERYTHING) - {"redirect_uris"}))) == read(asked())


def test_unknown_members_are_ignored() -> None:
    unknown = {"logo_uri": "javascript:alert(1)", "contacts": [1], "client_name#fr": "x", "software_statement": "x"}
    assert read(asked(**unknown)) == read(asked())


# Every setting that is the operator's alone, by our name for it, and whatever a name on the wire may be.
OPERATORS: dict[str, Any] = {
    "first_party": True,
    "insecure_pkce_optional": True,
    "access_token_format": "jwt",
    "id_token_claims": ["name", "email"],
    "resources": ["https://api.example.com"],
    "serves": ["https://api.example.com"],
    "providers": ["github"],
    "bindings": ["session"],
    "strength": "mfa",
    "name": "Another name",
    "auth_method": "none",
    "scopes": ["openid", "introspection"],
    "max_age": 1,
    "secret": "x" * 40,
    "enabled": False,
    "management_sha256": "0" * 64,
}


def test_t8_what_is_the_operators_to_give_cannot_be_registered() -> None:
    assert read(asked(**OPERATORS)) == read(asked())
    settings = set(ClientMetadata.model_fields) - {"jwks", "jwks_uri"}
    assert settings <= set(OPERATORS) | set(EVERYTHING) | {"scopes"}


def test_t8_a_client_can_not_undo_what_an_operator_set() -> None:
    before = read(asked()).model_copy(
        update={"strength": "phishing_resistant", "providers": ("github",), "first_party": True}
    )
    after = parse(asked(client_name="New", first_party=False, providers=None), "the-id", before)
    assert (after.name, after.strength, after.providers, after.first_party) == (
        *("New", "phishing_resistant", ("github",), True),
    )


def test_a_client_with_refresh_tokens_gets_the_scope_for_them() -> None:
    grants = ["authorization_code", "refresh_token"]
    assert read(asked(grant_types=grants)).scopes == ("openid", "profile", "email", "offline_access")
    assert refused(asked(grant_types=grants, scope="openid")).description.startswith("scope ")


def test_a_word_of_a_scope_counts_once() -> None:
    assert read(asked(scope="openid email openid")).scopes == ("openid", "email")


def test_a_client_of_the_command_line_needs_no_redirect_uri() -> None:
    document = {"grant_types": [DEVICE], "token_endpoint_auth_method": "none", "client_name": "cli"}
    told = describe(read(document))
    assert (told["redirect_uris"], told["response_types"]) == ([], [])


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8123/cb", "http://[::1]:8123/", "http://localhost:1/x", CALLBACK])
def test_a_native_application_may_be_on_the_users_machine_with_an_exact_port(uri: str) -> None:
    document = asked(application_type="native", redirect_uris=[uri], post_logout_redirect_uris=[uri])
    assert read(document).redirect_uris == (uri,)
    assert describe(read(document))["application_type"] == ("web" if uri == CALLBACK else "native")


# Member -> values it must not have. Where the mistake is told in another member, that one is in front.
REFUSED: dict[str, list[Any]] = {
    "redirect_uris": [
        *([], "", {}, CALLBACK, [7], [[CALLBACK]], [""], [None], [CALLBACK] * 51),
        *(["javascript:alert(1)"], ["data:text/html,x"], ["com.example.app:/cb"], ["urn:ietf:wg:oauth:2.0:oob"]),
        *(["http://registry.example.com/cb"], ["ftp://registry.example.com/cb"], ["//registry.example.com/cb"]),
        *(["http://127.0.0.1:8123/cb"], ["https://localhost/cb"], ["https://127.0.0.1/cb"], ["https://[::1]/cb"]),
        [CALLBACK, "https://user:pw@registry.example.com/cb"],
        [CALLBACK + "#"],
        ["https://registry.example.com/*"],
        ["https://registry.example.com./cb"],
        ["https://Registry.example.com/cb"],
        ["HTTPS://registry.example.com/cb"],
        ["https://registry.example.com\\@evil.example/"],
        ["https://registry.example.com%2f.evil.example/"],
        ["https://%72egistry.example.com/cb"],
        ["https://registry.example.com;.evil.example/"],
        ["https://registry.example.com,evil.example/"],
        ["https://127.1/cb"],
        ["https://0x7f000001/cb"],
        ["https://2130706433/cb"],
        ["https://[fe80::1%25eth0]/cb"],
        ["http://[::1].example.com/cb"],
        ["http://registry.example.com[::1]/cb"],
        ["https://registry.example.com:99999/cb"],
        ["https://registry.example.com/c b"],
        ["https://registry.example.com/cb\n"],
        ["https://registry.example.com/\u0000"],
        ["https://r\u0435gistry.example.com/cb"],
        ["https:///cb"],
        ["https:registry.example.com/cb"],
        [f"{ISSUER}/callback/github"],
        [f"{ISSUER}:443/signin"],
    ],
    "client_name": [
        *("", " ", 7, [], {}, True, "x" * 101, " padded", "null\u0000", "line\nbreak", "\u202eyrtsiger", "a\u200bb"),
        "Registry\u2028",
    ],
    "grant_types": [
        *([], "authorization_code", ["password"], ["implicit"], ["authorization_code", "implicit"], [7], [[]]),
        *(["client_credentials"], ["authorization_code", "client_credentials"]),
        ["urn:ietf:params:oauth:grant-type:token-exchange"],
        ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
    ],
    "response_types": [
        [],
        ["token"],
        ["code", "token"],
        ["id_token"],
        ["code id_token"],
        "code",
        [7],
        {},
        ["code"] * 2,
    ],
    "token_endpoint_auth_method": ["bogus", "client_secret_jwt", "tls_client_auth", "", 7, ["none"], {}],
    "token_endpoint_auth_signing_alg": ["none", "HS256", "RS512", "es256", 7, []],
    "id_token_signed_response_alg": ["none", "HS256", "ES384", 7, []],
    "introspection_signed_response_alg": ["none", "HS256", 7],
    "request_object_signing_alg": ["none", "HS256", 7],
    "scope": [
        *("", " ", "profile", "openid  email", "openid admin", "openid introspection", "openid events"),
        *(["openid"], 7, {}),
    ],
    "subject_type": ["private", "", 7, []],
    "jwks": [
        *({}, [], "x", 7, {"keys": []}, {"keys": {}}, {"keys": [7]}, {"keys": [{}]}, {"keys": [RSA_JWK] * 21}),
        {"keys": [{"kty": "oct", "k": "A" * 43}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
        {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "n": 7, "e": "AQAB"}]},
        {"keys": [RSA.as_dict(private=True)]},
        {"keys": [{**RSA_JWK, "d": "AQAB"}]},
        {"keys": [P384_JWK]},
    ],
    "jwks_uri": [
        *("", 7, "http://registry.example.com/jwks", "https://localhost/jwks", "http://localhost:1/jwks"),
        *("https://10.0.0.1/jwks", "https://169.254.169.254/", "https://[::1]/jwks", "https://[fd00::1]/jwks"),
        *("https://registry.example.com/jwks#a", "file:///etc/passwd", f"{ISSUER}/jwks", f"{ISSUER}:443/jwks"),
    ],
    "sector_identifier_uri": ["http://registry.example.com/x", "https://192.168.1.1/x", f"{ISSUER}/x", "x", 7],
    "backchannel_logout_uri": [
        *("http://registry.example.com/x", "https://127.0.0.1/x", "http://127.0.0.1/x", "https://10.1.2.3/x"),
        *(f"{ISSUER}/x", "https://registry.example.com/#x", "", 7, ["https://registry.example.com/"]),
    ],
    "post_logout_redirect_uris": [
        *(["http://registry.example.com/"], ["https://localhost/"], [f"{ISSUER}/logout"], "https://x.example/", [7]),
        ["https://registry.example.com/#"],
    ],
    "application_type": ["desktop", "", 7, [], {}],
    "default_max_age": [-1, 1.5, "60", True, [], 10**400, 31_536_001],
    **{
        name: ["true", 1, 0, "", [], {}]
        for name in (
            "require_signed_request_object",
            "require_pushed_authorization_requests",
            "dpop_bound_access_tokens",
            "backchannel_logout_session_required",
        )
    },
}


@pytest.mark.parametrize(
    "member, value",
    [(member, value) for member, values in REFUSED.items() for value in values],
    # Not by value: keys are new in every process, and each of them must know the tests by the same names.
    ids=[f"{member}-{number}" for member, values in REFUSED.items() for number, _ in enumerate(values)],
)
def test_t6_t8_what_is_not_as_it_must_be_is_refused_by_the_name_of_its_member(member: str, value: Any) -> None:
    error = refused(asked(**{member: value}))
    assert error.error == ("invalid_redirect_uri" if member == "redirect_uris" else "invalid_client_metadata")
    assert error.description.startswith(member)
    assert error.description.endswith(".")


# What goes with what.
TOGETHER: dict[str, tuple[dict[str, Any], str]] = {
    "keys twice": ({"jwks": JWKS, "jwks_uri": f"{WEB}/jwks"}, "jwks_uri"),
    "no keys to authenticate with": ({"token_endpoint_auth_method": "private_key_jwt"}, "jwks_uri"),
    "no keys to sign requests with": ({"require_signed_request_object": True}, "require_signed_request_object"),
    "keys for another algorithm": (
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": JWKS, "token_endpoint_auth_signing_alg": "RS256"},
        "jwks",
    ),
    "RS256 by nobody's word": (
        {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{**RSA_JWK, "alg": "RS256"}]}},
        "jwks",
    ),
    "keys for another request algorithm": (
        {"require_signed_request_object": True, "jwks": {"keys": [ED_JWK]}, "request_object_signing_alg": "ES256"},
        "jwks",
    ),
    "codes without the grant": ({"grant_types": [DEVICE], "response_types": ["code"]}, "response_types"),
    "pairwise over several hosts": (
        {"subject_type": "pairwise", "redirect_uris": [CALLBACK, "https://other.example.com/cb"]},
        "sector_identifier_uri",
    ),
    "pairwise with the device grant": (
        {"subject_type": "pairwise", "grant_types": ["authorization_code", DEVICE]},
        "subject_type",
    ),
    "another's sector by the device grant alone": (
        {"subject_type": "pairwise", "grant_types": [DEVICE], "sector_identifier_uri": f"{WEB}/sector.json"},
        "subject_type",
    ),
}


@pytest.mark.parametrize("changes, member", TOGETHER.values(), ids=TOGETHER.keys())
def test_t8_what_does_not_go_together_is_refused(changes: dict[str, Any], member: str) -> None:
    assert refused(asked(**changes)).description.startswith(member)


def test_every_member_that_is_wrong_is_named_once() -> None:
    error = refused(asked(redirect_uris=["x", "y", CALLBACK], client_name="", default_max_age="1"))
    assert error.error == "invalid_redirect_uri"
    assert [error.description.count(name) for name in ("redirect_uris", "client_name", "default_max_age")] == [1, 1, 1]
    assert "redirect_uris[0] is not an https URL; right would be: " in error.description


def test_keys_of_no_use_here_may_stand_beside_one_that_is() -> None:
    mixed = {"keys": [P384_JWK, *JWKS["keys"], RSA_JWK]}
    assert read(asked(jwks=mixed, token_endpoint_auth_method="private_key_jwt")).jwks == mixed


def test_private_addresses_are_called_where_the_operator_allows_it() -> None:
    for member in ("jwks_uri", "backchannel_logout_uri", "sector_identifier_uri"):
        assert getattr(read(asked(**{member: "http://127.0.0.1:1/x"}), private=True), member)


def test_an_address_that_everybody_reaches_is_taken() -> None:
    assert read(asked(jwks_uri="https://8.8.8.8/jwks")).jwks_uri == "https://8.8.8.8/jwks"


MEMBERS = st.sampled_from([*EVERYTHING, "jwks_uri", "first_party"])
KEY_MEMBERS = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "use", "alg", "key_ops", "kid"])
KEY_VALUES = ANY_JSON | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", RSA_JWK["n"], "sig", "ES256"])
KEYS = st.fixed_dictionaries({"keys": st.lists(st.dictionaries(KEY_MEMBERS, KEY_VALUES, max_size=5), max_size=3)})
URLS = st.text("htps:/@[]%.#?\\127localex*\x00 é", max_size=30).map(lambda tail: "https://" + tail)


VALUES = ANY_JSON | KEYS | URLS | st.lists(URLS, max_size=3) | st.sampled_from([*EVERYTHING.values()])


@given(st.dictionaries(MEMBERS, VALUES))
def test_whatever_json_comes_it_is_registered_or_refused(document: dict[str, Any]) -> None:
    try:
        document = json_object(json.dumps({"redirect_uris": [CALLBACK], **document}).encode())
    except ValueError:
        return  # the endpoint reads no other JSON
    outcome = attempt(document)
    if isinstance(outcome, Unacceptable):
        assert outcome.description
        assert set(outcome.description) <= DESCRIBING
    else:
        assert not outcome.first_party
        assert ClientMetadata.model_validate_json(outcome.model_dump_json()) == outcome


def attempt(document: dict[str, Any]) -> ClientMetadata | Unacceptable:
    try:
        return read(document)
    except Unacceptable as error:
        return error
