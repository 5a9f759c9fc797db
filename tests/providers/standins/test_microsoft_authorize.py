"""The Microsoft stand-in's authorization endpoint."""

import pytest

from providers.standins import CONTOSO, EVIDENCE_SCOPE, NORTHWIND, OPERATOR
from providers.standins.browser import Stopped, sign_in

from .flows import CALLBACK, Client


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
        (NORTHWIND, "northwind-guest", "entra-admin"),
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


@pytest.mark.parametrize(
    "persona, number",
    [("entra-admin-consent", 90094), ("entra-unassigned", 50105), ("entra-no-application", 700016)],
)
def test_what_an_admin_has_not_done_ends_the_sign_in_at_every_authority(
    client: Client, persona: str, number: int
) -> None:
    for selector in ("organizations", CONTOSO):
        fields = client.back("entra", persona, path=f"/{selector}/oauth2/v2.0/authorize").parameters
        assert fields["error_description"].startswith(f"AADSTS{number}: ")


def test_consent_is_given_where_it_is_asked_for(client: Client) -> None:
    fields = client.back("entra", "entra-consent", prompt="login").parameters
    assert fields["error_description"].startswith("AADSTS65001: ")
    assert "code" in client.back("entra", "entra-consent", prompt="consent").parameters


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
