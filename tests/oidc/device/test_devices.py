"""Device codes: each state, single use, and the pace of polling (RFC 8628)."""

from collections import Counter
from dataclasses import replace

import pytest
from authlib.oauth2 import OAuth2Error

from broker.oidc.device import service
from broker.oidc.device.service import INTERVAL, KEPT, DeviceRequest
from broker.signin.sessions import clients_index
from tests.oidc.device.conftest import BROWSER, LIFETIME, Bench, client_of
from tests.storage.parallel import in_parallel


def answer(bench: Bench, request: DeviceRequest, client_id: str = "cli") -> str:
    """Poll once and return the error, or the account that was granted."""
    try:
        return bench.devices.redeem(request.device_code, client_of(client_id)).account_id
    except OAuth2Error as error:
        return str(error.error) if error.description else "an error that does not say what is wrong"


def test_a_request_is_found_by_its_user_code_until_it_expires(bench: Bench) -> None:
    request = bench.begin(resources=("https://packages.example",), requested_acr=("phr",))
    now = bench.time.now()
    assert bench.devices.find(request.user_code, now) == request
    assert bench.devices.find("BCDFGHJK", now) is None
    bench.time.move(LIFETIME)
    assert bench.devices.find(request.user_code, bench.time.now()) is None


def test_codes_are_long_where_nobody_types_them_and_neither_is_shown_by_chance(bench: Bench) -> None:
    request = bench.begin()
    assert len(request.device_code) == 43
    assert request.device_code not in repr(request)
    assert request.user_code not in repr(request)


def test_a_user_code_that_is_somebodys_already_is_not_given_out_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = iter(["BBBBBBBB", "BBBBBBBB", "CCCCCCCC"])
    monkeypatch.setattr(service, "new_user_code", lambda: next(codes))
    first, second = bench.begin(), bench.begin()
    assert (first.user_code, second.user_code) == ("BBBBBBBB", "CCCCCCCC")
    assert bench.devices.find("BBBBBBBB", bench.time.now()) == first


def test_an_approved_code_brings_the_proof_of_the_session_once(bench: Bench) -> None:
    request = bench.begin(resources=("https://packages.example",), requested_acr=("phr",))
    assert bench.approve(request)
    grant = bench.devices.redeem(request.device_code, bench.client)
    assert (grant.client_id, grant.account_id, grant.identity_id) == ("cli", "account", "identity")
    assert (grant.provider_id, grant.sid) == ("generic", bench.session.sid)
    assert grant.authentication == bench.session.authentication
    assert (grant.scope, grant.resources) == (("openid", "profile"), ("https://packages.example",))
    assert (grant.requested_acr, grant.essential_acr, grant.jkt) == (("phr",), (), None)
    assert len(grant.id) == 64
    assert answer(bench, request) == "invalid_grant"
    assert bench.store.members(clients_index(bench.session.sid)) == {"cli"}


def test_of_fifty_parallel_polls_one_gets_the_grant(bench: Bench) -> None:
    request = bench.begin()
    assert bench.approve(request)
    assert Counter(in_parallel(50, lambda: answer(bench, request))) == {"account": 1, "invalid_grant": 49}


def test_of_fifty_parallel_approvals_one_counts(bench: Bench) -> None:
    request = bench.begin()
    question = bench.question(request)
    assert Counter(in_parallel(50, lambda: bench.approve(request, question))) == {True: 1, False: 49}


def test_a_device_that_was_turned_away_is_told_so_and_cannot_be_let_in_any_more(bench: Bench) -> None:
    request = bench.begin()
    question, other = bench.question(request), bench.question(request)
    assert bench.devices.deny(request, confirmation=question, now=bench.time.now())
    assert answer(bench, request) == "access_denied"
    assert answer(bench, request) == "access_denied"
    assert not bench.approve(request, other)
    assert not bench.devices.deny(request, confirmation=other, now=bench.time.now())
    assert bench.devices.find(request.user_code, bench.time.now()) is None


def test_a_question_is_answered_once(bench: Bench) -> None:
    first, second = bench.begin(), bench.begin()
    question = bench.question(first)
    assert bench.approve(first, question)
    assert not bench.approve(second, question)


def test_a_question_is_found_in_the_browser_that_it_was_put_to_and_in_no_other(bench: Bench) -> None:
    handle = bench.confirmations.begin("BCDFGHJK", session="s", browser="h")
    for browser in (None, "", "c" * 43, BROWSER):
        assert bench.confirmations.find(handle, browser) is None
    assert bench.confirmations.find("x" * 32, BROWSER) is None


def test_a_device_code_of_nobody_or_of_another_client_is_an_invalid_grant(bench: Bench) -> None:
    request = bench.begin()
    assert bench.approve(request)
    assert answer(bench, request, "another") == "invalid_grant"
    assert answer(bench, replace(request, device_code="x" * 43)) == "invalid_grant"
    assert answer(bench, replace(request, device_code="\N{SNOWMAN}")) == "invalid_grant"
    assert answer(bench, replace(request, device_code=request.user_code)) == "invalid_grant"
    assert answer(bench, request) == "account", "whoever had no right to it did not use it up"


@pytest.mark.parametrize("approved", [True, False])
def test_an_expired_code_says_so_for_a_while_and_brings_nothing(bench: Bench, approved: bool) -> None:
    request = bench.begin()
    if approved:
        assert bench.approve(request)
    bench.time.move(LIFETIME)
    assert answer(bench, request) == "expired_token"
    bench.time.move(KEPT - 1)
    assert answer(bench, request) == "expired_token"


def test_nothing_is_left_of_a_code_when_its_time_is_over(here: Bench) -> None:
    request = here.begin()
    here.time.move(LIFETIME + KEPT)
    assert answer(here, request) == "invalid_grant"


def test_an_approval_ends_with_its_session(bench: Bench) -> None:
    request = bench.begin()
    assert bench.approve(request)
    bench.sessions.end(bench.session, 600)
    assert answer(bench, request) == "invalid_grant"


def test_a_session_that_has_ended_lets_no_device_in(bench: Bench) -> None:
    request = bench.begin()
    question = bench.question(request)
    bench.sessions.end(bench.session, 600)
    assert not bench.approve(request, question)
    assert answer(bench, request) == "authorization_pending"


def test_a_device_that_polls_too_fast_has_to_slow_down(bench: Bench) -> None:
    request = bench.begin()
    assert [answer(bench, request) for _ in range(3)] == ["authorization_pending", "slow_down", "slow_down"]
    assert bench.approve(request)
    assert answer(bench, request) == "account", "and need not wait when it is let in"


def test_a_device_that_keeps_to_the_interval_is_never_told_to_slow_down(here: Bench) -> None:
    request = here.begin()
    told = []
    for _ in range(10):
        told.append(answer(here, request))
        here.time.move(INTERVAL - 0.9)  # the first answer was slow on its way, this question is not
    assert set(told) == {"authorization_pending"}


def test_each_impatient_poll_makes_the_interval_longer_for_good(here: Bench) -> None:
    request = here.begin()
    assert [answer(here, request) for _ in range(2)] == ["authorization_pending", "slow_down"]
    here.time.move(10)
    assert answer(here, request) == "authorization_pending"
    here.time.move(8)
    assert answer(here, request) == "slow_down", "ten seconds it is by now"
    here.time.move(15)
    assert answer(here, request) == "authorization_pending"
    here.time.move(13)
    assert answer(here, request) == "slow_down", "and fifteen"
