"""The Microsoft stand-in's wire format: documents, authorization endpoint, token endpoint."""

import json
from urllib.parse import quote

import pytest

from providers.standins import (
    CONTOSO,
    EVIDENCE_API,
    EVIDENCE_SCOPE,
    FABRIKAM,
    MSA,
    NORTHWIND,
    OPERATOR,
    Standins,
)
from providers.standins.browser import Stopped, sign_in

from .flows import CALLBACK, Client, unverified

MFA = "urn:microsoft:policies:mfa"
DEFAULT = "urn:microsoft:policies:default"
AMR_ASKED = json.dumps({"access_token": {"amr": {"values": ["mfa"]}}})
AMR_FORCED = json.dumps({"access_token": {"amr": {"essential": True, "values": ["mfa"]}}})


def acrs(context: str) -> str:
    return json.dumps({"id_token": {"acrs": {"essential": True, "value": context}}})


# Documents


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


# Authorization endpoint


def test_an_unregistered_redirect_uri_is_shown_and_never_redirected_to(client: Client) -> None:
    url = client.url("entra", redirect_uri=CALLBACK + "/deeper")
    with pytest.raises(Stopped, match="AADSTS50011") as stopped:
        sign_in(url, "entra-mfa")
    assert stopped.value.status == 400


def test_an_unknown_application_is_shown_and_never_redirected_to(client: Client) -> None:
    with pytest.raises(Stopped, match="AADSTS700016"):
        sign_in(client.url("entra", client_id="someone-else"), "entra-mfa")


@pytest.mark.parametrize(
    "changes,error,number",
    [
        ({"amr_values": "mfa"}, "invalid_request", 901002),
        ({"path": "/consumers/oauth2/v2.0/authorize"}, "invalid_request", 9002332),
        ({"response_type": "id_token"}, "unsupported_response_type", 700054),
        ({"response_type": None}, "unsupported_response_type", 700054),
        ({"response_mode": "fragment"}, "invalid_request", 70007),
        ({"prompt": "sometimes"}, "invalid_request", 90023),
        ({"prompt": "none"}, "login_required", 50058),
        ({"max_age": "-1"}, "invalid_request", 90023),
        ({"code_challenge_method": "plain"}, "invalid_request", 50147),
        ({"code_challenge": "short"}, "invalid_request", 50147),
        ({"claims": "{"}, "invalid_request", 50146),
        ({"claims": "[]"}, "invalid_request", 50146),
        ({"scope": "openid api://another/scope"}, "invalid_resource", 500011),
    ],
)
def test_a_wrong_request_goes_back_with_microsofts_error(
    client: Client, changes: dict[str, str | None], error: str, number: int
) -> None:
    fields = client.back("entra", "entra-mfa", **changes).parameters
    assert (fields["error"], fields["state"]) == (error, "the-state")
    assert fields["error_description"].startswith(f"AADSTS{number}: ")


@pytest.mark.parametrize("selector", ["organizations", "common", CONTOSO])
def test_an_application_for_personal_accounts_is_refused_elsewhere(client: Client, selector: str) -> None:
    path = f"/{selector}/oauth2/v2.0/authorize"
    fields = client.back("microsoft_account", "msa-mfa", path=path).parameters
    assert fields["error_description"].startswith("AADSTS9002331: ")


def test_personal_accounts_cannot_be_asked_for_the_evidence_scope(client: Client) -> None:
    fields = client.back("microsoft_account", "msa-mfa", scope=f"openid {EVIDENCE_SCOPE}").parameters
    assert fields["error_description"].startswith("AADSTS500011: ")


@pytest.mark.parametrize(
    "selector,offered,missing",
    [
        ("organizations", "entra-mfa", "msa-mfa"),
        (CONTOSO, "entra-guest-refused", "entra-guest-of-R"),
        ("contoso.example", "entra-mfa", "entra-other-tenant"),
        (OPERATOR, "entra-msa-guest", "entra-mfa"),
        ("common", "msa-mfa", "2fa-true"),
    ],
)
def test_a_sign_in_page_offers_the_people_of_its_authority(
    client: Client, selector: str, offered: str, missing: str
) -> None:
    url = client.url("entra", path=f"/{selector}/oauth2/v2.0/authorize")
    page = client.session.get(url, timeout=30).text
    assert f'<button name="persona" value="{offered}">' in page
    assert f'value="{missing}"' not in page
    assert "Stand-in of Microsoft: no real account" in page


