"""The device grant from the command line to its tokens, over HTTP."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import Row, event, select, update

from broker.accounts.model import people
from broker.audit.model import audit_entries
from broker.oidc.model import consents
from broker.storage.store import MemoryStore
from tests.oidc.device.command_line import (
    add_client,
    answered,
    ask,
    change_client,
    confirmation,
    heading,
    signing_in,
    started,
    typed,
)
from tests.world import TIMEOUT, Page, Visitor, World


def signed_in(world: World, persona: str = "oidc-mfa", provider: str = "generic") -> Visitor:
    visitor = world.visitor()
    visitor.open_account(persona, provider)
    return visitor


def claims_of(world: World, id_token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(requests.get(f"{world.base}/jwks", timeout=TIMEOUT).json())
    return dict(jwt.decode(id_token, keys, algorithms=["ES256"]).claims)


def test_codes_are_answered_as_rfc_8628_says(world: World) -> None:
    response = ask(world)
    body = response.json()
    assert set(body) == {
        "device_code",
        "user_code",
        "verification_uri",
        "verification_uri_complete",
        "expires_in",
        "interval",
    }
    assert body["verification_uri"] == f"{world.base}/device"
    assert body["verification_uri_complete"] == f"{world.base}/device?user_code={body['user_code']}"
    assert (body["expires_in"], body["interval"]) == (600, 5)
    assert response.headers["Cache-Control"] == "no-store"
    with_proof = requests.post(
        f"{world.base}/device_authorization",
        data={"client_id": "cli", "scope": "openid"},
        headers={"DPoP": "not needed yet"},
        timeout=TIMEOUT,
    )
    assert with_proof.status_code == 200
    assert with_proof.headers["DPoP-Nonce"], "it will be, and then with this nonce"


@pytest.mark.parametrize(
    "form, error",
    [
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"client_id": "registry"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": ""}, "invalid_client"),
        ({"client_id": "web"}, "unauthorized_client"),
    ],
)
def test_what_a_device_may_not_ask_is_refused(world: World, form: dict[str, str], error: str) -> None:
    if form.get("client_id") == "web":
        add_client(
            world,
            "web",
            grant_types=["authorization_code"],
            scopes=["openid"],
            redirect_uris=["https://web.example/cb"],
        )
    response = ask(world, **form)
    assert response.json()["error"] == error
    assert response.status_code == (401 if error == "invalid_client" else 400)


def test_somebody_who_is_not_signed_in_signs_in_and_lets_the_device_in(world: World) -> None:
    command_line = started(world, scope="openid profile unheard-of introspection", acr_values="phr mfa")
    assert command_line.told() == "authorization_pending"
    visitor = world.visitor()
    page = signing_in(visitor, command_line, "oidc-mfa", "generic")
    assert heading(page) == "Let Example CLI in?"
    assert command_line.user_code in page.text
    assert "Know your name" in page.text
    assert "Know your email address" not in page.text
    done = visitor.page(answered(visitor, page, "allow"))
    assert heading(done) == "Your device is being signed in"
    response = command_line.poll()
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["token_type"], body["scope"]) == ("Bearer", "openid profile")
    assert "refresh_token" not in body
    claims = claims_of(world, body["id_token"])
    assert (claims["iss"], claims["aud"]) == (world.base, "cli")
    assert claims["acr"] in ("mfa", "https://refeds.org/profile/mfa")
    assert "nonce" not in claims
    person = world.registry().userinfo(body["access_token"]).json()
    assert person["sub"] == claims["sub"]
    assert person["name"]
    assert command_line.told() == "invalid_grant"


def test_somebody_who_is_signed_in_is_asked_at_once_and_told_as_whom(world: World) -> None:
    visitor = signed_in(world)
    command_line = started(world, scope="openid email offline_access", resource="https://packages.example")
    response = typed(visitor, command_line.user_code.lower().replace("-", " "))
    assert response.headers["Location"].startswith("/device/confirm/")
    page = visitor.walk(response)
    assert isinstance(page, Page)
    assert world.standins.persona("oidc-mfa").name in page.text
    for words in ("Know your email address", "Stay signed in", "https://packages.example"):
        assert words in page.text
    answered(visitor, page, "allow")
    body = command_line.poll(resource="https://packages.example").json()
    assert "refresh_token" in body


def test_another_account_is_chosen_in_a_new_sign_in(world: World) -> None:
    visitor = signed_in(world)
    command_line = started(world)
    page = confirmation(visitor, command_line)
    first = world.standins.persona("oidc-mfa").name
    link = next(each for each in page.links if each.endswith("/another"))
    chooser = visitor.walk(visitor.get(link))
    assert isinstance(chooser, Page)
    assert heading(chooser) == "Sign in to Example CLI"
    begun = visitor.get(next(each for each in chooser.links if each.endswith("/entra")))
    assert "prompt=select_account" in begun.headers["Location"]
    asked_again = visitor.walk(begun, "entra-mfa")
    assert isinstance(asked_again, Page)
    assert world.standins.persona("entra-mfa").name in asked_again.text
    assert first not in asked_again.text
    stale = visitor.page(answered(visitor, page, "allow"))
    assert stale.status == 400, "what was shown to the first account is not answered by the second"
    answered(visitor, asked_again, "allow")
    person = world.registry().userinfo(command_line.poll().json()["access_token"]).json()
    assert person["name"] == world.standins.persona("entra-mfa").name


def test_a_person_without_a_name_is_shown_by_their_account_id(world: World) -> None:
    visitor = signed_in(world, "2fa-true", "github")
    account_id = visitor.get("/account/data.json").json()["account"]["id"]
    with world.parts.database.begin() as connection:
        connection.execute(update(people).where(people.c.account_id == account_id).values(name_sealed=None))
    page = confirmation(visitor, started(world))
    assert f'<span class="code">{account_id}</span>' in page.text


def test_a_device_that_is_turned_away_is_told_so(world: World) -> None:
    visitor = signed_in(world)
    command_line = started(world)
    page = confirmation(visitor, command_line)
    done = visitor.page(answered(visitor, page, "deny"))
    assert heading(done) == "The device was turned away"
    assert command_line.told() == "access_denied"
    again = visitor.page(answered(visitor, page, "allow"))
    assert (again.status, heading(again)) == (400, "There is nothing to decide here")


def test_whoever_was_asked_can_turn_the_device_away_when_their_session_is_over(world: World) -> None:
    visitor = signed_in(world)
    command_line = started(world)
    page = confirmation(visitor, command_line)
    del visitor.http.cookies["vestibule"]
    assert answered(visitor, page, "deny").status_code == 200
    assert command_line.told() == "access_denied"


def test_an_expired_code_is_told_to_the_device_and_not_known_to_the_page(world: World) -> None:
    visitor = signed_in(world)
    command_line = started(world)
    page = confirmation(visitor, command_line)
    world.clock.move(timedelta(seconds=600))
    assert command_line.told() == "expired_token"
    assert answered(visitor, page, "allow").status_code == 400
    refused = visitor.page(typed(visitor, command_line.user_code))
    assert refused.status == 400
    assert "This code is not known, or has expired." in refused.text


def test_opening_the_link_fills_the_code_in_and_does_nothing_else(world: World) -> None:
    visitor = signed_in(world)
    command_line = started(world)
    page = visitor.page(visitor.get(command_line.codes["verification_uri_complete"]))
    assert page.status == 200
    assert f'value="{command_line.user_code}"' in page.text
    assert "Example CLI" not in page.text
    assert command_line.told() == "authorization_pending"


def test_what_is_no_code_is_neither_repeated_nor_looked_up(world: World) -> None:
    visitor = world.visitor()
    page = visitor.page(visitor.get("/device?user_code=%22%3E%3Cscript%3E"))
    assert 'value=""' in page.text
    for _ in range(12):
        refused = visitor.page(typed(visitor, "what code?"))
        assert refused.status == 400, "and never counted"
        assert "A code has eight letters" in refused.text
        assert "what code?" not in refused.text


def test_what_the_id_token_always_tells_is_said_as_well(world: World) -> None:
    change_client(world, id_token_claims=["email"])
    page = confirmation(signed_in(world), started(world, scope="openid"))
    assert "Know your email address" in page.text


def test_allowing_is_consent_which_is_kept_and_can_be_taken_back(world: World) -> None:
    visitor = signed_in(world)
    command_line = started(world)
    answered(visitor, confirmation(visitor, command_line), "allow")
    assert "Example CLI" in visitor.get("/account").text
    with world.parts.database.begin() as connection:
        connection.execute(consents.delete())
    assert command_line.told() == "invalid_grant"


def test_a_first_party_device_leaves_no_consent(world: World) -> None:
    change_client(world, first_party=True)
    visitor = signed_in(world, "msa-mfa", "msa")
    command_line = started(world)
    answered(visitor, confirmation(visitor, command_line), "allow")
    assert "Example CLI" not in visitor.get("/account").text
    assert command_line.poll().status_code == 200


def test_only_the_providers_of_the_client_are_offered(world: World) -> None:
    change_client(world, providers=["entra"], max_age=300, bindings=["session"])
    visitor = signed_in(world)
    chooser = visitor.walk(typed(visitor, started(world).user_code))
    assert isinstance(chooser, Page)
    assert [each.rpartition("/")[2] for each in chooser.links if "/signin/" in each] == ["entra"]


def test_decisions_leave_their_trace(world: World) -> None:
    visitor = signed_in(world)
    for answer in ("allow", "deny"):
        answered(visitor, confirmation(visitor, started(world)), answer)
    rows = decisions(world)
    assert [row.action for row in rows[:2]] == ["device.denied", "device.approved"]
    assert {(row.client_id, row.provider_id) for row in rows[:2]} == {("cli", "generic")}
    assert all(row.account_id for row in rows[:2])


@pytest.mark.parametrize("answer", ["allow", "deny"])
def test_of_two_answers_in_the_same_moment_one_counts_and_leaves_a_trace(world: World, answer: str) -> None:
    visitor = signed_in(world)
    command_line = started(world)
    page = confirmation(visitor, command_line)
    store, engine = world.parts.store, world.parts.database.engine
    assert isinstance(store, MemoryStore)

    def other_answer(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO audit_entries"):
            store.delete(*[key for key in store._values if key.startswith("device-confirmation:")])

    before = len(decisions(world))
    event.listen(engine, "before_cursor_execute", other_answer)
    try:
        late = visitor.page(answered(visitor, page, answer))
    finally:
        event.remove(engine, "before_cursor_execute", other_answer)
    assert (late.status, heading(late)) == (400, "There is nothing to decide here")
    assert len(decisions(world)) == before
    assert command_line.told() == "authorization_pending"


def test_there_is_no_way_back_from_the_chooser_but_to_close_it(world: World) -> None:
    visitor = world.visitor()
    chooser = visitor.walk(typed(visitor, started(world).user_code))
    assert isinstance(chooser, Page)
    assert not [link for link in chooser.links if "/leave/" in link]
    assert visitor.get(chooser.url.replace("/signin/", "/leave/")).status_code == 400


def decisions(world: World) -> list[Row[Any]]:
    """Return what the audit knows of devices, the newest first."""
    with world.parts.database.read() as connection:
        found = connection.execute(
            select(audit_entries).where(audit_entries.c.action.like("device.%")).order_by(audit_entries.c.id.desc())
        )
        return list(found.all())
