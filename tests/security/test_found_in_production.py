"""What was found by attacking what production takes: direct answers, limits, kill switches, cheap sign-ins."""

import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc.jwk import ECKey
from sqlalchemy import func, select

from broker.accounts.model import accounts as account_table
from broker.accounts.organizations.capabilities import Role
from broker.accounts.organizations.model import changes
from broker.storage.database import Database
from broker.storage.memory import MemoryStore
from broker.switches.service import Kind
from migrations.accounts.periods import OBJECTION
from providers.microsoft.entra import Entra
from providers.microsoft.roles import SPEAKING_ROLES
from providers.provider import Fault, ProviderError, Subject
from providers.standins import NORTHWIND, Standins
from providers.tenants import Tenant
from tests.accounts.organizations.rooms import NOW, TID
from tests.limits.counting import counting
from tests.management.estate import Estate, clients, estate
from tests.migrations.conversion.rooms import ConversionRoom, address
from tests.oidc.jose.samples import jwt as signed
from tests.oidc.jose.samples import public
from tests.security.test_t12_abuse import UNRULED
from tests.world import CALLBACK, TIMEOUT, Arrival, Page, Visitor, World, running

FEW = 4
BEGUN = 100
KEY = ECKey.generate_key("P-256")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[Estate]:
    """A broker behind a proxy, with the limits of production, but for a few that are lower still."""
    folder = tmp_path_factory.mktemp("produced")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        raw["trusted_proxies"] = 1
        raw["clients"].update(clients())
        raw["clients"]["public"] = {
            "name": "Anybody's",
            "auth_method": "none",
            "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "redirect_uris": [CALLBACK],
        }
        raw["limits"] = {
            "sign_in_address": f"{FEW} / 5 min",
            "api_address": f"{3 * FEW} / 5 min",
            "begun_address": f"{BEGUN} / 10 min",
        }

    with running(folder, standins=standins, change=change) as world:
        yield estate(world)


@pytest.fixture
def world(guarded: Estate) -> Iterator[World]:
    """The broker, with nothing thrown before and after."""
    yield guarded.world
    parts = guarded.world.parts
    with parts.database.read() as connection:
        thrown = parts.switches.all(connection)
    for each in thrown:
        parts.switches.restore(each.kind, each.target, guarded.world.clock())


def from_address(world: World, address: str) -> Visitor:
    visitor = world.visitor()
    visitor.http.headers["X-Forwarded-For"] = address
    return visitor


def entries(world: World) -> int:
    """Return how much the in-process store holds."""
    store: Any = world.parts.store
    return len(store._values) + int(store._members)


def junk(world: World, address: str, **headers: str) -> requests.Response:
    """Redeem a made-up code for a client that anybody can be."""
    form = {"grant_type": "authorization_code", "client_id": "public", "redirect_uri": CALLBACK}
    form |= {"code": secrets.token_urlsafe(32), "code_verifier": secrets.token_urlsafe(32)}
    return requests.post(
        f"{world.base}/token", data=form, headers={"X-Forwarded-For": address, **headers}, timeout=TIMEOUT
    )


def test_t12_made_up_codes_beyond_the_limit_leave_nothing_in_the_store(world: World) -> None:
    """Each code that is none is marked as ended (``revoked:``): told to wait, a stranger goes on filling the store."""
    for _ in range(3 * FEW):
        junk(world, "192.0.2.20")
    before = entries(world)
    answers = Counter(junk(world, "192.0.2.20").status_code for _ in range(40))
    assert answers == {429: 40}
    assert entries(world) - before == 0


def test_t12_strangers_with_made_up_codes_keep_nobody_from_signing_out(world: World) -> None:
    """The marks of made-up codes are among what the in-process store has its reserve for, and use it up."""
    visitor = from_address(world, "192.0.2.21")
    visitor.sign_in("2fa-true", "github")
    page = visitor.page(visitor.get("/account"))
    assert page.status == 200
    store: Any = world.parts.store
    most = store._max_entries
    # As with 100,000 entries, and fewer requests.
    store._max_entries = entries(world) + 100
    try:
        for _ in range(200):
            junk(world, "192.0.2.22")
        left = visitor.post("/signout", {"csrf_token": page.form_token()})
    finally:
        store._max_entries = most
    assert left.status_code == 200, left.status_code