def test_login_hint_puts_its_owner_first(client: Client) -> None:
    hint = client.standins.persona("entra-stale").email
    page = client.session.get(client.url("entra", login_hint=hint), timeout=30).text
    assert page.index('value="entra-stale"') < page.index('value="entra-mfa"')


def test_the_response_comes_by_query_or_by_form_as_asked(client: Client) -> None:
    assert client.back("entra", "entra-mfa").method == "GET"
    posted = client.back("entra", "entra-mfa", response_mode="form_post", client_info="1")
    assert (posted.method, posted.url) == ("POST", CALLBACK)
    assert set(posted.parameters) == {"code", "client_info", "state", "session_state"}


def test_the_form_post_page_has_a_button_for_those_without_javascript(client: Client) -> None:
    url = client.url("entra", response_mode="form_post")
    page = client.session.post(url, data={"persona": "entra-pwd"}, timeout=30).text
    assert "Continue</strong></button>" in page
    assert f'action="{CALLBACK}"' in page


def test_no_state_is_sent_back_where_none_was_sent(client: Client) -> None:
    assert "state" not in client.back("entra", "entra-mfa", state=None).parameters


# MFA


@pytest.mark.parametrize(
    "persona,acr_values,acr,screens",
    [
        ("msa-mfa", f"{MFA} {DEFAULT}", MFA, 1),
        ("msa-mfa", MFA, MFA, 1),
        ("msa-mfa", DEFAULT, DEFAULT, 0),
        ("msa-mfa", None, None, 0),
        ("msa-when-forced", f"{MFA} {DEFAULT}", DEFAULT, 0),
        ("msa-when-forced", MFA, MFA, 1),
        ("msa-nomfa", MFA, DEFAULT, 0),
        ("msa-noacr", MFA, None, 1),
    ],
)
def test_a_personal_account_answers_acr_values_with_acr(
    client: Client, persona: str, acr_values: str | None, acr: str | None, screens: int
) -> None:
    claims = client.id_token("microsoft_account", persona, acr_values=acr_values)
    assert claims.get("acr") == acr
    assert "amr" not in claims
    posts = [seen for seen in client.standins.requests if seen.method == "POST" and "mfa" in seen.parameters]
    assert len(posts) == screens


@pytest.mark.parametrize(
    "persona,claims,amr,screens",
    [
        ("entra-mfa", None, ["pwd", "mfa"], 0),
        ("entra-mfa", AMR_ASKED, ["pwd", "mfa"], 1),
        ("entra-when-forced", AMR_ASKED, ["pwd"], 0),
        ("entra-when-forced", AMR_FORCED, ["pwd", "mfa"], 1),
        ("entra-when-forced", '{"access_token":{"acr":{"values":["urn:microsoft:policies:mfa"]}}}', ["pwd", "mfa"], 1),
        ("entra-ngcmfa", AMR_FORCED, ["pwd", "ngcmfa"], 1),
        ("entra-pwd", AMR_FORCED, ["pwd"], 0),
        ("entra-rsa-only", AMR_FORCED, ["rsa"], 0),
        ("entra-otp", AMR_FORCED, ["otp"], 0),
        ("entra-fed", AMR_FORCED, ["fed"], 0),
        ("entra-wiaormfa", AMR_FORCED, ["pwd", "wiaormfa"], 0),
        ("entra-amr-missing", AMR_FORCED, None, 0),
        ("entra-amr-string", AMR_FORCED, "mfa", 0),
    ],
)
def test_a_work_account_answers_the_claims_request_with_amr(
    client: Client, persona: str, claims: str | None, amr: object, screens: int
) -> None:
    assert client.access_token(persona, claims=claims).get("amr") == amr
    posts = [seen for seen in client.standins.requests if seen.method == "POST" and "mfa" in seen.parameters]
    assert len(posts) == screens


@pytest.mark.parametrize(
    "persona,context,got,screens",
    [
        ("entra-mfa", "c1", ["c1"], 1),
        ("entra-mfa", "c2", None, 0),
        ("entra-phr", "c2", ["c2"], 1),
        ("entra-acrs-nopolicy", "c1", ["c1"], 0),
        ("entra-pwd", "c1", None, 0),
        ("entra-msa-guest", "c1", ["c1"], 1),
    ],
)
def test_an_authentication_context_comes_back_where_it_is_met(
    client: Client, persona: str, context: str, got: list[str] | None, screens: int
) -> None:
    assert client.id_token("entra", persona, claims=acrs(context)).get("acrs") == got
    posts = [seen for seen in client.standins.requests if "mfa" in seen.parameters]
    assert len(posts) == screens


