"""Roles and removals over HTTP: what is immediate, what waits a day, and what cannot be."""

import pytest

from broker.accounts.organizations.capabilities import Role
from tests.accounts.organizations.pages.hall import Hall, id_of


def test_a_member_becomes_an_admin_after_a_day(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    page = hall.ada.done(here, f"members/{hall.tom.account_id}/role", {"role": "admin"})
    assert "It takes effect after 24 hours, unless an admin stops it." in page
    assert hall.role(here, hall.tom) == "member"
    hall.wait_a_day()
    assert hall.role(here, hall.tom) == "admin"


def test_another_admin_is_demoted_or_removed_after_a_day(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    hall.join(id_of(here), hall.tom, Role.ADMIN)
    hall.join(id_of(here), hall.olga, Role.ADMIN)
    assert "Asked for." in hall.ada.done(here, f"members/{hall.tom.account_id}/role", {"role": "member"})
    assert "They are removed after 24 hours" in hall.ada.done(here, f"members/{hall.olga.account_id}/remove")
    assert (hall.role(here, hall.tom), hall.role(here, hall.olga)) == ("admin", "admin")
    hall.wait_a_day()
    assert (hall.role(here, hall.tom), hall.role(here, hall.olga)) == ("member", None)


def test_a_member_is_removed_at_once(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    assert "Removed." in hall.ada.done(here, f"members/{hall.tom.account_id}/remove")
    assert hall.role(here, hall.tom) is None
    assert hall.tom.get(here).status_code == 404


def test_an_admin_steps_down_or_removes_themselves_at_once_where_there_is_another(hall: Hall) -> None:
    here = hall.organization(hall.ada)
    hall.join(id_of(here), hall.tom, Role.ADMIN)
    hall.join(id_of(here), hall.olga, Role.ADMIN)
    assert "You have left the organisation." in hall.tom.done(here, f"members/{hall.tom.account_id}/remove")
    assert "You are an ordinary member now." in hall.ada.done(
        here, f"members/{hall.ada.account_id}/role", {"role": "member"}
    )
    assert (hall.role(here, hall.ada), hall.role(here, hall.tom)) == ("member", None)


def test_the_role_that_somebody_has_changes_nothing(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    assert "that is their role already" in hall.ada.done(
        here, f"members/{hall.tom.account_id}/role", {"role": "member"}
    )
    assert hall.waiting(here) == []


@pytest.mark.parametrize("role", ["", "owner", "ADMIN"])
def test_there_are_two_roles(hall: Hall, role: str) -> None:
    here = hall.organization(hall.ada, hall.tom)
    assert hall.ada.press(here, f"members/{hall.tom.account_id}/role", {"role": role}).status_code == 400


@pytest.mark.parametrize("verb", ["role", "remove"])
def test_who_is_no_member_is_not_found(hall: Hall, verb: str) -> None:
    here, tom = hall.organization(hall.ada), hall.tom.account_id
    before = hall.actions()
    response = hall.ada.press(here, f"members/{tom}/{verb}", {"role": "admin"})
    assert response.status_code == 404
    assert hall.actions() == before


def test_only_what_can_be_done_to_a_member_is_offered(hall: Hall) -> None:
    here = hall.organization(hall.ada, hall.tom)
    page = hall.ada.get(here).text
    assert f"/members/{hall.tom.account_id}/remove" in page
    assert f"/members/{hall.ada.account_id}/" not in page, "the only admin can neither step down nor go"
