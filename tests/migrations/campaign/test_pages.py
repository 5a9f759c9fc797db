"""The operators' pages of the campaign, at a running broker: how it stands, and one account."""

from datetime import UTC, datetime, timedelta

import pytest

from migrations.accounts.campaign.pages import accounts
from migrations.accounts.records import Alias, State
from tests.migrations.campaign.office import HERE, Office, location, text_of
from tests.migrations.legacy import legacy, package


@pytest.mark.parametrize("path", ["", "/accounts/x", "/aliases", "/mails", "/mails/announced", "/cases", "/cases/x"])
def test_t4_nobody_but_operators_learns_that_there_are_such_pages(office: Office, path: str) -> None:
    assert office.someone().visitor.get(HERE + path).status_code == 404
    signed_out = office.world.visitor().get(HERE + path)
    assert location(signed_out).startswith("/signin?")


@pytest.mark.parametrize(
    "path",
    [
        "/search",
        "/accounts/x/exception",
        "/aliases/x/confirm",
        "/mails/announced",
        "/mails/announced/preview",
        "/mails/announced/reset",
        "/waves/preview",
        "/waves",
        "/waves/x/stop",
        "/cases/x/uphold",
        "/cases/x/give-back",
    ],
)
def test_t4_nobody_but_operators_sends_a_form_and_no_operator_without_its_token(office: Office, path: str) -> None:
    form = {"subject": "Hello", "text": "{link} {unsubscribe}", "template": "announced", "audience": "people"}
    sent = office.someone().visitor.submit(HERE + path, form, page="/account")
    assert sent.status_code == 404, sent.text
    assert office.operator.visitor.post(HERE + path, form).status_code == 400
    with office.world.parts.database.read() as connection:
        assert office.campaign.waves.all(connection) == []


def test_the_operators_page_leads_here(office: Office) -> None:
    page = office.operator.visitor.page(office.get("/operator"))
    assert HERE in page.links


def test_the_dashboard_shows_counts_the_curve_and_who_is_left(office: Office, account: str) -> None:
    page = office.get(HERE)
    said = text_of(page)
    assert page.status_code == 200
    assert "119 days until the old passwords end" in said or "120 days" in said
    assert "Please claim your old account of Example Registry now." in said
    assert account in said
    assert page.text.count("<polyline") == 3 + 4 + 2  # the lines, the legend, and two phases that have begun
    assert 'role="img" aria-labelledby="curve-name" aria-describedby="curve-words"' in page.text
    assert f"user{account}" not in page.text


def test_an_account_is_found_by_id_name_or_address_and_none_of_it_is_in_a_url(office: Office, account: str) -> None:
    for typed in (account, f"user{account}", f" USER{account}@old.example "):
        answer = office.post(f"{HERE}/search", {"account": typed})
        assert location(answer) == f"{HERE}/accounts/{account}"
    missing = office.post(f"{HERE}/search", {"account": "<nobody>"})
    assert missing.status_code == 404
    assert "There is no account of exactly this" in text_of(missing)
    assert 'value="&lt;nobody&gt;"' in missing.text


def test_of_several_with_one_address_all_are_shown(office: Office, account: str) -> None:
    other = f"{account}-too"
    legacy(office.world, other, email=f"user{account}@old.example")
    answer = office.post(f"{HERE}/search", {"account": f"user{account}@old.example"})
    page = office.operator.visitor.page(answer)
    assert answer.status_code == 200
    assert {f"{HERE}/accounts/{account}", f"{HERE}/accounts/{other}"} <= set(page.links)


def test_an_account_shows_whose_it_is_what_stops_and_when(office: Office, account: str) -> None:
    said = text_of(office.get(f"{HERE}/accounts/{account}"))
    for part in (
        f"user{account}",
        f"user{account}@old.example , confirmed",
        "pending",
        "example , owner , 1,234 downl",
    ):
        assert part in said
    for part in ("The password opens nothing any more.", "2 keys cannot be renewed any more."):
        assert part in said
    assert office.get(f"{HERE}/accounts/nobody").status_code == 404


def test_of_many_packages_the_most_used_are_shown(
    office: Office, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "MOST_PACKAGES", 1)
    legacy(office.world, account, packages=[package("few", downloads=1), package("many", downloads=9)])
    said = text_of(office.get(f"{HERE}/accounts/{account}"))
    assert "many" in said
    assert "few" not in said
    assert "1 of 2 are shown." in said


def test_what_became_of_an_account_is_shown_too(office: Office, account: str) -> None:
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    someone = office.someone()
    office.begin(account, someone, effective=True)
    office.put(
        account,
        closed_at=at,
        unsubscribed_at=at,
        excepted_until=at,
        lapsed_at=at,
        last_sign_in_at=at,
        hash_sealed=None,
        name_sealed=None,
    )
    said = text_of(office.get(f"{HERE}/accounts/{account}"))
    for part in ("forgotten", "at a domain that lapsed", someone.account_id, "none is kept", "unsubscribed"):
        assert part in said
    assert "in effect, can be undone" in said


