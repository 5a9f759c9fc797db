"""The account page, driven over HTTP: name, email, offers, linking, sessions, data, erasure."""

import email
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from broker.accounts.model import accounts, email_changes, identities, people
from broker.audit.model import audit_entries
from providers.standins import browser as upstream
from tests.world import Arrival, Page, Visitor, World

GITHUB, ENTRA = ("2fa-true", "github"), ("entra-mfa", "entra")


def mails(world: World, folder: Path) -> list[email.message.Message]:
    """Deliver what is waiting, and return every mail there is, in no order."""
    world.parts.worker.run_once()
    return [email.message_from_bytes(path.read_bytes()) for path in (folder / "mail").glob("*.eml")]


def link_in(message: email.message.Message) -> str:
    body = message.get_payload(decode=True)
    assert isinstance(body, bytes)
    found = re.search(r"http://\S+", body.decode())
    assert found
    return found[0]


def account_count(world: World) -> int:
    with world.parts.database.read() as connection:
        return connection.execute(select(func.count()).select_from(accounts)).scalar_one()


def identity_count(world: World) -> int:
    with world.parts.database.read() as connection:
        return connection.execute(select(func.count()).select_from(identities)).scalar_one()


def actions(world: World) -> list[str]:
    with world.parts.database.read() as connection:
        return list(connection.execute(select(audit_entries.c.action).order_by(audit_entries.c.id)).scalars())


def link(visitor: Visitor, provider: str, persona: str) -> Page:
    """Press the link button, and sign in at the provider."""
    leaving = visitor.submit(f"/account/link/{provider}")
    assert leaving.status_code == 200, leaving.text
    url = next(each for each in visitor.page(leaving).links if each.startswith("http://127.0.0.1"))
    ended = visitor.walk(visitor.come_back(upstream.sign_in(url, persona)), persona)
    assert isinstance(ended, Page)
    return ended


def test_the_account_page_needs_a_sign_in(world: World) -> None:
    response = world.visitor().get("/account")
    assert response.status_code == 303
    assert response.headers["Location"] == "/signin"


def test_name_and_email_are_taken_at_the_first_sign_in(world: World) -> None:
    page = world.visitor().open_account(*GITHUB)
    assert page.url.endswith("/account")
    assert "canary-2fa-true@personas.example" in page.text
    assert "Canary 2fa-true" in page.text


