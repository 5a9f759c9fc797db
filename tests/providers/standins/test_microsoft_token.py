"""The Microsoft stand-in's token endpoint, and its tokens."""

import pytest

from providers.standins import CONTOSO, EVIDENCE_API, EVIDENCE_SCOPE, MSA, NORTHWIND

from .flows import CALLBACK, Client, unverified


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


@pytest.mark.parametrize(
    "persona, roles",
    [
        ("entra-mfa", []),
        ("entra-admin", ["62e90394-69f5-4237-9190-012177145e10"]),
        ("entra-reader", ["5d6b6bb7-de71-4623-b4af-96380a352509"]),
        ("northwind-admin", ["62e90394-69f5-4237-9190-012177145e10"]),
    ],
)
def test_wids_names_the_directory_roles_and_ends_with_what_everybody_has(
    client: Client, persona: str, roles: list[str]
) -> None:
    assert client.id_token("entra", persona)["wids"] == [*roles, "b79fbf4d-3ef9-4689-8143-76b194e85509"]
    assert "wids" not in client.access_token(persona)


def test_wids_is_of_work_accounts_only(client: Client) -> None:
    assert "wids" not in client.id_token("microsoft_account", "msa-mfa")


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