def test_t12_proofs_of_keys_beyond_the_limit_leave_nothing_in_the_store(world: World) -> None:
    """Each proof of a client that anybody can be is remembered as used, though all that it came with was refused."""
    nonce = junk(world, "192.0.2.23", DPoP="x.y.z").headers["DPoP-Nonce"]

    def proof() -> str:
        said = {"jti": secrets.token_urlsafe(16), "htm": "POST", "htu": f"{world.base}/token", "nonce": nonce}
        claims = {**said, "iat": int(world.clock().timestamp())}
        return signed(claims, key=KEY, typ="dpop+jwt", jwk=public(KEY, kid=...), kid=...)

    answers = [junk(world, "192.0.2.23", DPoP=proof()) for _ in range(3 * FEW + 1)]
    assert answers[-1].status_code == 429, answers[-1].text
    store: Any = world.parts.store
    before = sum(key.startswith("dpop:") for key in store._values)
    for _ in range(20):
        junk(world, "192.0.2.23", DPoP=proof())
    assert sum(key.startswith("dpop:") for key in store._values) - before == 0


def test_t12_questions_for_consent_from_one_address_have_an_end_too(world: World) -> None:
    """One person, one session: each ``prompt=consent`` keeps a question for ten minutes, and nothing counts them."""
    visitor = from_address(world, "192.0.2.24")
    assert isinstance(visitor.sign_in("2fa-true", "github"), Arrival)
    before = entries(world)
    for _ in range(BEGUN + 30):
        visitor.authorize(world.registry().request(prompt="consent"))
    assert entries(world) - before <= BEGUN + 10


def test_t12_whoever_comes_through_nat64_is_not_everybody_who_does(world: World) -> None:
    """Behind a stateless translator (RFC 7915) all of IPv4 is one /96: one stranger there locks everybody out."""
    for _ in range(FEW + 1):
        from_address(world, "64:ff9b::192.0.2.1").sign_in("2fa-false", "github")
    assert isinstance(from_address(world, "64:ff9b::198.51.100.7").sign_in("2fa-true", "github"), Arrival)


def test_t12_failures_of_one_subject_do_not_count_for_another_who_differs_in_case() -> None:
    """``sub`` is case-sensitive (OpenID Connect Core 2), and who has no account is counted by a folded index."""
    limits = counting(MemoryStore())
    alice, other = (Subject(issuer="https://idp.example", tenant="", id=each) for each in ("Ab1", "aB1"))
    assert limits.of_subject(alice) != limits.of_subject(other)


@pytest.fixture
def room(tmp_path: Path, migrated_sqlite: Path) -> Iterator[ConversionRoom]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield ConversionRoom(database)
    database.dispose()


def accounts(world: World) -> int:
    with world.parts.database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(account_table)).scalar_one())


