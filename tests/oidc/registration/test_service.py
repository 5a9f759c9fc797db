"""Registering, managing and removing, over real databases; sectors over real HTTP on loopback."""

import json
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import trustme
from sqlalchemy import text

from broker.oidc.clients import sha256
from broker.oidc.registration.metadata import Unacceptable
from broker.oidc.registration.service import MAX_SECTOR_BYTES, Registration
from broker.settings import ClientMetadata
from providers.guarded import guarded_get
from tests.oidc.registration.conftest import CALLBACK, ISSUER, JWKS, NOW, House, asked
from tests.providers.loopback import Handler, serve, trust

SECRETLESS: list[dict[str, Any]] = [
    {"token_endpoint_auth_method": "none"},
    {"token_endpoint_auth_method": "private_key_jwt", "jwks": JWKS},
]


def test_a_client_registers_and_is_known_at_once(houses: House) -> None:
    answer = houses.register(asked(client_name="Registry \U0001f4e6"))
    client = houses.client(answer["client_id"])
    assert client.name == "Registry \U0001f4e6"
    assert client.redirect_uris == (CALLBACK,)
    assert client.check_client_secret(str(answer["client_secret"]))
    assert not client.first_party
    assert answer["client_secret_expires_at"] == 0
    assert answer["client_id_issued_at"] == int(NOW.timestamp())
    assert answer["registration_client_uri"] == f"{ISSUER}/register/{answer['client_id']}"
    assert houses.actions() == ["client.added", "client.registered"]


def test_nobody_can_guess_what_is_given_out(house: House) -> None:
    answers = [house.register(asked()) for _ in range(2)]
    for name, length in (("client_id", 22), ("client_secret", 43), ("registration_access_token", 43)):
        given = [str(each[name]) for each in answers]
        assert len(set(given)) == 2
        assert min(map(len, given)) >= length


def test_t11_of_secret_and_token_only_hashes_are_kept(house: House) -> None:
    answer = house.register(asked())
    house.update(answer, client_name="New")
    with house.database.read() as connection:
        kept = [connection.execute(text(f"SELECT * FROM {table}")).all() for table in ("clients", "audit_entries")]
    assert str(answer["client_id"]) in str(kept)
    assert not [name for name in ("client_secret", "registration_access_token") if str(answer[name]) in str(kept)]


@pytest.mark.parametrize("changes", SECRETLESS, ids=lambda each: str(each["token_endpoint_auth_method"]))
def test_a_client_that_needs_no_secret_gets_none(house: House, changes: Mapping[str, Any]) -> None:
    answer = house.register(asked(**changes))
    assert not {"client_secret", "client_secret_expires_at"} & answer.keys()
    assert house.client(answer["client_id"]).secret_sha256 is None


def test_what_is_refused_leaves_nothing_behind(house: House) -> None:
    with pytest.raises(Unacceptable):
        house.register(asked(redirect_uris=["http://evil.example/"]))
    assert (house.count("clients"), house.actions()) == (0, [])


def test_a_client_reads_all_of_itself_but_its_secret(house: House) -> None:
    answer = house.register(asked())
    told = house.registration.read(house.found(answer), str(answer["registration_access_token"]))
    assert told == {
        name: value for name, value in answer.items() if name not in ("client_secret", "client_secret_expires_at")
    }


def test_an_update_replaces_everything_and_leaves_the_secret(houses: House) -> None:
    answer = houses.register(asked(client_name="Old", default_max_age=60, post_logout_redirect_uris=[CALLBACK]))
    done = houses.update(answer, client_name="New", token_endpoint_auth_method="client_secret_post")
    assert (done["client_name"], done["post_logout_redirect_uris"]) == ("New", [])
    assert not {"client_secret", "default_max_age"} & done.keys()
    for name in ("client_id", "client_id_issued_at", "registration_access_token", "registration_client_uri"):
        assert done[name] == answer[name]
    client = houses.client(answer["client_id"])
    assert (client.name, client.auth_method) == ("New", "client_secret_post")
    assert client.check_client_secret(str(answer["client_secret"]))
    assert houses.actions() == ["client.added", "client.registered", "client.changed"]


def test_a_client_that_repeats_its_secret_is_told_it_again(house: House) -> None:
    answer = house.register(asked())
    done = house.update(answer, client_secret=answer["client_secret"])
    assert done["client_secret"] == answer["client_secret"]
    without = house.update(answer, client_secret=answer["client_secret"], token_endpoint_auth_method="none")
    assert "client_secret" not in without


def test_a_secret_comes_and_goes_with_the_method_that_needs_it(house: House) -> None:
    answer = house.register(asked())
    house.update(answer, token_endpoint_auth_method="none")
    assert house.client(answer["client_id"]).secret_sha256 is None
    again = house.update(answer)
    assert again["client_secret"] != answer["client_secret"]
    assert house.client(answer["client_id"]).check_client_secret(str(again["client_secret"]))


