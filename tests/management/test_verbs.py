"""What the verbs of admins and operators do, as a program sees it."""

import inspect
from collections.abc import Iterator
from datetime import timedelta
from secrets import token_hex
from typing import Any, Literal

import pytest

from broker.tenants.rules import NOTHING_MORE, OF_A_NEW_TENANT, as_json
from providers.microsoft.entra import Entra
from providers.microsoft.roles import SPEAKING_ROLES
from providers.provider import Fault, ProviderError
from providers.standins import FABRIKAM, NORTHWIND
from tests.management.estate import Estate

DAY = timedelta(days=1)
NOBODY = "00000000-0000-4000-8000-000000000000"
UNRULED = as_json(NOTHING_MORE)


@pytest.fixture
def place(managed: Estate) -> str:
    """Return the address of an organisation in which nothing has happened, with the stranger as its admin."""
    name = {"name": f"Place {token_hex(8)}"}
    made = managed.call("stranger", "POST", "/api/organizations", name)
    assert made.status_code == 201, made.text
    return made.headers["Location"]


@pytest.fixture
def active(managed: Estate) -> Iterator[str]:
    """Return the address of an active tenant of the admin's organisation; an operator takes it away in the end."""
    mapping_id = proven(managed, SPEAKING_ROLES)
    verbs = f"/api/operator/mappings/{mapping_id}"
    managed.did("operator", "POST", f"{verbs}/approve", None, 200)
    yield f"tenants/{mapping_id}"
    managed.world.clock.offset = timedelta(0)
    assert managed.call("operator", "POST", f"{verbs}/release").status_code in (200, 409)


def proven(managed: Estate, roles: frozenset[str]) -> str:
    """Have somebody with these roles prove a tenant, which takes a browser, and return the mapping's id."""
    mappings, admin = managed.world.parts.people.mappings, managed.organization.fresh_admin()
    with managed.world.parts.database.begin() as connection:
        asked = mappings.request(connection, admin, "entra", NORTHWIND, "Northwind")
        mappings.prove(connection, admin, asked.id, tid=NORTHWIND, roles=roles, guest=False)
    return asked.id


def account(managed: Estate, who: str) -> str:
    return managed.people[who].account_id


# Organisations


def test_an_organisation_is_made_where_it_is_said_to_be_and_renamed(managed: Estate) -> None:
    name = f"Made {token_hex(8)}"
    response = managed.call("member", "POST", "/api/organizations", {"name": f"  {name} "})
    assert response.status_code == 201
    where = response.headers["Location"]
    assert where == f"/api/organizations/{response.json()['id']}"
    assert managed.got("member", where) == {**response.json(), "name": name, "role": "admin", "fresh": True}
    managed.did("member", "PATCH", where, {"name": f"{name} anew"})
    assert managed.got("member", where)["name"] == f"{name} anew"
    managed.refused(managed.call("member", "POST", "/api/organizations", {"name": f"{name} ANEW"}), 409, "name_taken")
    managed.refused(managed.call("member", "PATCH", where, {"name": "EXAMPLE"}), 409, "name_taken")
    for method, path in (("POST", "/api/organizations"), ("PATCH", where)):
        problem = managed.refused(managed.call("member", method, path, {"name": "x"}), 400, "invalid_input")
        assert [each["field"] for each in problem["errors"]] == ["name"]


def test_a_list_of_organisations_says_which_memberships_are_suspended_and_why(managed: Estate) -> None:
    theirs = {each["id"]: each for each in managed.got("suspended", "/api/organizations")["items"]}
    assert theirs[managed.organization.id] == {
        "id": managed.organization.id,
        "name": "Example",
        "role": "member",
        "standing": "suspended",
        "reason": "provider",
    }


def test_where_only_operators_make_organisations_others_are_told_so(managed: Estate) -> None:
    view = managed.world.app.view_functions["management.create_organization"]
    management = inspect.getclosurevars(view).nonlocals["context"]
    wanted = {"name": f"Made {token_hex(8)}"}
    object.__setattr__(management, "people_create", False)
    try:
        managed.refused(managed.call("admin", "POST", "/api/organizations", wanted), 403, "operators_only")
        managed.did("operator", "POST", "/api/organizations", wanted, 201)
        managed.world.clock.move(timedelta(minutes=11))  # of an operator, too, no fresh proof is asked
        managed.did("operator", "POST", "/api/organizations", {"name": f"Made {token_hex(8)}"}, 201)
        _set_status(managed, "member", "disabled")
        managed.refused(managed.call("member", "POST", "/api/organizations", wanted), 401, "invalid_token")
    finally:
        _set_status(managed, "member", "active")
        object.__setattr__(management, "people_create", True)


