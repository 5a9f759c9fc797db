"""One suite over every provider, against the stand-ins: what the protocol promises, each of them keeps."""

import gc
import json
import logging
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims.evidence import Strength
from providers.provider import Ask, Fault, Identified, Provider, ProviderError, Redirect, Return
from providers.standins import Standins
from tests.providers.cases import CASES, Subject
from tests.providers.flows import CALLBACK, come_back


@pytest.fixture(params=CASES, ids=[case.kind for case in CASES])
def subject(request: pytest.FixtureRequest, upstream: Standins) -> Subject:
    return Subject(case=request.param, standins=upstream)


@pytest.fixture
def provider(subject: Subject) -> Provider:
    return subject.provider()


def kept(redirect: Redirect) -> Mapping[str, object]:
    """Return the flow as the broker's store gives it back: through JSON."""
    flow: dict[str, object] = json.loads(json.dumps(redirect.flow))
    return flow


def sign_in(provider: Provider, persona: str, ask: Ask | None = None) -> Identified:
    redirect = provider.begin(ask or Ask())
    return provider.complete(kept(redirect), come_back(redirect, persona), datetime.now(UTC))


def refused(provider: Provider, redirect: Redirect, returned: Return) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        provider.complete(kept(redirect), returned, datetime.now(UTC))
    return caught.value


def query(redirect: Redirect) -> dict[str, str]:
    pairs = parse_qsl(urlsplit(redirect.url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def answered(subject: Subject, redirect: Redirect, **parameters: str) -> Return:
    """Return an answer of the right method and state."""
    return Return(method=subject.case.method, parameters={"state": redirect.state, **parameters})


class TestBegin:
    def test_the_request_has_a_state_a_challenge_and_for_openid_a_nonce(
        self, subject: Subject, provider: Provider
    ) -> None:
        redirect = provider.begin(Ask())
        sent = query(redirect)
        assert sent["state"] == redirect.state
        assert len(redirect.state) >= 16
        assert (sent["response_type"], sent["redirect_uri"]) == ("code", CALLBACK)
        assert sent["code_challenge_method"] == "S256"
        assert re.fullmatch(r"[\w-]{43}", sent["code_challenge"])
        assert ("nonce" in sent) is subject.case.openid
        assert sent.get("response_mode", "query") == {"GET": "query", "POST": "form_post"}[subject.case.method]

    def test_two_requests_share_nothing_that_is_secret(self, provider: Provider) -> None:
        first, second = query(provider.begin(Ask())), query(provider.begin(Ask()))
        for name in ("state", "code_challenge", "nonce"):
            assert first.get(name, "first") != second.get(name, "second")

    def test_no_request_asks_to_stay_signed_in(self, provider: Provider) -> None:
        assert "offline_access" not in query(provider.begin(Ask()))["scope"]

    @pytest.mark.parametrize(
        "ask",
        [
            Ask(),
            Ask(force_mfa=True),
            Ask(reauthenticate=True, max_age=0),
            Ask(select_account=True),
            Ask(widen_scope=True),
            Ask(claims_challenge='{"access_token":{}}'),
        ],
    )
    def test_the_flow_is_json_and_neither_it_nor_the_request_holds_the_clients_secret(
        self, subject: Subject, provider: Provider, ask: Ask
    ) -> None:
        redirect = provider.begin(ask)
        assert kept(redirect) == redirect.flow
        assert subject.secret not in json.dumps(redirect.flow)
        assert subject.secret not in redirect.url

    def test_a_new_authentication_is_asked_for_where_the_capabilities_say_so(self, provider: Provider) -> None:
        sent = query(provider.begin(Ask(reauthenticate=True, max_age=60)))
        can = provider.capabilities.can_reauthenticate
        assert (sent.get("prompt") == "login") is can
        assert (sent.get("max_age") == "60") is can

    def test_mfa_is_asked_for_more_strongly_where_the_capabilities_say_so(self, provider: Provider) -> None:
        same = {"state", "nonce", "code_challenge"}
        plain, forced = (
            {name: value for name, value in query(provider.begin(ask)).items() if name not in same}
            for ask in (Ask(), Ask(force_mfa=True))
        )
        assert (plain != forced) is provider.capabilities.can_force_mfa


class TestComplete:
    def test_a_sign_in_with_mfa_brings_evidence_of_now(self, subject: Subject, provider: Provider) -> None:
        now = datetime.now(UTC)
        redirect = provider.begin(Ask())
        identified = provider.complete(kept(redirect), come_back(redirect, subject.case.strong), now)
        evidence = identified.authentication.evidence
        assert max(each.strength for each in evidence) == Strength.MFA
        assert {each.observed_at for each in evidence} == {now}
        assert identified.missing is None
        # Entra may be asked for the tenant's authentication context, which would prove more.
        assert identified.again is None or identified.again.claims_challenge is not None

    def test_t3_two_people_of_one_address_are_two_subjects(self, subject: Subject, provider: Provider) -> None:
        first, again, other = (
            sign_in(provider, persona).subject
            for persona in (subject.case.strong, subject.case.strong, subject.case.other)
        )
        assert first == again != other
        assert first.issuer
        assert first.id
        for person in (first, other):
            assert "@" not in person.id
            assert "canary" not in person.id

    def test_it_goes_on_in_another_process(self, subject: Subject, provider: Provider) -> None:
        redirect = provider.begin(Ask())
        returned = come_back(redirect, subject.case.strong)
        another = subject.provider()
        there = another.complete(kept(redirect), returned, datetime.now(UTC)).subject
        assert there == sign_in(provider, subject.case.strong).subject

    def test_many_at_once_are_not_mixed_up(self, subject: Subject, provider: Provider) -> None:
        people = [subject.case.strong, subject.case.other] * 4
        expected = {persona: sign_in(provider, persona).subject for persona in people[:2]}
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda persona: sign_in(provider, persona).subject, people))
        assert found == [expected[persona] for persona in people]

    def test_a_probe_shows_evidence_and_masks_the_person(self, subject: Subject, provider: Provider) -> None:
        redirect = provider.begin(Ask())
        probed = provider.probe(kept(redirect), come_back(redirect, subject.case.strong), datetime.now(UTC))
        assert max(each.strength for each in probed.identified.authentication.evidence) == Strength.MFA
        shown = json.dumps(dict(probed.shown))
        assert "canary" not in shown
        assert probed.identified.subject.id not in shown
        named = {each.source.rpartition(".")[2] for each in probed.identified.authentication.evidence}
        for claim in named:
            assert any(key.endswith(claim) and not value.startswith("<") for key, value in probed.shown.items())


