"""Every attack and failure the stand-in can carry out, through both providers: refused, and for the right reason."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from claims.evidence import Strength
from providers.http import outbound
from providers.microsoft import channel, tokens
from providers.provider import Ask, Fault, ProviderError, Return
from providers.standins import CONTOSO, TOGGLES, Standins
from tests.providers.microsoft.flows import Provider, account, entra, fault, go, kept, sign_in, strength

INVALID, UNAVAILABLE, MISCONFIGURED = Fault.INVALID_RESPONSE, Fault.UNAVAILABLE, Fault.MISCONFIGURED

EITHER = {
    **dict.fromkeys(
        (
            *("alg_none", "hs256_public_key", "unknown_kid", "borrowed_kid", "no_kid", "bad_signature"),
            *("header_jwk", "header_jku", "header_x5u", "crit", "truncated_id_token", "no_id_token"),
            *("wrong_iss", "wrong_aud", "more_aud", "no_aud", "expired", "no_exp", "future_nbf", "future_iat"),
            *("missing_nonce", "wrong_nonce", "no_sub", "iss_tid_mismatch", "tid_not_guid", "no_tid", "no_oid"),
            *("wrong_state", "no_state", "token_garbage"),
        ),
        INVALID,
    ),
    **dict.fromkeys(
        (
            *("jwks_500", "jwks_slow", "jwks_huge", "jwks_redirect", "jwks_garbage"),
            *("discovery_500", "discovery_huge", "discovery_redirect"),
            *("token_500", "token_slow", "token_huge", "token_redirect"),
        ),
        UNAVAILABLE,
    ),
    **dict.fromkeys(("discovery_host", "discovery_issuer"), MISCONFIGURED),
}
ENTRA_ONLY = {
    "msa_key": INVALID,
    "swapped_tid": Fault.TENANT_NOT_ALLOWED,
    **dict.fromkeys(
        (
            *("access_alg_none", "access_hs256_public_key", "access_unknown_kid", "access_bad_signature"),
            *("access_wrong_iss", "access_wrong_aud", "access_wrong_appid", "access_wrong_tid"),
            *("access_wrong_oid", "access_expired", "access_stale", "access_v2"),
        ),
        INVALID,
    ),
}
ACCOUNT_ONLY = {"entra_key": INVALID}
# No refusal: no evidence, no auth_time, or the broker's to stop (a state is good for one return).
HARMLESS = {"access_opaque", "future_auth_time", "text_auth_time", "code_reusable", "duplicate_parameters"}
# Of matter only where somebody shows that they may speak for a tenant: test_mapping.
OF_ROLES = {"no_acct", "no_wids", "wids_text", "wids_null", "wids_nested", "wids_doubled"}


def test_the_tables_above_have_every_toggle() -> None:
    known = {toggle.name for toggle in TOGGLES if "microsoft" in toggle.providers}
    assert known == EITHER.keys() | ENTRA_ONLY.keys() | ACCOUNT_ONLY.keys() | HARMLESS | OF_ROLES


@pytest.fixture
def impatient(standins: Standins, monkeypatch: pytest.MonkeyPatch) -> Standins:
    """The stand-in, a little slower than the providers wait."""
    standins.toggles.slow_seconds = 3
    quick = partial(outbound, timeout=(3.05, 1.0))
    monkeypatch.setattr(channel, "outbound", quick)
    monkeypatch.setattr(tokens, "outbound", quick)
    return standins


@pytest.mark.parametrize("toggle", [*EITHER, *ENTRA_ONLY])
def test_t4_t9_t11_a_work_account_is_refused_under_attack_and_let_in_after_it(impatient: Standins, toggle: str) -> None:
    provider = entra(impatient)
    impatient.toggles.set(toggle)
    assert fault(provider, "entra-mfa") is {**EITHER, **ENTRA_ONLY}[toggle]
    impatient.toggles.reset()
    assert strength(sign_in(provider, "entra-mfa")) is Strength.MFA


@pytest.mark.parametrize("toggle", [*EITHER, *ACCOUNT_ONLY])
def test_t4_t9_t11_a_personal_account_is_refused_under_attack_and_let_in_after_it(
    impatient: Standins, toggle: str
) -> None:
    provider = account(impatient)
    impatient.toggles.set(toggle)
    assert fault(provider, "msa-mfa") is {**EITHER, **ACCOUNT_ONLY}[toggle]
    impatient.toggles.reset()
    assert strength(sign_in(provider, "msa-mfa")) is Strength.MFA


@pytest.mark.parametrize("toggle", ["discovery_host", "token_redirect", "jwks_redirect", "header_jku", "header_x5u"])
def test_t11_nothing_is_asked_of_another_server_than_the_one_the_operator_named(
    standins: Standins, toggle: str
) -> None:
    standins.toggles.set(toggle)
    fault(entra(standins), "entra-mfa")
    assert standins.requests
    assert not [seen for seen in standins.requests if "elsewhere" in seen.path]


@pytest.mark.parametrize("toggle", ["future_auth_time", "text_auth_time"])
def test_t2_an_impossible_auth_time_is_none(standins: Standins, toggle: str) -> None:
    standins.toggles.set(toggle)
    for provider, persona in ((account(standins), "msa-mfa"), (entra(standins), "entra-mfa")):
        for ask in (Ask(), Ask(max_age=60)):
            assert sign_in(provider, persona, ask).authentication.auth_time is None


def test_t7_a_code_is_good_once(standins: Standins) -> None:
    provider = account(standins)
    redirect = provider.begin(Ask())
    returned = go(redirect, "msa-mfa")
    provider.complete(kept(redirect), returned, datetime.now(UTC))
    with pytest.raises(ProviderError) as raised:
        provider.complete(kept(redirect), returned, datetime.now(UTC))
    assert (raised.value.code, raised.value.upstream_code) == (Fault.EXPIRED, "AADSTS54005")


def test_an_old_code_sends_the_user_to_start_again(standins: Standins) -> None:
    provider = account(standins)
    redirect = provider.begin(Ask())
    returned = go(redirect, "msa-mfa")
    standins.expire_codes()
    with pytest.raises(ProviderError) as raised:
        provider.complete(kept(redirect), returned, datetime.now(UTC))
    assert (raised.value.code, raised.value.upstream_code) == (Fault.EXPIRED, "AADSTS70008")


def swapped(first: Provider, second: Provider, persona: str) -> ProviderError:
    """Return how ``second`` answers to a flow that ``first`` began."""
    redirect = first.begin(Ask())
    with pytest.raises(ProviderError) as raised:
        second.complete(kept(redirect), go(redirect, persona), datetime.now(UTC))
    return raised.value


def test_t4_a_flow_is_finished_where_it_began(standins: Standins) -> None:
    single = entra(standins, authority=CONTOSO, tenants={CONTOSO: {"name": "Contoso"}})
    assert swapped(entra(standins), single, "entra-mfa").code is Fault.EXPIRED
    assert not [seen for seen in standins.requests if seen.path.endswith("/token")]


def test_t4_microsoft_refuses_a_code_of_another_authority(standins: Standins) -> None:
    single = entra(standins, authority=CONTOSO, tenants={CONTOSO: {"name": "Contoso"}})
    several = entra(standins)
    redirect = several.begin(Ask())
    flow = {**kept(redirect), "authority": f"{standins.backchannel_url}/{CONTOSO}"}
    with pytest.raises(ProviderError) as raised:
        single.complete(flow, go(redirect, "entra-mfa"), datetime.now(UTC))
    assert (raised.value.code, raised.value.upstream_code) == (Fault.EXPIRED, "AADSTS700005")


def test_t3_a_response_to_another_flow_is_refused(standins: Standins) -> None:
    provider = account(standins)
    mine, theirs = provider.begin(Ask()), provider.begin(Ask())
    with pytest.raises(ProviderError) as raised:
        provider.complete(kept(mine), go(theirs, "msa-mfa"), datetime.now(UTC))
    assert raised.value.code is INVALID


def test_t3_a_code_carried_into_another_flow_fails_its_pkce_proof(standins: Standins) -> None:
    provider = account(standins)
    mine, theirs = provider.begin(Ask()), provider.begin(Ask())
    stolen = go(theirs, "msa-mfa").parameters["code"]
    with pytest.raises(ProviderError) as raised:
        provider.complete(
            kept(mine), Return(method="POST", parameters={"code": stolen, "state": mine.state}), datetime.now(UTC)
        )
    assert (raised.value.code, raised.value.upstream_code) == (Fault.EXPIRED, "AADSTS501481")


@pytest.mark.parametrize(
    "method, change",
    [
        ("GET", {}),
        ("POST", {"state": "ключ"}),
        ("POST", {"state": "\ud800"}),
        ("POST", {"code": ""}),
        ("POST", {"code": "made-up"}),
    ],
)
def test_a_response_of_the_wrong_shape_is_refused(standins: Standins, method: str, change: dict[str, str]) -> None:
    provider = account(standins)
    redirect = provider.begin(Ask())
    returned = go(redirect, "msa-mfa")
    with pytest.raises(ProviderError) as raised:
        provider.complete(
            kept(redirect), Return(method=method, parameters={**returned.parameters, **change}), datetime.now(UTC)
        )
    assert raised.value.code is (Fault.EXPIRED if change.get("code") else INVALID)


@pytest.mark.parametrize("client_info", ["", "!", "eyJ1aWQiOjF9", "WyJ1aWQiLCJ1dGlkIl0", "bnVsbA", "x" * 5000])
def test_what_the_browser_says_beside_the_code_is_not_looked_at(standins: Standins, client_info: str) -> None:
    provider = account(standins)
    redirect = provider.begin(Ask())
    returned = go(redirect, "msa-mfa")
    parameters = {**returned.parameters, "client_info": client_info, "access_token": "x", "id_token": "y"}
    identified = provider.complete(kept(redirect), Return(method="POST", parameters=parameters), datetime.now(UTC))
    assert strength(identified) is Strength.MFA


def keys_fetched(standins: Standins) -> int:
    return sum(seen.path.endswith("/discovery/v2.0/keys") for seen in standins.requests)


def test_t9_new_keys_are_followed_and_made_up_ones_cause_no_flood(standins: Standins) -> None:
    provider = account(standins)
    now = datetime.now(UTC)

    def attempt(at: datetime) -> Fault | None:
        redirect = provider.begin(Ask())
        try:
            provider.complete(kept(redirect), go(redirect, "msa-mfa"), at)
        except ProviderError as error:
            return error.code
        return None

    assert attempt(now) is None
    assert keys_fetched(standins) == 1
    standins.rotate_keys()
    assert attempt(now) is None
    assert keys_fetched(standins) == 2
    standins.rotate_keys()
    assert [attempt(now) for _ in range(3)] == [INVALID] * 3
    assert keys_fetched(standins) == 2
    assert attempt(now + timedelta(minutes=6)) is None
    assert keys_fetched(standins) == 3


@pytest.mark.parametrize("toggle", ["jwks_500", "jwks_huge", "jwks_garbage"])
def test_keys_once_fetched_stay_in_use_when_they_cannot_be_fetched_again(standins: Standins, toggle: str) -> None:
    provider = entra(standins)
    sign_in(provider, "entra-mfa")
    standins.toggles.set(toggle)
    assert strength(sign_in(provider, "entra-mfa")) is Strength.MFA
