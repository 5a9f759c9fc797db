"""What the Microsoft stand-in answers when it is asked for MFA."""

import json

import pytest

from providers.standins.browser import sign_in

from .flows import BARE, Client

MFA = "urn:microsoft:policies:mfa"
DEFAULT = "urn:microsoft:policies:default"
AMR_ASKED = json.dumps({"access_token": {"amr": {"values": ["mfa"]}}})
AMR_FORCED = json.dumps({"access_token": {"amr": {"essential": True, "values": ["mfa"]}}})


def acrs(context: str) -> str:
    return json.dumps({"id_token": {"acrs": {"essential": True, "value": context}}})


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
        ("northwind-c1", "c1", ["c1"], 0),
        ("northwind-c2", "c2", ["c2"], 1),
    ],
)
def test_an_authentication_context_comes_back_where_it_is_met(
    client: Client, persona: str, context: str, got: list[str] | None, screens: int
) -> None:
    claims = client.id_token("entra", persona, claims=acrs(context), client_id=BARE)
    assert claims.get("acrs") == got
    posts = [seen for seen in client.standins.requests if "mfa" in seen.parameters]
    assert len(posts) == screens


@pytest.mark.parametrize("persona,got", [("entra-mfa", ["c1"]), ("entra-phr", ["c1", "c2"]), ("entra-pwd", None)])
def test_as_an_optional_claim_acrs_names_every_context_that_is_met(
    client: Client, persona: str, got: list[str] | None
) -> None:
    assert client.id_token("entra", persona).get("acrs") == got
    assert "acrs" not in client.id_token("entra", persona, client_id=BARE)


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
