"""T5: what a kill switch shuts is shut at every step, at once, and for as long as it is thrown."""

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from broker.switches.service import Kind
from providers.standins import CONTOSO, Standins
from providers.standins import browser as upstream
from tests.security.test_t1_side_paths import upstream_url
from tests.security.test_t3_linking import begin_link
from tests.world import CALLBACK, TIMEOUT, Arrival, Page, Visitor, World, running

WAYS = [
    pytest.param("2fa-true", "github", Kind.PROVIDER, "github", id="provider"),
    pytest.param("entra-mfa", "entra", Kind.TENANT, CONTOSO, id="tenant"),
]
EITHER_WAY = pytest.mark.parametrize("persona, provider, kind, target", WAYS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, standins: Standins) -> Iterator[World]:
    def offline(raw: dict[str, Any]) -> None:
        client = raw["clients"]["registry"]
        client["scopes"] = ["openid", "profile", "email", "offline_access"]
        client["grant_types"] = [
            "authorization_code",
            "refresh_token",
            "client_credentials",
            "urn:ietf:params:oauth:grant-type:device_code",
        ]
        raw["organizations"] = {"creation": "people"}

    with running(tmp_path_factory.mktemp("switches"), standins=standins, change=offline) as this:
        yield this


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    """The one broker of this module, with nothing thrown before and after."""
    yield shared
    parts = shared.parts
    with parts.database.read() as connection:
        thrown = parts.switches.all(connection)
    for each in thrown:
        parts.switches.restore(each.kind, each.target, shared.clock())


def throw(world: World, kind: Kind, target: str = "") -> None:
    assert world.parts.switches.throw(kind, target, world.clock())


def restore(world: World, kind: Kind, target: str = "") -> None:
    assert world.parts.switches.restore(kind, target, world.clock())


