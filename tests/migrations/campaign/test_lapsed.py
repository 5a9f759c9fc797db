"""Domain expiry (PyPI, 2025): an address whose domain lapsed proves nothing, and nothing is sent to who has it now."""

import pytest
from sqlalchemy import update

from broker.storage.database import Database
from migrations.accounts.campaign import lapsed
from migrations.accounts.campaign.templates import TemplateName
from migrations.accounts.campaign.waves import Audience
from migrations.accounts.model import legacy_accounts
from tests.accounts.organizations.rooms import NOW
from tests.migrations.campaign.rooms import DAY, CampaignRoom, counted, people


def marked(room: CampaignRoom, *registry_ids: str) -> list[bool]:
    return [room.get(each).lapsed_at is not None for each in registry_ids]


def test_domain_expiry_the_mailbox_proves_nothing_and_gets_nothing(room: CampaignRoom) -> None:
    room.legacy("1", email="ada@lapsed.example")
    room.legacy("2", email="bea@old.example")
    assert room.campaign.lapsed.lapse(["lapsed.example"], NOW) == 1
    legacy = room.get("1")
    assert (legacy.mailbox, legacy.told_at) == (None, None)
    with room.database.read() as connection:
        assert room.campaign.waves.reach(connection, TemplateName.ANNOUNCED, Audience.EVERYONE) == 1
    room.start(audience=Audience.EVERYONE)
    room.campaign.waves.run(NOW)
    # Neither what is to undo it: whoever has the domain now would say no to the owner.
    room.claimed(room.sign_in("cy"), "1")
    assert room.mails_to("ada@lapsed.example") == []
    assert len(room.mails_to("bea@old.example")) == 1


def test_domain_expiry_what_is_in_new_hands_already_is_marked_too(room: CampaignRoom) -> None:
    room.legacy("1", email="ada@lapsed.example")
    case = room.claimed(room.sign_in("cy"), "1")
    room.campaign.lapsed.lapse(["lapsed.example"], NOW)
    before = len(room.mails_to("ada@lapsed.example"))
    with room.database.begin() as connection:
        room.effects.undo(connection, case, NOW)
    assert len(room.mails_to("ada@lapsed.example")) == before


def test_what_is_below_a_domain_lapses_with_it_and_what_looks_like_it_does_not(room: CampaignRoom) -> None:
    addresses = [
        "a@x.example",
        "a@mail.x.example",
        "a@MAIL.X.EXAMPLE",
        "a@notx.example",
        "a@x.example.org",
        "a@example",
    ]
    for number, address in enumerate(addresses):
        room.legacy(str(number), email=address)
    room.legacy("none", email=None)
    assert room.campaign.lapsed.lapse(["x.example", "nobody.example"], NOW) == 3
    assert marked(room, *"012345") == [True, True, True, False, False, False]
    assert room.campaign.lapsed.lapse(["x.example"], NOW + DAY) == 0
    assert room.get("0").lapsed_at == NOW


def test_an_international_domain_is_the_same_in_either_spelling(room: CampaignRoom) -> None:
    room.legacy("1", email="a@bücher.example")
    assert room.campaign.lapsed.lapse(["xn--bcher-kva.example"], NOW) == 1
    assert room.campaign.lapsed.domains() == {}


def test_a_domain_that_is_its_owners_still_is_given_back(room: CampaignRoom) -> None:
    room.legacy("1", email="a@x.example")
    room.legacy("2", email="a@y.example")
    room.campaign.lapsed.lapse(["x.example", "y.example"], NOW)
    assert room.campaign.lapsed.restore("x.example", NOW) == 1
    assert marked(room, "1", "2") == [False, True]
    assert room.get("1").mailbox == "a@x.example"
    assert [detail for *_, detail in room.audited("migration.domains_lapsed")] == [{"count": 2}]
    assert [detail for *_, detail in room.audited("migration.domain_restored")] == [{"count": 1}]


def test_the_domains_of_those_who_are_pending_are_counted(room: CampaignRoom) -> None:
    people(room, 3)
    room.legacy("1", email="a@x.example")
    room.legacy("2", email="a@y.example", state="claimed")
    room.legacy("3", email="not an address")
    room.legacy("4", email="a@z.example", lapsed_at=NOW)
    assert room.campaign.lapsed.domains() == {"old.example": 3, "x.example": 1}


def test_rows_are_opened_in_batches_and_each_that_fits_is_found(
    room: CampaignRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lapsed, "BATCH", 2)
    people(room, 5)
    room.legacy("z", email="z@x.example")
    with counted(room.database) as seen:
        assert room.campaign.lapsed.lapse(["old.example"], NOW) == 5
    assert len([each for each in seen if each.startswith("SELECT")]) == 4
    assert len([each for each in seen if each.startswith("UPDATE")]) == 3


def test_an_address_that_was_changed_since_it_was_read_is_not_marked(database: Database) -> None:
    room = CampaignRoom(database)
    room.legacy("1", email="a@x.example")
    batches = list(room.campaign.lapsed._batches(legacy_accounts.c.lapsed_at.is_(None)))
    with database.begin() as connection:
        connection.execute(update(legacy_accounts).values(email_index="another"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(room.campaign.lapsed), "_batches", lambda *_: iter(batches))
        room.campaign.lapsed.lapse(["x.example"], NOW)
    assert marked(room, "1") == [False]
    assert room.campaign.lapsed.lapse(["x.example"], NOW) == 1
    assert marked(room, "1") == [True]
