"""Found by attacking grants, clients and logout as a whole, and kept: T1, T4, T5, T7, T12."""

import json
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from joserfc import jws
from sqlalchemy import text, update

from broker.accounts.end_access import ask_to_end_access
from broker.accounts.model import accounts
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.oidc.redeem import Redeemer
from broker.oidc.registration.initial import InitialTokens
from broker.signin.opening import Opened, Opening
from providers.guarded import guarded_get
from providers.standins import Standins
from tests.oidc.conftest import _shared, busy  # noqa: F401 - fixtures
from tests.oidc.kinds import API, added, consent, introspect, refresh, sign_in
from tests.world import CALLBACK, TIMEOUT, Arrival, Page, Registry, Visitor, World, running

Claims = dict[str, Any]


def claims_in(token: str) -> Claims:
    claims: Claims = json.loads(jws.extract_compact(token.encode()).payload)
    return claims


@pytest.mark.parametrize("client_id, resource", [("third-party", ""), ("jwt", API), ("public-offline", "")])
def test_t4_a_scope_at_the_token_endpoint_adds_nothing_to_what_was_granted(
    busy: World,  # noqa: F811
    client_id: str,
    resource: str,
) -> None:
    visitor, registry = busy.visitor(), busy.registry(client_id)
    request = registry.request(provider="entra", scope="openid", resource=resource)
    arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
    if isinstance(arrived, Page):
        arrived = consent(busy, visitor, arrived)
    assert isinstance(arrived, Arrival)
    wanted = {"scope": "openid profile email offline_access admin:everything"}
    body = registry.token_response(arrived.code, request.verifier, wanted).json()
    assert body["scope"] == "openid"
    assert "refresh_token" not in body
    if not resource:
        assert set(registry.userinfo(body["access_token"]).json()) == {"sub"}
    else:
        assert claims_in(body["access_token"])["scope"] == "openid"


@pytest.fixture
def registering(tmp_path: Path, standins: Standins) -> Any:
    """A broker where anybody with an initial access token can register."""
    with running(tmp_path, standins=standins) as world:
        parts, now = world.parts, world.clock()
        with parts.database.begin() as connection:
            initial = InitialTokens(parts.audit).create(connection, now + timedelta(days=1), now)
        yield world, {"Authorization": f"Bearer {initial}"}


MINE = {
    "client_name": "Mine",
    "redirect_uris": [CALLBACK],
    "application_type": "native",
    "subject_type": "pairwise",
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "openid offline_access",
    "id_token_signed_response_alg": "ES256",
}


