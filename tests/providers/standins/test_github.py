"""The GitHub stand-in's wire format, and requests-oauthlib, the client that the broker uses, against it."""

from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from requests_oauthlib import OAuth2Session

from providers.standins import Standins
from providers.standins.browser import Stopped, sign_in

from .flows import CALLBACK, VERIFIER, Client


def user(client: Client, persona: str, **changes: str | None) -> dict[str, Any]:
    members: dict[str, Any] = call(client, "/user", client.tokens("github", persona, **changes)["access_token"]).json()
    return members


def call(client: Client, path: str, token: str, **headers: str) -> requests.Response:
    return client.get(f"/api/v3{path}", Authorization=f"Bearer {token}", **headers)


def test_requests_oauthlib_signs_in_and_reads_the_user(client: Client) -> None:
    registration = client.registration("github")
    code = client.code("github", "2fa-true")
    with OAuth2Session(registration.client_id, redirect_uri=CALLBACK) as session:
        session.trust_env = False
        session.verify = str(client.standins.ca_file)
        token = session.fetch_token(
            f"{client.standins.backchannel_url}/login/oauth/access_token",
            code=code,
            client_secret=registration.client_secret,
            include_client_id=True,
            code_verifier=VERIFIER,
        )
        answer = session.get(f"{client.standins.backchannel_url}/api/v3/user")
    assert token["scope"] == ["read:user,user:email"]
    assert answer.json()["two_factor_authentication"] is True


def test_requests_oauthlib_raises_githubs_error_that_comes_with_status_200(client: Client) -> None:
    registration = client.registration("github")
    with OAuth2Session(registration.client_id, redirect_uri=CALLBACK) as session:
        session.trust_env = False
        session.verify = str(client.standins.ca_file)
        with pytest.raises(Exception, match="bad_verification_code"):
            session.fetch_token(
                f"{client.standins.backchannel_url}/login/oauth/access_token",
                code="another",
                client_secret=registration.client_secret,
                include_client_id=True,
            )


# Authorization endpoint


def test_the_sign_in_page_says_what_it_is(client: Client) -> None:
    page = client.session.get(client.url("github"), timeout=30).text
    assert "Stand-in of GitHub: no real account" in page
    assert '<button name="persona" value="2fa-true">' in page
    assert "offer to create an account" in page
    assert "create an account" not in client.session.get(client.url("github", allow_signup="false"), timeout=30).text


def test_login_puts_its_owner_first(client: Client) -> None:
    page = client.session.get(client.url("github", login="canary-login-2fa-false"), timeout=30).text
    assert page.index('value="2fa-false"') < page.index('value="2fa-true"')


def test_an_unknown_application_is_not_found(client: Client) -> None:
    with pytest.raises(Stopped) as stopped:
        sign_in(client.url("github", client_id="someone-else"), "2fa-true")
    assert stopped.value.status == 404


@pytest.mark.parametrize("deeper", ["", "/deeper", "/deeper/still?x=1"])
def test_sub_directories_of_the_callback_are_taken(client: Client, deeper: str) -> None:
    returned = client.back("github", "2fa-true", redirect_uri=CALLBACK + deeper)
    assert returned.url == (CALLBACK + deeper).partition("?")[0]
    assert "code" in returned.parameters


@pytest.mark.parametrize(
    "uri",
    [
        "https://localhost:8000/callback/provider",
        "http://localhost:8001/callback/provider",
        "http://attacker.invalid/callback/provider",
        "http://localhost:8000/callback/provider2",
        "http://localhost:8000/callback/provider/../other",
    ],
)
def test_another_callback_is_a_mismatch_told_to_the_registered_one(client: Client, uri: str) -> None:
    returned = client.back("github", "2fa-true", redirect_uri=uri)
    assert (returned.url, returned.parameters["error"]) == (CALLBACK, "redirect_uri_mismatch")


def test_without_a_redirect_uri_the_registered_one_is_used(client: Client) -> None:
    assert client.back("github", "2fa-true", redirect_uri=None, state=None).url == CALLBACK


def test_pkce_is_s256_or_nothing(client: Client) -> None:
    assert client.back("github", "2fa-true", code_challenge_method="plain").parameters["error"] == "invalid_request"
    assert client.back("github", "2fa-true", code_challenge_method=None).parameters["error"] == "invalid_request"
    code = client.code("github", "2fa-true", code_challenge=None, code_challenge_method=None)
    assert "access_token" in client.redeem("github", code, code_verifier=None).json()