class TestRefusals:
    def test_t10_an_answer_with_another_state_is_refused(self, subject: Subject, provider: Provider) -> None:
        redirect, other = provider.begin(Ask()), provider.begin(Ask())
        returned = come_back(redirect, subject.case.strong)
        assert refused(provider, other, returned).code == Fault.INVALID_RESPONSE
        for state in ("", "x", redirect.state + "x", redirect.state.swapcase(), "ä"):
            changed = Return(method=returned.method, parameters={**returned.parameters, "state": state})
            assert refused(provider, redirect, changed).code == Fault.INVALID_RESPONSE

    @pytest.mark.parametrize("toggle", ["wrong_state", "no_state"])
    def test_t10_a_provider_that_loses_the_state_is_refused(
        self, subject: Subject, provider: Provider, toggle: str
    ) -> None:
        subject.standins.toggles.set(toggle, subject.case.standin)
        redirect = provider.begin(Ask())
        assert refused(provider, redirect, come_back(redirect, subject.case.strong)).code == Fault.INVALID_RESPONSE

    def test_an_answer_by_another_method_is_refused(self, subject: Subject, provider: Provider) -> None:
        redirect = provider.begin(Ask())
        returned = come_back(redirect, subject.case.strong)
        assert returned.method == subject.case.method
        for method in {"GET", "POST", "HEAD", ""} - {subject.case.method}:
            changed = Return(method=method, parameters=returned.parameters)
            assert refused(provider, redirect, changed).code == Fault.INVALID_RESPONSE

    @pytest.mark.parametrize("parameters", [{}, {"code": ""}, {"id_token": "a.b.c"}, {"access_token": "token"}])
    def test_an_answer_without_a_code_is_refused(
        self, subject: Subject, provider: Provider, parameters: dict[str, str]
    ) -> None:
        redirect = provider.begin(Ask())
        error = refused(provider, redirect, answered(subject, redirect, **parameters))
        assert error.code == Fault.INVALID_RESPONSE

    def test_t7_a_code_is_good_once(self, subject: Subject, provider: Provider) -> None:
        redirect = provider.begin(Ask())
        returned = come_back(redirect, subject.case.strong)
        provider.complete(kept(redirect), returned, datetime.now(UTC))
        assert refused(provider, redirect, returned).code == Fault.EXPIRED

    def test_a_code_that_is_too_old_has_expired(self, subject: Subject, provider: Provider) -> None:
        redirect = provider.begin(Ask())
        returned = come_back(redirect, subject.case.strong)
        subject.standins.expire_codes()
        assert refused(provider, redirect, returned).code == Fault.EXPIRED

    def test_t8_a_code_of_another_flow_is_worth_nothing_here(self, subject: Subject, provider: Provider) -> None:
        redirect, other = provider.begin(Ask()), provider.begin(Ask())
        stolen = come_back(other, subject.case.strong).parameters
        returned = Return(method=subject.case.method, parameters={**stolen, "state": redirect.state})
        assert refused(provider, redirect, returned).code == Fault.EXPIRED

    def test_a_person_who_says_no_has_cancelled(self, subject: Subject, provider: Provider) -> None:
        redirect = provider.begin(Ask())
        assert refused(provider, redirect, come_back(redirect, subject.case.declines)).code == Fault.CANCELLED

    @pytest.mark.parametrize("error", ["<script>alert(1)</script>", "unheard_of", "", "access_denied\r\nX: y", "ä"])
    def test_nothing_a_provider_says_of_an_error_is_passed_on(
        self, subject: Subject, provider: Provider, error: str
    ) -> None:
        redirect = provider.begin(Ask())
        told = {"error": error, "error_description": "<b>you won</b>", "error_uri": "https://attacker.invalid/"}
        raised = refused(provider, redirect, answered(subject, redirect, **told))
        assert raised.code == Fault.INVALID_RESPONSE
        for text in ("script", "<b>", "attacker", "\n", "ä"):
            assert text not in f"{raised}{raised.upstream_code}{raised.correlation_id}"

    @pytest.mark.parametrize(
        "toggle, fault",
        [
            ("token_500", Fault.UNAVAILABLE),
            ("token_redirect", Fault.UNAVAILABLE),
            ("token_huge", Fault.UNAVAILABLE),
            ("token_garbage", Fault.INVALID_RESPONSE),
        ],
    )
    def test_t11_a_token_endpoint_that_misbehaves_has_its_fault(
        self, subject: Subject, provider: Provider, toggle: str, fault: Fault
    ) -> None:
        redirect = provider.begin(Ask())
        returned = come_back(redirect, subject.case.strong)
        subject.standins.toggles.set(toggle, subject.case.standin)
        assert refused(provider, redirect, returned).code == fault

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        data=st.data(),
        method=st.sampled_from(["GET", "POST", "GET", "POST", "PUT", ""]),
        parameters=st.dictionaries(
            st.sampled_from(
                ["code", "error", "error_description", "iss", "client_info", "session_state", "id_token", "scope", "x"]
            ),
            st.text(max_size=30) | st.sampled_from(["access_denied", "AADSTS50076: Trace", "%00", "a.b.c", "\ud800"]),
            max_size=5,
        ),
    )
    def test_t12_no_answer_that_was_made_up_signs_anyone_in_or_breaks_anything(
        self, subject: Subject, data: st.DataObject, method: str, parameters: dict[str, str]
    ) -> None:
        provider, redirect = _begun(subject)
        state = data.draw(st.sampled_from([redirect.state, redirect.state, redirect.state, "wrong", None]))
        if state is not None:
            parameters = {**parameters, "state": state}
        refused(provider, redirect, Return(method=method, parameters=parameters))


