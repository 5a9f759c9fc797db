"""The device grant under attack: T1 the proof, T5 what is disabled, T7 single use, T10 the browser, T12 guessing."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from broker.accounts.model import accounts
from broker.limits.table import Name
from broker.oidc.device.user_codes import new_user_code
from providers.standins import Standins
from tests.limits.counting import most
from tests.oidc.device.command_line import (
    CommandLine,
    add_client,
    answered,
    change_client,
    confirmation,
    heading,
    set_status,
    signing_in,
    started,
    typed,
)
from tests.world import Page, Visitor, World, running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("device")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with running(folder, standins=standins) as broker:
        add_client(broker)
        yield broker


@pytest.fixture
def world(shared: World) -> Iterator[World]:
    """One broker for all tests here, which leave its clock and its client as they were."""
    yield shared
    shared.clock.offset = timedelta(0)
    change_client(shared)
    set_status(shared, "active")
    with shared.parts.database.begin() as connection:
        connection.execute(update(accounts).values(status="active"))


def signed_in(world: World, persona: str = "oidc-mfa", provider: str = "generic") -> Visitor:
    visitor = world.visitor()
    visitor.open_account(persona, provider)
    return visitor


def asked(world: World, persona: str = "oidc-mfa", provider: str = "generic") -> tuple[Visitor, CommandLine, Page]:
    """Return somebody in front of the page that asks about their device."""
    visitor, command_line = signed_in(world, persona, provider), started(world)
    return visitor, command_line, confirmation(visitor, command_line)


def pending(command_line: CommandLine) -> bool:
    return command_line.told() in ("authorization_pending", "slow_down")


# T1: the proof is judged at approval, whatever it was good enough for before.


@pytest.mark.parametrize(
    "rule", [{"strength": "phishing_resistant"}, {"bindings": ["attested"]}, {"max_age": 0}, {"providers": ["github"]}]
)
def test_t1_a_proof_that_is_too_weak_by_the_time_of_the_answer_lets_no_device_in(
    world: World, rule: dict[str, Any]
) -> None:
    visitor, command_line, page = asked(world)
    change_client(world, **rule)
    ended = visitor.walk(answered(visitor, page, "allow"))
    assert isinstance(ended, Page)
    assert heading(ended) == "Sign in to Example CLI"
    assert pending(command_line)
    again = visitor.walk(visitor.get(page.url))
    assert isinstance(again, Page)
    assert heading(again) == "Sign in to Example CLI", "nor is anybody asked"
    chooser = visitor.walk(typed(visitor, command_line.user_code))
    assert isinstance(chooser, Page)
    assert heading(chooser) == "Sign in to Example CLI"


def test_t1_a_proof_that_has_aged_out_lets_no_device_in(world: World) -> None:
    visitor = signed_in(world, "2fa-true", "github")
    world.clock.move(timedelta(hours=8, seconds=-60))
    command_line = started(world)
    page = confirmation(visitor, command_line)
    world.clock.move(timedelta(seconds=61))
    answered(visitor, page, "allow")
    assert pending(command_line)


def test_t1_a_sign_in_without_mfa_does_not_reach_the_question(world: World) -> None:
    command_line = started(world)
    visitor = world.visitor()
    refused = signing_in(visitor, command_line, "2fa-false", "github")
    assert refused.status == 403
    assert refused.meta("reason") == "too_weak"
    assert "The device is not signed in" in refused.text
    assert visitor.get("/account").status_code == 303
    assert pending(command_line)


def test_t1_the_proof_is_judged_once_more_when_the_code_is_redeemed(world: World) -> None:
    visitor, command_line, page = asked(world)
    assert answered(visitor, page, "allow").status_code == 200
    change_client(world, strength="phishing_resistant")
    assert command_line.told() == "invalid_grant"


def test_t1_an_empty_post_changes_nothing_and_a_second_answer_neither(world: World) -> None:
    visitor, command_line, page = asked(world)
    token = page.form_token()
    for fields in ({}, {"answer": ""}, {"answer": "Allow"}, {"allow": "allow"}):
        assert visitor.post(page.url, {**fields, "csrf_token": token}).status_code == 400
        assert visitor.post("/device", {**fields, "csrf_token": token}).status_code == 400
    assert visitor.post("/device", {"user_code": "", "csrf_token": token}).status_code == 400
    assert answered(visitor, page, "allow").status_code == 200
    for answer in ("allow", "deny"):
        assert answered(visitor, page, answer).status_code == 400
    assert command_line.poll().status_code == 200


# T5: disabled means disabled, at every step.


@pytest.mark.parametrize("change", [{"status": "disabled"}, {"grant_types": ["refresh_token"]}])
def test_t5_a_device_of_a_client_that_is_disabled_is_not_let_in(world: World, change: dict[str, Any]) -> None:
    visitor, first, page = asked(world)
    second, third = started(world), started(world)
    assert answered(visitor, confirmation(visitor, third), "allow").status_code == 200
    away = visitor.world.visitor()
    chooser = away.walk(typed(away, second.user_code))
    assert isinstance(chooser, Page)
    if "status" in change:
        set_status(world, "disabled")
    else:
        change_client(world, **change)
    for answer in ("allow", "deny"):
        assert answered(visitor, page, answer).status_code == 400
    refused = visitor.page(typed(visitor, second.user_code))
    assert (refused.status, "This code is not known" in refused.text) == (400, True)
    if "status" in change:
        link = next(each for each in chooser.links if each.endswith("/generic"))
        ended = away.walk(away.get(link), "oidc-mfa")
        assert isinstance(ended, Page)
        assert ended.status == 400
        assert "switched off" in ended.text
    assert third.poll().status_code in (400, 401)
    set_status(world, "active")
    change_client(world)
    assert pending(first)


def test_t5_a_provider_that_may_no_more_serve_the_client_lets_no_device_in(world: World) -> None:
    visitor, approved, page = asked(world)
    assert answered(visitor, page, "allow").status_code == 200
    away, waiting = world.visitor(), started(world)
    chooser = away.walk(typed(away, waiting.user_code))
    assert isinstance(chooser, Page)
    change_client(world, providers=["github"])
    assert approved.told() == "invalid_grant"
    ended = away.walk(away.get(next(each for each in chooser.links if each.endswith("/generic"))), "oidc-mfa")
    assert isinstance(ended, Page)
    assert (ended.status, "not available here" in ended.text) == (400, True)
    assert pending(waiting)


@pytest.mark.parametrize("status", ["disabled", "erased"])
def test_t5_a_closed_account_lets_no_device_in(world: World, status: str) -> None:
    visitor, first, page = asked(world)
    second = started(world)
    assert answered(visitor, confirmation(visitor, second), "allow").status_code == 200
    with world.parts.database.begin() as connection:
        connection.execute(update(accounts).values(status=status))
    answered(visitor, page, "allow")
    assert pending(first)
    assert second.told() == "invalid_grant"


def test_t5_a_session_that_ends_takes_the_approval_with_it(world: World) -> None:
    visitor, command_line, page = asked(world)
    assert answered(visitor, page, "allow").status_code == 200
    visitor.submit("/signout")
    assert command_line.told() == "invalid_grant"


def test_t5_after_the_session_ended_the_page_that_was_open_lets_nobody_in(world: World) -> None:
    visitor, command_line, page = asked(world)
    for session in world.parts.sessions.of_account(
        visitor.get("/account/data.json").json()["account"]["id"], world.clock()
    ):
        world.parts.sessions.end(session, 600)
    ended = visitor.walk(answered(visitor, page, "allow"))
    assert isinstance(ended, Page)
    assert heading(ended) == "Sign in to Example CLI"
    assert pending(command_line)


# T7: a device code is one client's, and good for one redemption (see also tests/oidc/device/test_devices.py).


def test_t7_a_device_code_of_another_client_is_refused_and_not_used_up(world: World) -> None:
    visitor, command_line, page = asked(world)
    add_client(world, "another")
    assert answered(visitor, page, "allow").status_code == 200
    stolen = command_line.poll(client_id="another")
    assert stolen.json()["error"] == "invalid_grant"
    assert command_line.poll(device_code="").json()["error"] == "invalid_request"
    assert command_line.poll().status_code == 200
    assert command_line.told() == "invalid_grant"


# T10: the question belongs to one browser, one session, and a form of ours.


def test_t10_the_question_is_put_to_one_browser(world: World) -> None:
    visitor, command_line, page = asked(world)
    other = signed_in(world, "entra-mfa", "entra")
    token = other.page(other.get("/device")).form_token()
    for path in (page.url, f"{page.url}/another"):
        assert other.get(path).status_code == 400
    for answer in ("allow", "deny"):
        assert other.post(page.url, {"answer": answer, "csrf_token": token}).status_code == 400
    assert pending(command_line)
    with_the_session_alone = world.visitor()
    with_the_session_alone.http.cookies.update(visitor.http.cookies)
    del with_the_session_alone.http.cookies["vestibule-browser"]
    assert answered(with_the_session_alone, page, "allow").status_code == 400
    assert pending(command_line)


def test_t10_the_question_is_put_to_one_session(world: World) -> None:
    visitor, command_line, page = asked(world)
    visitor.sign_in("entra-mfa", "entra", prompt="select_account")
    token = visitor.page(visitor.get("/device")).form_token()
    ended = visitor.walk(visitor.post(page.url, {"answer": "allow", "csrf_token": token}))
    assert isinstance(ended, Page)
    assert heading(ended) == "Sign in to Example CLI", "nobody answers for somebody else"
    assert pending(command_line)


def test_t10_a_form_that_is_not_ours_decides_nothing(world: World) -> None:
    visitor, command_line, page = asked(world)
    foreign = world.visitor()
    for token in ("", "x" * 40, foreign.page(foreign.get("/device")).form_token()):
        for answer in ("allow", "deny"):
            refused = visitor.post(page.url, {"answer": answer, "csrf_token": token})
            assert refused.status_code == 400
            assert "form" in refused.text
        assert visitor.post("/device", {"user_code": command_line.user_code, "csrf_token": token}).status_code == 400
    for path in (f"/device?user_code={command_line.user_code}", f"{page.url}?answer=allow", f"{page.url}/another"):
        visitor.get(path)
    assert pending(command_line), "nothing is approved by GET"
    response = visitor.get(page.url)
    assert response.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


# T12: guessing.


def test_t12_after_ten_wrong_codes_an_address_waits_and_whoever_signed_in_does_not(world: World) -> None:
    command_line, most_each = started(world), most(Name.DEVICE_CODE_ADDRESS)
    somebody = signed_in(world, "msa-mfa", "msa")
    # Browsers are made at will: each guess comes from another one.
    statuses = [typed(world.visitor(), new_user_code()).status_code for _ in range(most_each + 1)]
    assert statuses == [400] * most_each + [429]
    limited = world.visitor()
    page = limited.page(typed(limited, command_line.user_code))
    assert (page.status, page.headers["Retry-After"].isdigit()) == (429, True)
    assert "Wait 5 minutes, start again" in page.text
    assert "/signin?next=/device" in page.links
    assert typed(somebody, command_line.user_code).status_code == 303, "nobody who signed in has to wait"


def test_t12_a_signed_in_guesser_is_counted_by_account_and_not_by_cookie(world: World) -> None:
    visitor = signed_in(world, "msa-mfa", "msa")
    for _ in range(most(Name.DEVICE_CODE_ACCOUNT)):
        assert typed(visitor, new_user_code()).status_code == 400
        del visitor.http.cookies["vestibule-browser"]
    assert typed(visitor, new_user_code()).status_code == 429


def test_t12_a_wrong_code_says_the_same_as_one_that_was_used(world: World) -> None:
    visitor, command_line, page = asked(world)
    assert answered(visitor, page, "deny").status_code == 200
    used = visitor.page(typed(visitor, command_line.user_code)).text
    unknown = visitor.page(typed(visitor, new_user_code())).text
    code, token = r"[B-Z]{4}-[B-Z]{4}", r'name="csrf_token" value="[^"]+"'
    assert re.sub(token, "", re.sub(code, "", used)) == re.sub(token, "", re.sub(code, "", unknown))


def test_t12_malformed_cookies_are_no_error(world: World) -> None:
    visitor = world.visitor()
    for value in ("x", "f" * 500, "'; DROP TABLE accounts; --" + "x" * 20):
        headers = {"Cookie": f"vestibule={value}; vestibule-browser={value}"}
        assert visitor.get("/device", headers=headers).status_code == 200
        assert visitor.get("/device/confirm/x", headers=headers).status_code == 400