def _set_status(managed: Estate, who: str, status: Literal["active", "disabled"]) -> None:
    parts = managed.world.parts
    with parts.database.begin() as connection:
        parts.accounts.set_status(connection, account(managed, who), status)


# Members


def test_members_see_the_admins_and_themselves_and_nobody_sees_an_email(managed: Estate) -> None:
    seen = {who: managed.call(who, "GET", "members") for who in ("admin", "member")}
    ids = {who: {each["account_id"] for each in response.json()["items"]} for who, response in seen.items()}
    assert ids["admin"] == {account(managed, who) for who in ("admin", "member", "suspended")}
    assert ids["member"] == {account(managed, who) for who in ("admin", "member")}
    assert all(each["name"] for each in seen["admin"].json()["items"])
    assert "@" not in seen["admin"].text + seen["member"].text


def test_a_member_whose_account_is_gone_has_no_name(managed: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(managed.world.parts.accounts), "persons", lambda *_: {})
    assert {each["name"] for each in managed.got("admin", "members")["items"]} == {None}


def test_a_new_admin_waits_a_day_in_which_any_admin_stops_it_once(managed: Estate) -> None:
    where = f"members/{account(managed, 'member')}"
    waiting = managed.did("admin", "PATCH", where, {"role": "admin"}, 202)
    assert waiting["kind"] == "promote"
    assert waiting["target"] == account(managed, "member")
    assert waiting in managed.got("admin", "changes")["items"]
    managed.did("admin", "DELETE", f"changes/{waiting['id']}")
    managed.refused(managed.call("admin", "DELETE", f"changes/{waiting['id']}"), 404, "not_found")
    managed.did("admin", "PATCH", where, {"role": "member"})
    managed.refused(managed.call("admin", "PATCH", where, {"role": "owner"}), 400, "invalid_input")
    managed.refused(managed.call("admin", "PATCH", f"members/{NOBODY}", {"role": "admin"}), 404, "not_found")


def test_a_member_is_removed_once_and_the_last_admin_never(managed: Estate, place: str) -> None:
    own = f"{place}/members/{account(managed, 'stranger')}"
    managed.refused(managed.call("stranger", "DELETE", own), 409, "last_admin")
    managed.refused(managed.call("stranger", "PATCH", own, {"role": "member"}), 409, "last_admin")
    managed.refused(managed.call("stranger", "POST", f"{place}/leave"), 409, "last_admin")
    where = f"members/{account(managed, 'member')}"
    managed.did("admin", "DELETE", where)
    managed.refused(managed.call("admin", "DELETE", where), 404, "not_found")
    managed.refused(managed.call("member", "GET", ""), 404, "not_found")
    managed.organization.add(managed.people["member"])
    managed.did("member", "POST", "leave")
    managed.organization.add(managed.people["member"])


# Invitations


def test_an_invitation_never_tells_the_address_and_is_withdrawn_once(managed: Estate, place: str) -> None:
    response = managed.call("stranger", "POST", f"{place}/invitations", {"email": "invited@example.org"})
    assert response.status_code == 201
    where = response.headers["Location"]
    assert managed.got("stranger", where) == response.json()
    listed = managed.call("stranger", "GET", f"{place}/invitations")
    assert listed.json() == {"items": [response.json()], "next_cursor": None}
    assert "example.org" not in response.text + listed.text
    managed.did("stranger", "DELETE", where)
    managed.refused(managed.call("stranger", "DELETE", where), 404, "not_found")
    managed.refused(managed.call("stranger", "GET", where), 404, "not_found")


def test_no_more_mails_go_out_than_may(managed: Estate, place: str) -> None:
    answers = [managed.call("stranger", "POST", f"{place}/invitations", {"email": "x@example.org"}) for _ in range(6)]
    managed.refused(answers[-1], 429, "too_many_requests")
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 6 * 3600
    assert len(managed.got("stranger", f"{place}/invitations")["items"]) == 1
    nobody = managed.call("stranger", "POST", f"{place}/invitations", {"email": "nobody"})
    managed.refused(nobody, 400, "invalid_input")


# Rules


