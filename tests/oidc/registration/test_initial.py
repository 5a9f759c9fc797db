"""Initial access tokens: an operator's word, for a time, kept as a hash."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.oidc.registration.conftest import NOW, House

DAY = timedelta(days=1)


def create(house: House, lifetime: timedelta = DAY) -> str:
    with house.database.begin() as connection:
        return house.initial.create(connection, NOW + lifetime, NOW)


def test_a_token_admits_as_often_as_it_is_shown_until_it_expires(houses: House) -> None:
    token = create(houses)
    first = houses.registration.admits(token, NOW)
    assert first is not None
    assert houses.registration.admits(token, NOW + DAY - timedelta(seconds=1)) == first
    assert houses.registration.admits(token, NOW + DAY) is None


@pytest.mark.parametrize("token", ["", "vit_", "x" * 5000, "\x00", "\ud800", "Bearer", "'; --"])
def test_what_is_no_token_admits_nobody(house: House, token: str) -> None:
    create(house)
    assert house.registration.admits(token, NOW) is None


def test_t11_of_a_token_only_a_hash_is_kept(house: House) -> None:
    token = create(house)
    with house.database.read() as connection:
        kept = connection.execute(text("SELECT * FROM registration_tokens")).all()
        written = connection.execute(text("SELECT * FROM audit_entries")).all()
    assert len(kept) == 1
    assert token not in f"{kept} {written}"


def test_tokens_are_listed_by_an_id_and_revoked_by_it(houses: House) -> None:
    stays, goes = create(houses), create(houses, 2 * DAY)
    token_id = houses.registration.admits(goes, NOW)
    assert token_id is not None
    with houses.database.begin() as connection:
        listed = houses.initial.all(connection)
        houses.initial.revoke(connection, token_id, NOW)
    assert {each.expires_at for each in listed if each.id == token_id} == {NOW + 2 * DAY}
    assert len(listed) == 2
    assert houses.registration.admits(goes, NOW) is None
    assert houses.registration.admits(stays, NOW) is not None
    assert houses.actions() == ["registration_token.added"] * 2 + ["registration_token.removed"]


@pytest.mark.parametrize("token_id", ["", "%", "0" * 16, "0123456789ABCDEF", "_" * 16, "0" * 64])
def test_what_is_no_id_revokes_nothing(house: House, token_id: str) -> None:
    create(house)
    with pytest.raises(LookupError), house.database.begin() as connection:
        house.initial.revoke(connection, token_id, NOW)
    assert house.count("registration_tokens") == 1


def test_expired_tokens_are_forgotten_when_one_is_made(house: House) -> None:
    create(house, timedelta(seconds=1))
    with house.database.begin() as connection:
        house.initial.create(connection, NOW + 2 * DAY, NOW + DAY)
    assert house.count("registration_tokens") == 1
