"""Who may call what: every resource of the API, by everybody. What is not written down here is refused."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from providers.standins import FABRIKAM
from tests.management.estate import Estate

EVERYBODY = {"organizations", "create_organization"}
MEMBERS = {"organization", "members", "leave"}
OPERATORS = {
    "requests",
    "all_organizations",
    "all_mappings",
    "running_exceptions",
    "decide_mapping",
    "decide_exception",
}
STOPPERS = {"changes", "stop_change", "invitations", "withdraw_invitation"}
WITHOUT_FRESH_PROOF = EVERYBODY | {"stop_change", "withdraw_invitation", "preview_rule", "preview_tenant_rule"}
NOT_THEIRS, NOT_ADMIN, SUSPENDED, SIGNED_OUT, STALE = (
    (404, "not_found"),
    (403, "not_admin"),
    (403, "membership_suspended"),
    (401, "invalid_token"),
    (401, "insufficient_user_authentication"),
)
ALLOWED = None
Refused = tuple[int, str] | None


def admin(name: str) -> Refused:
    return NOT_THEIRS if name in OPERATORS else ALLOWED


def stranger(name: str) -> Refused:
    return ALLOWED if name in EVERYBODY else NOT_THEIRS


def member(name: str) -> Refused:
    if name in OPERATORS:
        return NOT_THEIRS
    return ALLOWED if name in EVERYBODY | MEMBERS else NOT_ADMIN


def operator(name: str) -> Refused:
    return ALLOWED if name in EVERYBODY | OPERATORS else NOT_THEIRS


def suspended(name: str) -> Refused:
    if name in OPERATORS:
        return NOT_THEIRS
    if name in STOPPERS:
        # Of these the membership is not judged, so what is left to say is that they are no admin.
        return NOT_ADMIN
    return ALLOWED if name in EVERYBODY | {"leave"} else SUSPENDED


ALL: Mapping[str, Callable[[str], Refused]] = {
    "admin": admin,
    "stranger": stranger,
    "member": member,
    "operator": operator,
    "suspended": suspended,
}
Resource = tuple[str, str, str]


@pytest.fixture(scope="module")
def ids(_shared: Estate) -> Mapping[str, str]:
    """Return ids of what there is in the organisation: refused is who asks, and not what for."""
    made = {
        "organization_id": _shared.organization.id,
        "account_id": _shared.people["member"].account_id,
        "mapping_id": _shared.did(
            "admin", "POST", "tenants", {"provider": "entra", "tid": FABRIKAM, "name": "Fabrikam"}, 201
        )["id"],
        "invitation_id": _shared.did("admin", "POST", "invitations", {"email": "new@example.org"}, 201)["id"],
        "exception_id": _shared.did(
            "admin",
            "POST",
            "exceptions",
            {
                "members": [_shared.people["member"].account_id],
                "reason": "A lost key.",
                "ends_at": (_shared.world.clock() + timedelta(days=1)).isoformat(),
            },
            201,
        )["id"],
        "context": "c1",
        "verb": "approve",
    }
    role = {"role": "admin"}
    made["change_id"] = _shared.did("admin", "PATCH", f"members/{made['account_id']}", role, 202)["id"]
    return made


def resources(estate: Estate, ids: Mapping[str, str]) -> list[Resource]:
    """Return name, method and address of everything under /api."""
    return [
        (rule.endpoint.partition(".")[2], method, re.sub(r"<(\w+)>", lambda found: ids[found[1]], rule.rule))
        for rule in estate.world.app.url_map.iter_rules()
        if rule.rule.startswith("/api")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def outcome(estate: Estate, who: str | None, resource: Resource, headers: Mapping[str, str] | None = None) -> Refused:
    """Return how a call is refused, if it is. What is sent with a change is no good, so that nothing happens."""
    _, method, path = resource
    body = None if method == "GET" else {"not": "known"}
    response = estate.call(who, method, path, body, headers=headers)
    if response.status_code == 200 and method == "GET":
        return ALLOWED
    code = response.json()["code"]
    no_good = (response.status_code, code) in {(400, "invalid_request"), (400, "invalid_input")}
    return ALLOWED if no_good and method != "GET" else (response.status_code, code)


@pytest.mark.parametrize("who", ALL)
def test_t5_everybody_gets_what_is_theirs_and_nothing_else(managed: Estate, ids: Mapping[str, str], who: str) -> None:
    before = managed.written()
    every = resources(managed, ids)
    got = {each: outcome(managed, who, each) for each in every}
    assert got == {each: ALL[who](each[0]) for each in every}
    assert len(every) == 40
    assert managed.written() == before


def test_t10_a_cookie_alone_opens_nothing(managed: Estate, ids: Mapping[str, str]) -> None:
    visitor = managed.people["admin"].visitor
    headers = {"Cookie": "; ".join(f"{each.name}={each.value}" for each in visitor.http.cookies)}
    assert visitor.get("/account").status_code == 200
    for each in resources(managed, ids):
        assert outcome(managed, None, each, headers=headers) == SIGNED_OUT, each


def test_a_proof_of_eleven_minutes_ago_changes_nothing_that_takes_a_fresh_one(
    managed: Estate, ids: Mapping[str, str]
) -> None:
    managed.world.clock.move(timedelta(minutes=11))
    for each in resources(managed, ids):
        name, method, _ = each
        stale = method != "GET" and name not in WITHOUT_FRESH_PROOF
        if name == "leave":
            managed.refused(managed.call("admin", method, each[2]), *STALE)
            continue
        who = "operator" if name in OPERATORS else "admin"
        assert outcome(managed, who, each) == (STALE if stale else ALLOWED), each


def test_t5_what_is_another_organisations_is_not_there_for_an_admin(managed: Estate, ids: Mapping[str, str]) -> None:
    """An id of one organisation, under the address of another, by the admin of that other one."""
    theirs = {**ids, "organization_id": managed.other.id}
    good = {"role": "admin", "strength": "mfa", "every_time": True, "domains": []}
    before = managed.written()
    sub = [each for each in resources(managed, theirs) if each[2].count("/") > 4 and each[0] not in OPERATORS]
    known = {"change_role": {"role"}, "attest": {"strength", "every_time"}, "set_domains": {"domains"}}
    for name, method, path in sub:
        if "rule/preview" in path and "tenants" not in path:
            continue
        body = {key: good[key] for key in known.get(name, set())} or None
        assert managed.call("stranger", method, path, body).status_code == 404, (method, path)
    assert len(sub) == 19
    assert managed.written() == before