def test_t8_an_update_keeps_what_the_operator_set(house: House) -> None:
    answer = house.register(asked())
    client = house.found(answer)
    stricter = client.metadata.model_copy(update={"strength": "phishing_resistant", "max_age": 60})
    with house.database.begin() as connection:
        digest = client.client.secret_sha256
        house.clients.replace(connection, client.client.client_id, stricter, house.audit, NOW, secret_sha256=digest)
    house.update(answer, client_name="New")
    assert house.found(answer).metadata.strength == "phishing_resistant"


IDENTITIES: dict[str, tuple[dict[str, Any], str]] = {
    "no client_id": ({"client_id": None}, "invalid_client_metadata"),
    "another client_id": ({"client_id": "another"}, "invalid_client_metadata"),
    "client_id of another type": ({"client_id": ["x"]}, "invalid_client_metadata"),
    "a secret of its own choice": ({"client_secret": "x" * 43}, "invalid_client_metadata"),
    "an empty secret": ({"client_secret": ""}, "invalid_client_metadata"),
    "a secret of another type": ({"client_secret": 7}, "invalid_client_metadata"),
    "its token": ({"registration_access_token": "x"}, "invalid_request"),
    "its address": ({"registration_client_uri": "https://evil.example/"}, "invalid_request"),
    "a date": ({"client_id_issued_at": 1}, "invalid_request"),
    "an expiry": ({"client_secret_expires_at": 1}, "invalid_request"),
}


@pytest.mark.parametrize("changes, error", IDENTITIES.values(), ids=IDENTITIES.keys())
def test_t4_an_update_says_who_it_is_about_and_sets_nothing_of_ours(
    house: House, changes: dict[str, Any], error: str
) -> None:
    answer = house.register(asked())
    with pytest.raises(Unacceptable) as caught:
        house.update(answer, **changes)
    assert caught.value.error == error
    assert caught.value.description.startswith(next(iter(changes)))


def test_t4_a_client_cannot_take_anothers_name_in_an_update(house: House) -> None:
    mine, theirs = house.register(asked()), house.register(asked(client_name="Theirs"))
    with pytest.raises(Unacceptable):
        house.update(mine, client_id=theirs["client_id"])
    with pytest.raises(Unacceptable):
        house.update(mine, client_secret=theirs["client_secret"])
    assert house.client(theirs["client_id"]).name == "Theirs"


def test_t4_a_token_manages_its_own_client_and_no_other(houses: House) -> None:
    mine, theirs = houses.register(asked()), houses.register(asked())
    registration, token = houses.registration, str(mine["registration_access_token"])
    assert registration.find(str(theirs["client_id"]), token) is None
    assert not registration.remove(str(theirs["client_id"]), token, NOW)
    found = houses.found(theirs)
    document = {"client_id": theirs["client_id"], **asked(redirect_uris=["https://evil.example/"])}
    assert registration.update(found, token, document, NOW) is None
    assert houses.client(theirs["client_id"]).redirect_uris == (CALLBACK,)


@pytest.mark.parametrize("token", ["", "x", "\x00", "\ud800", "é" * 100])
@pytest.mark.parametrize("client_id", [None, "", "A" * 22, "\x00", "é" * 22, "x" * 300, "a\ud800" * 11])
def test_t4_neither_a_wrong_token_nor_a_wrong_id_opens_anything(
    houses: House, client_id: str | None, token: str
) -> None:
    mine = houses.register(asked())
    asked_for = str(mine["client_id"]) if client_id is None else client_id
    assert houses.registration.find(asked_for, token) is None
    assert not houses.registration.remove(asked_for, token, NOW)
    assert houses.count("clients") == 1


@pytest.mark.parametrize("client_id", ["operators", "A" * 22])
def test_t4_an_operators_client_is_not_managed_from_outside(house: House, client_id: str) -> None:
    metadata = ClientMetadata(name="X", redirect_uris=(CALLBACK,))
    with house.database.begin() as connection:
        house.clients.add(connection, client_id, metadata, house.audit, NOW, secret="s" * 43)
    for token in ("", "None", "s" * 43):
        assert house.registration.find(client_id, token) is None


def test_t5_a_disabled_client_manages_nothing_not_even_half_way(house: House) -> None:
    answer = house.register(asked())
    client_id, token = str(answer["client_id"]), str(answer["registration_access_token"])
    found = house.found(answer)
    with house.database.begin() as connection:
        house.clients.set_status(connection, client_id, "disabled", house.audit, NOW)
    assert house.registration.find(client_id, token) is None
    assert house.registration.update(found, token, {"client_id": client_id, **asked()}, NOW) is None
    assert not house.registration.remove(client_id, token, NOW)
    with house.database.read() as connection:
        still = house.clients.registered(connection, client_id)
    assert still is not None
    assert not still.client.enabled


