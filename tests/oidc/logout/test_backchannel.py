"""Registries are told when a session is over (OpenID Connect Back-Channel Logout 1.0)."""

import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from broker.accounts.model import identities
from broker.events.handling import Item, NobodyThere, NotSent
from broker.oidc.logout.backchannel import BackchannelLogout
from broker.oidc.subjects import Subjects
from broker.oidc.tokens.signed import Signer
from broker.settings.clients import ClientMetadata
from providers.standins import Standins
from providers.standins import browser as upstream
from tests.oidc.logout.registries import PERSONA, SIGNED_OUT, House, furnished
from tests.world import CALLBACK, Arrival, Tokens, Visitor

EVENT = "http://schemas.openid.net/event/backchannel-logout"
SECRET = "0123456789-abcdefghijklmnopqrstuvwxyz"
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def signed_in_twice(house: House) -> tuple[Visitor, Tokens, Tokens]:
    visitor = house.world.visitor()
    return visitor, house.sign_in(visitor), house.sign_in(visitor, "second")


def test_every_registry_of_the_session_is_told_with_a_token_of_its_own(house: House) -> None:
    visitor, first, second = signed_in_twice(house)
    house.sign_in(visitor, "deaf")
    left = house.logout(visitor, id_token_hint=first.response["id_token"], post_logout_redirect_uri=SIGNED_OUT)
    assert left.status_code == 303
    house.deliver()
    for listener, tokens, alg in ((house.first, first, "ES256"), (house.second, second, "RS256")):
        assert listener.server is not None
        (seen,) = listener.server.seen
        assert (seen.method, seen.path) == ("POST", "/backchannel")
        assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
        (form,) = listener.heard()
        token = house.verified(form)
        assert (token.header["typ"], token.header["alg"]) == ("logout+jwt", alg)
        assert token.claims == {
            "iss": house.world.base,
            "aud": tokens.claims["aud"],
            "sub": tokens.claims["sub"],
            "sid": tokens.claims["sid"],
            "iat": token.claims["iat"],
            "exp": token.claims["iat"] + 120,
            "jti": token.claims["jti"],
            "events": {EVENT: {}},
        }
        assert abs(token.claims["iat"] - house.world.clock().timestamp()) < 60
    for name in ("sub", "sid"):
        assert first.claims[name] != second.claims[name], "pairwise"
    assert house.waiting() == []


def sign_out(house: House, visitor: Visitor) -> None:
    assert visitor.submit("/signout").status_code == 200


def end_others(house: House, visitor: Visitor) -> None:
    other = house.world.visitor()
    other.open_account(*PERSONA)
    assert other.submit("/account/sessions/end-others").status_code == 303


def everywhere(house: House, visitor: Visitor) -> None:
    assert visitor.submit("/account/sign-out-everywhere").status_code == 200


def erase(house: House, visitor: Visitor) -> None:
    assert visitor.submit("/account/erase", {"confirm": "erase"}).status_code == 200


@pytest.mark.parametrize("end", [sign_out, end_others, everywhere, erase])
def test_however_a_session_ends_its_registries_are_told(house: House, end: Callable[[House, Visitor], None]) -> None:
    visitor, first, second = signed_in_twice(house)
    end(house, visitor)
    assert not house.is_signed_in(visitor)
    house.deliver()
    for listener, tokens in ((house.first, first), (house.second, second)):
        assert tokens.claims["sid"] in house.told(listener)


def test_unlinking_an_identity_tells_the_registries_of_its_sessions(house: House) -> None:
    visitor = house.world.visitor()
    sid = house.sign_in(visitor).claims["sid"]
    leaving = visitor.page(visitor.submit("/account/link/entra"))
    upstream_url = next(each for each in leaving.links if each.startswith(house.world.standins.browser_url))
    visitor.walk(visitor.come_back(upstream.sign_in(upstream_url, "entra-mfa")))
    with house.world.parts.database.read() as connection:
        github = select(identities.c.id).where(identities.c.provider_id == "github")
        identity_id = connection.execute(github).scalar_one()
    assert visitor.submit(f"/account/unlink/{identity_id}").status_code == 303
    house.deliver()
    assert sid in house.told(house.first)


def test_an_erased_account_is_named_to_nobody_who_knew_it_by_a_name_of_its_own(house: House) -> None:
    visitor, first, second = signed_in_twice(house)
    erase(house, visitor)
    house.deliver()
    assert house.told(house.first)[first.claims["sid"]]["sub"] == first.claims["sub"]
    assert second.claims["sub"] != first.claims["sub"]
    assert "sub" not in house.told(house.second)[second.claims["sid"]]


@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_of_200_or_204_is_the_end_of_it(house: House, status: int) -> None:
    house.first.status = status
    visitor = house.world.visitor()
    house.sign_in(visitor)
    sign_out(house, visitor)
    house.deliver()
    house.world.clock.move(HOUR)
    house.deliver()
    assert len(house.first.heard()) == 1
    assert house.waiting() == []


