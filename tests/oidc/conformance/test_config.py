"""oidcc-config-certification-test-plan: Config OP."""

import re
from typing import Any

import pytest

from tests.oidc.conformance.names import CONFIG, Modules
from tests.oidc.conformance.op import Suite

module: Modules[Suite] = Modules("oidcc-")

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3
# What the IANA registry of authorization server metadata has, as far as we say it, beside lists and endpoints.
_URLS = {"issuer", "jwks_uri"}
_SWITCHES = {
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_request_uri_registration",
    "require_pushed_authorization_requests",
    "authorization_response_iss_parameter_supported",
    "backchannel_logout_supported",
    "backchannel_logout_session_supported",
}
_ENDPOINTS = {
    f"{name}_endpoint"
    for name in (
        *("authorization", "token", "userinfo", "registration", "introspection", "revocation"),
        *("pushed_authorization_request", "device_authorization", "end_session"),
    )
}
_LISTS = {
    *("scopes_supported", "response_types_supported", "response_modes_supported", "grant_types_supported"),
    *("subject_types_supported", "acr_values_supported", "claims_supported", "prompt_values_supported"),
    *("code_challenge_methods_supported", "id_token_signing_alg_values_supported"),
    *("introspection_signing_alg_values_supported", "request_object_signing_alg_values_supported"),
    "dpop_signing_alg_values_supported",
    *(f"{name}_endpoint_auth_methods_supported" for name in ("token", "introspection", "revocation")),
    *(f"{name}_endpoint_auth_signing_alg_values_supported" for name in ("token", "introspection", "revocation")),
}


@module("discovery-endpoint-verification")
def discovery(suite: Suite) -> None:
    document = suite.discovery()
    assert document["issuer"] == suite.issuer
    assert set(document) <= _URLS | _SWITCHES | _ENDPOINTS | _LISTS
    for name, value in document.items():
        _check(name, value)
    assert "code" in document["response_types_supported"]
    assert "RS256" in document["id_token_signing_alg_values_supported"]
    assert set(document["subject_types_supported"]) <= {"public", "pairwise"}
    assert "openid" in document["scopes_supported"]
    assert all(_SCOPE.fullmatch(scope) for scope in document["scopes_supported"])
    assert {"sub", "name", "email"} <= set(document["claims_supported"])
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert name in document
    assert suite.keys().keys


def _check(name: str, value: Any) -> None:
    if name in _URLS | _ENDPOINTS:
        assert isinstance(value, str), name
        assert value.startswith("https://"), name
    elif name in _SWITCHES:
        assert isinstance(value, bool), name
    else:
        assert isinstance(value, list), name
        assert value, name
        assert all(isinstance(each, str) and each for each in value), name


@pytest.mark.parametrize("name", CONFIG)
def test_module(name: str, suite: Suite) -> None:
    module.run(name, suite)
