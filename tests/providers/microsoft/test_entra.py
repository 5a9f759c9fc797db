"""Work accounts of Entra tenants, against the stand-in over TLS."""

import json
from datetime import UTC, datetime

import pytest

from claims.evidence import Binding, Evidence, Kind, Strength
from providers.catalog import TenantSettings
from providers.provider import Ask, Fault, Missing, Subject
from providers.standins import CONTOSO, FABRIKAM, NORTHWIND, OPERATOR, Standins
from tests.providers.microsoft.flows import (
    TENANTS,
    WITHOUT_ACRS,
    attested,
    entra,
    fault,
    go,
    kept,
    query,
    refused,
    sign_in,
    strength,
)

FORCED = Ask(force_mfa=True)
NONE, SINGLE, MFA, PHR = Strength.NONE, Strength.SINGLE, Strength.MFA, Strength.PHISHING_RESISTANT
GUESTS = {OPERATOR: TenantSettings(name="Operator", guests=True)}

# Persona: strength when asked, what is missing then, strength when forced.
PERSONAS = {
    "entra-mfa": (MFA, None, MFA),
    "entra-ngcmfa": (MFA, None, MFA),
    "entra-phr": (MFA, None, MFA),
    "entra-when-forced": (SINGLE, None, MFA),
    "entra-stale": (MFA, None, MFA),
    "entra-noemail": (MFA, None, MFA),
    "entra-edov-false": (MFA, None, MFA),
    "entra-pwd": (SINGLE, None, SINGLE),
    "entra-rsa-only": (SINGLE, None, SINGLE),
    "entra-otp": (SINGLE, None, SINGLE),
    "entra-fed": (SINGLE, None, SINGLE),
    "entra-wiaormfa": (SINGLE, None, SINGLE),
    "entra-amr-missing": (NONE, Missing.NOT_SENT, NONE),
    "entra-amr-string": (NONE, Missing.NOT_SENT, NONE),
    "entra-acrs-nopolicy": (SINGLE, None, SINGLE),
    "entra-admin": (MFA, None, MFA),
    "entra-reader": (MFA, None, MFA),
}
REFUSED = {
    "entra-guest-of-R": Fault.GUEST_REFUSED,
    "entra-guest-refused": Fault.GUEST_REFUSED,
    "entra-msa-guest": Fault.TENANT_NOT_ALLOWED,
    "entra-other-tenant": Fault.TENANT_NOT_ALLOWED,
    "entra-declines": Fault.CANCELLED,
    "entra-mfa-demanded": Fault.MFA_REQUIRED,
    "entra-no-factor": Fault.MFA_SETUP_REQUIRED,
    "entra-blocked": Fault.BLOCKED_BY_POLICY,
    "entra-admin-consent": Fault.ADMIN_CONSENT_REQUIRED,
    "entra-consent": Fault.CONSENT_REQUIRED,
    "entra-unassigned": Fault.NOT_ASSIGNED,
    "entra-no-application": Fault.MISCONFIGURED,
    **dict.fromkeys(
        (f"northwind-{each}" for each in ("admin", "mfa", "pwd", "c1", "c2", "guest")), Fault.TENANT_NOT_ALLOWED
    ),
}


@pytest.mark.parametrize("persona", PERSONAS)
def test_each_persona_gives_the_evidence_of_the_matrix_and_is_worth_asking_again_only_once(
    standins: Standins, persona: str
) -> None:
    first_strength, missing, second_strength = PERSONAS[persona]
    provider = entra(standins)
    first = sign_in(provider, persona)
    assert (strength(first), first.missing) == (first_strength, missing)
    assert first.again == (None if first_strength >= MFA else FORCED)
    second = sign_in(provider, persona, FORCED)
    assert (strength(second), second.again) == (second_strength, None)


@pytest.mark.parametrize("persona", REFUSED)
def test_t4_each_persona_that_must_not_sign_in_is_refused_with_the_right_fault(
    standins: Standins, persona: str
) -> None:
    assert fault(entra(standins), persona) is REFUSED[persona]


def test_the_tables_above_have_every_persona(standins: Standins) -> None:
    people = {each.id for each in standins.personas if each.provider == "entra"}
    assert people == PERSONAS.keys() | REFUSED.keys()


def test_a_sign_in_tells_who_and_what_was_proven(standins: Standins) -> None:
    provider = entra(standins)
    redirect = provider.begin(Ask())
    now = datetime.now(UTC)
    identified = provider.complete(kept(redirect), go(redirect, "entra-mfa"), now)
    person = standins.persona("entra-mfa")
    assert identified.subject == Subject(issuer=standins.backchannel_url, tenant=CONTOSO, id=person.subject)
    assert (identified.profile.email, identified.profile.email_verified) == (person.email, True)
    assert identified.authentication.auth_time is not None
    assert identified.authentication.evidence == (
        Evidence(
            kind=Kind.AMR,
            values=("pwd", "mfa"),
            strength=MFA,
            binding=Binding.SESSION,
            observed_at=now,
            source="entra:access_token.amr",
        ),
    )