@pytest.mark.parametrize(
    "status, code", [(400, "http_400"), (500, "http_500"), (404, "http_404"), (302, "address_refused")]
)
def test_any_other_answer_is_tried_again_with_a_fresh_token_of_the_same_id(
    house: House, status: int, code: str
) -> None:
    house.first.status = status
    visitor = house.world.visitor()
    house.sign_in(visitor)
    sign_out(house, visitor)
    house.deliver()
    (item,) = house.waiting()
    assert (item.subject, item.attempts, item.last_error) == ("first", 1, code)
    house.world.clock.move(9 * SECOND)
    house.deliver()
    assert len(house.first.heard()) == 1
    house.world.clock.move(2 * SECOND)
    house.first.status = 200
    house.deliver()
    one, two = (house.verified(form).claims for form in house.first.heard())
    assert one["jti"] == two["jti"]
    assert two["iat"] >= one["iat"] + 11
    assert house.waiting() == []


def test_a_registry_that_is_down_for_an_hour_misses_nothing(house: House) -> None:
    house.first.down = True
    sids = set()
    for _ in range(3):
        visitor = house.world.visitor()
        sids.add(house.sign_in(visitor).claims["sid"])
        house.sign_in(visitor, "second")
        sign_out(house, visitor)
    for _ in range(12):
        house.deliver()
        house.world.clock.move(5 * MINUTE)
    assert len(house.second.heard()) == 3, "and nobody waits for it"
    assert [(item.subject, item.last_error) for item in house.waiting()] == [("first", "ConnectionError")] * 3
    assert len(house.first.heard()) <= 12, "nor is it asked once for each"
    house.first.down = False
    missed = len(house.first.heard())
    house.world.clock.move(30 * MINUTE)
    house.deliver()
    assert len(house.first.heard()) - missed == 3
    assert set(house.told(house.first)) == sids
    assert house.waiting() == []


def test_what_nobody_takes_for_a_day_is_given_up_and_the_log_says_for_whom(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.first.status = 400
    visitor = house.world.visitor()
    tokens = house.sign_in(visitor)
    sign_out(house, visitor)
    house.world.clock.move(24 * HOUR - MINUTE)
    house.deliver()
    assert len(house.first.heard()) == 1
    house.world.clock.move(2 * MINUTE)
    with caplog.at_level(logging.INFO):
        house.deliver()
    assert len(house.first.heard()) == 1
    assert house.waiting() == []
    assert "1 of kind backchannel_logout for first expired undelivered" in caplog.text
    for personal in (tokens.claims["sid"], tokens.claims["sub"]):
        assert personal not in caplog.text


def test_t5_a_client_that_is_switched_off_or_gone_meanwhile_is_not_told(house: House) -> None:
    world, parts = house.world, house.world.parts
    metadata = ClientMetadata(
        name="Third Registry", redirect_uris=(CALLBACK,), backchannel_logout_uri=house.first.url, first_party=True
    )
    with parts.database.begin() as connection:
        for client_id in ("off", "gone"):
            parts.clients.add(connection, client_id, metadata, parts.audit, world.clock(), secret=SECRET)
    visitor = world.visitor()
    for client_id in ("off", "gone"):
        asked = visitor.authorize(world.registry(client_id).request(provider=PERSONA[1]))
        assert isinstance(visitor.walk(asked, PERSONA[0]), Arrival)
    with parts.database.begin() as connection:
        parts.clients.set_status(connection, "off", "disabled", parts.audit, world.clock())
        parts.clients.remove(connection, "gone", parts.audit, world.clock())
    sign_out(house, visitor)
    assert len(house.waiting()) == 2
    house.deliver()
    assert house.first.heard() == []
    assert house.waiting() == []


def test_t11_a_logout_token_never_goes_to_a_private_address(
    tmp_path: Path, standins: Standins, migrated_sqlite: Path
) -> None:
    with furnished(tmp_path, standins, migrated_sqlite, private=False) as strict:
        visitor = strict.world.visitor()
        strict.sign_in(visitor)
        sign_out(strict, visitor)
        strict.deliver()
        assert strict.first.heard() == []
        assert [item.last_error for item in strict.waiting()] == ["address_refused"]


class Handing:
    """A handler by itself, over the parts of a running broker."""

    def __init__(self, house: House) -> None:
        parts = house.world.parts
        self.handler = BackchannelLogout(
            clients=parts.clients,
            subjects=Subjects(parts.database, secrets.token_bytes(32)),
            signer=Signer(parts.keys, house.world.base),
            insecure_allow_private=True,
        )
        payload = {"client_id": "first", "account_id": "ada", "sid": "s", "jti": "j"}
        self.item = Item(id="1", payload=payload, written_at=house.world.clock())


def test_without_a_key_to_sign_with_it_waits(house: House) -> None:
    handing = Handing(house)
    with pytest.raises(NotSent, match=r"^no_active_key$"):
        handing.handler.deliver(handing.item, datetime(2020, 1, 1, tzinfo=UTC))
    assert house.first.heard() == []


def test_of_a_registry_that_does_not_answer_it_is_told_that_nobody_is_there(house: House) -> None:
    handing = Handing(house)
    house.first.down = True
    with pytest.raises(NobodyThere, match=r"^ConnectionError$"):
        handing.handler.deliver(handing.item, house.world.clock())
