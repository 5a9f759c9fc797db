"""Flaws that an attack on the whole found, each with the family it belongs to. They stay mended."""

import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select, update

from broker.accounts.model import accounts, email_changes, identities, people
from broker.events.model import outbox
from broker.signin.sessions import Sessions
from providers.standins import Standins
from providers.standins import browser as upstream
from tests.accounts.test_account_pages import link_in, mails
from tests.security.test_t1_side_paths import upstream_url
from tests.security.test_t3_linking import begin_link
from tests.world import TIMEOUT, Arrival, Page, World, running


def test_t5_a_code_does_not_outlive_its_session(world: World) -> None:
    visitor = world.visitor()
    arrived = visitor.sign_in("2fa-true", "github")
    assert isinstance(arrived, Arrival)
    visitor.submit("/signout")
    response = world.registry().token_response(arrived.code, visitor.last_request.verifier)
    assert response.json()["error"] == "invalid_grant"


def test_t1_a_session_that_ends_while_it_is_reused_gives_no_code(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = world.visitor()
    visitor.sign_in("2fa-true", "github")
    find = Sessions.find

    def find_then_end(self: Sessions, *args: Any) -> Any:
        session = find(self, *args)
        if session is not None:
            self.end(session, 600)
        return session

    monkeypatch.setattr(Sessions, "find", find_then_end)
    back = visitor.walk(visitor.authorize(world.registry().request(prompt="none")))
    assert isinstance(back, Arrival)
    assert back.parameters["error"] == "login_required"


@pytest.mark.parametrize("change", ["disabled provider", "narrowed client"])
def test_t5_userinfo_asks_whether_the_provider_may_still_serve_the_client(
    change: str, tmp_path: Path, standins: Standins, fresh_redis_url: str
) -> None:
    keep: dict[str, Any] = {}

    def second(raw: dict[str, Any]) -> None:
        raw["secrets"] = keep["secrets"]
        raw["clients"] = keep["clients"]
        if change == "disabled provider":
            raw["providers"]["github"]["enabled"] = False
        else:
            raw["clients"]["registry"]["providers"] = ["entra"]

    with running(tmp_path, standins=standins, store_url=fresh_redis_url) as world:
        visitor = world.visitor()
        tokens = world.registry().redeem(visitor.sign_in("2fa-true", "github"), visitor.last_request)
        keep.update(world.raw)
        assert world.registry().userinfo(tokens.response["access_token"]).status_code == 200
    with running(tmp_path, standins=standins, store_url=fresh_redis_url, change=second) as world:
        assert world.registry().userinfo(tokens.response["access_token"]).status_code == 401


def test_t12_mail_cannot_be_flooded(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")

    def wanted(victims: Sequence[int]) -> list[int]:
        emails = [f"victim{n}@elsewhere.example" for n in victims]
        return [visitor.submit("/account/email", {"email": each}).status_code for each in emails]

    assert wanted(range(8)) == [303] * 2 + [429] * 6, "to so many addresses a day"
    assert wanted([0] * 4) == [303] * 2 + [429] * 2, "so many to each of them"
    assert wanted([1] * 2) == [303, 429], "and so many in a row"
    with world.parts.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(outbox)).scalar_one() == 5
        assert connection.execute(select(func.count()).select_from(email_changes)).scalar_one() == 1


def test_t3_a_link_loses_to_the_end_of_its_session(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    returned = upstream.sign_in(begin_link(visitor, "entra"), "entra-mfa")
    location = visitor.come_back(returned).headers["Location"]
    find = Sessions.find

    def find_then_end(self: Sessions, *args: Any) -> Any:
        session = find(self, *args)
        if session is not None:
            self.end(session, 600)
        return session

    monkeypatch.setattr(Sessions, "find", find_then_end)
    ended = visitor.page(visitor.get(location))
    assert ended.status == 400
    with world.parts.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(identities)).scalar_one() == 1


def test_t10_answering_an_offer_does_not_bring_an_ended_session_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    visitor.submit("/account/name", {"name": "Somebody Else"})
    visitor.open_account("2fa-true", "github")
    token = visitor.page(visitor.get("/account")).form_token()
    without_offer = Sessions.without_offer

    def end_first(self: Sessions, cookie: str, session: Any, now: Any) -> None:
        self.end(session, 600)
        without_offer(self, cookie, session, now)

    monkeypatch.setattr(Sessions, "without_offer", end_first)
    visitor.post("/account/offer", {"csrf_token": token, "action": "dismiss"})
    monkeypatch.undo()
    assert visitor.get("/account").status_code == 303


@pytest.mark.parametrize("status", ["disabled", "erased"])
def test_t5_a_closed_account_takes_no_email(world: World, tmp_path: Path, status: str) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    visitor.submit("/account/email", {"email": "new@elsewhere.example"})
    (message,) = mails(world, tmp_path)
    token = link_in(message).partition("token=")[2]
    form = visitor.page(visitor.get("/account")).form_token()
    with world.parts.database.begin() as connection:
        connection.execute(update(accounts).values(status=status))
        account_id = connection.execute(select(accounts.c.id)).scalar_one()
    answer = visitor.post("/account/email/confirm", {"csrf_token": form, "token": token})
    assert answer.status_code != 200
    for change in (
        lambda connection: world.parts.emails.confirm(connection, account_id, token, world.clock()),
        lambda connection: world.parts.accounts.rename(connection, account_id, "Somebody", world.clock()),
        lambda connection: world.parts.emails.request(
            connection, account_id, "late@elsewhere.example", "http://x/", world.clock()
        ),
    ):
        with pytest.raises(Exception, match=status), world.parts.database.begin() as connection:
            change(connection)
    with world.parts.database.read() as connection:
        assert connection.execute(select(people.c.email_verified)).scalar_one() is True
        assert connection.execute(select(func.count()).select_from(outbox)).scalar_one() == 0


def test_t3_an_email_is_confirmed_only_by_the_account_that_asked(world: World, tmp_path: Path) -> None:
    eve, victim = world.visitor(), world.visitor()
    eve.open_account("2fa-true", "github")
    victim.open_account("entra-mfa", "entra")
    eve.submit("/account/email", {"email": "victim@elsewhere.example"})
    (message,) = mails(world, tmp_path)
    url = link_in(message)
    token = url.partition("token=")[2]
    assert victim.submit("/account/email/confirm", {"token": token}, page=url).status_code == 400
    stranger = world.visitor()
    asked = stranger.get(url)
    assert asked.status_code == 403
    assert "/signin" in asked.text
    form = victim.page(victim.get("/account")).form_token()
    assert stranger.post("/account/email/confirm", {"csrf_token": form, "token": token}).status_code == 400
    assert eve.submit("/account/email/confirm", {"token": token}, page=url).status_code == 200


def test_t5_giving_up_does_not_redirect_to_a_client_that_was_switched_off(world: World) -> None:
    from tests.security.test_t5_disabled import database_client, disable

    registry = database_client(world)
    visitor = world.visitor()
    page = visitor.walk(visitor.authorize(registry.request()))
    assert isinstance(page, Page)
    disable(world)
    response = visitor.get(next(link for link in page.links if "/leave/" in link))
    assert response.status_code == 400


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "[", "a b", "%00"])
def test_t12_an_odd_host_gives_a_page_of_ours_and_no_path_in_the_log(
    world: World, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    response = requests.get(f"{world.base}/probe/SECRETTOKEN", headers={"Host": host}, timeout=TIMEOUT)
    assert response.status_code in (400, 404)
    assert "Content-Security-Policy" in response.headers
    assert "SECRETTOKEN" not in caplog.text


@pytest.mark.parametrize("client_id", ["\x00", "registry\x00", "x" * 5000, "\N{SNOWMAN}"])
def test_t12_an_odd_client_id_is_an_unknown_client_on_postgresql(
    client_id: str, tmp_path: Path, standins: Standins, fresh_postgres_url: str
) -> None:
    with running(tmp_path, standins=standins, database_url=fresh_postgres_url) as world:
        assert world.visitor().authorize(world.registry().request(client_id=client_id)).status_code == 400
        form = {"grant_type": "authorization_code", "code": "x", "client_id": client_id}
        answer = requests.post(f"{world.base}/token", data=form, timeout=TIMEOUT)
        assert answer.json()["error"] == "invalid_client"


def test_t9_a_hint_with_an_unknown_extension_is_no_hint(world: World) -> None:
    import base64
    import json

    kid = world.parts.keys.active("ES256", world.clock()).kid
    extras: list[dict[str, object]] = [
        {"crit": 1},
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
    ]
    for extra in extras:
        header = base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": kid, **extra}).encode()).rstrip(b"=")
        hint = f"{header.decode()}.e30.AAAA"
        back = world.visitor().walk(
            world.visitor().authorize(world.registry().request(prompt="none", id_token_hint=hint))
        )
        assert isinstance(back, Arrival)
        assert back.parameters["error"] == "invalid_request"


def test_t12_erasing_twice_at_once_is_no_defect(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    token = visitor.page(visitor.get("/account")).form_token()
    erase = type(world.parts.accounts).erase

    def twice(self: Any, *args: Any) -> None:
        erase(self, *args)
        erase(self, *args)

    monkeypatch.setattr(type(world.parts.accounts), "erase", twice)
    answer = visitor.post("/account/erase", {"csrf_token": token, "confirm": "erase"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/signin"


def test_t5_a_relayed_return_survives_clocks_that_differ_a_little(world: World) -> None:
    visitor = world.visitor()
    returned = upstream.sign_in(upstream_url(visitor, provider="entra"), "entra-mfa")
    location = visitor.come_back(returned).headers["Location"]
    world.clock.move(timedelta(seconds=-20))
    assert isinstance(visitor.walk(visitor.get(location)), Arrival)


def test_t5_without_a_durable_store_a_restart_ends_every_access_token(tmp_path: Path, standins: Standins) -> None:
    keep: dict[str, Any] = {}

    def same(raw: dict[str, Any]) -> None:
        raw.update(secrets=keep["secrets"], clients=keep["clients"])

    with running(tmp_path, standins=standins) as world:
        visitor = world.visitor()
        tokens = world.registry().redeem(visitor.sign_in("2fa-true", "github"), visitor.last_request)
        keep.update(world.raw)
    with running(tmp_path, standins=standins, change=same) as world:
        assert world.registry().userinfo(tokens.response["access_token"]).status_code == 401


def test_the_log_line_of_an_error_has_no_path(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world.visitor().get("/probe/SECRETTOKEN")
    assert re.search(r"reference=\w+", caplog.text)
    assert "SECRETTOKEN" not in caplog.text