def test_the_owner_changes_the_name_and_a_later_sign_in_does_not_overwrite_it(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    assert visitor.submit("/account/name", {"name": "Ada Lovelace"}).status_code == 303
    later = world.visitor().open_account(*GITHUB)
    assert 'value="Ada Lovelace"' in later.text
    assert "Canary 2fa-true" in later.text, "what the provider says is offered"


@pytest.mark.parametrize("name", ["", " ", "a\x00b", "x" * 201, "two\nlines"])
def test_an_impossible_name_changes_nothing(world: World, name: str) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    assert visitor.submit("/account/name", {"name": name}).status_code == 400
    assert "Canary 2fa-true" in visitor.get("/account").text


def test_an_offer_is_taken_or_dismissed_once(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    visitor.submit("/account/name", {"name": "Ada"})
    for action, name in (("dismiss", "Ada"), ("take", "Canary 2fa-true")):
        again = world.visitor()
        assert "something else on file" in again.open_account(*GITHUB).text
        assert again.submit("/account/offer", {"action": action}).status_code == 303
        page = again.get("/account").text
        assert "something else on file" not in page
        assert f'value="{name}"' in page
        assert again.submit("/account/offer", {"action": "take"}).status_code == 303, "nothing left to take"


def test_a_verified_address_is_taken_at_once_and_the_old_one_is_told(world: World, tmp_path: Path) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    visitor.submit("/account/email", {"email": "ada@elsewhere.example"})
    (confirm,) = mails(world, tmp_path)
    visitor.submit("/account/email/confirm", {"token": link_in(confirm).partition("token=")[2]})
    again = world.visitor()
    again.open_account(*GITHUB)
    again.submit("/account/offer", {"action": "take"})
    assert "canary-2fa-true@personas.example" in again.get("/account").text
    told = [each["To"] for each in mails(world, tmp_path) if "changed" in str(each["Subject"])]
    assert sorted(told) == ["ada@elsewhere.example", "canary-2fa-true@personas.example"]


def test_an_unverified_address_that_is_offered_needs_a_link_too(world: World, tmp_path: Path) -> None:
    visitor = world.visitor()
    visitor.open_account("entra-edov-false", "entra")
    visitor.submit("/account/email", {"email": "ada@elsewhere.example"})
    (confirm,) = mails(world, tmp_path)
    visitor.submit("/account/email/confirm", {"token": link_in(confirm).partition("token=")[2]})
    again = world.visitor()
    again.open_account("entra-edov-false", "entra")
    assert again.submit("/account/offer", {"action": "take"}).status_code == 303
    assert 'value="ada@elsewhere.example"' in again.get("/account").text
    asked = [each["To"] for each in mails(world, tmp_path) if "Confirm" in str(each["Subject"])]
    assert sorted(asked) == ["ada@elsewhere.example", "canary-entra-mfa@personas.example"]


def test_a_new_address_counts_only_once_its_link_is_followed(world: World, tmp_path: Path) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    assert visitor.submit("/account/email", {"email": "ada@elsewhere.example"}).status_code == 303
    page = visitor.get("/account")
    assert "canary-2fa-true@personas.example" in page.text
    assert "on its way" in page.text
    (message,) = mails(world, tmp_path)
    assert message["To"] == "ada@elsewhere.example"
    link_url = link_in(message)
    assert visitor.get(link_url).status_code == 200
    assert "ada@elsewhere.example" not in visitor.get("/account").text, "opening the link is not enough"
    token = link_url.partition("token=")[2]
    assert visitor.submit("/account/email/confirm", {"token": token}, page=link_url).status_code == 200
    assert "ada@elsewhere.example" in visitor.get("/account").text
    used = visitor.submit("/account/email/confirm", {"token": token}, page=link_url)
    assert used.status_code == 400


def test_a_newer_request_replaces_an_older_link_and_links_expire(world: World, tmp_path: Path) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    visitor.submit("/account/email", {"email": "first@elsewhere.example"})
    (first,) = mails(world, tmp_path)
    visitor.submit("/account/email", {"email": "second@elsewhere.example"})
    second = next(each for each in mails(world, tmp_path) if each["To"].startswith("second"))
    for message, moved in ((first, timedelta(0)), (second, timedelta(hours=2, seconds=1))):
        world.clock.move(moved)
        url = link_in(message)
        gone = visitor.submit("/account/email/confirm", {"token": url.partition("token=")[2]}, page=url)
        assert gone.status_code == 400
    world.parts.worker.run_once()
    with world.parts.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(email_changes)).scalar_one() == 0


@pytest.mark.parametrize("address", ["", "ada", "a@b@c.example", "a b@c.example", "a@c.example\r\nBcc: x@y.example"])
def test_an_impossible_address_sends_nothing(world: World, tmp_path: Path, address: str) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    assert visitor.submit("/account/email", {"email": address}).status_code == 400
    assert mails(world, tmp_path) == []


def test_a_second_identity_is_linked_and_leads_to_the_same_account(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    assert link(visitor, "entra", "entra-mfa").url.endswith("notice=linked")
    assert "Linked" in visitor.get("/account?notice=linked").text
    by_github, by_entra = world.visitor(), world.visitor()
    first = world.registry().redeem(by_github.sign_in(*GITHUB), by_github.last_request)
    second = world.registry().redeem(by_entra.sign_in(*ENTRA), by_entra.last_request)
    assert first.claims["sub"] == second.claims["sub"]
    assert account_count(world) == 1
    assert "identity.linked" in actions(world)


def test_linking_needs_mfa_on_the_new_identity_too(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*ENTRA)
    refused = link(visitor, "github", "2fa-false")
    assert refused.status == 403
    assert refused.meta("reason") == "too_weak"
    assert identity_count(world) == 1


def test_giving_up_a_link_leads_back_to_the_account(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    refused = link(visitor, "entra", "entra-pwd")
    leave = next(each for each in refused.links if "/leave/" in each)
    back = visitor.get(leave)
    assert back.headers["Location"] == "/account"
    assert visitor.get(leave).status_code == 400


def test_linking_at_an_unknown_provider_is_refused(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    assert visitor.submit("/account/link/nobody").status_code == 400


def test_a_link_to_a_provider_that_is_down_leads_to_its_page(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    world.standins.toggles.set("discovery_500")
    leaving = visitor.page(visitor.submit("/account/link/generic"))
    shown = visitor.page(visitor.get(next(each for each in leaving.links if "/signin/" in each)))
    assert shown.status == 403
    assert shown.meta("reason") == "unavailable"


def test_linking_needs_a_fresh_session(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    world.clock.move(timedelta(minutes=16))
    response = visitor.submit("/account/link/entra")
    assert response.status_code == 403
    assert "/signin?fresh=yes" in response.text
    visitor.open_account(*GITHUB, fresh=True)
    assert visitor.submit("/account/link/entra").status_code == 200


def test_a_fresh_sign_in_asks_the_provider_for_one(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("entra-stale", "entra")
    assert visitor.submit("/account/link/github").status_code == 403
    visitor.open_account("entra-stale", "entra", fresh=True)
    assert visitor.submit("/account/link/github").status_code == 200


def test_an_identity_of_another_account_is_never_taken_over(world: World) -> None:
    world.visitor().open_account(*ENTRA)
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    ended = link(visitor, "entra", "entra-mfa")
    assert ended.status == 409
    assert "another account" in ended.text
    assert account_count(world) == 2
    assert identity_count(world) == 2


def test_linking_the_same_identity_again_says_so(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    ended = link(visitor, "github", "2fa-true")
    assert ended.status == 409
    assert "already" in ended.text


def test_the_last_identity_stays_and_another_can_go(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    with world.parts.database.read() as connection:
        only = connection.execute(select(identities.c.id)).scalar_one()
    assert visitor.submit(f"/account/unlink/{only}").status_code == 400
    assert visitor.submit("/account/unlink/nobody").status_code == 404
    link(visitor, "entra", "entra-mfa")
    other = world.visitor()
    other.open_account(*ENTRA)
    assert visitor.submit(f"/account/unlink/{only}").status_code == 303
    assert identity_count(world) == 1
    assert visitor.get("/account").status_code == 303, "the session of the unlinked identity has ended"
    assert other.get("/account").status_code == 200


def test_sessions_are_listed_and_ended_by_their_owner(world: World) -> None:
    here, there = world.visitor(), world.visitor()
    here.open_account(*GITHUB)
    there.open_account(*GITHUB)
    page = here.get("/account").text
    assert page.count("Since ") >= 2
    (other,) = re.findall(r'action="/account/sessions/([^/"]+)/end"', page)
    assert here.submit(f"/account/sessions/{other}/end").status_code == 303
    assert there.get("/account").status_code == 303
    assert here.submit(f"/account/sessions/{other}/end").status_code == 404
    there.open_account(*GITHUB)
    assert here.submit("/account/sessions/end-others").status_code == 303
    assert there.get("/account").status_code == 303
    assert here.get("/account").status_code == 200


def test_ending_a_session_ends_its_access_tokens(world: World) -> None:
    there = world.visitor()
    tokens = world.registry().redeem(there.sign_in(*GITHUB), there.last_request)
    here = world.visitor()
    here.open_account(*GITHUB)
    assert world.registry().userinfo(tokens.response["access_token"]).status_code == 200
    here.submit("/account/sessions/end-others")
    assert world.registry().userinfo(tokens.response["access_token"]).status_code == 401


def test_sign_out_ends_the_session(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    cookie = dict(visitor.http.cookies)
    assert visitor.submit("/signout").status_code == 200
    assert visitor.get("/account").status_code == 303
    visitor.http.cookies.update(cookie)
    assert visitor.get("/account").status_code == 303, "the old cookie is worth nothing"


def test_the_owner_downloads_all_there_is(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    response = visitor.get("/account/data.json")
    assert response.headers["Content-Disposition"].startswith("attachment")
    data = response.json()
    assert data["person"]["email"] == "canary-2fa-true@personas.example"
    assert [each["provider"] for each in data["identities"]] == ["github"]
    assert len(data["sessions"]) == 1


def test_erasing_forgets_the_person_and_a_later_sign_in_is_a_new_account(world: World) -> None:
    visitor = world.visitor()
    tokens = world.registry().redeem(visitor.sign_in(*GITHUB), visitor.last_request)
    assert visitor.get("/account/erase").status_code == 200
    assert visitor.submit("/account/erase").status_code == 400, "not without the tick"
    assert visitor.submit("/account/erase", {"confirm": "erase"}).status_code == 200
    with world.parts.database.read() as connection:
        for table in (people, identities, email_changes):
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
    assert visitor.get("/account").status_code == 303
    assert world.registry().userinfo(tokens.response["access_token"]).status_code == 401
    later = world.visitor()
    again = world.registry().redeem(later.sign_in(*GITHUB), later.last_request)
    assert again.claims["sub"] != tokens.claims["sub"]


def test_the_front_page_knows_whether_somebody_is_signed_in(world: World) -> None:
    visitor = world.visitor()
    assert "Sign in to your account" in visitor.get("/").text
    visitor.sign_in(*GITHUB)
    assert "Open your account" in visitor.get("/").text


def test_a_disabled_account_is_refused_and_told(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account(*GITHUB)
    with world.parts.database.begin() as connection:
        connection.execute(accounts.update().values(status="disabled"))
    assert visitor.get("/account").status_code == 303
    ended = world.visitor().sign_in(*GITHUB)
    assert not isinstance(ended, Arrival)
    assert ended.status == 403
    assert "closed" in ended.text


def test_accounts_are_found_by_subject_only(world: World) -> None:
    renamed = [world.visitor() for _ in range(3)]
    subs = []
    for visitor, persona in zip(renamed, ("gh-before", "gh-renamed", "gh-recycled"), strict=True):
        arrived = visitor.sign_in(persona, "github")
        subs.append(world.registry().redeem(arrived, visitor.last_request).claims["sub"])
    assert subs[0] == subs[1], "a renamed login is the same account"
    assert subs[2] not in subs[:2], "a recycled login is another account"