@pytest.mark.parametrize(
    "claims",
    [
        '{"access_token": null}',
        '{"access_token": {"amr": null}}',
        '{"access_token": {"amr": {"values": "mfa"}}}',
        '{"access_token": {"amr": {"value": 7}}}',
    ],
)
def test_an_odd_claims_request_asks_for_nothing(client: Client, claims: str) -> None:
    assert client.access_token("entra-when-forced", claims=claims)["amr"] == ["pwd"]


def test_cancelling_the_second_factor_ends_the_sign_in(client: Client) -> None:
    returned = sign_in(client.url("entra", claims=AMR_FORCED), "entra-mfa", approve=False)
    assert returned.parameters["error_description"].startswith("AADSTS50074: ")


@pytest.mark.parametrize("options", [{"prompt": "login"}, {"max_age": "300"}, {"max_age": "0"}])
def test_auth_time_moves_when_a_fresh_sign_in_is_asked_for(client: Client, options: dict[str, str | None]) -> None:
    stale = client.id_token("entra", "entra-stale")
    fresh = client.id_token("entra", "entra-stale", **options)
    assert stale["iat"] - stale["auth_time"] == 36_000
    assert fresh["iat"] == fresh["auth_time"]


def test_auth_time_is_an_optional_claim_that_max_age_brings_too(client: Client) -> None:
    client_id = "44444444-5555-4666-8777-888888888888"
    assert "auth_time" not in client.id_token("microsoft_account", "msa-mfa", client_id=client_id)
    assert "auth_time" in client.id_token("microsoft_account", "msa-mfa", client_id=client_id, max_age="300")


# Tokens


def test_the_id_token_verifies_by_the_key_of_its_own_issuer(client: Client) -> None:
    back = client.standins.backchannel_url
    member = client.verified(client.tokens("entra", "entra-mfa")["id_token"], f"/{CONTOSO}/discovery/v2.0/keys")
    assert (member["iss"], member["ver"]) == (f"{back}/{CONTOSO}/v2.0", "2.0")
    personal = client.tokens("microsoft_account", "msa-mfa")["id_token"]
    assert client.verified(personal, "/consumers/discovery/v2.0/keys")["iss"] == f"{back}/{MSA}/v2.0"


def test_the_evidence_access_token_is_of_version_1(client: Client) -> None:
    token = client.tokens("entra", "entra-mfa")["access_token"]
    claims = client.verified(token, "/organizations/discovery/keys")
    assert claims["iss"] == f"{client.standins.backchannel_url}/sts/{CONTOSO}/"
    assert (claims["aud"], claims["ver"], claims["scp"]) == (EVIDENCE_API, "1.0", "mfa_evidence")
    assert claims["appid"] == client.registration("entra").client_id
    assert unverified(token, 0)["x5t"] == unverified(token, 0)["kid"]


def test_both_tokens_are_of_the_same_person(client: Client) -> None:
    tokens = client.tokens("entra", "entra-guest-of-R")
    identity, access = unverified(tokens["id_token"]), unverified(tokens["access_token"])
    assert [identity[name] for name in ("tid", "oid")] == [access[name] for name in ("tid", "oid")]
    assert identity["sub"] != access["sub"]


def test_without_the_evidence_scope_the_access_token_is_opaque(client: Client) -> None:
    tokens = client.tokens("entra", "entra-mfa", scope="openid profile")
    assert "." not in tokens["access_token"]
    assert tokens["scope"] == "openid profile"


def test_a_refresh_token_comes_with_offline_access_only(client: Client) -> None:
    assert "refresh_token" not in client.tokens("entra", "entra-mfa")
    assert "refresh_token" in client.tokens("entra", "entra-mfa", scope="openid profile offline_access")


def test_without_openid_there_is_no_id_token(client: Client) -> None:
    assert "id_token" not in client.tokens("entra", "entra-mfa", scope=EVIDENCE_SCOPE)


def test_client_info_comes_when_it_is_asked_for(client: Client) -> None:
    answer = client.redeem("entra", client.code("entra", "entra-mfa"), client_info="1")
    assert unverified(f".{answer.json()['client_info']}") == {
        "uid": client.standins.persona("entra-mfa").subject,
        "utid": CONTOSO,
    }


def test_no_nonce_is_sent_back_where_none_was_sent(client: Client) -> None:
    assert "nonce" not in client.id_token("entra", "entra-mfa", nonce=None)


