"""Invitations over HTTP: sent by mail, accepted by whoever has the very address, once."""

from datetime import timedelta
from urllib.parse import urlencode

import pytest

from broker.accounts.organizations.invitations import LIFETIME
from broker.limits.table import Name
from broker.signin.sessions import COOKIE
from tests.accounts.organizations.pages.hall import OLGA, STALE, TOM, Hall, id_of, words
from tests.limits.counting import most
from tests.world import Page


def invite(hall: Hall, here: str, address: str) -> str:
    """Invite an address, and return the path of the link that was sent there."""
    assert "The invitation is on its way." in hall.ada.done(here, "invitations", {"email": f" {address} "})
    return hall.invitation_to(address)


def test_an_invitation_brings_in_whoever_has_the_address(hall: Hall) -> None:
    here = hall.organization(hall.ada, name="House of Ada")
    door = invite(hall, here, TOM)
    assert f"{TOM} Invited by Canary 2fa-true" in hall.ada.text(here)
    shown = hall.tom.text(door)
    assert "Join House of Ada" in shown
    assert "Signed in as Canary entra-mfa" in shown
    assert hall.role(here, hall.tom) is None, "looking is not joining"
    page = hall.tom.done(door, "")
    assert "Welcome. You are a member now." in page
    assert "House of Ada member" in page
    assert hall.role(here, hall.tom) == "member"
    with hall.books() as connection:
        assert set(hall.people.last_sign_ins.of(connection, [hall.tom.account_id])) == {hall.tom.account_id}


def test_who_is_not_signed_in_sees_whereto_and_comes_back_after_signing_in(hall: Hall) -> None:
    here = hall.organization(hall.ada, name="House of Ada")
    door = invite(hall, here, TOM)
    visitor = hall.world.visitor()
    page = visitor.page(visitor.get(door))
    assert "House of Ada" in page.text
    assert "@" not in page.text.partition("<main")[2], "to whom is not told"
    link = next(each for each in page.links if each.startswith("/signin"))
    assert link == f"/signin?next={door}"
    chooser = visitor.walk(visitor.get(link))
    assert isinstance(chooser, Page)
    github = next(each for each in chooser.links if each.endswith("/github"))
    landed = visitor.walk(visitor.get(github), "2fa-true")
    assert isinstance(landed, Page)
    assert landed.url.endswith(door)


def test_accepting_takes_a_session(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    door = invite(hall, here, TOM)
    gone = hall.newcomer("entra-mfa", "entra")
    token = gone.page(gone.get(door)).form_token()
    del gone.http.cookies[COOKIE]
    response = gone.post(door, {"csrf_token": token})
    assert response.status_code == 403
    assert "/signin?" + urlencode({"next": door}) in gone.page(response).links
    assert hall.role(here, gone) is None


def test_t4_a_forwarded_invitation_names_only_the_address_of_who_came(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    door = invite(hall, here, TOM)
    response = hall.olga.press(door, "")
    assert response.status_code == 403
    assert f"It was not sent to your address {OLGA}" in words(response)
    assert TOM not in response.text
    assert hall.role(here, hall.olga) is None
    assert len(hall.invited(here)) == 1, "it is still open for whom it was sent to"


def test_t4_an_address_that_is_not_verified_does_not_do(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    vera = hall.newcomer("entra-edov-false", "entra")
    door = invite(hall, here, TOM)
    response = vera.press(door, "")
    assert response.status_code == 403
    assert f"Your address {TOM} is not verified" in words(response)
    assert hall.role(here, vera) is None


def test_t4_an_account_without_an_address_does_not_do(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    nemo = hall.newcomer("entra-noemail", "entra")
    response = nemo.press(invite(hall, here, TOM), "")
    assert response.status_code == 403
    assert "has no email address" in words(response)


def test_t4_an_invitation_is_good_once_and_for_seven_days_and_until_it_is_withdrawn(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    used = invite(hall, here, TOM)
    token = hall.tom.page(hall.tom.get(used)).form_token()
    assert hall.tom.post(used, {"csrf_token": token}).status_code == 303
    expired = invite(hall, here, OLGA)
    with hall.later(LIFETIME + timedelta(seconds=1)):
        assert hall.world.visitor().get(expired).status_code == 404
    (invitation_id,) = hall.invited(here)
    assert "Withdrawn." in hall.ada.done(here, f"invitations/{invitation_id}/withdraw")
    for door in (used, expired, "/invitations/nothing"):
        assert hall.olga.get(door).status_code == 404
        response = hall.olga.post(door, {"csrf_token": hall.olga.page(hall.olga.get("/account")).form_token()})
        assert response.status_code == 404
        assert "This invitation is over" in words(response)
    assert hall.role(here, hall.olga) is None


def test_who_is_a_member_already_reads_so(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom, name="House of Ada")
    door = invite(hall, here, TOM)
    assert "You are a member of House of Ada" in hall.tom.text(door)


def test_any_admin_withdraws_without_a_fresh_proof_and_only_what_is_theirs(hall: Hall) -> None:
    here, elsewhere = hall.organization(hall.ada), hall.organization(hall.olga)
    invite(hall, here, TOM)
    (invitation_id,) = hall.invited(here)
    response = hall.olga.submit(f"{elsewhere}/invitations/{invitation_id}/withdraw", page=elsewhere)
    assert response.status_code == 404
    assert hall.invited(here) == [invitation_id]
    with hall.later(STALE):
        assert hall.ada.submit(f"{here}/invitations/{invitation_id}/withdraw", page=here).status_code == 303
    assert hall.invited(here) == []


def test_an_invitation_that_is_over_says_so_until_it_is_forgotten(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    invite(hall, here, TOM)
    with hall.books() as connection:
        connection.exec_driver_sql(
            "UPDATE invitations SET expires_at = '2020-01-01 00:00:00' WHERE organization_id = ?", (id_of(here),)
        )
    assert "Over since 1 Jan 2020" in hall.ada.text(here)


@pytest.mark.parametrize("email", ["", "nobody", "a@b@c.example", "a@example.org\nBcc: b@example.org"])
def test_what_is_no_address_is_shown_again_and_nothing_is_sent(hall: Hall, email: str) -> None:
    here = hall.organization(hall.ada)
    response = hall.ada.press(here, "invitations", {"email": email})
    assert response.status_code == 400
    assert "That is not an email address we can take." in words(response)
    assert hall.invited(here) == []


def test_t12_nobody_has_mail_sent_without_end(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    for n in range(most(Name.MAIL_ACCOUNT)):
        assert hall.ada.press(here, "invitations", {"email": f"n{n}@example.org"}).status_code == 303
    response = hall.ada.press(here, "invitations", {"email": "last@example.org"})
    assert response.status_code == 429
    assert "Wait 60 minutes." in words(response)
    assert 0 < int(response.headers["Retry-After"]) <= 3600
    assert len(hall.invited(here)) == most(Name.MAIL_ACCOUNT), "what was refused is not kept"


def test_an_organisation_has_so_many_open_invitations_and_no_more(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    here = hall.organization(hall.ada)
    monkeypatch.setattr("broker.accounts.organizations.invitations.MOST_OPEN", 1)
    invite(hall, here, TOM)
    response = hall.ada.press(here, "invitations", {"email": OLGA})
    assert response.status_code == 409
    assert "Too many invitations are open." in words(response)
