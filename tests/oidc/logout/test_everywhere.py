"""Ending an account's access everywhere, by its owner or by an operator."""

from datetime import timedelta

import pytest

from broker.accounts.end_access import EndAccess, ask_to_end_access
from broker.events.handling import Item, NotSent
from broker.events.service import Outbox
from broker.events.waiting import list_waiting
from broker.keys.cipher import FieldCipher
from broker.signin.ending import Ending
from broker.storage.store import StoreUnavailable
from tests.oidc.logout.registries import House
from tests.world import Tokens, Visitor


def signed_in(house: House) -> tuple[Visitor, Tokens]:
    visitor = house.world.visitor()
    return visitor, house.sign_in(visitor, scope="openid offline_access", prompt="select_account")


def outbox_of(house: House) -> Outbox:
    secrets = house.world.parts.settings.secrets
    return Outbox(FieldCipher(secrets.encryption_keys(), secrets.encryption_writes))


def ask(house: House, account_id: str) -> None:
    """Do as ``vestibule accounts end-access`` does, in a process of its own."""
    parts = house.world.parts
    with parts.database.begin() as connection:
        ask_to_end_access(connection, outbox_of(house), parts.audit, account_id, house.world.clock())


def is_good(house: House, tokens: Tokens) -> bool:
    status = house.world.registry("first").userinfo(tokens.response["access_token"]).status_code
    assert status in (200, 401)
    return status == 200


def test_signing_out_of_one_session_leaves_what_a_registry_may_do_while_away(house: House) -> None:
    visitor, tokens = signed_in(house)
    assert visitor.submit("/signout").status_code == 200
    assert not is_good(house, tokens)
    refreshed = house.refresh(tokens)
    assert refreshed.status_code == 200, refreshed.text


def test_signing_out_everywhere_ends_that_too(house: House) -> None:
    (here, first), (there, second) = signed_in(house), signed_in(house)
    page = here.submit("/account/sign-out-everywhere")
    assert "signed out everywhere" in page.text
    for visitor, tokens in ((here, first), (there, second)):
        assert not house.is_signed_in(visitor)
        assert not is_good(house, tokens)
        assert house.refresh(tokens).status_code == 400
    house.deliver()
    assert {first.claims["sid"], second.claims["sid"]} <= set(house.told(house.first))


def test_an_operator_ends_it_all_without_touching_anybody_else(house: House) -> None:
    (visitor, tokens), stranger = signed_in(house), house.world.visitor()
    request = house.world.registry("first").request(provider="entra")
    others = house.world.registry("first").redeem(stranger.walk(stranger.authorize(request), "entra-mfa"), request)
    ask(house, tokens.claims["sub"])
    assert house.is_signed_in(visitor), "the running broker does it"
    house.world.clock.move(timedelta(seconds=2))
    house.deliver()
    assert not house.is_signed_in(visitor)
    assert not is_good(house, tokens)
    assert house.refresh(tokens).status_code == 400
    assert tokens.claims["sid"] in house.told(house.first)
    assert house.is_signed_in(stranger)
    assert is_good(house, others)


def test_who_signs_in_after_an_operator_asked_stays_signed_in(house: House) -> None:
    _, tokens = signed_in(house)
    ask(house, tokens.claims["sub"])
    house.world.clock.move(timedelta(seconds=2))
    later, new = signed_in(house)
    house.deliver()
    assert house.is_signed_in(later)
    assert is_good(house, new)
    assert not is_good(house, tokens)


def test_an_account_that_does_not_exist_is_told_to_the_operator(house: House) -> None:
    with pytest.raises(LookupError):
        ask(house, "nobody")
    with house.world.parts.database.read() as connection:
        assert list_waiting(connection) == []


class Away:
    """Registries' access in a store that is not there."""

    def end_all(self, account_id: str, now: object) -> None:
        raise StoreUnavailable


def test_while_the_store_is_away_it_waits(house: House) -> None:
    now, parts = house.world.clock(), house.world.parts
    ending = Ending(
        sessions=parts.sessions,
        store=parts.store,
        outbox=outbox_of(house),
        audit=parts.audit,
        database=parts.database,
        token_lifetime=600,
    )
    handler = EndAccess(ending=ending, registries=Away())  # type: ignore[arg-type]  # the one verb that is used
    item = Item(id="1", payload={"account_id": "nobody", "asked_at": now.isoformat()}, written_at=now)
    with pytest.raises(NotSent, match=r"^StoreUnavailable$"):
        handler.deliver(item, now)
