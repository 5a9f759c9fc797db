"""Events are pushed to registries (RFC 8935): signed, in order, at least once, and nowhere else."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import pytest
from sqlalchemy import insert

from broker.accounts.model import accounts
from broker.events import streams
from broker.events.security import EventKind
from broker.oidc.events import push as push_module
from broker.oidc.events.push import BACK_OFF
from broker.oidc.tokens.access import AccessTokens
from broker.oidc.tokens.id_token import IdTokens
from broker.storage.database import Database
from providers.guarded import AddressRefused, guarded_send
from tests.oidc.events.conftest import NOW
from tests.oidc.events.transmitter import ISSUER, Receiver, Transmitter, hang_up, part, refusing, transmitter
from tests.providers.loopback import Handler, serve
from tests.storage.parallel import in_parallel

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


# What arrives.


def test_an_event_arrives_as_a_signed_token_that_says_what_happened_to_which_account(
    house: Transmitter, receiver: Receiver
) -> None:
    house.happens(NOW, "ada", case="c", undo_until=1_800_000_000)
    push = house.push(url=receiver.url, authorization="Bearer of-the-registry")
    assert push.deliver("registry", NOW + HOUR) == 1
    assert receiver.server is not None
    (seen,) = receiver.server.seen
    assert (seen.method, seen.path) == ("POST", "/events")
    assert seen.headers["content-type"] == "application/secevent+jwt"
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["authorization"] == "Bearer of-the-registry"
    token = house.verified(seen.body.decode(), NOW + HOUR)
    assert {name: token.header[name] for name in ("typ", "alg")} == {"typ": "secevent+jwt", "alg": "ES256"}
    assert token.claims == {
        "iss": ISSUER,
        "aud": "registry",
        "iat": int(NOW.timestamp()),
        "jti": token.claims["jti"],
        "sub_id": {"format": "opaque", "id": "ada"},
        "events": {"urn:vestibule:event:account.claimed": {"number": 1, "case": "c", "undo_until": 1_800_000_000}},
    }
    assert house.waiting() == []
    assert push.deliver("registry", NOW + 2 * HOUR) == 0


@pytest.mark.parametrize("kind", EventKind)
def test_each_kind_has_a_name_of_its_own(house: Transmitter, receiver: Receiver, kind: EventKind) -> None:
    house.happens(NOW, "ada", kind=kind)
    house.push(url=receiver.url).deliver("registry", NOW)
    (claims,) = receiver.claims()
    assert set(claims["events"]) == {f"urn:vestibule:event:{kind.value}"}
    assert receiver.server is not None
    assert "authorization" not in receiver.server.seen[0].headers, "none is set"


def test_a_token_is_signed_with_the_algorithm_that_the_client_is_registered_for(
    house: Transmitter, receiver: Receiver
) -> None:
    house.change(NOW, id_token_signed_response_alg="EdDSA")
    house.happens(NOW, "ada")
    house.push(url=receiver.url).deliver("registry", NOW)
    assert house.verified(receiver.heard[0], NOW).header["alg"] == "EdDSA"


def test_a_client_with_pairwise_subjects_is_told_of_people_as_it_knows_them(
    house: Transmitter, receiver: Receiver
) -> None:
    house.happens(NOW, "ada", account="known")
    house.push(url=receiver.url).deliver("registry", NOW)
    house.change(NOW, subject_type="pairwise")
    client = house.clients.get("registry")
    assert client is not None
    with house.database.begin() as connection:
        connection.execute(insert(accounts).values(id="known", kind="person", status="active", created_at=NOW))
    house.happens(NOW, "ada", account="known")
    house.happens(NOW, "ada", account="never-here")
    sub = house.tokens.subjects.of(client, "known")
    house.push(url=receiver.url).deliver("registry", NOW)
    said = [claims["events"]["urn:vestibule:event:account.claimed"] for claims in receiver.claims()]
    assert [each.get("account") for each in said] == ["known", sub, None]
    assert sub != "known"


# What does not.


@pytest.mark.parametrize(
    "answer, code",
    [
        (refusing(400, b'{"err": "invalid_request", "description": "Ada"}'), "invalid_request"),
        (refusing(400, b'{"err": "not_this_one"}'), "not_this_one"),
        (refusing(400, b'{"err": "Ada <ada@example.org>"}'), "http_400"),
        (refusing(400, b'{"err": 1}'), "http_400"),
        (refusing(400, b"<html>"), "http_400"),
        (refusing(400, b'{"err": "' + b"x" * 100_000 + b'"}'), "http_400"),
        (refusing(500), "http_500"),
        (refusing(413), "http_413"),
        (refusing(422), "http_422"),
    ],
)
def test_what_a_receiver_makes_of_one_event_concerns_that_one_alone(
    house: Transmitter, receiver: Receiver, answer: Callable[..., int | None], code: str
) -> None:
    """All of it is tried again (RFC 8935 section 4): the fault is mended over there, or here."""
    receiver.answer = lambda handler, claims: answer(handler, claims) if claims["sub_id"]["id"] == "ada" else 202
    house.happens(NOW, "ada", "ada", "bob")
    push = house.push(url=receiver.url)
    assert push.deliver("registry", NOW) == 1
    assert house.waiting() == [code, None]
    assert push.deliver("registry", NOW + 9 * SECOND) == 0
    receiver.answer = lambda _handler, _claims: 202
    assert push.deliver("registry", NOW + 10 * SECOND) == 2
    assert receiver.accepted["ada"] == [1, 2]
    jtis = [claims["jti"] for claims in receiver.claims() if claims["sub_id"]["id"] == "ada"]
    assert jtis[0] == jtis[1] != jtis[2], "an event keeps its id"


@pytest.mark.parametrize(
    "answer, code",
    [
        (hang_up, "ConnectionError"),
        (refusing(401), "http_401"),
        (refusing(403), "http_403"),
        (refusing(404), "http_404"),
        (refusing(429), "http_429"),
        (refusing(503), "http_503"),
        (refusing(200), "http_200"),
        (refusing(204), "http_204"),
        (refusing(400, b'{"err": "authentication_failed"}'), "authentication_failed"),
        (refusing(400, b'{"err": "invalid_audience"}'), "invalid_audience"),
    ],
)
def test_a_receiver_that_takes_nothing_is_left_alone_for_a_while_with_everything(
    house: Transmitter, receiver: Receiver, answer: Callable[..., int | None], code: str
) -> None:
    receiver.answer = answer
    house.happens(NOW, "ada", "bob", "eve")
    push = house.push(url=receiver.url)
    assert push.deliver("registry", NOW) == 0
    assert push.deliver("registry", NOW + 9 * SECOND) == 0
    assert len(receiver.heard) == 1
    assert [each for each in house.waiting() if each] == [f"resting: {code}"]
    receiver.answer = lambda _handler, _claims: 202
    assert push.deliver("registry", NOW + 10 * SECOND) == 3
    assert house.waiting() == []


def test_the_waits_grow_to_half_an_hour_and_nothing_is_ever_given_up(house: Transmitter, receiver: Receiver) -> None:
    receiver.answer = refusing(400)
    house.happens(NOW, "ada")
    push, now = house.push(url=receiver.url), NOW
    for tries, wait in enumerate([*BACK_OFF, BACK_OFF[-1], 399 * 24 * HOUR], 1):
        push.deliver("registry", now - SECOND)
        push.deliver("registry", now)
        assert len(receiver.heard) == tries
        now += wait
    receiver.answer = lambda _handler, _claims: 202
    house.keys.ensure(now)
    assert push.deliver("registry", NOW + 24 * HOUR) == 1


def test_without_a_key_to_sign_with_it_waits(house: Transmitter, receiver: Receiver) -> None:
    before = datetime(2020, 1, 1, tzinfo=UTC)
    house.happens(before, "ada")
    house.push(url=receiver.url).deliver("registry", before)
    assert (house.waiting(), receiver.heard) == (["resting: no_active_key"], [])


def test_slow_receivers_do_not_keep_other_chores_waiting(
    house: Transmitter, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_module, "monotonic", lambda: 3.0 * len(receiver.heard))  # seconds for each
    house.happens(NOW, *(f"account-{number}" for number in range(5)))
    push = house.push(url=receiver.url)
    assert [push.deliver("registry", NOW) for _ in range(4)] == [2, 2, 1, 0]


def test_what_was_taken_and_not_noted_arrives_again_before_what_comes_after(
    house: Transmitter, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies between the answer and the note."""
    house.happens(NOW, "ada", "ada")
    push = house.push(url=receiver.url)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(streams, "told", die)
        with pytest.raises(KeyboardInterrupt):
            push.deliver("registry", NOW)
    assert push.deliver("registry", NOW + 10 * MINUTE - SECOND) == 0
    assert push.deliver("registry", NOW + 10 * MINUTE) == 2
    assert receiver.accepted["ada"] == [1, 1, 2]
    first, second, _ = receiver.claims()
    assert first == second, "and it says the same"


