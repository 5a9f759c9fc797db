"""MSAL as it is used here: keeps nothing, says nothing, believes nothing of the environment, survives anything."""

import io
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import msal
import pytest

from claims.evidence import Strength
from providers.catalog import CONSUMERS
from providers.microsoft.app import DISCOVERY_LIFETIME, Registration, Tokens
from providers.microsoft.channel import BackChannel
from providers.provider import Ask, Fault, ProviderError, Return
from providers.standins import EVIDENCE_SCOPE, Standins
from tests.providers.microsoft.flows import (
    CALLBACK,
    account,
    entra,
    fault,
    go,
    kept,
    query,
    refused,
    sign_in,
    strength,
)
from tests.providers.microsoft.scripted import Answer, Scripted, returned


def discoveries(standins: Standins) -> int:
    return sum(seen.path.endswith("/.well-known/openid-configuration") for seen in standins.requests)


def test_nothing_is_asked_of_microsoft_before_somebody_signs_in(standins: Standins) -> None:
    account(standins)
    entra(standins)
    assert standins.requests == ()


def test_a_start_without_microsoft_needs_no_second_start(standins: Standins) -> None:
    provider = account(standins)
    standins.toggles.set("discovery_500")
    assert fault(provider, "msa-mfa") is Fault.UNAVAILABLE
    standins.toggles.reset()
    assert strength(sign_in(provider, "msa-mfa")) is Strength.MFA


def test_discovery_is_asked_for_once_an_hour_and_not_in_every_sign_in(standins: Standins) -> None:
    seconds = [0.0]
    registration = standins.registration("entra")
    application = Registration(
        client_id=registration.client_id,
        client_secret=registration.client_secret,
        instance=standins.backchannel_url,
        selector="organizations",
        issuer=f"{standins.backchannel_url}/{{tenantid}}/v2.0",
        callback_url=CALLBACK,
        ca_bundle=standins.ca_file,
        clock=lambda: seconds[0],
    )

    def redeem() -> Tokens:
        redirect = application.begin(Ask(), scopes=["email", EVIDENCE_SCOPE])
        return application.redeem(kept(redirect), go(redirect, "entra-mfa"))

    redeem()
    seconds[0] = DISCOVERY_LIFETIME - 1
    redeem()
    assert discoveries(standins) == 1
    seconds[0] = DISCOVERY_LIFETIME
    redeem()
    assert discoveries(standins) == 2


def test_many_at_once_sign_in_each_as_themselves_and_share_no_application(standins: Standins) -> None:
    provider = entra(standins)
    people = ["entra-mfa", "entra-ngcmfa", "entra-stale", "entra-noemail", "entra-phr"] * 4
    with ThreadPoolExecutor(8) as pool:
        subjects = list(pool.map(lambda persona: sign_in(provider, persona).subject.id, people))
    assert subjects == [standins.persona(persona).subject for persona in people]
    assert discoveries(standins) <= 8


def test_t11_msal_keeps_neither_tokens_nor_answers(standins: Standins) -> None:
    provider = entra(standins)
    sign_in(provider, "entra-mfa")
    refused(provider, "entra-mfa-demanded")
    (application,) = (each.application for each in provider._registration._idle)
    assert isinstance(application, msal.ConfidentialClientApplication)
    assert application.token_cache._cache == {}
    assert application.http_client._expiring_mapping._mapping == {}
    assert application.get_accounts() == []


def test_t11_a_token_response_that_may_be_cached_is_not(microsoft: Scripted) -> None:
    # MSAL keeps whatever carries Retry-After, tokens and all.
    provider = microsoft.account()
    redirect = provider.begin(Ask())
    token = microsoft.id_token(redirect, tid=CONSUMERS)
    microsoft.give(Answer(body={"id_token": token}, headers={"Retry-After": "3600"}), "consumers")
    for _ in range(2):
        provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))
    assert sum(path.endswith("/token") for path, _, _ in microsoft.seen) == 2


def test_no_refresh_token_is_asked_for(standins: Standins) -> None:
    sign_in(entra(standins), "entra-mfa")
    scopes = [seen.asked["scope"] for seen in standins.requests if "scope" in seen.asked]
    assert scopes
    assert not [scope for scope in scopes if "offline_access" in scope]


def test_the_flow_to_keep_is_json_and_has_only_what_is_needed(standins: Standins) -> None:
    redirect = account(standins).begin(Ask(max_age=5))
    assert json.loads(json.dumps(redirect.flow)) == redirect.flow
    assert redirect.flow.keys() == {"authority", "tenant", "mapping", "msal", "force_mfa", "consent"}
    inner = redirect.flow["msal"]
    assert isinstance(inner, dict)
    assert inner.keys() == {"state", "redirect_uri", "scope", "code_verifier", "nonce", "claims_challenge"}
    assert inner["state"] == redirect.state == query(redirect.url)["state"]


