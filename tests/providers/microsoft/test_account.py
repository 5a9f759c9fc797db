"""Personal Microsoft accounts, against the stand-in over TLS."""

from datetime import UTC, datetime, timedelta

import pytest

from claims.evidence import Binding, Evidence, Kind, Strength
from claims.profile import Profile
from providers.provider import Ask, Fault, Missing, ProviderError, Subject
from providers.standins import MSA, Standins
from tests.providers.microsoft.flows import account, go, kept, query, refused, sign_in, strength

MFA, DEFAULT = "urn:microsoft:policies:mfa", "urn:microsoft:policies:default"
FORCED = Ask(force_mfa=True)
NONE, SINGLE = Strength.NONE, Strength.SINGLE

# Persona: strength when asked, what is missing then, strength when forced.
PERSONAS = {
    "msa-mfa": (Strength.MFA, None, Strength.MFA),
    "msa-when-forced": (SINGLE, None, Strength.MFA),
    "msa-nomfa": (SINGLE, None, SINGLE),
    "msa-noacr": (NONE, Missing.NOT_SENT, NONE),
    "msa-stale": (Strength.MFA, None, Strength.MFA),
    "msa-same-email": (Strength.MFA, None, Strength.MFA),
}


@pytest.mark.parametrize("persona", PERSONAS)
def test_each_persona_gives_the_evidence_of_the_matrix_and_is_worth_asking_again_only_once(
    standins: Standins, persona: str
) -> None:
    first_strength, missing, second_strength = PERSONAS[persona]
    provider = account(standins)
    first = sign_in(provider, persona)
    assert (strength(first), first.missing) == (first_strength, missing)
    assert first.again == (None if first_strength >= Strength.MFA else FORCED)
    second = sign_in(provider, persona, FORCED)
    assert (strength(second), second.again) == (second_strength, None)


def test_the_table_above_has_every_persona_that_signs_in(standins: Standins) -> None:
    people = {each.id for each in standins.personas if each.provider == "microsoft_account" and not each.error}
    assert people == PERSONAS.keys()


def test_a_sign_in_tells_who_when_and_what_was_proven(standins: Standins) -> None:
    redirect = account(standins).begin(Ask())
    now = datetime.now(UTC)
    identified = account(standins).complete(kept(redirect), go(redirect, "msa-mfa"), now)
    person = standins.persona("msa-mfa")
    assert identified.subject == Subject(issuer=standins.backchannel_url, tenant=MSA, id=person.subject)
    assert identified.profile == Profile(name=person.name, email=person.email, email_verified=True)
    assert identified.authentication.evidence == (
        Evidence(
            kind=Kind.ACR,
            values=(MFA,),
            strength=Strength.MFA,
            binding=Binding.SESSION,
            observed_at=now,
            source="microsoft_account:id_token.acr",
        ),
    )
    auth_time = identified.authentication.auth_time
    assert auth_time is not None
    assert timedelta(0) < now - auth_time < timedelta(minutes=2)


def test_the_request_asks_for_mfa_beside_the_default_policy_and_for_nothing_to_keep(standins: Standins) -> None:
    sent = query(account(standins).begin(Ask()).url)
    assert sent["acr_values"] == f"{MFA} {DEFAULT}"
    assert sent["response_mode"] == "form_post"
    assert sent["code_challenge_method"] == "S256"
    assert sorted(sent["scope"].split()) == ["email", "openid", "profile"]
    assert not sent.keys() & {"prompt", "max_age", "claims", "login_hint", "domain_hint", "X-AnchorMailbox"}


@pytest.mark.parametrize(
    "ask, expected",
    [
        (FORCED, {"acr_values": MFA}),
        (Ask(select_account=True), {"prompt": "select_account"}),
        (Ask(reauthenticate=True), {"prompt": "login"}),
        (Ask(reauthenticate=True, select_account=True), {"prompt": "login"}),
        (Ask(max_age=0), {"max_age": "0"}),
        (Ask(max_age=300), {"max_age": "300"}),
    ],
)
def test_what_is_asked_stands_in_the_request(standins: Standins, ask: Ask, expected: dict[str, str]) -> None:
    sent = query(account(standins).begin(ask).url)
    assert {name: sent.get(name) for name in expected} == expected


def test_two_requests_share_neither_state_nor_nonce_nor_challenge(standins: Standins) -> None:
    provider = account(standins)
    first, second = (query(provider.begin(Ask()).url) for _ in range(2))
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


def test_an_old_authentication_is_reported_and_not_judged_here(standins: Standins) -> None:
    now = datetime.now(UTC)
    old = sign_in(account(standins), "msa-stale").authentication.auth_time
    fresh = sign_in(account(standins), "msa-stale", Ask(max_age=60)).authentication.auth_time
    assert old is not None
    assert fresh is not None
    assert now - old > timedelta(hours=9)
    assert fresh >= now - timedelta(minutes=1)


def test_who_declines_is_told_so(standins: Standins) -> None:
    error = refused(account(standins), "msa-declines")
    assert (error.code, error.upstream_code, error.again) == (Fault.CANCELLED, "AADSTS65004", None)
    assert error.correlation_id is not None


def test_who_cancels_the_second_factor_can_be_asked_again(standins: Standins) -> None:
    provider = account(standins)
    redirect = provider.begin(Ask())
    returned = go(redirect, "msa-mfa", approve=False)
    with pytest.raises(ProviderError) as raised:
        provider.complete(kept(redirect), returned, datetime.now(UTC))
    assert (raised.value.code, raised.value.again) == (Fault.MFA_REQUIRED, FORCED)


def test_probe_shows_the_evidence_verbatim_and_of_the_rest_only_the_type(standins: Standins) -> None:
    provider = account(standins)
    redirect = provider.begin(Ask())
    probed = provider.probe(kept(redirect), go(redirect, "msa-mfa"), datetime.now(UTC))
    assert strength(probed.identified) is Strength.MFA
    assert probed.shown["id_token.acr"] == f'"{MFA}"'
    assert probed.shown["id_token.ver"] == '"2.0"'
    assert probed.shown["id_token.xms_edov"] == "true"
    assert probed.shown["id_token.auth_time"] == "<number>"
    assert probed.shown["id_token.oid"] == "<string, 36>"
    assert "canary" not in str(probed.shown).lower()


def test_the_provider_says_what_it_can_do(standins: Standins) -> None:
    provider = account(standins)
    assert (provider.id, provider.name, provider.kind) == ("msa", "Microsoft", "microsoft_account")
    assert provider.capabilities.kinds == {Kind.ACR}
    assert provider.capabilities.bindings == {Binding.SESSION}
    assert provider.capabilities.can_force_mfa
    assert provider.set_up_url == "https://account.microsoft.com/security"
