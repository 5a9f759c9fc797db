"""GitHub, against the stand-in."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from claims.evidence import Binding, Kind, Strength
from providers.catalog import GitHubSettings
from providers.github import GitHub
from providers.provider import Ask, Fault, Missing, ProviderError, Redirect
from providers.standins import Standins
from tests.providers.flows import CALLBACK, come_back, github, signed_in

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