def test_sub_differs_between_applications_and_oid_does_not(client: Client) -> None:
    first = client.id_token("microsoft_account", "msa-mfa")
    second = client.id_token("microsoft_account", "msa-mfa", client_id="44444444-5555-4666-8777-888888888888")
    assert first["oid"] == second["oid"]
    assert first["sub"] != second["sub"]


@pytest.mark.parametrize(
    "persona,acct,idp",
    [
        ("entra-mfa", 0, None),
        ("entra-guest-of-R", 1, f"/sts/{CONTOSO}/"),
        ("entra-guest-refused", 1, f"/sts/{NORTHWIND}/"),
        ("entra-msa-guest", 1, "live.com"),
    ],
)
def test_a_guest_shows_by_acct_and_idp(client: Client, persona: str, acct: int, idp: str | None) -> None:
    claims = client.id_token("entra", persona)
    assert claims["acct"] == acct
    assert str(claims.get("idp")).removeprefix(client.standins.backchannel_url) == str(idp)


def test_no_email_is_sent_of_someone_without_a_mailbox(client: Client) -> None:
    assert "email" not in client.id_token("entra", "entra-noemail")


def test_the_same_email_in_another_tenant_is_not_owned_there(client: Client) -> None:
    owner, other = client.id_token("entra", "entra-mfa"), client.id_token("entra", "entra-edov-false")
    assert (owner["email"], owner["xms_edov"]) == (other["email"], True)
    assert other["xms_edov"] is False
    assert owner["oid"] != other["oid"]


def test_less_scope_gives_fewer_claims(client: Client) -> None:
    claims = client.id_token("entra", "entra-mfa", scope="openid")
    assert not {"tid", "oid", "name", "email", "preferred_username"} & set(claims)


# Token endpoint


@pytest.mark.parametrize(
    "changes,status,error,number",
    [
        ({"client_id": "someone-else", "client_secret": "any"}, 400, "unauthorized_client", 700016),
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": None}, 401, "invalid_client", 7000218),
        ({"client_assertion": "a.b.c"}, 401, "invalid_client", 700027),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"code": "another"}, 400, "invalid_grant", 70000),
        ({"redirect_uri": CALLBACK + "/deeper"}, 401, "invalid_client", 500112),
        ({"code_verifier": "b" * 43}, 400, "invalid_grant", 501481),
        ({"code_verifier": "short"}, 400, "invalid_grant", 501481),
        ({"code_verifier": None}, 400, "invalid_grant", 501481),
        ({"path": f"/{CONTOSO}/oauth2/v2.0/token"}, 400, "invalid_grant", 700005),
    ],
)
def test_a_wrong_redemption_is_answered_in_microsofts_shape(
    client: Client, changes: dict[str, str | None], status: int, error: str, number: int
) -> None:
    code = client.code("entra", "entra-mfa")
    if changes.get("client_id"):
        answer = client.session.post(
            f"{client.standins.backchannel_url}/organizations/oauth2/v2.0/token", data=changes, timeout=30
        )
    else:
        answer = client.redeem("entra", **{"code": code, **changes})
    body = answer.json()
    assert (answer.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert f"Correlation ID: {body['correlation_id']}" in body["error_description"]
    assert set(body) == {
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
    }


def test_a_code_is_redeemed_once(client: Client) -> None:
    code = client.code("entra", "entra-mfa")
    assert client.redeem("entra", code).status_code == 200
    assert client.redeem("entra", code).json()["error_codes"] == [54005]


def test_a_code_belongs_to_one_application(client: Client) -> None:
    code = client.code("microsoft_account", "msa-mfa")
    answer = client.redeem("microsoft_account", code, client_id="44444444-5555-4666-8777-888888888888")
    assert answer.json()["error_codes"] == [70000]


def test_an_old_code_is_refused(client: Client) -> None:
    code = client.code("entra", "entra-mfa")
    client.standins.expire_codes()
    assert client.redeem("entra", code).json()["error_codes"] == [70008]


def test_the_secret_may_come_in_the_header(client: Client) -> None:
    registration = client.registration("entra")
    answer = client.session.post(
        f"{client.standins.backchannel_url}/organizations/oauth2/v2.0/token",
        data={
            "grant_type": "authorization_code",
            "code": client.code("entra", "entra-mfa", code_challenge=None),
            "redirect_uri": CALLBACK,
        },
        auth=(registration.client_id, registration.client_secret),
        timeout=30,
    )
    assert answer.status_code == 200


# Logout and admin consent


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