def test_declining_comes_back_as_access_denied(client: Client) -> None:
    fields = client.back("github", "gh-declines").parameters
    assert (fields["error"], fields["state"]) == ("access_denied", "the-state")
    assert fields["error_description"] == "The user has denied your application access."


# Token endpoint


def test_the_answer_is_a_form_unless_json_is_asked_for(client: Client) -> None:
    registration = client.registration("github")
    answer = client.session.post(
        f"{client.standins.backchannel_url}/login/oauth/access_token",
        data={"client_id": registration.client_id, "client_secret": "wrong", "code": "any"},
        timeout=30,
    )
    assert answer.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert parse_qs(answer.text)["error"] == ["incorrect_client_credentials"]


@pytest.mark.parametrize(
    "changes,error",
    [
        ({"client_secret": "wrong"}, "incorrect_client_credentials"),
        ({"client_secret": None}, "incorrect_client_credentials"),
        ({"redirect_uri": CALLBACK + "/deeper"}, "redirect_uri_mismatch"),
        ({"code_verifier": "b" * 43}, "bad_verification_code"),
        ({"code_verifier": None}, "bad_verification_code"),
        ({"code": "another"}, "bad_verification_code"),
    ],
)
def test_every_error_comes_with_status_200(client: Client, changes: dict[str, str | None], error: str) -> None:
    answer = client.redeem("github", **{"code": client.code("github", "2fa-true"), **changes})
    assert (answer.status_code, answer.json()["error"]) == (200, error)
    assert set(answer.json()) == {"error", "error_description", "error_uri"}


def test_a_code_belongs_to_one_application(client: Client) -> None:
    answer = client.redeem("github", client.code("github", "2fa-true"), client_id="Ov23liAnother")
    assert answer.json()["error"] == "bad_verification_code"


def test_an_unverified_address_is_an_error_of_the_token_endpoint(client: Client) -> None:
    assert client.tokens("github", "gh-email-refused")["error"] == "unverified_user_email"


def test_a_code_is_redeemed_once_and_for_ten_minutes(client: Client) -> None:
    code = client.code("github", "2fa-true")
    assert "access_token" in client.redeem("github", code).json()
    assert client.redeem("github", code).json()["error"] == "bad_verification_code"
    late = client.code("github", "2fa-true")
    client.standins.expire_codes()
    assert client.redeem("github", late).json()["error"] == "bad_verification_code"


@pytest.mark.parametrize(
    "asked,given",
    [
        ("read:user user:email", "read:user,user:email"),
        ("user user:email", "user"),
        ("read:user,user:email", "read:user,user:email"),
        ("repo admin:org", ""),
        ("", ""),
    ],
)
def test_scopes_come_back_with_commas_and_without_the_included_ones(client: Client, asked: str, given: str) -> None:
    assert client.tokens("github", "2fa-true", scope=asked)["scope"] == given


# The user


@pytest.mark.parametrize(
    "persona,scope,value",
    [
        ("2fa-true", "read:user user:email", True),
        ("2fa-true", "user", True),
        ("2fa-true", "user:email", "absent"),
        ("2fa-false", "read:user user:email", False),
        ("2fa-null", "read:user user:email", None),
        ("2fa-text", "read:user user:email", "true"),
        ("2fa-absent", "user", "absent"),
        ("2fa-needs-user", "read:user user:email", "absent"),
        ("2fa-needs-user", "user", True),
        ("gh-reduced", "read:user user:email", "absent"),
        ("gh-reduced", "user", "absent"),
        ("gh-managed", "user", "absent"),
    ],
)
def test_two_factor_authentication_is_told_as_the_scopes_allow(
    client: Client, persona: str, scope: str, value: object
) -> None:
    members = user(client, persona, scope=scope)
    assert members.get("two_factor_authentication", "absent") == value


def test_a_renamed_user_keeps_the_id_and_a_recycled_login_has_another(client: Client) -> None:
    before, renamed, recycled = (user(client, name) for name in ("gh-before", "gh-renamed", "gh-recycled"))
    assert before["id"] == renamed["id"]
    assert before["login"] != renamed["login"]
    assert before["login"] == recycled["login"]
    assert before["id"] != recycled["id"]


def test_suspended_bots_and_managed_users_show(client: Client) -> None:
    assert user(client, "gh-suspended")["suspended_at"]
    assert user(client, "gh-bot")["type"] == "Bot"
    assert user(client, "gh-managed")["login"].endswith("octo_corp")


@pytest.mark.parametrize("persona,verified", [("2fa-true", [True, True]), ("gh-unverified-email", [False, False])])
def test_addresses_say_which_is_primary_and_verified(client: Client, persona: str, verified: list[bool]) -> None:
    token = client.tokens("github", persona)["access_token"]
    addresses = call(client, "/user/emails", token).json()
    assert [address["verified"] for address in addresses] == verified
    assert [address["email"] for address in addresses if address["primary"]] == [f"canary-{persona}@personas.example"]