def test_a_flow_can_be_finished_after_it_went_through_a_failed_attempt(standins: Standins) -> None:
    # MSAL changes the flow it is given; ours must stay whole.
    provider = entra(standins)
    redirect = provider.begin(Ask())
    flow = kept(redirect)
    standins.toggles.set("token_500")
    back = go(redirect, "entra-mfa")
    with pytest.raises(ProviderError):
        provider.complete(flow, back, datetime.now(UTC))
    assert flow == redirect.flow
    standins.toggles.reset()
    assert strength(provider.complete(flow, back, datetime.now(UTC))) is Strength.MFA


def test_t11_the_environment_chooses_neither_proxy_nor_authority_nor_region(
    standins: Standins, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
        "REQUESTS_CA_BUNDLE": "/nonexistent",
        "CURL_CA_BUNDLE": "/nonexistent",
        "MSAL_FORCE_REGION": "westus",
        "REGION_NAME": "westus",
    }.items():
        monkeypatch.setenv(name, value)
    assert strength(sign_in(entra(standins), "entra-mfa")) is Strength.MFA


def test_t11_a_server_under_another_authority_is_not_spoken_to(standins: Standins, microsoft: Scripted) -> None:
    provider = account(standins)
    provider._registration._back_channel = partial(BackChannel, standins.backchannel_url, ca_bundle=microsoft.ca_file)
    assert refused(provider, "msa-mfa").code is Fault.UNAVAILABLE
    assert standins.requests == ()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[" * 100_000,
        [],
        7,
        None,
        {"issuer": "{i}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", "token_endpoint": "{i}/token"},
        {
            "issuer": "{i}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            "token_endpoint": "{i}/",
            "authorization_endpoint": "{i}/authorize",
        },
    ],
    ids=lambda document: str(document)[:20],
)
def test_a_discovery_document_that_cannot_be_read_is_an_outage(microsoft: Scripted, document: object) -> None:
    if isinstance(document, dict):
        document = {name: value.format(i=microsoft.instance) for name, value in document.items()}
    microsoft.answers["/consumers/v2.0/.well-known/openid-configuration"] = Answer(body=document)
    with pytest.raises(ProviderError) as raised:
        microsoft.account().begin(Ask())
    assert raised.value.code is Fault.UNAVAILABLE


@pytest.mark.parametrize(
    "status, expected",
    [
        (400, Fault.MISCONFIGURED),
        (404, Fault.MISCONFIGURED),
        (403, Fault.UNAVAILABLE),
        (429, Fault.UNAVAILABLE),
        (500, Fault.UNAVAILABLE),
        (204, Fault.UNAVAILABLE),
        (302, Fault.UNAVAILABLE),
    ],
)
def test_an_authority_nobody_knows_is_the_operators_to_mend_and_the_rest_is_an_outage(
    microsoft: Scripted, status: int, expected: Fault
) -> None:
    path = "/consumers/v2.0/.well-known/openid-configuration"
    microsoft.answers[path] = Answer(body={"error": "invalid_tenant"}, status=status, headers={"Location": "/"})
    with pytest.raises(ProviderError) as raised:
        microsoft.account().begin(Ask())
    assert raised.value.code is expected


@pytest.mark.parametrize("endpoint", ["https://localhost:1/token", "https://localhost.attacker.invalid/", 7, None])
def test_t11_the_client_secret_goes_to_no_other_server(microsoft: Scripted, endpoint: object) -> None:
    answer = microsoft.answers["/consumers/v2.0/.well-known/openid-configuration"]
    assert isinstance(answer.body, dict)
    microsoft.answers["/consumers/v2.0/.well-known/openid-configuration"] = Answer(
        body={**answer.body, "token_endpoint": endpoint}
    )
    with pytest.raises(ProviderError) as raised:
        microsoft.account().begin(Ask())
    assert raised.value.code is Fault.MISCONFIGURED