@pytest.mark.parametrize("kind, persona", [(Kind.SIGN_UP, "oidc-mfa"), (Kind.READ_ONLY, "oidc-phrh")])
def test_t5_nobody_joins_once_the_switch_is_thrown_while_their_provider_is_asked(
    world: World, kind: Kind, persona: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read when the request began is believed when the account is made, however long the provider took."""
    provider = world.parts.gate.providers["generic"]
    asked = type(provider).complete

    def slowly(*arguments: Any) -> Any:
        found = asked(*arguments)
        # An operator throws it in the meantime, at once and everywhere.
        assert world.parts.switches.throw(kind, "", world.clock())
        return found

    monkeypatch.setattr(type(provider), "complete", slowly)
    before = accounts(world)
    ended = from_address(world, "192.0.2.30").sign_in(persona, "generic")
    assert accounts(world) == before
    assert isinstance(ended, Page)


def test_t5_a_kill_switch_leaves_nobody_out_of_what_several_share(room: ConversionRoom) -> None:
    """Three accepted; the way of one is shut for an hour, that in which it is due: she never has her part in it."""
    room.shared()
    room.configured.tenants[TID] = Tenant(guests=False, contexts=())
    ada, bob, eve = room.sign_in("ada"), room.sign_in("bob"), room.sign_in("eve").by_tenant(TID)
    case = room.start(ada, address("ada"), address("bob"), address("eve"))
    for each, name in ((ada, "ada"), (bob, "bob"), (eve, "eve")):
        room.accept(each, address(name))
    switches = room.effects.standing.switches
    switches.throw(Kind.TENANT, TID, NOW)
    room.due.run(NOW + OBJECTION)
    switches.restore(Kind.TENANT, TID, NOW + OBJECTION)
    room.due.run(NOW + OBJECTION + timedelta(days=1))
    done = room.case(case)
    assert done.organization_id is not None
    assert [room.role(done.organization_id, each.account_id) for each in (ada, bob, eve)] == ["admin"] * 3


def test_every_later_of_the_management_api_says_when(guarded: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Microsoft does not answer: 503, and no Retry-After."""
    mappings, world = guarded.world.parts.people.mappings, guarded.world
    with world.parts.database.begin() as connection:
        admin = guarded.organization.fresh_admin()
        mapping_id = mappings.request(connection, admin, "entra", NORTHWIND, "Northwind").id
        mappings.prove(connection, admin, mapping_id, tid=NORTHWIND, roles=SPEAKING_ROLES, guest=False)
    guarded.did("operator", "POST", f"/api/operator/mappings/{mapping_id}/approve", None, 200)

    def away(*_: object) -> None:
        raise ProviderError(Fault.UNAVAILABLE, "away")

    monkeypatch.setattr(Entra, "tenant_of_domain", away)
    refused = guarded.call("admin", "PUT", f"tenants/{mapping_id}/domains", {"domains": ["northwind.example"]})
    assert refused.status_code == 503
    assert int(refused.headers.get("Retry-After", "0")) > 0


def waits(world: World, change_id: str) -> bool:
    with world.parts.database.read() as connection:
        found = select(changes.c.state).where(changes.c.id == change_id)
        return bool(connection.execute(found).scalar_one() == "pending")


def asked_for(guarded: Estate) -> str:
    """Have the admin of the other organisation ask for a weaker rule, which takes a day, and return the change's id."""
    place = f"/api/organizations/{guarded.other.id}/rule"
    guarded.did("stranger", "PUT", place, {**UNRULED, "session_length": 3600})
    return str(guarded.did("stranger", "PUT", place, UNRULED, 202)["id"])


def test_t1_what_could_not_be_stopped_for_a_day_as_nothing_could_be_changed_waits_on(
    guarded: Estate, world: World
) -> None:
    """Asked for before the broker becomes read-only for a day, it takes effect at once afterwards: nobody could object.

    An organisation that is switched on again has the day begin anew for the same reason (``Organizations.enable``).
    """
    change_id, now = asked_for(guarded), world.clock()
    chore = world.parts.worker._chores["changes"]
    world.parts.switches.throw(Kind.READ_ONLY, "", now)
    stop = guarded.call("stranger", "DELETE", f"/api/organizations/{guarded.other.id}/changes/{change_id}")
    assert stop.status_code == 503
    over = now + timedelta(hours=25)
    chore(over)
    world.parts.switches.restore(Kind.READ_ONLY, "", over)
    chore(over + timedelta(seconds=30))
    assert waits(world, change_id)


def test_t5_what_the_others_could_not_stop_as_their_way_was_shut_waits_on(guarded: Estate, world: World) -> None:
    """A kill switch shuts out every admin but the one who asked: theirs takes effect with nobody there to object."""
    guarded.other.add(guarded.people["suspended"], Role.ADMIN)
    change_id, now = asked_for(guarded), world.clock()
    world.parts.switches.throw(Kind.PROVIDER, "github", now)
    stop = guarded.call("suspended", "DELETE", f"/api/organizations/{guarded.other.id}/changes/{change_id}")
    assert stop.status_code == 401
    over = now + timedelta(hours=25)
    world.parts.worker._chores["changes"](over)
    assert waits(world, change_id)


def test_t12_a_page_of_pictures_locks_out_none_of_its_readers(world: World) -> None:
    """Any page on the web can have its readers' browsers begin sign-ins, until nobody at their address can."""
    picture = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    for _ in range(BEGUN + 1):
        # No cookie is sent or kept: it is a picture on somebody else's page.
        requests.get(
            f"{world.base}/signin",
            headers={**picture, "X-Forwarded-For": "192.0.2.40"},
            allow_redirects=False,
            timeout=TIMEOUT,
        )
    assert isinstance(from_address(world, "192.0.2.40").sign_in("2fa-true", "github"), Arrival)


def test_t12_nobody_is_told_that_others_had_mails_sent_to_an_address_and_when(guarded: Estate) -> None:
    """The admin of one organisation learns, to the second, that another one has invited somebody."""
    email = f"{secrets.token_hex(6)}@example.org"

    def invited(who: str, organization_id: str) -> requests.Response:
        return guarded.call(who, "POST", f"/api/organizations/{organization_id}/invitations", {"email": email})

    for _ in range(3):
        assert invited("admin", guarded.organization.id).status_code == 201
    answer = invited("stranger", guarded.other.id)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (201, None)
