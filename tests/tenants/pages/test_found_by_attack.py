"""What was found by attacking the pages and the background, each once: no NUL gets in, no chore holds up another."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from broker.accounts.organizations.model import invitations
from broker.tenants.model import exceptions
from tests.tenants.pages.office import ADA, Office, place

NULS = {
    "a value": {"scope": "a\0b"},
    "a value of several": {"members": "a\0b", "scope": "members"},
    "a name": {"a\0b": "x"},
}


@pytest.mark.parametrize("which", NULS)
def test_t12_no_form_with_a_nul_in_it_is_read(office: Office, which: str) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    for verb in ("name", "exceptions"):
        said = {"name": "Another name", **NULS[which]}
        assert ada.submit(f"{place(house)}/{verb}", said, page=place(house)).status_code == 400
    token = ada.page(ada.get(place(house))).form_token()
    parts = {name: (None, value) for name, value in {"csrf_token": token, "name": "Other", "more": "a\0b"}.items()}
    assert ada.post(f"{place(house)}/name", files=parts).status_code == 400
    with office.books() as connection:
        assert office.people.organizations.get(connection, house).name == "Example House"


def test_t12_no_query_with_a_nul_in_it_is_read(office: Office) -> None:
    ada = office.signed_in(ADA)
    here = place(office.organization(ada))
    for query in ("notice=%00", "%00", "notice=a%00b&x=y"):
        assert ada.get(f"{here}?{query}").status_code == 400
    assert ada.get(f"{here}?notice=x").status_code == 200


def test_t12_what_cannot_be_ended_holds_up_no_other_chore(office: Office) -> None:
    ada = office.signed_in(ADA)
    house = office.organization(ada)
    admin = office.admin(ada, house)
    with office.books() as connection:
        office.people.invitations.invite(connection, admin, "x@example.org", "https://login.example/")
        connection.execute(
            exceptions.insert().values(
                id="broken",
                organization_id=house,
                people=1,
                reason_sealed=b"by a key that is lost",
                requested_by=admin.account_id,
                requested_at=admin.now,
                ends_at=admin.now + timedelta(days=1),
                state="requested",
            )
        )
    office.world.clock.move(timedelta(days=8))
    assert office.world.parts.worker.run_once() == ["expiry: exceptions"]
    with office.books() as connection:
        assert connection.execute(select(func.count()).select_from(invitations)).scalar_one() == 0