_BEGUN: dict[tuple[str, str], tuple[Provider, Redirect]] = {}


def _begun(subject: Subject) -> tuple[Provider, Redirect]:
    """Return one provider with one flow, the same for all examples."""
    place = (subject.case.kind, subject.standins.backchannel_url)
    if place not in _BEGUN:
        provider = subject.provider()
        _BEGUN[place] = (provider, provider.begin(Ask()))
    return _BEGUN[place]


class TestHonesty:
    def test_whatever_evidence_comes_was_declared(self, subject: Subject, provider: Provider) -> None:
        capabilities = provider.capabilities
        people = [person.id for person in subject.standins.personas if person.provider == subject.case.kind]
        kinds, bindings, again = set(), set(), set()
        for persona in people:
            try:
                identified = sign_in(provider, persona)
            except ProviderError:
                continue
            for evidence in identified.authentication.evidence:
                kinds.add(evidence.kind)
                bindings.add(evidence.binding)
            if identified.again is not None:
                again.add(identified.again.force_mfa)
            assert (identified.authentication.auth_time is not None) is capabilities.can_reauthenticate
        assert kinds == capabilities.kinds
        assert bindings == capabilities.bindings
        assert again == {capabilities.can_force_mfa}

    def test_it_is_asked_again_once_at_most(self, subject: Subject, provider: Provider) -> None:
        people = [person.id for person in subject.standins.personas if person.provider == subject.case.kind]
        for persona in people:
            try:
                first = sign_in(provider, persona)
                second = None if first.again is None else sign_in(provider, persona, first.again)
            except ProviderError:
                continue
            assert second is None or second.again is None

    def test_it_says_where_a_second_factor_is_turned_on(self, subject: Subject, provider: Provider) -> None:
        assert subject.case.kind == "oidc" or str(provider.set_up_url).startswith("https://")