def call(world: World, path: str, **form: str) -> requests.Response:
    basic = b64encode(f"registry:{world.secrets['registry']}".encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    return requests.post(world.base + path, data=form, headers=headers, timeout=TIMEOUT)


def code_of(page: Page) -> str:
    found = re.search(r"<dt>Code</dt><dd class=\"code\">([^<]+)</dd>", page.text)
    assert found, page.text
    return found[1]


def signed_in(world: World, persona: str, provider: str) -> tuple[Visitor, dict[str, Any]]:
    """Return somebody who is signed in, and the tokens of the registry they came from."""
    visitor = world.visitor()
    arrived = visitor.sign_in(persona, provider, scope="openid offline_access")
    assert isinstance(arrived, Arrival), arrived
    return visitor, dict(world.registry().redeem(arrived, visitor.last_request).response)


def silently(visitor: Visitor, world: World) -> str:
    arrived = visitor.walk(visitor.authorize(world.registry().request(prompt="none")))
    assert isinstance(arrived, Arrival)
    return arrived.parameters.get("error", "signed in")


@EITHER_WAY
def test_t5_what_came_by_a_way_that_is_off_is_refused_and_holds_again_when_it_is_on(
    world: World, persona: str, provider: str, kind: Kind, target: str
) -> None:
    visitor, tokens = signed_in(world, persona, provider)
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    registry = world.registry()

    def stands() -> tuple[int, str, int, bool]:
        return (
            visitor.get("/account").status_code,
            silently(visitor, world),
            registry.userinfo(access).status_code,
            call(world, "/introspect", token=access).json()["active"],
        )

    assert stands() == (200, "signed in", 200, True)
    throw(world, kind, target)
    assert stands() == (303, "login_required", 401, False)
    refused = call(world, "/token", grant_type="refresh_token", refresh_token=refresh)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    restore(world, kind, target)
    assert stands() == (200, "signed in", 200, True)


@EITHER_WAY
def test_t5_a_callback_and_a_code_in_flight_of_a_way_that_is_off_lead_nowhere(
    world: World, persona: str, provider: str, kind: Kind, target: str
) -> None:
    visitor, away = world.visitor(), world.visitor()
    arrived = visitor.sign_in(persona, provider)
    assert isinstance(arrived, Arrival)
    returned = upstream.sign_in(upstream_url(away, provider=provider), persona)
    throw(world, kind, target)
    ended = away.walk(away.come_back(returned))
    assert isinstance(ended, Page)
    assert ended.status == 403
    assert away.get("/account").status_code == 303
    code = world.registry().token_response(arrived.code, visitor.last_request.verifier)
    assert (code.status_code, code.json()["error"]) == (400, "invalid_grant")


def test_t5_a_provider_that_is_off_is_not_offered_or_begun(world: World) -> None:
    visitor = world.visitor()
    chooser = visitor.walk(visitor.authorize(world.registry().request()))
    assert isinstance(chooser, Page)
    begun = next(link for link in chooser.links if link.endswith("/github"))
    throw(world, Kind.PROVIDER, "github")
    again = visitor.walk(visitor.get(chooser.url.removeprefix(world.base)))
    assert isinstance(again, Page)
    assert begun not in again.links
    assert any(link.endswith("/entra") for link in again.links)
    refused = visitor.page(visitor.get(begun))
    assert (refused.status, code_of(refused)) == (403, "switched_off")
    named = visitor.walk(visitor.authorize(world.registry().request(provider="github")))
    assert isinstance(named, Page)
    assert code_of(named) == "switched_off"


def test_t5_a_provider_that_is_off_links_nobody(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("entra-mfa", "entra", fresh=True)
    returned = upstream.sign_in(begin_link(visitor, "github"), "2fa-true")
    throw(world, Kind.PROVIDER, "github")
    ended = visitor.walk(visitor.come_back(returned))
    assert isinstance(ended, Page)
    assert code_of(ended) == "switched_off"
    assert "/account/link/github" not in visitor.get("/account").text


def test_t5_a_device_that_was_approved_by_a_way_that_is_off_by_now_gets_nothing(world: World) -> None:
    asked = call(world, "/device_authorization", scope="openid").json()
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github", fresh=True)
    entered = visitor.submit("/device", {"user_code": asked["user_code"]}, page="/device")
    confirm = visitor.walk(entered, "2fa-true")
    assert isinstance(confirm, Page), confirm
    visitor.post(confirm.url.removeprefix(world.base), {"csrf_token": confirm.form_token(), "answer": "allow"})
    throw(world, Kind.PROVIDER, "github")
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": asked["device_code"],
    }
    refused = call(world, "/token", **form)
    assert refused.status_code == 400
    assert refused.json()["error"] != "authorization_pending"


def test_t5_a_client_that_is_off_is_refused_like_one_that_is_disabled(world: World) -> None:
    visitor, tokens = signed_in(world, "2fa-true", "github")
    second = world.registry().request(provider="github")
    arrived = visitor.walk(visitor.authorize(second))
    away = world.visitor()
    returned = upstream.sign_in(upstream_url(away, provider="github"), "2fa-true")
    assert isinstance(arrived, Arrival)
    throw(world, Kind.CLIENT, "registry")
    registry = world.registry()
    page = visitor.page(visitor.authorize(registry.request()))
    assert (page.status, code_of(page)) == (400, "unknown_client")
    assert registry.token_response(arrived.code, second.verifier).json()["error"] == "invalid_client"
    assert registry.userinfo(tokens["access_token"]).status_code == 401
    for path, form in {
        "/token": {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        "/introspect": {"token": tokens["access_token"]},
        "/device_authorization": {"scope": "openid"},
        "/par": {"redirect_uri": CALLBACK},
    }.items():
        refused = call(world, path, **form)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client"), path
    # Not even that the token is none of ours.
    assert call(world, "/introspect", token="made-up").json()["error"] == "invalid_client"
    ended = away.walk(away.come_back(returned))
    assert isinstance(ended, Page)
    assert ended.status == 400
    assert visitor.get("/account").status_code == 200, "their own session is not the client's"
    restore(world, Kind.CLIENT, "registry")
    renewed = call(world, "/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert renewed.status_code == 200


def test_while_nothing_may_be_changed_every_other_form_is_refused_with_a_page(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github", fresh=True)
    form = visitor.page(visitor.get("/account")).form_token()
    before = visitor.get("/account/data.json").json()
    throw(world, Kind.READ_ONLY)
    for path in ("/account/name", "/account/email", "/account/erase", "/account/link/entra", "/organizations"):
        refused = visitor.page(visitor.post(path, {"name": "Changed", "csrf_token": form}))
        assert (refused.status, code_of(refused)) == (503, "read_only"), path
        assert refused.headers["Retry-After"] == "300"
        assert "Nothing was changed" in refused.text
    assert visitor.get("/account/data.json").json() == before


def test_while_nothing_may_be_changed_programs_are_told_so(world: World) -> None:
    throw(world, Kind.READ_ONLY)
    managed = requests.post(f"{world.base}/api/organizations", json={"name": "New"}, timeout=TIMEOUT)
    assert (managed.status_code, managed.json()["code"]) == (503, "read_only")
    assert managed.headers["Content-Type"] == "application/problem+json"
    assert managed.headers["Retry-After"] == "300"
    registered = requests.post(f"{world.base}/register", json={"redirect_uris": [CALLBACK]}, timeout=TIMEOUT)
    assert (registered.status_code, registered.json()["error"]) == (503, "read_only")
    assert registered.headers["Retry-After"] == "300"


def test_while_nothing_may_be_changed_people_sign_in_and_out_and_tokens_are_renewed_and_revoked(world: World) -> None:
    signed_in(world, "2fa-true", "github")  # so that the account is there
    throw(world, Kind.READ_ONLY)
    visitor, tokens = signed_in(world, "2fa-true", "github")
    renewed = call(world, "/token", grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert renewed.status_code == 200
    assert call(world, "/introspect", token=renewed.json()["access_token"]).json()["active"] is True
    assert call(world, "/revoke", token=renewed.json()["refresh_token"]).status_code == 200
    assert call(world, "/introspect", token=renewed.json()["access_token"]).json()["active"] is False
    assert visitor.submit("/signout").status_code == 200
    assert visitor.get("/account").status_code == 303


def test_while_nothing_may_be_changed_a_link_in_flight_links_nothing_and_nobody_new_comes_in(world: World) -> None:
    visitor, new = world.visitor(), world.visitor()
    visitor.open_account("entra-mfa", "entra", fresh=True)
    returned = upstream.sign_in(begin_link(visitor, "github"), "2fa-true")
    throw(world, Kind.READ_ONLY)
    ended = visitor.walk(visitor.come_back(returned))
    assert isinstance(ended, Page)
    assert code_of(ended) == "read_only"
    refused = new.sign_in("oidc-mfa", "generic")
    assert isinstance(refused, Page)
    assert code_of(refused) == "read_only"


def test_with_sign_up_closed_those_who_are_known_sign_in_and_nobody_else(world: World) -> None:
    signed_in(world, "2fa-true", "github")
    throw(world, Kind.SIGN_UP)
    assert isinstance(world.visitor().sign_in("2fa-true", "github"), Arrival)
    new = world.visitor()
    refused = new.sign_in("oidc-mfa", "generic")
    assert isinstance(refused, Page)
    assert (refused.status, code_of(refused)) == (403, "sign_up_closed")
    assert new.get("/account").status_code == 303
    restore(world, Kind.SIGN_UP)
    assert isinstance(world.visitor().sign_in("oidc-mfa", "generic"), Arrival)


def test_t5_what_is_thrown_at_one_host_is_shut_at_the_other_by_the_next_request(
    tmp_path: Path, standins: Standins, fresh_postgres_url: str, fresh_redis_url: str
) -> None:
    places: dict[str, Any] = {"database_url": fresh_postgres_url, "store_url": fresh_redis_url}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with running(tmp_path / "one", standins=standins, **places) as one:

        def alike(raw: dict[str, Any]) -> None:
            raw["secrets"], raw["clients"] = one.raw["secrets"], one.raw["clients"]

        with running(tmp_path / "two", standins=standins, change=alike, **places) as two:
            visitor = one.visitor()
            arrived = visitor.sign_in("2fa-true", "github")
            assert isinstance(arrived, Arrival)
            access = str(one.registry().redeem(arrived, visitor.last_request).response["access_token"])
            away = two.visitor()
            returned = upstream.sign_in(upstream_url(away, provider="github"), "2fa-true")
            assert call(two, "/introspect", token=access).json()["active"] is True
            throw(one, Kind.PROVIDER, "github")
            assert call(two, "/introspect", token=access).json()["active"] is False
            ended = away.walk(away.come_back(returned))
            assert isinstance(ended, Page)
            assert code_of(ended) == "switched_off"
            restore(two, Kind.PROVIDER, "github")
            assert call(one, "/introspect", token=access).json()["active"] is True
            throw(two, Kind.READ_ONLY)
            refused = requests.post(f"{one.base}/register", json={}, timeout=TIMEOUT)
            assert (refused.status_code, refused.json()["error"]) == (503, "read_only")
