"""It must show 3: the takeovers that registries saw while they left their old world, each by name, and each shut."""

import re
from base64 import b64encode
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, update

from broker.accounts.carried import carried_by
from broker.keys.pseudonyms import Pseudonyms
from broker.signin.sessions import COOKIE
from migrations.accounts.model import cases, legacy_accounts, legacy_identities
from migrations.accounts.periods import HOLD
from providers.provider import Subject
from providers.standins import Canary
from tests.migrations.claiming.browsers import Claimant, mailed
from tests.migrations.legacy import PASSWORD, Legacy, legacy, package
from tests.organizations import SignedIn, signed_in
from tests.world import World


def victim(world: World, registry_id: str = "42", **traits: Any) -> tuple[Legacy, str]:
    """Return an account of the old world, and its address."""
    made = legacy(world, registry_id, **traits)
    assert made.email is not None
    return made, made.email


def carried(claimant: Claimant) -> list[str]:
    account_id = SignedIn(world=claimant.world, visitor=claimant.visitor).account_id
    with claimant.world.parts.database.read() as connection:
        return carried_by(connection, account_id)


def started(world: World) -> int:
    with world.parts.database.read() as connection:
        return len(connection.execute(cases.select()).all())


def test_t1_enrolment_takeover_a_leaked_password_enrols_no_second_factor_of_the_thiefs(old_world: World) -> None:
    old, _ = victim(old_world)
    thief = Claimant.of(old_world).begin(old.name)
    thief.give_password()
    # Their own provider, with their own second factor: it is theirs, and proves nothing of the account.
    thief.sign_in()
    assert thief.finish().status_code == 409
    assert (carried(thief), started(old_world)) == ([], 0)
    assert "Claim the account" not in thief.page().text


def test_t3_one_password_and_any_mfa_account_is_not_enough_though_its_owner_follows_the_link(old_world: World) -> None:
    old, address = victim(old_world)
    thief, owner = Claimant.of(old_world).begin(old.name), Claimant.of(old_world)
    thief.give_password()
    thief.sign_in()
    link = thief.ask_for_link(address)
    # The owner gets the mail and, as people do, opens the link and presses what there is to press.
    assert owner.visitor.get(link).status_code == 400
    assert owner.send(link).status_code == 400
    assert thief.finish().status_code == 409
    assert (carried(thief), started(old_world)) == ([], 0)


def test_t4_one_co_owner_alone_takes_no_shared_account_with_all_proofs_of_it(old_world: World) -> None:
    old, address = victim(old_world, kind="alias")
    insider = Claimant.of(old_world).begin(old.name)
    insider.give_password()
    insider.prove_mailbox(address)
    insider.sign_in()
    refused = insider.finish()
    assert (refused.status_code, "not_alone" in refused.text) == (409, True)
    assert (carried(insider), started(old_world)) == ([], 0)


def test_t4_recycled_names_a_login_or_an_address_that_somebody_else_has_now_attaches_nothing(old_world: World) -> None:
    # Whoever registers the login anew, or the address at a provider, has another number there.
    canary, gone = Canary(), {"provider": "github", "id": "999999999"}
    login, address = canary.claim("login", "2fa-true"), canary.email("2fa-true")
    legacy(old_world, "1", name=login, email=address, identities=[gone])
    comer = signed_in(old_world, "2fa-true", "github")
    with old_world.parts.database.read() as connection:
        assert carried_by(connection, comer.account_id) == []
    assert started(old_world) == 0


def test_t4_recycled_ids_the_same_number_elsewhere_is_somebody_else(old_world: World) -> None:
    legacy(old_world, "1")
    pseudonyms = Pseudonyms(old_world.parts.settings.secrets.pseudonym_keys())
    with old_world.parts.database.begin() as connection:
        for subject in (
            Subject(issuer="https://api.github.com", tenant="", id="583231001"),
            Subject(issuer="https://other.example", tenant="", id="583231001"),
        ):
            row = {"pseudonym": pseudonyms.current(subject), "registry_id": "1"}
            connection.execute(insert(legacy_identities).values(**row))
    comer = signed_in(old_world, "2fa-true", "github")
    with old_world.parts.database.read() as connection:
        assert carried_by(connection, comer.account_id) == []