class TestTraces:
    def test_t11_no_token_code_or_name_is_in_any_log(
        self, subject: Subject, provider: Provider, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        redirect = provider.begin(Ask())
        returned = come_back(redirect, subject.case.strong)
        provider.complete(kept(redirect), returned, datetime.now(UTC))
        refused(provider, redirect, returned)
        for toggle in ("token_500", "token_garbage"):
            subject.standins.toggles.set(toggle, subject.case.standin)
            again = provider.begin(Ask())
            refused(provider, again, come_back(again, subject.case.strong))
        for secret in (subject.secret, returned.parameters["code"], redirect.state, "canary", "eyJ", "gho_", "Bearer "):
            assert secret not in caplog.text

    def test_t11_no_token_is_in_an_error_or_behind_it(self, subject: Subject, provider: Provider) -> None:
        redirect = provider.begin(Ask())
        returned = come_back(redirect, subject.case.strong)
        subject.standins.toggles.set("token_redirect", subject.case.standin)
        error = refused(provider, redirect, returned)
        assert error.__cause__ is None
        assert error.__context__ is None

    def test_t11_no_token_is_left_at_the_provider(self, subject: Subject, provider: Provider) -> None:
        before = subject.standins.live_tokens()
        sign_in(provider, subject.case.strong)
        assert subject.standins.live_tokens() == before

    def test_no_connection_outlives_the_provider(self, subject: Subject) -> None:
        before = _connections(subject.standins)
        provider = subject.provider()
        sign_in(provider, subject.case.strong)
        del provider
        gc.collect()
        assert _connections(subject.standins) <= before


def _connections(standins: Standins) -> set[str]:
    """Return the local ends of established connections to the back channel."""
    remote = f":{urlsplit(standins.backchannel_url).port:04X}"
    rows = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return {local for _, local, other, state, *_ in rows if other.endswith(remote) and state == "01"}
