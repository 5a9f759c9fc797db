"""GitHub: against the stand-in, and against servers that answer as GitHub never should."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import trustme

from claims.evidence import Binding, Kind, Strength
from providers.catalog import GitHubSettings
from providers.github import GitHub
from providers.provider import Ask, Fault, Identified, Missing, ProviderError, Redirect, Return
from providers.standins import Standins
from tests.providers.flows import CALLBACK, come_back, github, signed_in
from tests.providers.loopback import Handler, Server, serve, trust

TOKEN = "gho_the-token-itself"
SECRET = "the-secret-itself"


def failure(provider: GitHub, persona: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        signed_in(provider, persona)
    return caught.value


def parameters(redirect: Redirect) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(redirect.url).query, strict_parsing=True))


class TestBegin:
    def settings(self, **changes: Any) -> GitHubSettings:
        return GitHubSettings(name="GitHub", client_id="client", client_secret=SECRET, **changes)  # type: ignore[arg-type]  # pydantic makes a SecretStr of it

    @pytest.mark.parametrize("changes", [{}, {"authorize_url": "http://127.0.0.1:8002/login/oauth/authorize"}])
    def test_the_request_asks_for_a_code_with_pkce_s256(self, changes: dict[str, str]) -> None:
        redirect = GitHub("github", self.settings(**changes), CALLBACK).begin(Ask())
        sent = parameters(redirect)
        assert redirect.url.split("?")[0] == changes.get("authorize_url", "https://github.com/login/oauth/authorize")
        assert sent.pop("state") == redirect.state == redirect.flow["state"]
        assert len(sent.pop("code_challenge")) == 43
        assert sent == {
            "response_type": "code",
            "client_id": "client",
            "redirect_uri": CALLBACK,
            "scope": "read:user user:email",
            "allow_signup": "false",
            "code_challenge_method": "S256",
        }

    def test_the_broader_scope_is_asked_for_only_when_told(self) -> None:
        redirect = GitHub("github", self.settings(), CALLBACK).begin(Ask(widen_scope=True))
        assert parameters(redirect)["scope"] == "user user:email"
        assert redirect.flow["widened"] is True

    @pytest.mark.parametrize("ask", [Ask(select_account=True), Ask(reauthenticate=True)])
    def test_the_account_can_be_chosen_anew(self, ask: Ask) -> None:
        assert parameters(GitHub("github", self.settings(), CALLBACK).begin(ask))["prompt"] == "select_account"

    def test_the_flow_is_json_and_holds_nothing_of_the_secret(self) -> None:
        redirect = GitHub("github", self.settings(), CALLBACK).begin(Ask())
        assert json.loads(json.dumps(redirect.flow)) == redirect.flow
        assert SECRET not in json.dumps(redirect.flow) + redirect.url

    def test_two_requests_share_nothing(self) -> None:
        provider = GitHub("github", self.settings(), CALLBACK)
        first, second = provider.begin(Ask()), provider.begin(Ask())
        assert first.state != second.state
        assert first.flow["code_verifier"] != second.flow["code_verifier"]

    def test_it_can_neither_force_mfa_nor_have_anyone_log_in_again(self) -> None:
        provider = GitHub("github", self.settings(host="github.example"), CALLBACK)
        assert not provider.capabilities.can_force_mfa
        assert not provider.capabilities.can_reauthenticate
        assert provider.capabilities.kinds == {Kind.ACCOUNT_SETTING}
        assert provider.set_up_url == "https://github.example/settings/security"

    @pytest.mark.parametrize("value", ["1", "0", "false"])
    def test_t11_it_does_not_start_where_secrets_could_go_in_clear(
        self, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", value)
        with pytest.raises(ValueError, match="OAUTHLIB_INSECURE_TRANSPORT"):
            GitHub("github", self.settings(), CALLBACK)


class TestPersonas:
    @pytest.mark.parametrize(
        "persona, value, strength", [("2fa-true", "true", Strength.MFA), ("2fa-false", "false", Strength.SINGLE)]
    )
    def test_the_account_setting_is_the_evidence(
        self, upstream: Standins, persona: str, value: str, strength: Strength
    ) -> None:
        identified = signed_in(github(upstream), persona)
        (evidence,) = identified.authentication.evidence
        assert (evidence.kind, evidence.binding) == (Kind.ACCOUNT_SETTING, Binding.ACCOUNT_STATE)
        assert (evidence.values, evidence.strength) == ((value,), strength)
        assert identified.authentication.auth_time is None
        assert identified.missing is None
        assert identified.again is None

    @pytest.mark.parametrize(
        "persona, missing, again",
        [
            ("2fa-null", Missing.NOT_SENT, None),
            ("2fa-text", Missing.NOT_SENT, None),
            ("2fa-absent", Missing.NOT_SENT, Ask(widen_scope=True)),
            ("2fa-needs-user", Missing.NOT_SENT, Ask(widen_scope=True)),
            ("gh-reduced", Missing.SCOPE_REFUSED, Ask(widen_scope=True)),
            ("gh-managed", Missing.MANAGED_ACCOUNT, None),
        ],
    )
    def test_t2_what_is_not_said_is_no_evidence(
        self, upstream: Standins, persona: str, missing: Missing, again: Ask | None
    ) -> None:
        identified = signed_in(github(upstream), persona)
        assert identified.authentication.evidence == ()
        assert (identified.missing, identified.again) == (missing, again)

    @pytest.mark.parametrize(
        "persona, missing",
        [("2fa-absent", Missing.NOT_SENT), ("gh-reduced", Missing.SCOPE_REFUSED), ("2fa-needs-user", None)],
    )
    def test_the_broader_scope_is_not_asked_for_twice(
        self, upstream: Standins, persona: str, missing: Missing | None
    ) -> None:
        identified = signed_in(github(upstream), persona, Ask(widen_scope=True))
        assert (identified.missing, identified.again) == (missing, None)

    def test_t3_a_subject_is_the_numeric_id_at_its_host(self, upstream: Standins) -> None:
        provider = github(upstream)
        before, renamed, recycled = (
            signed_in(provider, persona).subject for persona in ("gh-before", "gh-renamed", "gh-recycled")
        )
        assert before == renamed != recycled
        assert (before.issuer, before.tenant) == (urlsplit(upstream.backchannel_url).netloc, "")
        assert before.id == upstream.persona("gh-before").subject

    def test_the_profile_is_the_name_and_the_verified_primary_address(self, upstream: Standins) -> None:
        persona = upstream.persona("2fa-true")
        profile = signed_in(github(upstream), "2fa-true").profile
        assert (profile.name, profile.email, profile.email_verified) == (persona.name, persona.email, True)

    @pytest.mark.parametrize("persona", ["gh-unverified-email"])
    def test_an_address_that_is_not_verified_is_none(self, upstream: Standins, persona: str) -> None:
        profile = signed_in(github(upstream), persona).profile
        assert (profile.email, profile.email_verified) == (None, False)

    @pytest.mark.parametrize("toggle", ["emails_object", "emails_odd", "emails_500"])
    def test_addresses_that_cannot_be_read_refuse_nobody(self, upstream: Standins, toggle: str) -> None:
        upstream.toggles.set(toggle)
        assert signed_in(github(upstream), "2fa-true").authentication.evidence[0].strength == Strength.MFA

    @pytest.mark.parametrize(
        "persona, fault",
        [
            ("gh-suspended", Fault.ACCOUNT_UNUSABLE),
            ("gh-bot", Fault.ACCOUNT_UNUSABLE),
            ("gh-email-refused", Fault.EMAIL_UNVERIFIED),
            ("gh-declines", Fault.CANCELLED),
        ],
    )
    def test_who_cannot_sign_in_is_told_why(self, upstream: Standins, persona: str, fault: Fault) -> None:
        assert failure(github(upstream), persona).code == fault

    def test_a_probe_shows_the_evidence_and_masks_the_person(self, upstream: Standins) -> None:
        provider = github(upstream)
        redirect = provider.begin(Ask())
        probed = provider.probe(redirect.flow, come_back(redirect, "2fa-true"), datetime.now(UTC))
        assert probed.identified.authentication.evidence[0].strength == Strength.MFA
        assert probed.shown["two_factor_authentication"] == "true"
        assert probed.shown["scopes"] == '["read:user", "user:email"]'
        assert "canary" not in json.dumps(probed.shown)


class TestTokens:
    @pytest.mark.parametrize("persona", ["2fa-true", "2fa-false", "gh-suspended", "gh-bot", "gh-reduced"])
    def test_t11_no_token_is_left_at_github(self, upstream: Standins, persona: str) -> None:
        before = upstream.live_tokens()
        with suppress(ProviderError):
            signed_in(github(upstream), persona)
        assert upstream.live_tokens() == before

    @pytest.mark.parametrize("toggle", ["api_garbage", "user_is_list", "user_id_text", "emails_500"])
    def test_t11_no_token_is_left_after_trouble_either(self, upstream: Standins, toggle: str) -> None:
        before = upstream.live_tokens()
        upstream.toggles.set(toggle)
        with suppress(ProviderError):
            signed_in(github(upstream), "2fa-true")
        upstream.toggles.reset()
        assert upstream.live_tokens() <= before + (toggle == "api_garbage")

    def test_a_token_that_cannot_be_deleted_stops_nobody_and_is_told_of(
        self, upstream: Standins, caplog: pytest.LogCaptureFixture
    ) -> None:
        upstream.toggles.set("revoke_500")
        assert signed_in(github(upstream), "2fa-true").missing is None
        assert "token not deleted: HTTP 500" in caplog.text
        assert "gho_" not in caplog.text


class TestTrouble:
    @pytest.mark.parametrize(
        "toggle, fault",
        [
            ("wrong_state", Fault.INVALID_RESPONSE),
            ("no_state", Fault.INVALID_RESPONSE),
            ("application_suspended", Fault.MISCONFIGURED),
            ("token_500", Fault.UNAVAILABLE),
            ("token_huge", Fault.UNAVAILABLE),
            ("token_redirect", Fault.UNAVAILABLE),
            ("token_garbage", Fault.INVALID_RESPONSE),
            ("no_token", Fault.INVALID_RESPONSE),
            ("rate_limited", Fault.UNAVAILABLE),
            ("rate_limited_secondary", Fault.UNAVAILABLE),
            ("api_401", Fault.INVALID_RESPONSE),
            ("api_500", Fault.UNAVAILABLE),
            ("api_huge", Fault.UNAVAILABLE),
            ("api_redirect", Fault.UNAVAILABLE),
            ("api_garbage", Fault.INVALID_RESPONSE),
            ("user_id_text", Fault.INVALID_RESPONSE),
            ("user_id_missing", Fault.INVALID_RESPONSE),
            ("user_id_bool", Fault.INVALID_RESPONSE),
            ("user_id_zero", Fault.INVALID_RESPONSE),
            ("user_is_list", Fault.INVALID_RESPONSE),
            ("user_type_missing", Fault.ACCOUNT_UNUSABLE),
        ],
    )
    def test_trouble_at_github_has_its_fault(self, upstream: Standins, toggle: str, fault: Fault) -> None:
        upstream.toggles.set(toggle)
        assert failure(github(upstream), "2fa-true").code == fault

    def test_trouble_with_the_api_has_githubs_reference(self, upstream: Standins) -> None:
        upstream.toggles.set("api_401")
        assert failure(github(upstream), "2fa-true").correlation_id

    def test_scopes_are_read_where_they_were_used(self, upstream: Standins) -> None:
        upstream.toggles.set("no_scope")
        assert signed_in(github(upstream), "2fa-null").missing == Missing.NOT_SENT

    def test_t7_a_code_is_good_once(self, upstream: Standins) -> None:
        provider = github(upstream)
        redirect = provider.begin(Ask())
        returned = come_back(redirect, "2fa-true")
        provider.complete(redirect.flow, returned, datetime.now(UTC))
        with pytest.raises(ProviderError) as caught:
            provider.complete(redirect.flow, returned, datetime.now(UTC))
        assert (caught.value.code, caught.value.upstream_code) == (Fault.EXPIRED, "bad_verification_code")

    def test_t8_a_code_without_its_verifier_is_worth_nothing(self, upstream: Standins) -> None:
        provider = github(upstream)
        redirect, other = provider.begin(Ask()), provider.begin(Ask())
        flow = {**redirect.flow, "code_verifier": other.flow["code_verifier"]}
        with pytest.raises(ProviderError) as caught:
            provider.complete(flow, come_back(redirect, "2fa-true"), datetime.now(UTC))
        assert caught.value.code == Fault.EXPIRED

    def test_a_wrong_secret_is_for_the_operator_to_mend(self, upstream: Standins) -> None:
        assert failure(github(upstream, client_secret="wrong"), "2fa-true").code == Fault.MISCONFIGURED


@dataclass
class Odd:
    """A GitHub that answers as a test says: bodies by path, or (status, body, headers)."""

    answers: dict[str, tuple[int, object, Mapping[str, str]]] = field(default_factory=dict)

    def answer(self, handler: Handler) -> None:
        path = "/token/deleted" if handler.command == "DELETE" else handler.path.partition("?")[0]
        status, body, headers = self.answers.get(path, (404, {}, {}))
        handler.reply(body if isinstance(body, bytes) else json.dumps(body).encode(), status, **headers)


@pytest.fixture
def odd() -> Odd:
    user = {"login": "octocat", "id": 1, "type": "User", "two_factor_authentication": True}
    return Odd(
        {
            "/token": (200, {"access_token": TOKEN, "token_type": "bearer", "scope": "user"}, {}),
            "/api/user": (200, user, {}),
            "/api/user/emails": (200, [], {}),
            "/token/deleted": (204, b"", {}),
        }
    )


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(odd: Odd, authority: trustme.CA) -> Iterator[Server]:
    with serve(odd.answer, authority=authority) as server:
        yield server


@pytest.fixture
def provider(server: Server, authority: trustme.CA, tmp_path: Path) -> GitHub:
    settings = GitHubSettings.model_validate(
        {
            "name": "GitHub",
            "client_id": "client",
            "client_secret": SECRET,
            "ca_bundle": trust(authority, tmp_path),
            "token_url": f"{server.url}/token",
            "api_url": f"{server.url}/api",
        }
    )
    return GitHub("github", settings, CALLBACK)


def complete(provider: GitHub) -> Identified:
    redirect = provider.begin(Ask())
    returned = Return(method="GET", parameters={"code": "the-code", "state": redirect.state})
    return provider.complete(redirect.flow, returned, datetime.now(UTC))


def fault(provider: GitHub) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        complete(provider)
    return caught.value


class TestOddAnswers:
    def test_it_sends_what_github_documents(self, provider: GitHub, server: Server) -> None:
        complete(provider)
        token, user, _emails, deleted = server.seen
        sent = dict(parse_qsl(token.body.decode()))
        assert (sent["client_id"], sent["client_secret"], sent["code"]) == ("client", SECRET, "the-code")
        assert (sent["grant_type"], sent["redirect_uri"]) == ("authorization_code", CALLBACK)
        assert len(sent["code_verifier"]) == 43
        assert token.headers["accept"] == "application/json"
        assert user.headers["authorization"] == f"Bearer {TOKEN}"
        assert user.headers["x-github-api-version"] == "2022-11-28"
        assert (deleted.method, deleted.path) == ("DELETE", "/api/applications/client/token")
        assert deleted.headers["authorization"].startswith("Basic ")
        assert json.loads(deleted.body) == {"access_token": TOKEN}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"access_token=gho_x&token_type=bearer",
            [],
            "text",
            17,
            None,
            {},
            {"access_token": TOKEN},
            {"access_token": TOKEN, "token_type": "mac"},
            {"access_token": TOKEN, "token_type": 1},
            {"access_token": 1, "token_type": "bearer"},
            {"access_token": "", "token_type": "bearer"},
            {"access_token": "two words", "token_type": "bearer"},
            {"access_token": "line\nbreak", "token_type": "bearer"},
            {"access_token": TOKEN, "token_type": "bearer", "scope": ["user"]},
            {"access_token": TOKEN, "token_type": "bearer", "expires_in": "soon"},
            {"access_token": TOKEN, "token_type": "bearer", "expires_in": None},
            {"access_token": TOKEN, "token_type": "bearer", "expires_in": -1},
            {"access_token": TOKEN, "token_type": "bearer", "expires_at": []},
            b'{"access_token":"a","token_type":"bearer","expires_in":NaN}',
            {"error": None},
            {"error": ["access_denied"]},
            {"error": "<script>"},
        ],
    )
    def test_an_odd_token_response_is_invalid(self, provider: GitHub, odd: Odd, body: object) -> None:
        odd.answers["/token"] = (200, body, {})
        assert fault(provider).code == Fault.INVALID_RESPONSE

    @pytest.mark.parametrize(
        "members", [{"expires_in": 28800}, {"expires_in": "28800"}, {"refresh_token": 1}, {"token_type": "Bearer"}]
    )
    def test_a_token_response_may_say_more(self, provider: GitHub, odd: Odd, members: dict[str, object]) -> None:
        body = {"access_token": TOKEN, "token_type": "bearer", "scope": "read:user,user:email", **members}
        odd.answers["/token"] = (200, body, {})
        assert complete(provider).subject.id == "1"

    @pytest.mark.parametrize(
        "status, expected",
        [(403, Fault.UNAVAILABLE), (429, Fault.UNAVAILABLE), (400, Fault.UNAVAILABLE), (201, Fault.INVALID_RESPONSE)],
    )
    def test_a_token_response_of_another_status_is_refused(
        self, provider: GitHub, odd: Odd, status: int, expected: Fault
    ) -> None:
        odd.answers["/token"] = (status, b"<html>", {})
        assert fault(provider).code == expected

    def test_an_error_with_an_error_status_is_read(self, provider: GitHub, odd: Odd) -> None:
        odd.answers["/token"] = (400, {"error": "bad_verification_code"}, {})
        assert fault(provider).code == Fault.EXPIRED

    @pytest.mark.parametrize(
        "status, headers, expected",
        [
            (403, {}, Fault.ACCOUNT_UNUSABLE),
            (403, {"X_RateLimit_Remaining": "0"}, Fault.UNAVAILABLE),
            (403, {"Retry_After": "60"}, Fault.UNAVAILABLE),
            (404, {}, Fault.INVALID_RESPONSE),
        ],
    )
    def test_a_refusal_of_the_api_has_its_fault(
        self, provider: GitHub, odd: Odd, status: int, headers: dict[str, str], expected: Fault
    ) -> None:
        odd.answers["/api/user"] = (status, {"message": "no"}, headers)
        error = fault(provider)
        assert (error.code, error.correlation_id) == (expected, None)

    def test_an_odd_reference_is_not_passed_on(self, provider: GitHub, odd: Odd) -> None:
        odd.answers["/api/user"] = (401, {}, {"X_GitHub_Request_Id": "<script>"})
        assert fault(provider).correlation_id is None

    @pytest.mark.parametrize("login", [..., None, 1])
    def test_a_user_without_a_login_is_invalid(self, provider: GitHub, odd: Odd, login: object) -> None:
        odd.answers["/api/user"] = (200, {"id": 1, "type": "User", **({} if login is ... else {"login": login})}, {})
        assert fault(provider).code == Fault.INVALID_RESPONSE

    @pytest.mark.parametrize(
        "emails", [(404, {}), (200, [{"email": 1, "primary": True, "verified": True}]), (200, ["x"])]
    )
    def test_odd_addresses_are_none(self, provider: GitHub, odd: Odd, emails: tuple[int, object]) -> None:
        odd.answers["/api/user/emails"] = (*emails, {})
        assert complete(provider).profile.email is None

    def test_addresses_that_lead_elsewhere_are_none(
        self, provider: GitHub, odd: Odd, caplog: pytest.LogCaptureFixture
    ) -> None:
        odd.answers["/api/user/emails"] = (302, {}, {"Location": "https://attacker.invalid/"})
        assert complete(provider).profile.email is None
        assert "no email: api: TooManyRedirects" in caplog.text

    def test_only_json_true_makes_an_address_primary_and_verified(self, provider: GitHub, odd: Odd) -> None:
        listed = [
            {"email": "a@example.org", "primary": 1, "verified": True},
            {"email": "b@example.org", "primary": True, "verified": "true"},
            {"email": "c@example.org", "primary": False, "verified": True},
            {"email": "d@example.org", "primary": True, "verified": True},
        ]
        odd.answers["/api/user/emails"] = (200, listed, {})
        assert complete(provider).profile.email == "d@example.org"

    def test_a_server_that_hangs_up_is_unavailable_and_no_error_holds_the_secret(
        self, provider: GitHub, authority: trustme.CA, server: Server
    ) -> None:
        settings = provider._settings.model_copy(update={"token_url": "https://localhost:1/token"})
        error = fault(GitHub("github", settings, CALLBACK))
        assert error.code == Fault.UNAVAILABLE
        assert error.__cause__ is None
        assert error.__context__ is None

    def test_t11_nothing_secret_is_logged(self, provider: GitHub, odd: Odd, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        complete(provider)
        odd.answers["/token/deleted"] = (500, {}, {})
        odd.answers["/api/user/emails"] = (500, {}, {})
        complete(provider)
        for secret in (TOKEN, SECRET, "the-code", "octocat"):
            assert secret not in caplog.text

    def test_a_token_is_deleted_at_best(
        self, provider: GitHub, server: Server, caplog: pytest.LogCaptureFixture, odd: Odd
    ) -> None:
        odd.answers["/token/deleted"] = (302, {}, {"Location": "https://attacker.invalid/"})
        complete(provider)
        assert "token not deleted: TooManyRedirects" in caplog.text