def test_addresses_need_their_scope(client: Client) -> None:
    token = client.tokens("github", "2fa-true", scope="read:user")["access_token"]
    assert call(client, "/user/emails", token).status_code == 404


# The API


def test_an_answer_tells_the_scopes_and_the_limits(client: Client) -> None:
    token = client.tokens("github", "2fa-true")["access_token"]
    answer = call(client, "/user/emails", token)
    assert answer.headers["X-OAuth-Scopes"] == "read:user, user:email"
    assert answer.headers["X-Accepted-OAuth-Scopes"] == "user:email, user"
    assert answer.headers["X-RateLimit-Remaining"] == "4999"
    assert answer.headers["X-GitHub-Request-Id"]


@pytest.mark.parametrize("authorization", [None, "Bearer gho_another", "Basic dTpw", "Bearer"])
@pytest.mark.parametrize("path", ["/user", "/user/emails"])
def test_without_a_token_the_api_says_bad_credentials(client: Client, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = client.get(f"/api/v3{path}", **headers)
    assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")


def test_the_api_wants_a_user_agent_and_a_known_version(client: Client) -> None:
    token = client.tokens("github", "2fa-true")["access_token"]
    assert call(client, "/user", token, **{"User-Agent": ""}).status_code == 403
    assert call(client, "/user", token, **{"X-GitHub-Api-Version": "1999-01-01"}).status_code == 400
    assert call(client, "/user", token, **{"X-GitHub-Api-Version": "2026-03-10"}).status_code == 200


def test_an_unknown_path_is_not_found(client: Client) -> None:
    assert client.get("/api/v3/repos").status_code == 404


def revoke(
    client: Client, what: str, body: object, *, secret: str | None = None, name: str | None = None
) -> requests.Response:
    registration = client.registration("github")
    return client.session.delete(
        f"{client.standins.backchannel_url}/api/v3/applications/{registration.client_id}/{what}",
        json=body,
        auth=(name or registration.client_id, secret or registration.client_secret),
        timeout=30,
    )


def test_deleting_a_token_leaves_the_others(client: Client) -> None:
    first, second = (client.tokens("github", "gh-bot")["access_token"] for _ in range(2))
    live = client.standins.live_tokens()
    assert revoke(client, "token", {"access_token": first}).status_code == 204
    assert client.standins.live_tokens() == live - 1
    assert call(client, "/user", first).status_code == 401
    assert call(client, "/user", second).status_code == 200
    assert revoke(client, "token", {"access_token": first}).status_code == 422


def test_deleting_the_grant_ends_every_token_of_the_user(client: Client) -> None:
    first, second = (client.tokens("github", "gh-suspended")["access_token"] for _ in range(2))
    other = client.tokens("github", "2fa-true")["access_token"]
    assert revoke(client, "grant", {"access_token": first}).status_code == 204
    assert [call(client, "/user", token).status_code for token in (first, second, other)] == [401, 401, 200]


@pytest.mark.parametrize("body", [{}, [], {"access_token": 7}, {"access_token": "gho_another"}])
def test_deleting_what_is_no_token_is_unprocessable(client: Client, body: object) -> None:
    assert revoke(client, "token", body).status_code == 422


def test_only_the_application_deletes_its_tokens(client: Client) -> None:
    token = client.tokens("github", "2fa-true")["access_token"]
    assert revoke(client, "token", {"access_token": token}, secret="wrong").status_code == 404
    assert revoke(client, "token", {"access_token": token}, name="someone-else").status_code == 404
    assert call(client, "/user", token).status_code == 200


def test_the_eleventh_live_token_revokes_the_oldest(client: Client) -> None:
    tokens = [client.tokens("github", "2fa-null")["access_token"] for _ in range(11)]
    statuses = [call(client, "/user", token).status_code for token in tokens]
    assert statuses == [401] + [200] * 10


def test_the_eleventh_sign_in_of_an_hour_asks_again_when_the_rule_is_on(client: Client, standins: Standins) -> None:
    for _ in range(10):
        client.tokens("github", "2fa-text")
    standins.toggles.set("ten_tokens_an_hour")
    page = client.session.post(client.url("github"), data={"persona": "2fa-text"}, timeout=30).text
    assert "Reauthorization required" in page
    assert "code" in client.back("github", "2fa-text").parameters
    assert "code" in client.back("github", "2fa-absent").parameters