def test_t4_a_client_cannot_move_into_the_sector_of_another(registering: Any) -> None:
    world, admitted = registering
    registered = requests.post(f"{world.base}/register", json=MINE, headers=admitted, timeout=TIMEOUT).json()
    managing = {"Authorization": f"Bearer {registered['registration_access_token']}"}
    same = {"client_id": registered["client_id"], "client_secret": registered["client_secret"]}
    elsewhere = {"redirect_uris": ["https://victim.example/cb"], "application_type": "web"}
    for change in (elsewhere, {"subject_type": "public"}):
        answer = requests.put(
            registered["registration_client_uri"], json={**MINE, **same, **change}, headers=managing, timeout=TIMEOUT
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


def test_t4_what_was_consented_to_one_address_is_asked_again_for_another(registering: Any) -> None:
    world, admitted = registering
    public = {**MINE, "subject_type": "public"}
    registered = requests.post(f"{world.base}/register", json=public, headers=admitted, timeout=TIMEOUT).json()
    mine, visitor = Registry(world, registered["client_id"], registered["client_secret"]), world.visitor()
    request = mine.request(provider="entra", scope="openid offline_access")
    page = visitor.walk(visitor.authorize(request), "entra-mfa")
    assert isinstance(page, Page)
    tokens = mine.redeem(consent(world, visitor, page), request).response
    managing = {"Authorization": f"Bearer {registered['registration_access_token']}"}
    same = {"client_id": registered["client_id"], "client_secret": registered["client_secret"]}
    moved = {"redirect_uris": ["http://127.0.0.1:2/elsewhere"]}
    answer = requests.put(
        registered["registration_client_uri"], json={**public, **same, **moved}, headers=managing, timeout=TIMEOUT
    )
    assert answer.status_code == 200
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    basic = (registered["client_id"], registered["client_secret"])
    assert requests.post(f"{world.base}/token", data=form, auth=basic, timeout=TIMEOUT).status_code == 400
    again = visitor.walk(visitor.authorize(mine.request(scope="openid", redirect_uri=moved["redirect_uris"][0])))
    assert isinstance(again, Page)
    assert "/consent/" in again.url


def test_t12_nobody_registers_under_the_name_of_a_client_that_an_operator_added(registering: Any) -> None:
    world, admitted = registering
    taken = {**MINE, "client_name": "example REGISTRY"}
    answer = requests.post(f"{world.base}/register", json=taken, headers=admitted, timeout=TIMEOUT)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert "is the name of another client" in answer.json()["error_description"]


def test_t4_two_sectors_see_neither_the_same_person_nor_the_same_session(tmp_path: Path, standins: Standins) -> None:
    hosts = {"pair-a": "127.0.0.1", "pair-b": "localhost"}

    def change(raw: dict[str, Any]) -> None:
        one = raw["clients"]["registry"]
        for name, host in hosts.items():
            uris = {"subject_type": "pairwise", "redirect_uris": [f"http://{host}:1/callback"]}
            raw["clients"][name] = {**one, "secret": secrets.token_urlsafe(32), **uris}

    with running(tmp_path, standins=standins, change=change) as world:
        visitor = world.visitor()
        visitor.open_account("entra-mfa", "entra")
        seen = {}
        for name, host in hosts.items():
            uri = f"http://{host}:1/callback"
            request = world.registry(name).request(redirect_uri=uri)
            location = visitor.authorize(request).headers["Location"]
            code = parse_qs(urlsplit(location).query)["code"][0]
            body = world.registry(name).token_response(code, request.verifier, {"redirect_uri": uri}).json()
            seen[name] = claims_in(body["id_token"])
        for claim in ("sub", "sid"):
            assert seen["pair-a"][claim] != seen["pair-b"][claim]


def test_t5_what_was_refreshed_after_the_operators_word_ends_with_the_rest(busy: World) -> None:  # noqa: F811
    tokens = sign_in(busy, "offline")
    kept = busy.parts.settings.secrets
    outbox = Outbox(FieldCipher(kept.encryption_keys(), kept.encryption_writes))
    with busy.parts.database.begin() as connection:
        ask_to_end_access(connection, outbox, busy.parts.audit, tokens.claims["sub"], busy.clock())
    busy.clock.move(timedelta(seconds=2))
    refreshed = refresh(busy, "offline", tokens.response["refresh_token"]).json()
    assert busy.parts.worker.run_once() == []
    busy.clock.move(timedelta(seconds=1))
    assert refresh(busy, "offline", refreshed["refresh_token"]).json()["error"] == "invalid_grant"
    assert busy.registry().userinfo(refreshed["access_token"]).status_code == 401


def sign_out_everywhere(visitor: Visitor, client_id: str) -> None:
    del client_id
    assert visitor.submit("/account/sign-out-everywhere").status_code in (200, 303)


def withdraw(visitor: Visitor, client_id: str) -> None:
    assert visitor.submit("/account/registries/withdraw", {"client_id": client_id}).status_code == 303


def close_for_a_while(visitor: Visitor, client_id: str) -> None:
    """An operator closes the account, and opens it again later."""
    del client_id
    database = visitor.world.parts.database
    with database.begin() as connection:
        connection.execute(update(accounts).values(status="disabled"))


@pytest.mark.parametrize("client_id", ["offline", "third-party"])
@pytest.mark.parametrize("end", [sign_out_everywhere, withdraw, close_for_a_while])
def test_t7_a_family_that_starts_while_everything_ends_does_not_live(
    busy: World,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    client_id: str,
    end: Callable[[Visitor, str], None],
) -> None:
    visitor, registry = busy.visitor(), busy.registry(client_id)
    visitor.open_account("entra-mfa", "entra")
    sign_in(busy, client_id, visitor=visitor)
    request = registry.request(scope="openid profile email offline_access")
    arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
    assert isinstance(arrived, Arrival)
    made, ended = Redeemer._tokens, list[bool]()

    def slow(self: Redeemer, *arguments: Any, **options: Any) -> Any:
        """The owner is faster: between the tokens that were made and the family that is written."""
        tokens = made(self, *arguments, **options)
        if not ended:
            ended.append(True)
            end(visitor, client_id)
        return tokens

    monkeypatch.setattr(Redeemer, "_tokens", slow)
    body = registry.token_response(arrived.code, request.verifier).json()
    monkeypatch.undo()
    with busy.parts.database.begin() as connection:
        connection.execute(update(accounts).values(status="active"))
    busy.clock.move(timedelta(seconds=20))
    sign_in(busy, client_id)  # consents again, if it has to: the old family is not the new consent's
    assert refresh(busy, client_id, body["refresh_token"]).json()["error"] == "invalid_grant"


def test_t5_a_refresh_token_of_a_closed_account_is_not_active(busy: World) -> None:  # noqa: F811
    tokens = sign_in(busy, "offline", persona="entra-ngcmfa")
    account = accounts.c.id == tokens.claims["sub"]
    with busy.parts.database.begin() as connection:
        connection.execute(update(accounts).where(account).values(status="disabled"))
    assert introspect(busy, "offline", tokens.response["refresh_token"]) == {"active": False}


def test_t5_nor_is_one_whose_user_came_by_a_way_that_the_client_takes_no_more(busy: World) -> None:  # noqa: F811
    added(busy, "narrowed", providers=None)
    token = sign_in(busy, "narrowed").response["refresh_token"]
    assert introspect(busy, "narrowed", token)["active"] is True
    added(busy, "narrowed", providers=["github"])
    assert introspect(busy, "narrowed", token) == {"active": False}


def test_t12_an_odd_client_id_is_none_of_the_accounts(busy: World) -> None:  # noqa: F811
    visitor = busy.visitor()
    visitor.open_account("entra-mfa", "entra")
    response = visitor.submit("/account/registries/withdraw", {"client_id": "a\x00b"})
    assert response.status_code == 400


def entries(world: World) -> int:
    with world.parts.database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM audit_entries")).scalar_one())


def test_t12_who_was_not_identified_writes_nothing_into_the_audit(busy: World) -> None:  # noqa: F811
    before = entries(busy)
    visitor = busy.visitor()
    location = visitor.authorize(busy.registry().request(provider="github")).headers["Location"]
    state = parse_qs(urlsplit(location).query)["state"][0]
    assert visitor.get(f"/callback/github?error=access_denied&state={state}").status_code == 403
    assert entries(busy) == before


def test_t11_a_name_server_that_does_not_answer_is_not_waited_for() -> None:
    released = Event()

    def never(host: str, port: int) -> list[str]:
        released.wait(20)
        return []

    try:
        with pytest.raises(requests.ConnectionError):
            guarded_get("https://slow.example/", max_bytes=10, timeout=(0.05, 1), resolver=never)
    finally:
        released.set()


def test_t10_a_session_goes_on_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tabs that come back at once: one goes on with the session, and the other does not make it a twin."""
    visitor = world.visitor()
    visitor.open_account("entra-mfa", "entra")
    open_session = Opening._opened

    def another_tab_is_faster(self: Opening, *arguments: Any, **options: Any) -> Opened:
        opened = open_session(self, *arguments, **options)
        assert opened.takes
        world.parts.store.delete(*opened.takes)
        return opened

    monkeypatch.setattr(Opening, "_opened", another_tab_is_faster)
    late = visitor.walk(visitor.authorize(world.registry().request(provider="entra", prompt="login")), "entra-mfa")
    assert isinstance(late, Page)
    assert late.status == 400
    assert "This sign-in is over" in late.text