def test_a_rule_that_tightens_holds_at_once_and_one_that_loosens_after_a_day(managed: Estate, place: str) -> None:
    assert managed.got("stranger", f"{place}/rule") == UNRULED
    strict = {**UNRULED, "strength": "phishing_resistant", "guests": False, "max_age": 3600}
    managed.did("stranger", "PUT", f"{place}/rule", {**strict, "strength": None})
    assert managed.got("stranger", f"{place}/rule") == {**strict, "strength": None}
    waiting = managed.did("stranger", "PUT", f"{place}/rule", {**UNRULED, "session_length": 3600}, 202)
    assert (waiting["kind"], waiting["target"]) == ("rule", "")
    assert waiting["payload"] == {"guests": True, "max_age": None}
    assert managed.got("stranger", f"{place}/rule") == {**strict, "strength": None, "session_length": 3600}


def test_a_rule_is_previewed_before_it_is_saved(managed: Estate, active: str) -> None:
    before = managed.written()
    strict = {**UNRULED, "strength": "phishing_resistant", "providers": ["entra", "github"]}
    found = managed.did("admin", "POST", "rule/preview", strict, 200)["items"]
    standings = {each["account_id"]: (each["before"]["standing"], each["after"]["reason"]) for each in found}
    assert standings == {
        account(managed, "admin"): ("met", "proof"),
        account(managed, "member"): ("met", None),
        account(managed, "suspended"): ("suspended", "proof"),
    }
    of_tenant = managed.did("admin", "POST", f"{active}/rule/preview", strict, 200)["items"]
    assert {each["account_id"]: each["after"]["reason"] for each in of_tenant} == {
        account(managed, "admin"): "proof",
        account(managed, "member"): None,
        account(managed, "suspended"): "provider",
    }
    assert managed.written() == before


@pytest.mark.parametrize(
    "change, fields",
    [
        ({"strength": "none"}, ["strength"]),
        ({"providers": ["nobody"], "tenants": [FABRIKAM]}, ["providers", "tenants"]),
        ({"more": 1}, ["more"]),
    ],
)
def test_what_is_no_rule_is_told_member_by_member(managed: Estate, change: dict[str, Any], fields: list[str]) -> None:
    for method, path in (("PUT", "rule"), ("POST", "rule/preview")):
        problem = managed.refused(managed.call("admin", method, path, {**UNRULED, **change}), 400, "invalid_input")
        assert [each["field"] for each in problem["errors"]] == fields


# Tenants


def test_a_tenant_is_asked_for_and_proven_in_a_browser(managed: Estate, place: str) -> None:
    wish = {"provider": "entra", "tid": NORTHWIND, "name": "Northwind"}
    response = managed.call("stranger", "POST", f"{place}/tenants", wish)
    assert response.status_code == 201, response.text
    where = response.headers["Location"]
    shown = managed.got("stranger", where)
    assert shown == response.json()
    assert (shown["state"], shown["tid"], shown["domains"]) == ("requested", NORTHWIND, [])
    assert shown["prove_url"] == f"{managed.world.base}{where.removeprefix('/api')}"
    assert managed.got("stranger", f"{place}/tenants")["items"] == [shown]
    managed.refused(managed.call("stranger", "POST", f"{place}/tenants", wish), 409, "asked_already")
    refused = managed.call("stranger", "POST", f"{place}/tenants", {**wish, "tid": "x"})
    assert managed.refused(refused, 400, "invalid_input")["errors"][0]["field"] == "tid"
    managed.refused(managed.call("stranger", "PUT", f"{where}/rule", UNRULED), 409, "state")
    managed.refused(managed.call("stranger", "PUT", f"{where}/domains", {"domains": []}), 409, "state")
    managed.did("stranger", "POST", f"{where}/release")
    assert managed.got("stranger", where)["state"] == "released"


def test_an_active_tenant_has_a_rule_and_is_suspended_resumed_and_given_up(managed: Estate, active: str) -> None:
    assert managed.got("admin", f"{active}/rule") == as_json(OF_A_NEW_TENANT)
    managed.did("admin", "PUT", f"{active}/rule", {**UNRULED, "guests": False, "max_age": 3600})
    assert managed.got("admin", f"{active}/rule")["max_age"] == 3600
    waiting = managed.did("admin", "PUT", f"{active}/rule", UNRULED, 202)
    assert waiting["kind"] == "tenant_rule"
    managed.did("admin", "POST", f"{active}/suspend")
    assert (managed.got("admin", active)["state"], managed.got("admin", active)["suspended_by"]) == (
        "suspended",
        "admin",
    )
    managed.refused(managed.call("admin", "POST", f"{active}/suspend"), 409, "state")
    assert managed.did("admin", "POST", f"{active}/resume", None, 202)["kind"] == "resume"
    assert managed.did("admin", "POST", f"{active}/release", {}, 202)["kind"] == "release"


