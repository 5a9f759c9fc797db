"""The Microsoft stand-in's discovery documents, key sets, logout and admin consent."""

from urllib.parse import quote

import pytest

from providers.standins import CONTOSO, FABRIKAM, MSA, NORTHWIND, OPERATOR, Standins

from .flows import CALLBACK, Client


def test_discovery_has_exactly_the_members_of_microsofts(client: Client) -> None:
    document = client.get("/organizations/v2.0/.well-known/openid-configuration").json()
    back, front = client.standins.backchannel_url, client.standins.browser_url
    assert document["issuer"] == f"{back}/{{tenantid}}/v2.0"
    assert document["authorization_endpoint"] == f"{front}/organizations/oauth2/v2.0/authorize"
    assert document["token_endpoint"] == f"{back}/organizations/oauth2/v2.0/token"
    assert document["jwks_uri"] == f"{back}/organizations/discovery/v2.0/keys"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert "amr" not in document["claims_supported"]
    assert sorted(document) == [
        "authorization_endpoint",
        "claims_supported",
        "cloud_graph_host_name",
        "cloud_instance_name",
        "device_authorization_endpoint",
        "end_session_endpoint",
        "frontchannel_logout_supported",
        "http_logout_supported",
        "id_token_signing_alg_values_supported",
        "issuer",
        "jwks_uri",
        "kerberos_endpoint",
        "msgraph_host",
        "rbac_url",
        "request_uri_parameter_supported",
        "response_modes_supported",
        "response_types_supported",
        "scopes_supported",
        "subject_types_supported",
        "tenant_region_scope",
        "token_endpoint",
        "token_endpoint_auth_methods_supported",
        "userinfo_endpoint",
    ]