@pytest.mark.parametrize(
    "answer, expected",
    [
        (Answer(body={}), Fault.INVALID_RESPONSE),
        (Answer(body=[]), Fault.INVALID_RESPONSE),
        (Answer(body=["id_token", "error"]), Fault.INVALID_RESPONSE),
        (Answer(body="id_token"), Fault.INVALID_RESPONSE),
        (Answer(body=b"<html>canary-page"), Fault.INVALID_RESPONSE),
        (Answer(body=b"[" * 100_000), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": None}), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": 7}), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": "e30"}), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": "e30.e30.e30"}), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": "e30.W10.e30"}), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": "e30._w.e30"}), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": "e30.eA.e30"}), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": "e30.e30.e30", "scope": 7}), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": "e30.e30.e30", "refresh_in": "x"}), Fault.INVALID_RESPONSE),
        (Answer(body={"error": 7}, status=400), Fault.INVALID_RESPONSE),
        (Answer(body={"error": None}, status=400), Fault.INVALID_RESPONSE),
        (Answer(body={"error": "invalid_grant\r\nX: y"}, status=400), Fault.INVALID_RESPONSE),
        (Answer(body={"error": "invalid_grant"}, status=400), Fault.EXPIRED),
        (Answer(body={"error": "invalid_client"}, status=401), Fault.MISCONFIGURED),
        (Answer(body={"error": "temporarily_unavailable"}, status=400), Fault.UNAVAILABLE),
        (Answer(body={"error": "invalid_grant"}, status=503), Fault.UNAVAILABLE),
        (Answer(body={"error": "invalid_grant"}, status=429), Fault.UNAVAILABLE),
        (Answer(body={"id_token": "e30.e30.e30"}, status=302), Fault.INVALID_RESPONSE),
        (Answer(body={"id_token": "e30.e30.e30"}, status=201), Fault.INVALID_RESPONSE),
        (Answer(body={}, status=302, headers={"Location": "/elsewhere"}), Fault.UNAVAILABLE),
    ],
    ids=str,
)
def test_t9_whatever_the_token_endpoint_answers_ends_in_a_fault_and_harms_nobody_after(
    microsoft: Scripted, answer: Answer, expected: Fault
) -> None:
    provider = microsoft.account()
    redirect = provider.begin(Ask())
    microsoft.give(answer, "consumers")
    with pytest.raises(ProviderError) as raised:
        provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))
    assert raised.value.code is expected
    assert raised.value.__cause__ is raised.value.__context__ is None
    assert "canary" not in str(raised.value)
    microsoft.give(Answer(body={"id_token": microsoft.id_token(redirect, tid=CONSUMERS)}), "consumers")
    provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))


def test_the_age_of_an_authentication_is_not_msals_to_judge(microsoft: Scripted) -> None:
    provider = microsoft.account()
    for auth_time in (None, 1, "text", [1]):
        redirect = provider.begin(Ask(max_age=0))
        token = microsoft.id_token(redirect, tid=CONSUMERS, auth_time=auth_time)
        microsoft.give(Answer(body={"id_token": token}), "consumers")
        provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))


def test_microsoft_is_told_nothing_of_the_person_in_headers(standins: Standins, microsoft: Scripted) -> None:
    provider = microsoft.account()
    redirect = provider.begin(Ask())
    microsoft.give(Answer(body={"id_token": microsoft.id_token(redirect, tid=CONSUMERS)}), "consumers")
    parameters = {**returned(redirect).parameters, "client_info": "eyJ1aWQiOiJjYW5hcnkiLCJ1dGlkIjoiY2FuYXJ5In0"}
    back = Return(method="POST", parameters=parameters)
    provider.complete(kept(redirect), back, datetime.now(UTC))
    headers = [headers for path, headers, _ in microsoft.seen if path.endswith("/token")]
    assert len(headers) == 1
    assert "canary" not in str(headers)


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """Catch whatever is logged anywhere, at DEBUG, as an operator's handler on the root logger would."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root, library, before = logging.getLogger(), logging.getLogger("msal"), logging.getLogger("msal").level
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    library.setLevel(logging.DEBUG)
    try:
        yield written
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        library.setLevel(before)


def test_t11_no_token_code_secret_or_person_reaches_a_log_at_debug(
    standins: Standins, microsoft: Scripted, capfd: pytest.CaptureFixture[str]
) -> None:
    with everything_logged() as written:
        secrets: list[object] = [standins.registration("entra").client_secret]
        for toggle in (None, "wrong_nonce", "expired", "bad_signature", "token_garbage", "access_stale", "jwks_500"):
            if toggle:
                standins.toggles.set(toggle)
            for provider, persona in ((account(standins), "msa-mfa"), (entra(standins), "entra-mfa")):
                redirect = provider.begin(Ask(max_age=0))
                back = go(redirect, persona)
                secrets += [*back.parameters.values(), *redirect.flow["msal"].values()]  # type: ignore[attr-defined]  # a dict
                try:
                    provider.complete(kept(redirect), back, datetime.now(UTC))
                except ProviderError as error:
                    logging.getLogger("test").exception("refused", exc_info=error)
            standins.toggles.reset()
        for body in (b'canary {"id_token": "', {"id_token": "e30.eyJjYW5hcnkiOjF9.e30"}, {"scope": 7, "canary": 1}):
            provider = microsoft.account()
            redirect = provider.begin(Ask())
            microsoft.give(Answer(body=body), "consumers")
            with pytest.raises(ProviderError):
                provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))
        logging.getLogger("msal.oauth2cli.oauth2").error("canary: what MSAL would write of its own")
    output = written.getvalue() + "".join(capfd.readouterr())
    assert "refused" in output
    assert "canary" not in output.lower()
    assert "eyJ" not in output
    assert not [secret for secret in secrets if isinstance(secret, str) and len(secret) > 8 and secret in output]


def test_tokens_do_not_show_when_printed() -> None:
    tokens = Tokens(authority="https://localhost", id_token="canary", access_token="canary", nonce="canary")
    assert "canary" not in repr(tokens)