def test_a_client_that_removes_itself_is_gone_with_its_token(houses: House) -> None:
    answer = houses.register(asked())
    client_id, token = str(answer["client_id"]), str(answer["registration_access_token"])
    assert houses.registration.remove(client_id, token, NOW)
    assert houses.clients.get(client_id) is None
    assert houses.registration.find(client_id, token) is None
    assert not houses.registration.remove(client_id, token, NOW)
    assert houses.actions()[-1] == "client.removed"


# Sectors (OpenID Connect Dynamic Client Registration 1.0 section 5)

URIS = [CALLBACK, "https://other.example.com/callback"]
FAR = "https://sector.example.com/uris.json"


def pairwise(uri: str) -> dict[str, Any]:
    return asked(redirect_uris=URIS, subject_type="pairwise", sector_identifier_uri=uri)


def reply(body: bytes, status: int = 200, **headers: str) -> Any:
    return lambda handler: Handler.reply(handler, body, status, **headers)


def registrar(house: House, folder: Any, authority: trustme.CA) -> Registration:
    """Return registration that believes ``authority``, and may call this machine."""
    fetch = partial(guarded_get, insecure_allow_private=True, ca_bundle=trust(authority, folder))
    return house.open(fetch, private=True)


def test_a_sector_that_lists_every_redirect_uri_is_taken(house: House, tmp_path: Any) -> None:
    authority = trustme.CA()
    with serve(reply(json.dumps([*URIS, "https://third.example.com/", 7]).encode()), authority=authority) as server:
        answer = registrar(house, tmp_path, authority).register(pairwise(f"{server.url}/uris.json"), "x", NOW)
    assert house.client(answer["client_id"]).sector == "localhost"
    assert server.count("/uris.json") == 1


SECTORS = {
    "one uri missing": reply(json.dumps(URIS[:1]).encode()),
    "only a beginning": reply(json.dumps([uri[:-1] for uri in URIS]).encode()),
    "an object": reply(json.dumps(dict.fromkeys(URIS)).encode()),
    "a string": reply(json.dumps(" ".join(URIS)).encode()),
    "no JSON": reply(b"<html>"),
    "no UTF-8": reply(b"\xff[]"),
    "too deep": reply(b"[" * 60_000),
    "too large": reply(json.dumps([*URIS, "x" * MAX_SECTOR_BYTES]).encode()),
    "not found": reply(json.dumps(URIS).encode(), 404),
    "a redirect": reply(json.dumps(URIS).encode(), 302, Location="https://elsewhere.example/"),
    "nothing": reply(b"", 204),
}


@pytest.mark.parametrize("answer", SECTORS.values(), ids=SECTORS.keys())
def test_t11_every_sector_that_will_not_do_is_refused_in_the_same_words(
    house: House, tmp_path: Any, answer: Any
) -> None:
    authority = trustme.CA()
    with serve(answer, authority=authority) as server, pytest.raises(Unacceptable) as caught:
        registrar(house, tmp_path, authority).register(pairwise(f"{server.url}/uris.json"), "x", NOW)
    assert caught.value.error == "invalid_client_metadata"
    assert caught.value.description == (
        "sector_identifier_uri does not lead to a JSON array that contains every redirect URI."
    )
    assert house.count("clients") == 0


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "fd00::1", "64:ff9b::7f00:1"])
def test_t11_a_sector_whose_name_leads_into_a_private_network_is_not_asked(house: House, address: str) -> None:
    fetch = partial(guarded_get, resolver=lambda _host, _port: ["8.8.8.8", address])
    with pytest.raises(Unacceptable, match="sector_identifier_uri does not lead to"):
        house.open(fetch).register(pairwise(FAR), "x", NOW)


def test_a_public_client_that_names_a_sector_must_be_in_it_as_well(house: House, tmp_path: Any) -> None:
    authority = trustme.CA()
    with serve(reply(b"[]"), authority=authority) as server:
        document = asked(sector_identifier_uri=f"{server.url}/uris.json")
        with pytest.raises(Unacceptable):
            registrar(house, tmp_path, authority).register(document, "x", NOW)


def test_t4_a_client_cannot_move_into_anothers_sector_by_an_update(house: House) -> None:
    fetched: list[str] = []

    def nobody(url: str, *, max_bytes: int) -> Any:
        fetched.append(url)
        raise ValueError(max_bytes)

    answer = house.register(asked(subject_type="pairwise"))
    document = {"client_id": answer["client_id"], **pairwise(FAR)}
    with pytest.raises(Unacceptable):
        house.open(nobody).update(house.found(answer), str(answer["registration_access_token"]), document, NOW)
    assert fetched == [FAR]
    assert house.client(answer["client_id"]).sector == "registry.example.com"


def test_the_hash_of_a_management_token_is_no_token(house: House) -> None:
    answer = house.register(asked())
    digest = sha256(str(answer["registration_access_token"]))
    assert house.registration.find(str(answer["client_id"]), digest) is None
    assert house.registration.find(secrets.token_urlsafe(16), str(answer["registration_access_token"])) is None
