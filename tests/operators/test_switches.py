"""The operators' page of kill switches."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from sqlalchemy import select

from broker.audit.model import audit_entries
from broker.operators.switches import PAGE, RESTORE, THROW
from broker.operators.words import OF_SWITCHES, restoring
from broker.settings.clients import ClientMetadata
from broker.switches.model import switches
from broker.switches.service import COMMAND_LINE, Kind, Switch
from providers.standins import CONTOSO, Standins
from tests.operators.test_sign_ins import operator
from tests.organizations import OPERATOR_PERSONA, OPERATOR_PROVIDER, SignedIn
from tests.world import Arrival, Page, World, running

ALL = [
    pytest.param(Kind.PROVIDER, "github", id="provider"),
    pytest.param(Kind.TENANT, CONTOSO, id="tenant"),
    pytest.param(Kind.CLIENT, "registry", id="client"),
    pytest.param(Kind.READ_ONLY, "", id="read-only"),
    pytest.param(Kind.SIGN_UP, "", id="sign-up"),
]
EACH = pytest.mark.parametrize("kind, target", ALL)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, standins: Standins) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("operators"), standins=standins) as this:
        yield this


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    """The one broker of this module, at its own time, with nothing thrown after."""
    yield shared
    shared.clock.offset = timedelta(0)
    for each in thrown(shared):
        shared.parts.switches.restore(each.kind, each.target, shared.clock())


@pytest.fixture
def deciding(world: World) -> SignedIn:
    return operator(world)


def thrown(world: World) -> list[Switch]:
    with world.parts.database.read() as connection:
        return world.parts.switches.all(connection)


def considered(deciding: SignedIn, kind: Kind, target: str = "") -> Page:
    query = urlencode({"kind": kind.value, "target": target})
    return deciding.visitor.page(deciding.visitor.get(f"{THROW}?{query}"))


def form(kind: Kind, target: str = "") -> dict[str, str]:
    return {"kind": kind.value, "target": target}


def throw(deciding: SignedIn, kind: Kind, target: str = "") -> requests.Response:
    return deciding.visitor.submit(THROW, form(kind, target), page=f"{THROW}?{urlencode(form(kind, target))}")


def restore(deciding: SignedIn, kind: Kind, target: str = "") -> requests.Response:
    return deciding.visitor.submit(RESTORE, form(kind, target), page=PAGE)


def entries(world: World) -> list[tuple[str | None, dict[str, Any]]]:
    with world.parts.database.read() as connection:
        found = select(audit_entries).where(audit_entries.c.action == "switch.turned").order_by(audit_entries.c.id)
        return [(each.account_id, json.loads(each.detail)) for each in connection.execute(found)]


@EACH
def test_each_is_considered_thrown_listed_and_restored_and_the_record_says_by_whom(
    world: World, deciding: SignedIn, kind: Kind, target: str
) -> None:
    words, before = OF_SWITCHES[kind], len(entries(world))
    page = considered(deciding, kind, target)
    assert page.status == 200
    assert all(each.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}") in page.text for each in words.happens)
    assert restoring(kind, target) in page.text
    assert "this shuts you out" not in page.text
    assert thrown(world) == [], "looking throws nothing"
    done = throw(deciding, kind, target)
    assert (done.status_code, done.headers["Location"]) == (303, f"{PAGE}?notice=thrown")
    (here,) = thrown(world)
    assert (here.kind, here.target, here.by) == (kind, target, deciding.account_id)
    listed = deciding.visitor.get(PAGE).text
    assert "By you" in listed
    assert words.restore in listed
    assert throw(deciding, kind, target).headers["Location"] == f"{PAGE}?notice=already"
    assert restore(deciding, kind, target).headers["Location"] == f"{PAGE}?notice=restored"
    assert restore(deciding, kind, target).headers["Location"] == f"{PAGE}?notice=already"
    assert thrown(world) == []
    recorded = entries(world)[before:]
    assert [by for by, _ in recorded] == [deciding.account_id] * 2
    assert [detail["kind"] for _, detail in recorded] == [kind.value] * 2


def test_what_was_thrown_elsewhere_is_listed_with_since_when_and_by_whom(world: World, deciding: SignedIn) -> None:
    parts, then = world.parts, world.clock() - timedelta(days=3)
    parts.switches.throw(Kind.TENANT, CONTOSO, then)
    parts.switches.throw(Kind.CLIENT, "gone", then, by=lambda _: "another-account")
    page = deciding.visitor.get(PAGE).text
    assert "Contoso" in page
    assert "By the command line" in page
    assert 'account <span class="code">another-account</span>' in page
    assert page.count(f'datetime="{then:%Y-%m-%dT%H:%M:%SZ}"') == 2
    assert restore(deciding, Kind.CLIENT, "gone").headers["Location"].endswith("restored"), "whether it exists or not"


def test_t5_the_page_takes_back_what_it_threw_while_nothing_may_be_changed(world: World, deciding: SignedIn) -> None:
    throw(deciding, Kind.READ_ONLY)
    refused = deciding.visitor.submit("/account/name", {"name": "Changed"})
    assert refused.status_code == 503
    assert throw(deciding, Kind.PROVIDER, "github").status_code == 303, "there is more to be shut"
    again = deciding.visitor.walk(deciding.visitor.get(f"/signin?fresh=yes&next={PAGE}"))
    assert isinstance(again, Page)
    chosen = next(link for link in again.links if link.endswith(f"/{OPERATOR_PROVIDER}"))
    back = deciding.visitor.walk(deciding.visitor.get(chosen), OPERATOR_PERSONA)
    assert isinstance(back, Page)
    assert back.url.startswith(world.base + PAGE), "being fresh is no change"
    assert restore(deciding, Kind.READ_ONLY).headers["Location"] == f"{PAGE}?notice=restored"
    assert deciding.visitor.submit("/account/name", {"name": "Changed"}).status_code == 303


def test_t5_who_shuts_their_own_way_is_told_so_and_comes_back_once_it_is_open(world: World, deciding: SignedIn) -> None:
    page = considered(deciding, Kind.PROVIDER, OPERATOR_PROVIDER)
    assert "this shuts you out, too" in page.text
    assert f"vestibule switch on provider {OPERATOR_PROVIDER}" in page.text
    throw(deciding, Kind.PROVIDER, OPERATOR_PROVIDER)
    assert deciding.visitor.get(PAGE).status_code == 303, "to the sign-in"
    own = {**form(Kind.PROVIDER, OPERATOR_PROVIDER), "csrf_token": page.form_token()}
    assert deciding.visitor.post(RESTORE, own).status_code == 403
    assert [each.target for each in thrown(world)] == [OPERATOR_PROVIDER]
    world.parts.switches.restore(Kind.PROVIDER, OPERATOR_PROVIDER, world.clock())
    assert deciding.visitor.get(PAGE).status_code == 200


def test_t10_a_cookie_that_is_not_fresh_throws_and_restores_nothing(world: World, deciding: SignedIn) -> None:
    world.parts.switches.throw(Kind.SIGN_UP, "", world.clock())
    world.clock.move(timedelta(minutes=11))
    page = considered(deciding, Kind.PROVIDER, "github")
    assert "/signin?fresh=yes" in page.text
    assert "<button" not in page.text.partition("<main")[2]
    seen = deciding.visitor.page(deciding.visitor.get(PAGE))
    assert "/signin?fresh=yes" in seen.text
    assert f'action="{RESTORE}"' not in seen.text
    token = deciding.visitor.page(deciding.visitor.get("/account")).form_token()
    for path, wish in ((THROW, form(Kind.PROVIDER, "github")), (RESTORE, form(Kind.SIGN_UP))):
        refused = deciding.visitor.post(path, {**wish, "csrf_token": token})
        assert refused.status_code == 403
        assert "/signin?fresh=yes" in refused.text
    assert [each.kind for each in thrown(world)] == [Kind.SIGN_UP]


def test_t10_a_form_of_somewhere_else_throws_nothing(world: World, deciding: SignedIn) -> None:
    refused = deciding.visitor.post(THROW, form(Kind.READ_ONLY))
    assert refused.status_code in (400, 403)
    assert thrown(world) == []


@pytest.mark.parametrize("kind", [Kind.TENANT, Kind.CLIENT])
def test_an_id_that_there_is_not_is_shown_at_its_field_and_thrown_by_nobody(
    world: World, deciding: SignedIn, kind: Kind
) -> None:
    page = considered(deciding, kind, '"><b>none')
    assert page.status == 404
    assert f"There is no {kind.value} of this id. Nothing was changed." in page.text
    assert "<b>none" not in page.text
    token = page.form_token()
    refused = deciding.visitor.post(THROW, {**form(kind, "none"), "csrf_token": token})
    assert refused.status_code == 404
    assert thrown(world) == []


@pytest.mark.parametrize("wish", [{}, {"kind": "planet"}, {"kind": "provider"}, {"kind": "read_only", "target": "x"}])
def test_what_is_no_switch_is_not_found(world: World, deciding: SignedIn, wish: dict[str, str]) -> None:
    assert deciding.visitor.get(f"{THROW}?{urlencode(wish)}").status_code == 404
    for path in (THROW, RESTORE):
        assert deciding.visitor.submit(path, wish, page=PAGE).status_code == 404
    assert thrown(world) == []


def test_a_client_that_registered_itself_is_switched_off_by_its_id(world: World, deciding: SignedIn) -> None:
    metadata = ClientMetadata.model_validate({"name": "A <program>", "redirect_uris": ["https://p.example/cb"]})
    parts = world.parts
    with parts.database.begin() as connection:
        parts.clients.add(connection, "self", metadata, parts.audit, world.clock(), secret="s" * 40)
    assert "A &lt;program&gt;" in considered(deciding, Kind.CLIENT, "self").text
    throw(deciding, Kind.CLIENT, "self")
    assert parts.clients.get("self") is None
    assert "A &lt;program&gt;" in deciding.visitor.get(PAGE).text


def test_all_providers_can_be_off_and_the_page_says_so(world: World, deciding: SignedIn) -> None:
    own = {OPERATOR_PROVIDER}
    for provider_id in set(world.parts.settings.providers) - own:
        throw(deciding, Kind.PROVIDER, provider_id)
    page = deciding.visitor.get(PAGE).text
    assert set(re.findall(r"kind=provider&amp;target=(\w+)", page)) == own


def test_strangers_and_others_see_no_switch(world: World) -> None:
    stranger, somebody = world.visitor(), world.visitor()
    assert isinstance(somebody.sign_in("2fa-true", "github"), Arrival)
    for path in (PAGE, f"{THROW}?kind=read_only"):
        assert stranger.get(path).status_code == 303
        assert somebody.get(path).status_code == 404
    assert somebody.submit(THROW, form(Kind.READ_ONLY), page="/account").status_code == 404
    assert thrown(world) == []


def test_on_the_schema_before_there_is_nothing_to_throw_and_that_is_said(tmp_path: Path, standins: Standins) -> None:
    with running(tmp_path, standins=standins) as world:
        deciding = operator(world)
        with world.parts.database.begin() as connection:
            switches.drop(connection)
        world.parts.database.engine.dispose()  # with what it was known to have
        page = deciding.visitor.page(deciding.visitor.get(PAGE))
        assert page.status == 200
        assert "There are no switches yet" in page.text
        token = page.form_token()
        for path in (THROW, RESTORE):
            refused = deciding.visitor.post(path, {**form(Kind.READ_ONLY), "csrf_token": token})
            assert refused.status_code == 503
            assert "Nothing was changed" in refused.text
            assert int(refused.headers["Retry-After"]) > 0
        assert COMMAND_LINE not in page.text