def test_nothing_of_what_a_registry_answers_or_wants_to_see_is_logged(
    house: Transmitter, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answer = refusing(400, b'{"err": "invalid_request", "description": "canary ada@example.org"}')
    house.happens(NOW, "ada")
    push = house.push(url=receiver.url, authorization="Bearer canary")
    push.deliver("registry", NOW)
    receiver.answer = lambda _handler, _claims: 202
    push.deliver("registry", NOW + HOUR)
    ours = [record.getMessage() for record in caplog.records if record.name == push_module.__name__]
    (jti,) = {claims["jti"] for claims in receiver.claims()}
    assert ours == [
        f"event {jti} for registry not sent, attempt 1: invalid_request",
        f"event {jti} for registry sent, attempt 2",
    ]
    assert "canary" not in caplog.text


# Attacks.


def test_t5_a_client_that_is_switched_off_is_told_nothing_and_misses_nothing(
    house: Transmitter, receiver: Receiver
) -> None:
    push = house.push(url=receiver.url)
    house.happens(NOW, "ada")
    house.set_status(NOW, "disabled")
    house.happens(NOW, "ada")
    assert push.deliver("registry", NOW) == 0
    assert (receiver.heard, house.waiting()) == ([], [None, None])
    house.set_status(NOW, "active")
    assert push.deliver("registry", NOW) == 2


def test_t5_a_client_that_is_switched_off_in_the_middle_is_told_no_more(house: Transmitter, receiver: Receiver) -> None:
    def last_one(_handler: Handler, _claims: Mapping[str, Any]) -> int:
        house.set_status(NOW, "disabled")
        return 202

    receiver.answer = last_one
    house.happens(NOW, "ada", "ada", "bob")
    assert house.push(url=receiver.url).deliver("registry", NOW) == 1
    assert len(receiver.heard) == 1


def test_t11_an_event_never_goes_to_a_private_address_nor_in_the_clear(house: Transmitter, receiver: Receiver) -> None:
    house.happens(NOW, "ada")
    house.push(url=receiver.url, private=False).deliver("registry", NOW)
    secured = receiver.url.replace("http://", "https://")
    house.push(url=secured, private=False).deliver("registry", NOW + HOUR)
    assert receiver.heard == []
    assert house.waiting() == ["resting: address_refused"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_t11_neither_token_nor_authorization_follows_a_redirect(
    house: Transmitter, receiver: Receiver, status: int
) -> None:
    with serve(lambda it: it.reply(status=202)) as elsewhere:

        def away(handler: Handler, _claims: Mapping[str, Any]) -> None:
            handler.reply(status=status, Location=f"{elsewhere.url}/events")

        receiver.answer = away
        house.happens(NOW, "ada")
        house.push(url=receiver.url, authorization="Bearer canary").deliver("registry", NOW)
        assert elsewhere.count() == 0
    assert house.waiting() == ["resting: address_refused"]


def test_t11_the_guard_is_that_of_every_other_request(receiver: Receiver) -> None:
    with pytest.raises(AddressRefused):
        guarded_send(
            "https://registry.example/",
            b"",
            {},
            max_bytes=1,
            resolver=lambda _host, _port: ["93.184.216.34", "169.254.169.254"],
        )


def test_t9_a_security_event_token_is_no_other_token_of_ours_and_none_of_them_is_one(
    house: Transmitter, receiver: Receiver
) -> None:
    house.happens(NOW, "ada")
    house.push(url=receiver.url).deliver("registry", NOW)
    (token,) = receiver.heard
    signer = house.tokens.signer
    id_tokens = IdTokens(signer, 600)
    assert id_tokens.hint(token, NOW) is None
    # Any marks will do: it is refused before they are looked at.
    assert AccessTokens(None, signer, None).read(token, NOW) is None  # type: ignore[arg-type]  # see above
    claims = json.loads(part(token, 1))
    assert not {"sub", "exp", "nonce", "scope"} & set(claims)
    id_token = id_tokens.sign({"sub": "x", "sid": "y"}, client_id="registry", algorithm="ES256", now=NOW)
    assert id_tokens.hint(id_token, NOW) is not None
    assert signer.read(id_token, typ="secevent+jwt", now=NOW) is None


# Several workers, over a receiver that fails now and then.


def test_however_many_workers_and_failures_each_account_hears_everything_in_order(
    database: Database, receiver: Receiver
) -> None:
    house, lock, failed = transmitter(database, NOW), Lock(), set[str]()
    subjects, each = [f"account-{number}" for number in range(8)], 5

    def moody(handler: Handler, claims: Mapping[str, Any]) -> int | None:
        """Every event fails at first, but for a third of them; in turn before and after it was taken."""
        with lock:
            first = claims["jti"] not in failed
            failed.add(claims["jti"])
            turn = len(failed) % 3
        if not first or turn == 0:
            return 202
        if turn == 1:
            return 500
        receiver._note(claims)
        hang_up(handler, claims)
        return None

    receiver.answer = moody
    for _ in range(each):
        house.happens(NOW, *subjects)
    push = house.push(url=receiver.url, back_off=(timedelta(0),))

    def work() -> int:
        count, passes = 0, 0
        while house.waiting() and passes < 200:
            count, passes = count + push.deliver("registry", NOW + HOUR), passes + 1
        return count

    assert sum(in_parallel(4, work)) == len(subjects) * each
    assert receiver.early == []
    for subject in subjects:
        assert set(receiver.accepted[subject]) == set(range(1, each + 1))
        assert receiver.accepted[subject] == sorted(receiver.accepted[subject])
    assert house.waiting() == []