def test_the_request_asks_for_our_own_api_and_its_amr(standins: Standins) -> None:
    sent = query(entra(standins).begin(Ask(max_age=60, select_account=True)).url)
    assert json.loads(sent["claims"]) == {"access_token": {"amr": {"values": ["mfa"]}}}
    assert sorted(sent["scope"].split())[1:] == ["email", "openid", "profile"]
    assert (sent["response_mode"], sent["max_age"], sent["prompt"]) == ("form_post", "60", "select_account")
    assert not sent.keys() & {"acr_values", "amr_values"}
    forced = query(entra(standins).begin(FORCED).url)
    assert json.loads(forced["claims"]) == {"access_token": {"amr": {"values": ["mfa"], "essential": True}}}


def test_a_known_tenant_is_asked_for_the_context_its_admin_attested_for_mfa(standins: Standins) -> None:
    tenants = {CONTOSO: attested("Contoso", c3="phishing_resistant", c7="mfa")}
    sent = query(entra(standins, authority=CONTOSO, tenants=tenants).begin(Ask()).url)
    assert json.loads(sent["claims"])["id_token"] == {"acrs": {"essential": True, "value": "c7"}}


def test_an_attested_context_is_evidence_that_a_tenant_rule_was_met(standins: Standins) -> None:
    tenants = {CONTOSO: attested("Contoso", c1="mfa")}
    identified = sign_in(entra(standins, authority=CONTOSO, tenants=tenants), "entra-mfa")
    assert [(each.kind, each.values, each.strength, each.binding) for each in identified.authentication.evidence] == [
        (Kind.AMR, ("pwd", "mfa"), MFA, Binding.SESSION),
        (Kind.ACRS, ("c1",), MFA, Binding.ATTESTED),
    ]


def test_phishing_resistance_is_worth_asking_for_where_the_tenant_attested_a_context(standins: Standins) -> None:
    tenants = {CONTOSO: attested("Contoso", c2="phishing_resistant")}
    without = {"client_id": WITHOUT_ACRS.client_id, "client_secret": WITHOUT_ACRS.client_secret}
    provider = entra(standins, tenants=tenants, **without)
    first = sign_in(provider, "entra-phr")
    assert strength(first) is MFA
    assert first.again is not None
    second = sign_in(provider, "entra-phr", first.again)
    assert (strength(second), second.again) == (PHR, None)


def test_who_gave_one_factor_is_asked_again_for_mfa_and_not_for_a_passkey(standins: Standins) -> None:
    tenants = {CONTOSO: attested("Contoso", c2="phishing_resistant", c1="mfa")}
    again = sign_in(entra(standins, tenants=tenants), "entra-when-forced").again
    assert again is not None
    assert json.loads(again.claims_challenge or "") == {"id_token": {"acrs": {"essential": True, "value": "c1"}}}


def test_who_proved_the_most_is_not_worth_asking_again(standins: Standins) -> None:
    tenants = {CONTOSO: attested("Contoso", c2="phishing_resistant")}
    identified = sign_in(entra(standins, tenants=tenants), "entra-phr")
    assert (strength(identified), identified.again) == (PHR, None)


def test_t2_a_context_that_nobody_attested_is_no_evidence(standins: Standins) -> None:
    # Fabrikam has no policy for c1, so everybody meets it.
    identified = sign_in(entra(standins), "entra-acrs-nopolicy")
    assert {each.kind for each in identified.authentication.evidence} == {Kind.AMR}
    assert strength(identified) is SINGLE
    standins.toggles.set("access_opaque")
    identified = sign_in(entra(standins), "entra-acrs-nopolicy")
    assert identified.authentication.evidence == ()
    assert identified.missing is Missing.NOT_ATTESTED


def test_one_tenants_attestation_is_worth_nothing_in_another(standins: Standins) -> None:
    tenants = {**TENANTS, CONTOSO: attested("Contoso", c1="mfa")}
    assert strength(sign_in(entra(standins, tenants=tenants), "entra-acrs-nopolicy")) is SINGLE