def test_an_exception_is_given_and_ended(office: Office, account: str) -> None:
    page = f"{HERE}/accounts/{account}"
    until = office.campaign.settings.closed + timedelta(days=30)
    assert location(office.post(f"{page}/exception", {"until": until.isoformat()})) == f"{page}?notice=excepted"
    excepted = office.legacy(account).excepted_until
    assert excepted is not None
    assert excepted.date() == until
    assert "Closing passes the account by until then." in text_of(office.get(f"{page}?notice=excepted"))
    assert location(office.post(f"{page}/exception")) == f"{page}?notice=exception_ended"
    assert office.legacy(account).excepted_until is None


@pytest.mark.parametrize("typed", ["tomorrow", "2020-01-01", "2999-01-01", "<b>"])
def test_a_day_that_cannot_be_is_shown_again_as_it_was_typed(office: Office, account: str, typed: str) -> None:
    answer = office.post(f"{HERE}/accounts/{account}/exception", {"until": typed})
    assert answer.status_code == 400
    assert "Give a day such as 2026-12-01" in text_of(answer)
    assert f'value="{typed.replace("<", "&lt;").replace(">", "&gt;")}"' in answer.text
    assert office.legacy(account).excepted_until is None


def test_an_exception_for_nobody_or_too_late_is_none(office: Office, account: str) -> None:
    assert office.post(f"{HERE}/accounts/nobody/exception").status_code == 404
    office.begin(account, office.someone(), effective=True)
    answer = office.post(f"{HERE}/accounts/{account}/exception")
    assert (answer.status_code, "Things have changed" in answer.text) == (409, True)


def test_whoever_has_not_signed_in_just_now_sees_and_changes_nothing(office: Office, account: str) -> None:
    case = office.undone(account, office.someone())
    with office.later(timedelta(minutes=11)):
        for path in (f"/accounts/{account}", "/aliases", "/mails", "/mails/announced", f"/cases/{case.id}"):
            page = office.operator.visitor.page(office.get(HERE + path))
            assert any(link.startswith("/signin?fresh=yes&next=/operator/migration") for link in page.links), path
        forms = {
            f"/accounts/{account}/exception": {"until": "2027-01-01"},
            f"/aliases/{account}/confirm": {},
            "/mails/announced": {"subject": "Hello", "text": "{link} {unsubscribe}"},
            "/mails/announced/reset": {},
            "/waves": {"template": "announced", "audience": "people"},
            "/waves/x/stop": {},
            f"/cases/{case.id}/uphold": {},
            f"/cases/{case.id}/give-back": {},
        }
        for path, form in forms.items():
            answer = office.post(HERE + path, form)
            assert (answer.status_code, "Sign in once more" in answer.text) == (403, True), path
    assert office.legacy(account).state is State.FROZEN


def test_shared_accounts_are_proposed_with_reasons_and_decided(office: Office, account: str) -> None:
    legacy(office.world, f"{account}-a", email=f"team@{account}.example")
    legacy(office.world, f"{account}-b", email=f"team@{account}.example")
    said = text_of(office.get(f"{HERE}/aliases"))
    assert "The address is a role’s, by its name. 2 accounts have this address." in said
    decisions = [(f"{account}-a", "confirm", Alias.CONFIRMED), (f"{account}-b", "reject", Alias.REJECTED)]
    for registry_id, verb, alias in decisions:
        page = f"{HERE}/accounts/{registry_id}"
        assert "nobody has decided yet" in text_of(office.get(page))
        done = office.post(f"{HERE}/aliases/{registry_id}/{verb}", {"page": "account"} if verb == "reject" else {})
        assert location(done) == f"{page if verb == 'reject' else f'{HERE}/aliases'}?notice={verb}"
        assert office.legacy(registry_id).alias is alias
    assert "It is one person’s" in text_of(office.get(f"{HERE}/accounts/{account}-a"))
    assert f"{account}-a" not in office.get(f"{HERE}/aliases").text


def test_a_long_list_of_them_goes_on(office: Office, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migrations.accounts.campaign.aliases.MOST", 1)
    monkeypatch.setattr("migrations.accounts.campaign.pages.aliases.MOST", 1)
    for name in ("0-a", "0-b"):
        legacy(office.world, f"{name}-{account}", email=f"team@{name}.example")
    page = office.operator.visitor.page(office.get(f"{HERE}/aliases"))
    onward = f"{HERE}/aliases?after=0-a-{account}"
    assert onward in page.links
    assert f"0-b-{account}" in office.get(onward).text


@pytest.mark.parametrize("path", ["/aliases/nobody/confirm", "/aliases/nobody/shout"])
def test_what_is_not_there_is_not_decided(office: Office, path: str) -> None:
    assert office.post(HERE + path).status_code == 404