def test_a_domain_leads_to_the_tenant_that_microsoft_says_has_it(
    managed: Estate, active: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    managed.did("admin", "PUT", f"{active}/domains", {"domains": ["Northwind.example"]})
    assert managed.got("admin", active)["domains"] == ["northwind.example"]
    for domain, code in (("fabrikam.example", "of_another"), ("nobody.example", "of_another"), ("x", "not_a_domain")):
        refused = managed.call("admin", "PUT", f"{active}/domains", {"domains": [domain]})
        assert managed.refused(refused, 400, "invalid_input")["errors"][0]["code"] == code
    for wrong in ("x", ["x", 1], None):
        managed.refused(managed.call("admin", "PUT", f"{active}/domains", {"domains": wrong}), 400, "invalid_input")

    def away(*_: object) -> None:
        raise ProviderError(Fault.UNAVAILABLE, "away")

    monkeypatch.setattr(Entra, "tenant_of_domain", away)
    refused = managed.call("admin", "PUT", f"{active}/domains", {"domains": ["northwind.example"]})
    managed.refused(refused, 503, "temporarily_unavailable")
    assert managed.got("admin", active)["domains"] == ["northwind.example"]


def test_a_domain_of_a_tenant_whose_provider_is_off_cannot_be_looked_up(managed: Estate, active: str) -> None:
    view = managed.world.app.view_functions["management.set_domains"]
    management = inspect.getclosurevars(view).nonlocals["context"]
    kept = management.entra
    object.__setattr__(management, "entra", {})
    try:
        refused = managed.call("admin", "PUT", f"{active}/domains", {"domains": []})
    finally:
        object.__setattr__(management, "entra", kept)
    managed.refused(refused, 503, "temporarily_unavailable")


def test_an_attestation_counts_after_a_day_and_is_taken_back_at_once(managed: Estate, active: str) -> None:
    said = {"strength": "mfa", "every_time": False}
    waiting = managed.did("admin", "PUT", f"{active}/attestations/c1", said, 202)
    assert waiting["payload"] == {**said, "context": "c1"}
    assert managed.got("admin", f"{active}/attestations")["items"] == []
    managed.organization.attest(active.removeprefix("tenants/"), "c2", "phishing_resistant")
    managed.world.clock.offset = timedelta(0)
    shown = {each["context"]: each for each in managed.got("admin", f"{active}/attestations")["items"]}
    assert (set(shown), shown["c2"]["strength"]) == ({"c1", "c2"}, "phishing_resistant")
    managed.did("admin", "DELETE", f"{active}/attestations/c1")
    managed.refused(managed.call("admin", "DELETE", f"{active}/attestations/c1"), 404, "not_found")
    for wrong in ({**said, "strength": "none"}, {**said, "every_time": "yes"}):
        managed.refused(managed.call("admin", "PUT", f"{active}/attestations/c3", wrong), 400, "invalid_input")


# Exceptions


def wish(managed: Estate, **changes: object) -> dict[str, object]:
    """Return what an exception for one member is asked for with."""
    ends_at = (managed.world.clock() + DAY).strftime("%Y-%m-%dT%H:%M:%Sz")
    whole = {"members": [account(managed, "member")], "reason": "A lost key.", "ends_at": ends_at, **changes}
    return {name: value for name, value in whole.items() if value is not None}


def test_an_exception_is_asked_for_decided_and_ended_once(managed: Estate) -> None:
    response = managed.call("admin", "POST", "exceptions", wish(managed))
    assert response.status_code == 201, response.text
    where, asked = response.headers["Location"], response.json()
    assert managed.got("admin", where) == asked
    assert (asked["state"], asked["people"], asked["members"]) == ("requested", 1, [account(managed, "member")])
    assert asked["id"] in {each["id"] for each in managed.got("operator", "/api/operator/requests")["exceptions"]}
    verbs = f"/api/operator/exceptions/{asked['id']}"
    assert managed.did("operator", "POST", f"{verbs}/approve", None, 200)["state"] == "approved"
    assert asked["id"] in {each["id"] for each in managed.got("operator", "/api/operator/exceptions")["items"]}
    managed.refused(managed.call("operator", "POST", f"{verbs}/refuse"), 409, "state")
    managed.did("admin", "DELETE", where)
    managed.refused(managed.call("admin", "DELETE", where), 409, "state")
    assert asked["id"] in {each["id"] for each in managed.got("admin", "exceptions")["items"]}


def test_an_exception_for_many_waits_for_a_second_operator(managed: Estate, active: str) -> None:
    tid = managed.got("admin", active)["tid"]
    asked = managed.did("admin", "POST", "exceptions", wish(managed, members=None, tid=tid, people=21), 201)
    assert (asked["members"], asked["places_taken"], asked["approvals_needed"]) == (None, 0, 2)
    verbs = f"/api/operator/exceptions/{asked['id']}"
    supported = managed.did("operator", "POST", f"{verbs}/approve", {}, 200)
    assert (supported["state"], supported["approvals"]) == ("requested", [account(managed, "operator")])
    managed.refused(managed.call("operator", "POST", f"{verbs}/approve"), 409, "approved_already")
    assert managed.did("operator", "POST", f"{verbs}/end", None, 200)["state"] == "ended"


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"ends_at": "2030-01-01"}, "ends_at"),
        ({"ends_at": "2030-01-01T00:00:00"}, "ends_at"),
        ({"ends_at": "2030-13-01T00:00:00Z"}, "ends_at"),
        ({"ends_at": "0001-01-01T00:00:00+23:59"}, "ends_at"),
        ({"ends_at": "2001-01-01T00:00:00Z"}, "ends_at"),
        ({"members": None}, "scope"),
        ({"members": [NOBODY]}, "members"),
        ({"members": None, "tid": FABRIKAM, "people": True}, "people"),
        ({"members": None, "tid": FABRIKAM, "people": 1}, "tid"),
        ({"reason": " "}, "reason"),
        ({"reason": None}, "reason"),
    ],
)
def test_what_cannot_be_excepted_is_told_by_its_member(managed: Estate, changes: dict[str, Any], field: str) -> None:
    problem = managed.refused(
        managed.call("admin", "POST", "exceptions", wish(managed, **changes)), 400, "invalid_input"
    )
    assert [each["field"] for each in problem["errors"]] == [field]