@pytest.mark.parametrize(
    "selector,issuer",
    [
        ("common", "{tenantid}"),
        ("consumers", MSA),
        (MSA, MSA),
        (CONTOSO, CONTOSO),
        ("contoso.example", CONTOSO),
        (FABRIKAM, FABRIKAM),
        (NORTHWIND, NORTHWIND),
        ("northwind.example", NORTHWIND),
        (OPERATOR, OPERATOR),
    ],
)
def test_each_selector_names_the_issuers_of_both_versions(client: Client, selector: str, issuer: str) -> None:
    back = client.standins.backchannel_url
    v2 = client.get(f"/{selector}/v2.0/.well-known/openid-configuration").json()
    v1 = client.get(f"/{selector}/.well-known/openid-configuration").json()
    assert v2["issuer"] == f"{back}/{issuer}/v2.0"
    assert v1["issuer"] == f"{back}/sts/{issuer}/"
    assert v1["jwks_uri"] == f"{back}/{selector}/discovery/keys"
    assert {"acr", "amr"} <= set(v1["claims_supported"])


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere/v2.0/.well-known/openid-configuration",
        "/nowhere/.well-known/openid-configuration",
        "/nowhere/discovery/v2.0/keys",
        "/nowhere/discovery/keys",
    ],
)
def test_an_unknown_tenant_is_aadsts90002(client: Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_tenant")
    assert answer.json()["error_codes"] == [90002]


@pytest.mark.parametrize("path", ["authorize", "logout"])
def test_an_unknown_tenant_is_refused_in_the_browser_too(client: Client, path: str) -> None:
    answer = client.session.get(f"{client.standins.browser_url}/nowhere/oauth2/v2.0/{path}", timeout=30)
    assert (answer.status_code, answer.json()["error_codes"]) == (400, [90002])


def test_an_unknown_tenant_gives_no_tokens(client: Client) -> None:
    answer = client.redeem("entra", "any", path="/nowhere/oauth2/v2.0/token")
    assert answer.json()["error_codes"] == [90002]


@pytest.mark.parametrize(
    "selector,issuers",
    [
        ("consumers", [MSA]),
        ("organizations", ["{tenantid}", MSA]),
        ("common", ["{tenantid}", MSA]),
        (CONTOSO, [CONTOSO]),
    ],
)
def test_each_version_2_key_says_whose_it_is(client: Client, selector: str, issuers: list[str]) -> None:
    keys = client.get(f"/{selector}/discovery/v2.0/keys").json()["keys"]
    back = client.standins.backchannel_url
    assert [key["issuer"] for key in keys] == [f"{back}/{issuer}/v2.0" for issuer in issuers]
    for key in keys:
        assert set(key) == {"kty", "use", "kid", "x5t", "n", "e", "x5c", "issuer"}
        assert key["kid"] == key["x5t"]


def test_version_1_keys_are_others_and_say_nothing_of_an_issuer(client: Client) -> None:
    v1 = client.get("/organizations/discovery/keys").json()["keys"]
    v2 = client.get("/organizations/discovery/v2.0/keys").json()["keys"]
    assert not {key["kid"] for key in v1} & {key["kid"] for key in v2}
    assert "issuer" not in v1[0]


def test_new_keys_replace_the_old_ones(client: Client) -> None:
    before = {key["kid"] for key in client.get("/common/discovery/v2.0/keys").json()["keys"]}
    client.standins.rotate_keys()
    after = {key["kid"] for key in client.get("/common/discovery/v2.0/keys").json()["keys"]}
    assert not before & after


def test_logout_goes_back_only_where_it_may(client: Client) -> None:
    logout = f"{client.standins.browser_url}/organizations/oauth2/v2.0/logout"
    target = f"{logout}?post_logout_redirect_uri={quote(CALLBACK)}"
    assert client.session.get(target, allow_redirects=False, timeout=30).headers["Location"] == CALLBACK
    other = client.session.get(f"{logout}?post_logout_redirect_uri=https://attacker.invalid/", timeout=30)
    assert (other.status_code, "You signed out" in other.text) == (200, True)
    assert client.session.post(logout, timeout=30).status_code == 200


def admin_consent(client: Client, selector: str | None = "organizations", **changes: str | None) -> str:
    fields = {"response_type": None, "nonce": None, "code_challenge": None, "code_challenge_method": None, **changes}
    return client.url("entra", path=f"/{selector}/v2.0/adminconsent", **fields)


@pytest.mark.parametrize("selector,tenant", [("organizations", FABRIKAM), (FABRIKAM, FABRIKAM)])
def test_an_admin_approves_the_application(client: Client, selector: str, tenant: str) -> None:
    url = admin_consent(client, selector)
    assert "Approve, as admin of Fabrikam" in client.session.get(url, timeout=30).text
    answer = client.session.post(url, data={"tenant": tenant}, allow_redirects=False, timeout=30)
    assert answer.headers["Location"].startswith(f"{CALLBACK}?admin_consent=True&tenant={FABRIKAM}&scope=")
    assert answer.headers["Location"].endswith("&state=the-state")


@pytest.mark.parametrize("answer", ["decline", NORTHWIND])
def test_an_admin_declines_or_is_of_another_tenant(client: Client, answer: str) -> None:
    url = admin_consent(client, FABRIKAM, state=None)
    location = client.session.post(url, data={"tenant": answer}, allow_redirects=False, timeout=30).headers["Location"]
    assert "error=consent_required" in location
    assert "tenant=" not in location


@pytest.mark.parametrize("changes", [{"client_id": "someone-else"}, {"redirect_uri": "https://attacker.invalid/"}])
def test_admin_consent_for_a_wrong_application_is_shown(client: Client, changes: dict[str, str | None]) -> None:
    answer = client.session.get(admin_consent(client, **changes), allow_redirects=False, timeout=30)
    assert answer.status_code == 400


@pytest.mark.parametrize("selector", ["common", "consumers", "nowhere"])
def test_admin_consent_needs_a_tenant(client: Client, selector: str) -> None:
    answer = client.session.get(admin_consent(client, selector), timeout=30)
    assert answer.json()["error_codes"] == [90002]


def test_personas_of_the_operators_tenant_sign_in_there(standins: Standins, client: Client) -> None:
    path = f"/{OPERATOR}/oauth2/v2.0/authorize"
    assert client.id_token("entra", "entra-msa-guest", path=path)["tid"] == OPERATOR
