"""Unsubscribing: a link that is good for one account and one thing, for ever."""

import re

import pytest

from broker.events.mail import enqueue_mail
from migrations.accounts.campaign.unsubscribing import Subscription, Unsubscribing
from tests.accounts.organizations.rooms import ISSUER, NOW
from tests.migrations.campaign.rooms import DAY, CampaignRoom, counted


def find(room: CampaignRoom, token: str) -> Subscription | None:
    with room.database.read() as connection:
        return room.campaign.unsubscribing.find(connection, token)


def test_who_unsubscribes_can_subscribe_again_and_both_can_be_repeated(room: CampaignRoom) -> None:
    room.legacy("a.b:c-1")
    unsubscribing = room.campaign.unsubscribing
    token = unsubscribing.token("a.b:c-1")
    assert re.fullmatch(r"a\.b:c-1\.[A-Za-z0-9_-]{43}", token)
    assert find(room, token) == Subscription(registry_id="a.b:c-1", subscribed=True)
    for now in (NOW, NOW + DAY):
        with room.database.begin() as connection:
            assert unsubscribing.unsubscribe(connection, token, now)
    assert room.get("a.b:c-1").unsubscribed_at == NOW
    assert find(room, token) == Subscription(registry_id="a.b:c-1", subscribed=False)
    for _ in range(2):
        with room.database.begin() as connection:
            assert unsubscribing.subscribe(connection, token, NOW)
    assert room.get("a.b:c-1").unsubscribed_at is None
    assert [len(room.audited(f"migration.{verb}")) for verb in ("unsubscribed", "subscribed")] == [1, 1]


@pytest.mark.parametrize(
    "token",
    ["", ".", "1", "1.", "2.{mac}", "1.{mac}x", "1{mac}", "1.{mac}=", "{mac}", "1.\N{GREEK SMALL LETTER ALPHA}"],
)
def test_a_token_that_is_not_ours_does_nothing(room: CampaignRoom, token: str) -> None:
    room.legacy("1")
    room.legacy("2", email="b@old.example")
    made = token.replace("{mac}", room.campaign.unsubscribing.token("1").rpartition(".")[2])
    with room.database.begin() as connection:
        assert not room.campaign.unsubscribing.unsubscribe(connection, made, NOW)
        assert not room.campaign.unsubscribing.subscribe(connection, made, NOW)
    assert [room.get(each).unsubscribed_at for each in ("1", "2")] == [None, None]


def test_another_brokers_token_is_not_ours_and_one_of_nobody_says_nothing(room: CampaignRoom) -> None:
    room.legacy("1")
    other = Unsubscribing(bytes(32), ISSUER, room.audit)
    assert find(room, other.token("1")) is None
    assert find(room, room.campaign.unsubscribing.token("gone")) is None


def test_looking_at_a_link_writes_nothing(room: CampaignRoom) -> None:
    room.legacy("1")
    token = room.campaign.unsubscribing.token("1")
    with counted(room.database) as seen:
        find(room, token)
    assert [each.partition(" ")[0] for each in seen] == ["SELECT"]


def test_notices_about_the_safety_of_an_account_come_all_the_same(room: CampaignRoom) -> None:
    room.legacy(unsubscribed_at=NOW)
    room.claimed(room.sign_in("ada"))
    assert len(room.mails_to("old@old.example")) == 1
    assert all("unsubscribe" not in mail for mail in room.mails())


def test_a_mail_without_a_link_has_none_in_the_outbox(room: CampaignRoom) -> None:
    with room.database.begin() as connection:
        enqueue_mail(
            room.outbox, connection, to="a@b.example", subject="Hello", text="x", now=NOW, expires_at=NOW + DAY
        )
    assert room.mails() == [{"to": "a@b.example", "subject": "Hello", "text": "x"}]