# Operators


def test_an_operator_decides_who_has_a_tenant(managed: Estate, active: str) -> None:
    mapping_id = active.removeprefix("tenants/")
    verbs = f"/api/operator/mappings/{mapping_id}"
    managed.refused(managed.call("operator", "POST", f"{verbs}/approve"), 409, "state")
    for verb, state in (("suspend", "suspended"), ("resume", "active"), ("release", "released")):
        assert managed.did("operator", "POST", f"{verbs}/{verb}", None, 200)["state"] == state
    managed.refused(managed.call("operator", "POST", f"{verbs}/anything"), 404, "not_found")
    managed.refused(managed.call("operator", "POST", f"/api/operator/mappings/{NOBODY}/suspend"), 404, "not_found")
    managed.refused(managed.call("operator", "POST", f"/api/operator/exceptions/{NOBODY}/anything"), 404, "not_found")
    assert mapping_id in {each["id"] for each in managed.got("operator", "/api/operator/mappings")["items"]}


def test_what_is_proven_waits_for_an_operator_who_is_on_neither_side(managed: Estate) -> None:
    mapping_id = proven(managed, frozenset())
    (claims,) = managed.got("operator", "/api/operator/requests")["tenants"]
    assert claims["tid"] == NORTHWIND
    assert [each["id"] for each in claims["mappings"]] == [mapping_id]
    managed.organization.add(managed.people["operator"])
    verbs = f"/api/operator/mappings/{mapping_id}"
    managed.refused(managed.call("operator", "POST", f"{verbs}/approve"), 403, "own_request")
    managed.did("admin", "DELETE", f"members/{account(managed, 'operator')}")
    assert managed.did("operator", "POST", f"{verbs}/refuse", None, 200)["state"] == "refused"


def test_an_operator_sees_every_organisation(managed: Estate, place: str) -> None:
    found = managed.got("operator", "/api/operator/organizations")["items"]
    ids = {each["id"]: each["status"] for each in found}
    assert {managed.organization.id, managed.other.id, place.rpartition("/")[2]} <= set(ids)
    assert set(ids.values()) == {"active"}
