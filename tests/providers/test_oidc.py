"""Any OpenID provider, against the stand-in."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from claims.evidence import Binding, Kind, Strength
from providers.oidc import OpenIDProvider
from providers.provider import Ask, Fault, Identified, Missing, ProviderError, Redirect
from providers.standins import Standins
from tests.providers.flows import CALLBACK, come_back, openid, signed_in

REFEDS = "https://refeds.org/profile/mfa"


def failure(provider: OpenIDProvider, persona: str = "oidc-mfa", ask: Ask | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        signed_in(provider, persona, ask)
    return caught.value


def parameters(redirect: Redirect) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(redirect.url).query, strict_parsing=True))


def strengths(identified: Identified) -> list[Strength]:
    return [evidence.strength for evidence in identified.authentication.evidence]


class TestBegin:
    def test_the_request_asks_for_a_code_with_pkce_s256_and_a_nonce(self, upstream: Standins) -> None:
        redirect = openid(upstream).begin(Ask())
        sent = parameters(redirect)
        assert redirect.url.startswith(f"{upstream.browser_url}/oidc/authorize?")
        assert sent.pop("state") == redirect.state == redirect.flow["state"]
        assert sent.pop("nonce") == redirect.flow["nonce"]
        assert len(sent.pop("code_challenge")) == 43
        assert json.loads(sent.pop("claims")) == {"id_token": {"auth_time": {"essential": True}, "amr": None}}
        assert sent == {
            "response_type": "code",
            "client_id": "vestibule-standin",
            "redirect_uri": CALLBACK,
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "acr_values": REFEDS,
        }

    def test_mfa_is_forced_by_an_essential_acr_and_a_new_login(self, upstream: Standins) -> None:
        sent = parameters(openid(upstream).begin(Ask(force_mfa=True)))
        assert sent["prompt"] == "login"
        assert "acr_values" not in sent
        wanted = json.loads(sent["claims"])["id_token"]
        assert wanted["acr"] == {"essential": True, "values": [REFEDS]}
        assert wanted["amr"] == {"essential": True}

    def test_only_an_acr_that_would_be_accepted_is_forced_where_there_is_one(self, upstream: Standins) -> None:
        provider = openid(upstream, acr_values=["pwd", "phr"])
        assert parameters(provider.begin(Ask()))["acr_values"] == "pwd phr"
        claims = json.loads(parameters(provider.begin(Ask(force_mfa=True)))["claims"])
        assert claims["id_token"]["acr"]["values"] == ["phr"]

    def test_where_nothing_can_be_forced_amr_is_essential_from_the_start(self, upstream: Standins) -> None:
        provider = openid(upstream, acr_values=[])
        sent = parameters(provider.begin(Ask()))
        assert "acr_values" not in sent
        assert json.loads(sent["claims"])["id_token"]["amr"] == {"essential": True}
        assert not provider.capabilities.can_force_mfa

    def test_forcing_what_cannot_be_forced_is_a_new_login(self, upstream: Standins) -> None:
        sent = parameters(openid(upstream, acr_values=[]).begin(Ask(force_mfa=True)))
        assert sent["prompt"] == "login"
        assert "acr" not in json.loads(sent["claims"])["id_token"]

    def test_nothing_is_asked_for_that_is_not_used(self, upstream: Standins) -> None:
        provider = openid(upstream, require_auth_time=False, accept_amr={})
        assert json.loads(parameters(provider.begin(Ask()))["claims"]) == {"id_token": {}}

    @pytest.mark.parametrize(
        "ask, prompt",
        [
            (Ask(), None),
            (Ask(select_account=True), "select_account"),
            (Ask(reauthenticate=True), "login"),
            (Ask(reauthenticate=True, select_account=True), "login"),
        ],
    )
    def test_the_prompt_is_what_was_asked(self, upstream: Standins, ask: Ask, prompt: str | None) -> None:
        assert parameters(openid(upstream).begin(ask)).get("prompt") == prompt

    @pytest.mark.parametrize(
        "configured, asked, sent",
        [(None, None, None), (None, 0, "0"), (300, None, "300"), (300, 60, "60"), (300, 900, "300"), (0, 900, "0")],
    )
    def test_the_smaller_max_age_is_sent_and_0_is_one(
        self, upstream: Standins, configured: int | None, asked: int | None, sent: str | None
    ) -> None:
        provider = openid(upstream, max_age=configured)
        assert parameters(provider.begin(Ask(max_age=asked))).get("max_age") == sent

    def test_the_flow_is_json_and_holds_nothing_of_the_secret(self, upstream: Standins) -> None:
        redirect = openid(upstream).begin(Ask(max_age=60))
        assert json.loads(json.dumps(redirect.flow)) == redirect.flow
        secret = upstream.registration("oidc").client_secret
        assert secret not in json.dumps(redirect.flow) + redirect.url

    @pytest.mark.parametrize(
        "toggle, fault",
        [
            ("discovery_500", Fault.UNAVAILABLE),
            ("discovery_huge", Fault.UNAVAILABLE),
            ("discovery_redirect", Fault.UNAVAILABLE),
            ("discovery_issuer", Fault.MISCONFIGURED),
        ],
    )
    def test_t9_without_a_good_discovery_document_nobody_is_sent_anywhere(
        self, upstream: Standins, toggle: str, fault: Fault
    ) -> None:
        upstream.toggles.set(toggle)
        with pytest.raises(ProviderError) as caught:
            openid(upstream).begin(Ask())
        assert caught.value.code == fault


class TestPersonas:
    @pytest.mark.parametrize(
        "persona, strength, kind",
        [
            ("oidc-mfa", Strength.MFA, Kind.AMR),
            ("oidc-phr", Strength.PHISHING_RESISTANT, Kind.ACR),
            ("oidc-phrh", Strength.PHISHING_RESISTANT, Kind.ACR),
        ],
    )
    def test_what_is_accepted_is_evidence_of_the_session(
        self, upstream: Standins, persona: str, strength: Strength, kind: Kind
    ) -> None:
        identified = signed_in(openid(upstream), persona)
        best = max(identified.authentication.evidence, key=lambda evidence: evidence.strength)
        assert (best.strength, best.kind, best.binding) == (strength, kind, Binding.SESSION)
        assert identified.authentication.auth_time is not None
        assert (identified.missing, identified.again) == (None, None)

    def test_a_value_is_worth_what_the_operator_says(self, upstream: Standins) -> None:
        assert strengths(signed_in(openid(upstream, accept_amr={"otp": "phishing_resistant"}), "oidc-mfa")) == [
            Strength.PHISHING_RESISTANT
        ]

    @pytest.mark.parametrize(
        "persona, missing, forced",
        [
            ("oidc-pwd", None, [Strength.SINGLE]),
            ("oidc-silent", Missing.NOT_SENT, []),
            ("oidc-amr-string", Missing.NOT_SENT, []),
            ("oidc-when-forced", None, [Strength.MFA]),
        ],
    )
    def test_t2_mfa_that_did_not_come_is_asked_for_once_more_and_not_twice(
        self, upstream: Standins, persona: str, missing: Missing | None, forced: list[Strength]
    ) -> None:
        provider = openid(upstream)
        first = signed_in(provider, persona)
        assert (first.missing, first.again) == (missing, Ask(force_mfa=True))
        second = signed_in(provider, persona, first.again)
        assert strengths(second) == forced
        assert second.again is None

    def test_asking_again_is_no_use_where_nothing_can_be_forced(self, upstream: Standins) -> None:
        assert signed_in(openid(upstream, acr_values=[]), "oidc-pwd").again is None

    def test_a_subject_is_the_issuer_and_the_sub(self, upstream: Standins) -> None:
        subject = signed_in(openid(upstream), "oidc-same-email").subject
        assert subject.issuer == f"{upstream.backchannel_url}/oidc"
        assert (subject.tenant, subject.id) == ("", upstream.persona("oidc-same-email").subject)

    @pytest.mark.parametrize("persona, verified", [("oidc-mfa", True), ("oidc-unverified-email", False)])
    def test_the_profile_is_the_name_and_the_address(self, upstream: Standins, persona: str, verified: bool) -> None:
        profile = signed_in(openid(upstream), persona).profile
        person = upstream.persona(persona)
        assert (profile.name, profile.email, profile.email_verified) == (person.name, person.email, verified)

    def test_a_session_of_yesterday_is_told_as_such(self, upstream: Standins) -> None:
        provider = openid(upstream)
        now = datetime.now(UTC)
        stale = signed_in(provider, "oidc-stale").authentication.auth_time
        fresh = signed_in(provider, "oidc-stale", Ask(max_age=600)).authentication.auth_time
        assert stale is not None
        assert fresh is not None
        assert now - stale > timedelta(hours=9)
        assert now - fresh < timedelta(minutes=10)

    def test_who_says_no_has_cancelled(self, upstream: Standins) -> None:
        assert failure(openid(upstream), "oidc-declines").code == Fault.CANCELLED

    def test_a_probe_shows_the_evidence_and_masks_the_person(self, upstream: Standins) -> None:
        provider = openid(upstream)
        redirect = provider.begin(Ask())
        probed = provider.probe(redirect.flow, come_back(redirect, "oidc-phr"), datetime.now(UTC))
        assert max(strengths(probed.identified)) == Strength.PHISHING_RESISTANT
        assert probed.shown["acr"] == '"phr"'
        assert probed.shown["amr"].startswith("[")
        assert "canary" not in json.dumps(probed.shown)


class TestAuthTime:
    def test_a_provider_that_does_not_say_when_is_for_the_operator_to_mend(self, upstream: Standins) -> None:
        assert failure(openid(upstream), "oidc-no-auth-time").code == Fault.MISCONFIGURED

    def test_an_operator_can_do_without(self, upstream: Standins) -> None:
        provider = openid(upstream, require_auth_time=False)
        assert signed_in(provider, "oidc-no-auth-time").authentication.auth_time is None
        assert not provider.capabilities.can_reauthenticate

    def test_a_configured_max_age_cannot_do_without(self, upstream: Standins) -> None:
        provider = openid(upstream, require_auth_time=False, max_age=600)
        assert failure(provider, "oidc-no-auth-time").code == Fault.MISCONFIGURED

    @pytest.mark.parametrize("toggle", ["future_auth_time", "text_auth_time"])
    @pytest.mark.parametrize("require", [True, False])
    def test_t2_an_odd_auth_time_is_refused(self, upstream: Standins, toggle: str, require: bool) -> None:
        upstream.toggles.set(toggle, "oidc")
        assert failure(openid(upstream, require_auth_time=require)).code == Fault.INVALID_RESPONSE


class TestTrouble:
    @pytest.mark.parametrize(
        "toggle",
        [
            "alg_none",
            "hs256_public_key",
            "unknown_kid",
            "borrowed_kid",
            "no_kid",
            "bad_signature",
            "header_jwk",
            "header_jku",
            "header_x5u",
            "crit",
            "wrong_iss",
            "wrong_aud",
            "more_aud",
            "no_aud",
            "expired",
            "no_exp",
            "future_nbf",
            "future_iat",
            "missing_nonce",
            "wrong_nonce",
            "no_sub",
            "no_id_token",
            "truncated_id_token",
            "wrong_azp",
            "wrong_at_hash",
            "no_response_iss",
            "wrong_response_iss",
            "wrong_state",
            "no_state",
            "token_garbage",
        ],
    )
    def test_t9_an_attack_is_an_invalid_response(self, upstream: Standins, toggle: str) -> None:
        upstream.toggles.set(toggle, "oidc")
        assert failure(openid(upstream)).code == Fault.INVALID_RESPONSE

    @pytest.mark.parametrize(
        "toggle",
        ["jwks_500", "jwks_huge", "jwks_redirect", "jwks_garbage", "token_500", "token_huge", "token_redirect"],
    )
    def test_a_provider_that_does_not_work_is_unavailable(self, upstream: Standins, toggle: str) -> None:
        upstream.toggles.set(toggle, "oidc")
        assert failure(openid(upstream)).code == Fault.UNAVAILABLE

    def test_t10_an_error_of_another_issuer_is_not_believed(self, upstream: Standins) -> None:
        upstream.toggles.set("wrong_response_iss", "oidc")
        assert failure(openid(upstream), "oidc-declines").code == Fault.INVALID_RESPONSE

    def test_a_new_key_is_found_at_once(self, upstream: Standins) -> None:
        provider = openid(upstream)
        before = signed_in(provider, "oidc-mfa").subject
        upstream.rotate_keys()
        assert signed_in(provider, "oidc-mfa").subject == before

    def test_t7_a_code_is_good_once(self, upstream: Standins) -> None:
        provider = openid(upstream)
        redirect = provider.begin(Ask())
        returned = come_back(redirect, "oidc-mfa")
        provider.complete(redirect.flow, returned, datetime.now(UTC))
        with pytest.raises(ProviderError) as caught:
            provider.complete(redirect.flow, returned, datetime.now(UTC))
        assert (caught.value.code, caught.value.upstream_code) == (Fault.EXPIRED, "invalid_grant")

    @pytest.mark.parametrize("name, fault", [("code_verifier", Fault.EXPIRED), ("nonce", Fault.INVALID_RESPONSE)])
    def test_t8_a_flow_is_worth_only_its_own_code(self, upstream: Standins, name: str, fault: Fault) -> None:
        provider = openid(upstream)
        redirect, other = provider.begin(Ask()), provider.begin(Ask())
        with pytest.raises(ProviderError) as caught:
            provider.complete(
                {**redirect.flow, name: other.flow[name]}, come_back(redirect, "oidc-mfa"), datetime.now(UTC)
            )
        assert caught.value.code == fault

    def test_a_wrong_secret_is_for_the_operator_to_mend(self, upstream: Standins) -> None:
        assert failure(openid(upstream, client_secret="wrong")).code == Fault.MISCONFIGURED
