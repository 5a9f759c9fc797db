"""Tokens that an honest Microsoft never gives: what each must be, claim by claim."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest

from claims.evidence import Strength
from providers.catalog import CONSUMERS
from providers.provider import Ask, Fault, Identified, Missing, ProviderError
from tests.providers.microsoft.flows import kept, strength
from tests.providers.microsoft.scripted import CLIENT_ID, OID, TENANT, Answer, Scripted, returned

OTHER = "3f6a2b10-6c1e-4a1b-9c2d-f4b21c0de001"


def work(
    microsoft: Scripted,
    identity: Mapping[str, object] | None = None,
    access: Mapping[str, object] | None = None,
    *,
    guests: bool = False,
) -> Identified:
    """Sign in with a work account whose two tokens are changed so."""
    provider = microsoft.entra(guests=guests)
    redirect = provider.begin(Ask())
    body = {
        "token_type": "Bearer",
        "id_token": microsoft.id_token(redirect, **(identity or {})),
        "access_token": microsoft.evidence_token(**(access or {})),
    }
    microsoft.give(Answer(body=body))
    return provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))


def personal(microsoft: Scripted, **identity: object) -> Identified:
    """Sign in with a personal account whose ID token is changed so."""
    provider = microsoft.account()
    redirect = provider.begin(Ask())
    body = {"id_token": microsoft.id_token(redirect, **{"tid": CONSUMERS, **identity}), "access_token": "EwB4"}
    microsoft.give(Answer(body=body), "consumers")
    return provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))


def refused(sign_in: Callable[[], Identified]) -> Fault:
    with pytest.raises(ProviderError) as raised:
        sign_in()
    return raised.value.code


def test_tokens_dated_five_minutes_back_as_entra_dates_them_are_taken(microsoft: Scripted) -> None:
    assert strength(work(microsoft)) is Strength.MFA


@pytest.mark.parametrize(
    "change",
    [
        {"tid": TENANT.upper()},
        {"tid": f"{TENANT}\n"},
        {"tid": f"../{TENANT}"},
        {"tid": 7},
        {"tid": None},
        {"oid": None},
        {"oid": "me"},
        {"oid": [OID]},
        {"ver": "1.0"},
        {"ver": 2.0},
        {"ver": None},
        {"iss": None},
        {"aud": OTHER},
        {"aud": [CLIENT_ID]},
        {"iat": None},
        {"iat": "1"},
        {"exp": True},
        {"nonce": "x"},
    ],
    ids=str,
)
def test_t4_t9_an_id_token_must_be_right_in_every_claim(microsoft: Scripted, change: dict[str, object]) -> None:
    assert refused(lambda: work(microsoft, change)) is Fault.INVALID_RESPONSE


@pytest.mark.parametrize(
    "change",
    [
        {"tid": OTHER},
        {"tid": None},
        {"iss": "https://sts.windows.net/" + TENANT + "/"},
        {"oid": OTHER},
        {"oid": None},
        {"appid": OTHER},
        {"appid": None},
        {"scp": "mfa_evidence_of_another_kind"},
        {"scp": ["mfa_evidence"]},
        {"scp": None},
        {"ver": "2.0"},
        {"ver": 1.0},
        {"aud": "api://evidence/"},
        {"iat": None},
        {"iat": 1},
        {"iat": "1"},
        {"exp": 1},
    ],
    ids=str,
)
def test_t4_t9_an_evidence_token_that_is_not_of_this_sign_in_refuses_it(
    microsoft: Scripted, change: dict[str, object]
) -> None:
    assert refused(lambda: work(microsoft, None, change)) is Fault.INVALID_RESPONSE


@pytest.mark.parametrize(
    "amr", [None, "mfa", ["mfa", "mfa"], ["mfa", 1], [], {"mfa": True}, ["MFA"], [["mfa"]], ["wiaormfa"], True]
)
def test_t2_an_amr_of_another_shape_is_no_mfa(microsoft: Scripted, amr: object) -> None:
    identified = work(microsoft, None, {"amr": amr})
    assert strength(identified) < Strength.MFA
    assert identified.again == Ask(force_mfa=True)


@pytest.mark.parametrize(
    "acr", [None, "mfa", "URN:microsoft:policies:mfa", "urn:microsoft:policies:mfa ", 1, ["urn:microsoft:policies:mfa"]]
)
def test_t2_an_acr_of_another_shape_is_no_mfa(microsoft: Scripted, acr: object) -> None:
    identified = personal(microsoft, acr=acr, amr=["mfa"])
    assert (strength(identified), identified.missing) == (Strength.NONE, Missing.NOT_SENT)


@pytest.mark.parametrize("token", [None, 7, "", "EwB4A8l6BAAU", "a.b.c.d.e"])
def test_t2_without_a_readable_access_token_there_is_no_evidence(microsoft: Scripted, token: object) -> None:
    provider = microsoft.entra()
    redirect = provider.begin(Ask())
    microsoft.give(Answer(body={"id_token": microsoft.id_token(redirect), "access_token": token}))
    identified = provider.complete(kept(redirect), returned(redirect), datetime.now(UTC))
    assert (strength(identified), identified.missing) == (Strength.NONE, Missing.NOT_SENT)


@pytest.mark.parametrize("claims", [{"acct": 1}, {"acct": "1"}, {"acct": True}, {"acct": False}, {"acct": []}])
def test_t4_whoever_may_be_a_guest_is_one(microsoft: Scripted, claims: dict[str, object]) -> None:
    assert refused(lambda: work(microsoft, claims)) is Fault.GUEST_REFUSED
    assert strength(work(microsoft, claims, guests=True)) is Strength.MFA


@pytest.mark.parametrize("idp", ["live.com", "https://sts.windows.net/" + OTHER + "/", "", 7, [], {}])
def test_t4_whoever_has_another_home_is_a_guest_whichever_token_says_so(microsoft: Scripted, idp: object) -> None:
    assert refused(lambda: work(microsoft, {"idp": idp, "acct": 0})) is Fault.GUEST_REFUSED
    assert refused(lambda: work(microsoft, None, {"idp": idp})) is Fault.GUEST_REFUSED


@pytest.mark.parametrize("acct", [0, "0"])
def test_a_member_may_be_called_one_and_may_name_the_own_tenant_as_home(microsoft: Scripted, acct: object) -> None:
    for issuer in (f"{microsoft.instance}/{TENANT}/v2.0", f"{microsoft.instance}/sts/{TENANT}/"):
        assert strength(work(microsoft, {"acct": acct, "idp": issuer})) is Strength.MFA


@pytest.mark.parametrize(
    "flag, verified",
    [(True, True), (1, True), ("1", True), (False, False), (0, False), ("true", False), (None, False), ([1], False)],
)
def test_t3_an_address_is_verified_only_by_microsofts_word(microsoft: Scripted, flag: object, verified: bool) -> None:
    claims = {"email": "bo@contoso.example", "xms_edov": flag, "email_verified": True}
    assert work(microsoft, claims).profile.email_verified is verified
    assert personal(microsoft, **claims).profile.email_verified is verified


def test_t4_a_work_account_at_the_sign_in_for_personal_ones_is_refused(microsoft: Scripted) -> None:
    microsoft.publish("consumers", microsoft.key.microsoft_jwk | {"issuer": f"{microsoft.instance}/{{tenantid}}/v2.0"})
    assert refused(lambda: personal(microsoft, tid=TENANT)) is Fault.WRONG_ACCOUNT


def test_t4_a_personal_account_at_the_sign_in_for_work_accounts_is_refused(microsoft: Scripted) -> None:
    assert refused(lambda: work(microsoft, {"tid": CONSUMERS})) is Fault.WRONG_ACCOUNT


@pytest.mark.parametrize(
    "issuer",
    [None, 7, "", f"{{tenantid}}/{OTHER}/v2.0", "{instance}/" + OTHER + "/v2.0", "{instance}/{{tenantid}}/V2.0"],
)
def test_t4_a_key_signs_for_the_issuer_it_names_and_for_no_other(microsoft: Scripted, issuer: object) -> None:
    named = issuer.format(instance=microsoft.instance, tenantid="{tenantid}") if isinstance(issuer, str) else issuer
    microsoft.publish("organizations", microsoft.key.microsoft_jwk | ({} if named is None else {"issuer": named}))
    assert refused(lambda: work(microsoft)) is Fault.INVALID_RESPONSE


def test_a_key_of_the_tenants_own_signs_for_it(microsoft: Scripted) -> None:
    microsoft.publish("organizations", microsoft.key.microsoft_jwk | {"issuer": f"{microsoft.instance}/{TENANT}/v2.0"})
    assert strength(work(microsoft)) is Strength.MFA


def test_t4_a_version_1_key_that_names_an_issuer_signs_for_no_other(microsoft: Scripted) -> None:
    for template, good in (
        ("{}/sts/{{tenantid}}/", True),
        ("{}/{{tenantid}}/v2.0", True),
        (f"{{}}/sts/{OTHER}/", False),
    ):
        key = microsoft.v1_key.microsoft_jwk | {"issuer": template.format(microsoft.instance)}
        microsoft.publish("organizations", key, version="")
        if good:
            assert strength(work(microsoft)) is Strength.MFA
        else:
            assert refused(lambda: work(microsoft)) is Fault.INVALID_RESPONSE


def test_t9_a_version_2_key_does_not_sign_evidence(microsoft: Scripted) -> None:
    microsoft.publish("organizations", microsoft.key.microsoft_jwk, version="")
    assert refused(lambda: work(microsoft)) is Fault.INVALID_RESPONSE


def test_the_keys_of_each_version_are_fetched_from_the_own_authority(microsoft: Scripted) -> None:
    work(microsoft)
    assert {path for path, _, _ in microsoft.seen if path.endswith("keys")} == {
        "/organizations/discovery/v2.0/keys",
        "/organizations/discovery/keys",
    }


def test_without_version_1_keys_there_is_no_sign_in_with_an_evidence_token(microsoft: Scripted) -> None:
    del microsoft.answers["/organizations/discovery/keys"]
    assert refused(lambda: work(microsoft)) is Fault.UNAVAILABLE


def test_t2_what_is_no_authentication_context_is_no_hint_of_one(microsoft: Scripted) -> None:
    for acrs, missing in ((["p1"], Missing.NOT_SENT), (["p1", "c4"], Missing.NOT_ATTESTED), ("c4", Missing.NOT_SENT)):
        assert work(microsoft, {"acrs": acrs}, {"amr": None}).missing is missing