def test_t3_domain_expiry_whoever_registers_a_lapsed_domain_anew_gets_no_link_and_proves_nothing(
    old_world: World,
) -> None:
    old, address = victim(old_world)
    early = Claimant.of(old_world).begin(old.name)
    early.give_password()
    early.prove_mailbox(address)
    early.sign_in()
    with old_world.parts.database.begin() as connection:
        connection.execute(update(legacy_accounts).values(lapsed_at=old_world.clock()))
    assert early.finish().status_code == 409, "nor what was proven before it was known"
    late = Claimant.of(old_world).begin(old.name)
    late.give_password()
    links = mailed(old_world, address, "/claim/link/")
    assert late.send(f"{late.path}/mail").status_code == 303
    assert mailed(old_world, address, "/claim/link/") == links
    assert started(old_world) == 0


def test_t1_a_plain_session_takes_nothing_and_what_many_use_waits_for_its_old_address(old_world: World) -> None:
    old, address = victim(old_world, packages=[package("left-pad", downloads=1_000_000)])
    claimant = Claimant.of(old_world).begin(old.name)
    claimant.give_password()
    claimant.prove_mailbox(address)
    claimant.sign_in()
    old_world.clock.move(timedelta(minutes=10, seconds=1))
    assert claimant.finish().status_code == 403, "a session is no fresh proof"
    old_world.clock.move(-timedelta(minutes=10, seconds=1))
    assert claimant.finish().status_code == 303
    assert carried(claimant) == []
    (stop,) = mailed(old_world, address, "/migration/stop/")
    reader = Claimant.of(old_world)
    assert reader.send(stop, page=stop).status_code == 200
    old_world.clock.move(HOLD)
    assert old_world.parts.worker.run_once() == []
    with old_world.parts.database.read() as connection:
        assert connection.execute(legacy_accounts.select()).one().state == "frozen"


def test_t1_a_legacy_password_opens_no_session_and_yields_no_token_wherever_it_is_sent(old_world: World) -> None:
    old, _ = victim(old_world)
    thief = Claimant.of(old_world).begin(old.name)
    thief.give_password()
    names = (old.name, str(old.email), "42", "registry")
    token = thief.visitor.page(thief.visitor.get("/claim")).form_token()
    rules = [rule for rule in old_world.app.url_map.iter_rules() if rule.endpoint != "web.static"]
    # Signing out makes all forms worthless that were shown before, so it comes last.
    asked = 0
    for rule in sorted(rules, key=lambda rule: rule.rule == "/signout"):
        path = re.sub("<[^>]+>", thief.path.removeprefix("/claim/"), rule.rule)
        for method in sorted({"GET", "POST"} & (rule.methods or set())):
            name = names[asked % len(names)]
            asked += 1
            form = {
                "grant_type": "password",
                "username": name,
                "account": name,
                "password": PASSWORD,
                "client_id": "registry",
                "client_secret": PASSWORD,
                "scope": "openid",
                "csrf_token": token,
            }
            answer = thief.visitor.http.request(
                method,
                old_world.base + path,
                data=form if method == "POST" else None,
                headers={"Authorization": "Basic " + b64encode(f"{name}:{PASSWORD}".encode()).decode()},
                allow_redirects=False,
                timeout=20,
            )
            assert answer.status_code < 500, (path, answer.text)
            assert '"access_token"' not in answer.text, path
    assert asked > 100
    assert not [each.name for each in thief.visitor.http.cookies if each.name in (COOKIE, f"__Host-{COOKIE}")]
    assert thief.visitor.get("/account").is_redirect
    assert started(old_world) == 0


def test_t1_the_token_endpoint_takes_no_legacy_password_as_anybodys(old_world: World) -> None:
    victim(old_world)
    for name in ("user42", "user42@old.example", "42", "registry"):
        basic = {"Authorization": "Basic " + b64encode(f"{name}:{PASSWORD}".encode()).decode()}
        for grant in ("password", "client_credentials", "authorization_code", "refresh_token"):
            form = {"grant_type": grant, "username": name, "password": PASSWORD, "scope": "openid"}
            answer = old_world.visitor().post("/token", form, headers=basic)
            assert (answer.status_code, answer.json()["error"]) in (
                (400, "unsupported_grant_type"),
                (401, "invalid_client"),
            )