def test_what_the_token_endpoint_demands_is_repeated_in_the_next_request(standins: Standins) -> None:
    provider = entra(standins)
    error = refused(provider, "entra-mfa-demanded")
    assert (error.code, error.upstream_code) == (Fault.MFA_REQUIRED, "AADSTS50076")
    assert error.correlation_id is not None
    assert error.again is not None
    assert error.again.force_mfa
    asked = json.loads(query(provider.begin(error.again).url)["claims"])
    assert asked["access_token"].keys() == {"amr", "capolids"}
    assert strength(sign_in(provider, "entra-mfa-demanded", error.again)) is MFA


def test_a_demand_after_mfa_was_insisted_on_is_not_worth_asking_again(standins: Standins) -> None:
    assert refused(entra(standins), "entra-mfa-demanded", FORCED).again is None


@pytest.mark.parametrize(
    "challenge",
    ["", "nonsense", "[1]", '"text"', '{"access_token": 7}', '{"userinfo": {"a": null}}', "[" * 4000, " " * 5000],
)
def test_a_challenge_of_another_shape_changes_nothing(standins: Standins, challenge: str) -> None:
    sent = query(entra(standins).begin(Ask(claims_challenge=challenge)).url)
    assert json.loads(sent["claims"]) == {"access_token": {"amr": {"values": ["mfa"]}}}


def test_a_personal_account_can_sign_in_as_guest_of_the_operators_own_tenant(standins: Standins) -> None:
    identified = sign_in(entra(standins, authority=OPERATOR, tenants=GUESTS), "entra-msa-guest")
    assert strength(identified) is MFA
    assert identified.subject.tenant == OPERATOR


def test_t4_that_same_guest_is_refused_where_the_tenant_takes_none(standins: Standins) -> None:
    tenants = {OPERATOR: TenantSettings(name="Operator")}
    assert fault(entra(standins, authority=OPERATOR, tenants=tenants), "entra-msa-guest") is Fault.GUEST_REFUSED


def test_t4_guests_are_taken_by_the_tenant_that_says_so_and_by_no_other(standins: Standins) -> None:
    tenants = {**TENANTS, FABRIKAM: TenantSettings(name="Fabrikam", guests=True)}
    provider = entra(standins, tenants=tenants)
    assert strength(sign_in(provider, "entra-guest-of-R")) is MFA
    assert fault(provider, "entra-guest-refused") is Fault.GUEST_REFUSED


def test_t4_an_allow_list_is_about_tids_and_changes_with_them(standins: Standins) -> None:
    tenants = {NORTHWIND: TenantSettings(name="Northwind")}
    provider = entra(standins, tenants=tenants)
    assert sign_in(provider, "entra-other-tenant").subject.tenant == NORTHWIND
    assert fault(provider, "entra-mfa") is Fault.TENANT_NOT_ALLOWED


def test_t3_an_address_of_a_domain_the_tenant_does_not_own_is_not_verified(standins: Standins) -> None:
    victim, attacker = sign_in(entra(standins), "entra-mfa"), sign_in(entra(standins), "entra-edov-false")
    assert attacker.profile.email == victim.profile.email
    assert (attacker.profile.email_verified, victim.profile.email_verified) == (False, True)
    assert attacker.subject != victim.subject


def test_a_user_without_an_address_has_none(standins: Standins) -> None:
    profile = sign_in(entra(standins), "entra-noemail").profile
    assert (profile.email, profile.email_verified) == (None, False)


def test_t2_an_opaque_access_token_is_no_evidence_and_no_fault(standins: Standins) -> None:
    standins.toggles.set("access_opaque")
    identified = sign_in(entra(standins), "entra-pwd")
    assert (strength(identified), identified.missing, identified.again) == (NONE, Missing.NOT_SENT, FORCED)


def test_probe_shows_both_documents_masked(standins: Standins) -> None:
    provider = entra(standins)
    redirect = provider.begin(Ask())
    probed = provider.probe(kept(redirect), go(redirect, "entra-mfa"), datetime.now(UTC))
    assert probed.shown["access_token.amr"] == '["pwd", "mfa"]'
    assert probed.shown["access_token.ver"] == '"1.0"'
    assert probed.shown["id_token.acct"] == "0"
    assert probed.shown["id_token.tid"] == "<string, 36>"
    assert strength(probed.identified) is MFA
    assert "canary" not in str(probed.shown).lower()


def test_the_provider_says_what_it_can_do(standins: Standins) -> None:
    provider = entra(standins)
    assert (provider.id, provider.name, provider.kind) == ("entra", "Work account", "entra")
    assert provider.capabilities.kinds == {Kind.AMR, Kind.ACRS}
    assert provider.capabilities.bindings == {Binding.SESSION, Binding.ATTESTED}
    assert provider.capabilities.can_reauthenticate
    assert provider.set_up_url == "https://mysignins.microsoft.com/security-info"
