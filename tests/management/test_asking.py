"""How a request is read, and how what is wrong with it is said."""

import json
from datetime import UTC, datetime

import pytest

from broker.accounts.organizations.records import LastAdmin, NameTaken, Settling, TooMany
from broker.accounts.service import AccountClosed
from broker.management.refusals import Challenge, problem_of
from broker.tenants.errors import Conflict, Conflicting
from tests.management.estate import Estate

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"name": "a", "name": "b"}',
        b'{"name": NaN}',
        b'{"name": "Example", "more": 1}',
        b"\xff",
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
def test_a_body_is_one_json_object_with_known_members_each_once(managed: Estate, sent: bytes) -> None:
    response = managed.call("admin", "PATCH", "", data=sent, headers=JSON)
    managed.refused(response, 400, "invalid_request")


@pytest.mark.parametrize(
    "body, code",
    [({}, "missing"), ({"name": None}, "missing"), ({"name": 1}, "not_a_string"), ({"name": "\0ab"}, "not_a_string")],
)
def test_a_problem_names_the_member_that_is_wrong(managed: Estate, body: object, code: str) -> None:
    problem = managed.refused(managed.call("admin", "PATCH", "", body), 400, "invalid_input")
    assert [(each["field"], each["code"]) for each in problem["errors"]] == [("name", code)]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_body_of_another_type_is_not_read(managed: Estate, kind: str) -> None:
    sent = json.dumps({"name": "Example"}).encode()
    response = managed.call("admin", "PATCH", "", data=sent, headers={"Content-Type": kind})
    managed.refused(response, 415, "unsupported_media_type")


def test_a_body_that_is_too_large_is_not_read(managed: Estate) -> None:
    managed.refused(managed.call("admin", "PATCH", "", {"name": "x" * 70_000}), 413, "request_too_large")


def test_what_takes_no_members_takes_an_empty_object_or_nothing(managed: Estate) -> None:
    missing = "tenants/00000000-0000-4000-8000-000000000000/suspend"
    bodies: tuple[object, ...] = (None, {})
    for body in bodies:
        managed.refused(managed.call("admin", "POST", missing, body), 404, "not_found")
    managed.refused(managed.call("admin", "POST", missing, {"x": 1}), 400, "invalid_request")


@pytest.mark.parametrize(
    "query",
    [{"x": "y"}, {"limit": ["1", "2"]}, {"limit": "0"}, {"limit": "101"}, {"limit": "ten"}, {"limit": "\u0661"}],
)
def test_parameters_that_are_not_known_or_not_so_are_refused(managed: Estate, query: object) -> None:
    response = managed.call("admin", "GET", "members", params=query)
    assert response.status_code == 400
    assert response.json()["code"] in ("invalid_request", "invalid_input")


def test_a_list_comes_in_parts_and_a_cursor_stays_good(managed: Estate) -> None:
    whole = [each["account_id"] for each in managed.got("admin", "members")["items"]]
    assert len(whole) == 3
    first = managed.got("admin", "members", limit=2)
    assert [each["account_id"] for each in first["items"]] == whole[:2]
    assert first["next_cursor"] == whole[1]
    rest = managed.got("admin", "members", limit=2, cursor=whole[1])
    assert ([each["account_id"] for each in rest["items"]], rest["next_cursor"]) == (whole[2:], None)
    assert managed.got("admin", "members", cursor="\uffff")["items"] == []


@pytest.mark.parametrize("path", ["x", "../x", "tenants/x%20y", "invitations/X", "exceptions/%ff"])
def test_what_is_no_id_is_not_there(managed: Estate, path: str) -> None:
    managed.refused(managed.call("admin", "GET", path), 404, "not_found")


@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api/organizations/", "/api/operator"])
def test_what_is_not_there_is_a_problem_too(managed: Estate, path: str) -> None:
    managed.refused(managed.call(None, "GET", path, headers={"Accept": "text/html"}), 404, "not_found")


def test_a_wrong_method_is_a_problem_that_says_the_right_ones(managed: Estate) -> None:
    response = managed.call("admin", "PUT", "/api/organizations", {})
    managed.refused(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_a_defect_is_a_problem_without_what_went_wrong(managed: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("canary")

    monkeypatch.setattr(type(managed.world.parts.people.organizations), "members", broken)
    response = managed.call("admin", "GET", "members")
    managed.refused(response, 500, "server_error")
    assert "canary" not in response.text


@pytest.mark.parametrize(
    "error, refused",
    [
        (NameTaken(), (409, "name_taken")),
        (TooMany(), (409, "too_many")),
        (LastAdmin([]), (409, "last_admin")),
        (Settling([], datetime(2026, 12, 6, 12, tzinfo=UTC)), (409, "settling")),
        (Conflict(Conflicting.SETTLING), (409, "settling")),
        (AccountClosed("disabled"), (401, "invalid_token")),
        (LookupError(), (404, "not_found")),
    ],
)
def test_every_refusal_of_a_service_has_a_code(error: Exception, refused: tuple[int, str]) -> None:
    problem = problem_of(error, Challenge(scheme="Bearer", max_age=600))
    assert problem is not None
    assert (problem.status, problem.code) == refused


@pytest.mark.parametrize("code", Conflicting)
def test_every_conflict_has_words(code: Conflicting) -> None:
    problem = problem_of(Conflict(code), Challenge(scheme="Bearer", max_age=600))
    assert problem is not None
    assert (problem.status, problem.code) == (409, code.value)


@pytest.mark.parametrize("defect", [KeyError(), IndexError(), ValueError(), RuntimeError()])
def test_a_defect_of_ours_is_no_refusal(defect: Exception) -> None:
    assert problem_of(defect, Challenge(scheme="Bearer", max_age=600)) is None
