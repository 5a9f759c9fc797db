"""Rules over HTTP: shown, previewed without saving anything, and saved: what is stricter at once, the rest in a day."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from broker.accounts.organizations.rule_words import span_words
from broker.tenants.rules import NOTHING_MORE, OF_A_NEW_TENANT, Rule
from claims.evidence import Binding, Strength
from providers.standins import CONTOSO, NORTHWIND
from tests.accounts.organizations.pages.hall import STALE, Hall, Someone, id_of, words

EMPTY = {"strength": "", "max_age": "", "session_length": ""}
ANYTHING = {**EMPTY, "guests": "yes"}


def preview(someone: Someone, rules: str, fields: dict[str, str]) -> str:
    return someone.text(f"{rules}/preview?{urlencode(fields)}")


def test_the_form_is_filled_in_with_the_rule_in_force(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    hall.tenant(here, CONTOSO, "Contoso")
    rule = Rule(
        strength=Strength.MFA,
        bindings=frozenset({Binding.ACCOUNT_STATE, Binding.SESSION}),
        max_age=timedelta(hours=8),
        session_length=timedelta(minutes=90),
        providers=frozenset({"github", "of-the-past"}),
    )
    hall.rule(here, rule)
    response = hall.ada.get(f"{here}/rules")
    page = words(response)
    assert "Age of the proof at most 8 hours" in page
    assert "Time since sign-in at most 1 hour 30 minutes" in page
    assert "Providers only GitHub , of-the-past" in page
    assert 'value="480"' in response.text
    assert 'value="90"' in response.text
    assert 'value="mfa" selected' in response.text
    assert 'value="of-the-past" checked' in response.text, "what is gone stays, until somebody takes it out"
    assert 'value="msa">' in response.text
    assert f'value="{CONTOSO}">' in response.text
    assert 'name="guests" value="yes" checked' in response.text


def test_a_preview_says_what_and_whom_and_saves_nothing(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    hall.join(id_of(here), hall.olga, seen=False)
    hall.people_seen(hall.ada)
    hall.rule(here, Rule(max_age=timedelta(hours=1)))
    before = hall.actions()
    page = preview(hall.ada, f"{here}/rules", {**ANYTHING, "providers": "github", "max_age": "120"})
    assert "Stricter, at once Providers only GitHub until now: any that is accepted here" in page
    assert "Looser, after 24 hours" in page
    assert "Age of the proof at most 2 hours until now: at most 1 hour" in page
    assert "Canary entra-mfa They last came by a provider that the rules do not accept" in page
    assert "would be suspended" in page
    assert "Not known They have not signed in as members yet, so there is nothing to judge by. – Canary msa-mfa" in (
        page.replace("by. Canary", "by. – Canary")
    )
    assert hall.actions() == before
    assert hall.rule(here) == Rule(max_age=timedelta(hours=1))
    assert hall.waiting(here) == []


def test_a_preview_leads_back_to_the_form_as_it_was_typed_and_on_to_saving(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    query = urlencode({**ANYTHING, "max_age": "77"})
    response = hall.ada.get(f"{here}/rules/preview?{query}")
    back = next(each for each in hall.ada.page(response).links if "max_age=77" in each)
    assert 'value="77"' in hall.ada.get(back).text
    assert '<input type="hidden" name="max_age" value="77">' in response.text


def test_a_stricter_rule_holds_at_once(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    page = hall.ada.done(f"{here}/rules", "", {**ANYTHING, "providers": "github", "max_age": "60"})
    assert "Saved. It holds from now on." in page
    assert hall.rule(here) == Rule(providers=frozenset({"github"}), max_age=timedelta(hours=1))


def test_a_looser_rule_waits_and_is_what_the_form_begins_with(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    strict = Rule(providers=frozenset({"github"}), max_age=timedelta(hours=1))
    hall.rule(here, strict)
    page = hall.ada.done(f"{here}/rules", "", {**ANYTHING, "providers": "github", "max_age": "600"})
    assert "What is looser takes effect after 24 hours" in page
    assert "Age of the proof at most 10 hours until now: at most 1 hour" in page
    assert hall.rule(here) == strict
    assert 'value="600"' in hall.ada.get(f"{here}/rules").text, "one save is the whole wish"
    again = preview(hall.ada, f"{here}/rules", {**ANYTHING, "providers": "github", "max_age": "60"})
    assert "What waits now would be given up." in again
    renewed = preview(hall.ada, f"{here}/rules", {**ANYTHING, "providers": "github", "max_age": "500"})
    assert "The 24 hours begin anew." in renewed
    hall.wait_a_day()
    assert hall.rule(here).max_age == timedelta(hours=10)


def test_one_save_may_do_both(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    hall.rule(here, Rule(max_age=timedelta(hours=1)))
    page = hall.ada.done(f"{here}/rules", "", {**EMPTY, "max_age": "120"})
    assert "What is stricter holds from now on. What is looser takes effect after 24 hours" in page
    assert hall.rule(here) == Rule(max_age=timedelta(hours=1), guests=False)


def test_saving_what_holds_changes_nothing(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    assert "Nothing changes These are the rules that are in force." in preview(hall.ada, f"{here}/rules", ANYTHING)
    assert "Nothing changed" in hall.ada.done(f"{here}/rules", "", ANYTHING)
    assert hall.rule(here) == NOTHING_MORE


WRONG = [
    ({"strength": "single"}, "Choose MFA or phishing-resistant MFA.", "single"),
    ({"max_age": "4"}, "Choose a time of 5 minutes to 30 days.", 'value="4"'),
    ({"session_length": "an hour"}, "Choose a time of 15 minutes to 30 days.", 'value="an hour"'),
    ({"bindings": "hearsay"}, "Choose among the kinds of proof.", ""),
    ({"providers": "elsewhere"}, "Choose among the providers here.", ""),
    ({"tenants": NORTHWIND}, "Choose among the organisation’s own tenants.", ""),
]


@pytest.mark.parametrize("fields, problem, typed", WRONG)
def test_what_is_no_rule_is_shown_again_with_the_problem_and_saves_nothing(
    hall: Hall, fields: dict[str, str], problem: str, typed: str
) -> None:
    here = hall.organization(hall.ada)
    hall.tenant(here, CONTOSO, "Contoso")
    before = hall.actions()
    asked = hall.ada.get(f"{here}/rules/preview?{urlencode({**ANYTHING, **fields})}")
    posted = hall.ada.press(f"{here}/rules", "", {**ANYTHING, **fields})
    for response in (asked, posted):
        assert response.status_code == 400
        assert problem in words(response)
        if typed != "single":
            assert typed in response.text
    assert hall.rule(here) == NOTHING_MORE
    assert hall.actions() == before


def test_a_rule_that_shuts_out_who_saves_it_is_announced_and_refused(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    hall.people_seen(hall.ada)
    fields = {**ANYTHING, "providers": "msa"}
    assert "You would be refused yourself." in preview(hall.ada, f"{here}/rules", fields)
    response = hall.ada.press(f"{here}/rules", "", fields)
    assert response.status_code == 409
    assert hall.rule(here) == NOTHING_MORE


def test_saving_takes_a_fresh_proof_and_the_preview_says_so(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    with hall.later(STALE):
        response = hall.ada.get(f"{here}/rules/preview?{urlencode({**ANYTHING, 'max_age': '60'})}")
        assert "Save these rules" not in response.text
        assert "max_age%3D60" in next(each for each in hall.ada.page(response).links if "fresh=yes" in each)
        assert hall.ada.submit(f"{here}/rules", {**ANYTHING, "max_age": "60"}, page=here).status_code == 403
    assert hall.rule(here) == NOTHING_MORE


def test_who_comes_back_and_who_is_refused_for_a_day_only(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom, hall.olga)
    hall.people_seen(hall.ada)
    hall.rule(here, Rule(providers=frozenset({"github", "msa"})))
    page = preview(hall.ada, f"{here}/rules", ANYTHING)
    assert "Canary entra-mfa They last came by a provider that the rules do not accept" in page
    assert "suspended already" in page
    assert "Who would come back Canary entra-mfa" in page
    page = preview(hall.ada, f"{here}/rules", {**ANYTHING, "providers": "github"})
    assert "Canary msa-mfa They last came by a provider" in page


def test_a_tenants_rule_has_the_same_pages(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    hall.people_seen(hall.ada)
    mapping_id = hall.tenant(here, CONTOSO, "Contoso", rule=OF_A_NEW_TENANT)
    rules = f"{here}/tenants/{mapping_id}/rules"
    page = hall.ada.text(rules)
    assert "Rules of Contoso" in page
    assert "Guests not let in" in page
    assert "Tick those that members must come by." not in page
    shown = preview(hall.ada, rules, {**EMPTY, "strength": "phishing_resistant"})
    assert (
        "Proof a phishing-resistant sign-in, such as with a passkey until now: what is asked of everybody here" in shown
    )
    assert "Canary entra-mfa Their last sign-in had a weaker proof than the rules ask for" in shown
    assert "You would be refused yourself." in shown, "who comes by no tenant meets the rules of all"
    assert "takes effect after 24 hours" in hall.ada.done(rules, "", ANYTHING)
    assert "Looser rules for the tenant Contoso Guests let in until now: not let in" in hall.ada.text(rules)
    hall.wait_a_day()
    assert "Nothing more than what is asked of everybody here." in hall.ada.text(rules)


def test_no_longer_naming_kinds_of_proof_or_tenants_is_looser(hall: Hall) -> None:
    here = hall.organization(hall.tom)
    hall.tenant(here, CONTOSO, "Contoso")
    hall.rule(here, Rule(bindings=frozenset({Binding.SESSION}), tenants=frozenset({CONTOSO, NORTHWIND})))
    page = preview(hall.tom, f"{here}/rules", {**ANYTHING, "tenants": CONTOSO})
    assert f"Tenants only Contoso until now: only Contoso , {NORTHWIND}" in page
    assert "Kind of proof any that is accepted here until now: the provider’s word about the session" in page
    page = preview(hall.tom, f"{here}/rules", ANYTHING)
    assert f"Tenants any, or none until now: only Contoso , {NORTHWIND}" in page


@pytest.mark.parametrize("state, status", [("requested", 409), ("released", 409), ("suspended", 200)])
def test_only_a_tenant_that_the_organisation_holds_has_rules(hall: Hall, state: str, status: int) -> None:
    here = hall.organization(hall.ada)
    mapping_id = hall.tenant(here, state=state)
    assert hall.ada.get(f"{here}/tenants/{mapping_id}/rules").status_code == status


def test_t4_the_tenant_of_another_organisation_has_no_rules_here(hall: Hall) -> None:
    here, elsewhere = hall.organization(hall.ada), hall.organization(hall.olga)
    mapping_id = hall.tenant(elsewhere)
    before = hall.actions()
    for way in ("", "/preview"):
        assert hall.ada.get(f"{here}/tenants/{mapping_id}/rules{way}").status_code == 404
        assert hall.ada.get(f"{elsewhere}/tenants/{mapping_id}/rules{way}").status_code == 404
    assert hall.ada.submit(f"{here}/tenants/{mapping_id}/rules", ANYTHING, page=here).status_code == 404
    assert hall.actions() == before


@pytest.mark.parametrize(
    "span, said",
    [
        (timedelta(days=1, hours=2), "1 day 2 hours"),
        (timedelta(minutes=90), "1 hour 30 minutes"),
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(days=30), "30 days"),
    ],
)
def test_a_time_is_said_in_its_largest_units(span: timedelta, said: str) -> None:
    assert span_words(span) == said
