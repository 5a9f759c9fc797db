"""T1: evidence is judged again wherever an earlier proof is used, and a form that says nothing changes nothing."""

import json
from collections.abc import Mapping
from typing import Any

import requests
from sqlalchemy import MetaData, select

from broker.settings.clients import DEVICE_CODE
from claims.vocabulary import ACR_PHR
from tests.security.table.house import House
from tests.security.table.places import Check
from tests.security.table.scenes import EIGHT_HOURS, NO_MORE_FRESH, Given, proof_aged, rule_tightened
from tests.security.table.t8 import told
from tests.world import Page, arrival


def grant(name: str) -> Check:
    """What was good enough when it was given out is held to what the client asks for now, and to its own age."""

    def check(house: House) -> None:
        scene: Given = house.once(rule_tightened)
        assert told(house.call("/token", scene.client_id, scene.forms[name])) == (400, "invalid_grant")
        if name == "refresh_token":
            aged: Given = house.once(proof_aged)
            house.world.clock.move(EIGHT_HOURS)
            assert told(house.call("/token", aged.client_id, aged.forms[name])) == (400, "invalid_grant")

    return check


def session(house: House) -> None:
    """A session is no proof: what it remembers is judged for each request."""
    scene: Given = house.once(rule_tightened)
    essential = json.dumps({"id_token": {"acr": {"essential": True, "values": [ACR_PHR]}}})
    asked: list[tuple[Mapping[str, str], str]] = [
        (house.request(scene.client_id, prompt="none").parameters, "login_required"),
        ({"client_id": scene.client_id, "request_uri": scene.request_uri}, "login_required"),
        (house.request("basic", prompt="none", claims=essential).parameters, "unmet_authentication_requirements"),
        (house.request("basic", prompt="none", max_age="0").parameters, "login_required"),
        (house.request("basic", prompt="none", provider="github").parameters, "login_required"),
    ]
    for parameters, error in asked:
        response = scene.visitor.get("/authorize", params=parameters)
        assert arrival(response.headers["Location"]).parameters["error"] == error
    anew = scene.visitor.authorize(house.request("basic", prompt="login"))
    assert anew.headers["Location"].startswith("/signin/"), "and prompt=login takes no session for an answer"
    aged: Given = house.once(proof_aged)
    house.world.clock.move(EIGHT_HOURS)
    silent = aged.visitor.authorize(house.request("basic", prompt="none"))
    assert arrival(silent.headers["Location"]).parameters["error"] == "login_required"


def consent(house: House) -> None:
    scene: Given = house.once(rule_tightened)
    fields = {"answer": "allow", "csrf_token": scene.consent.form_token()}
    response = scene.visitor.post(scene.consent.url, fields)
    assert (response.status_code, "Location" in response.headers) == (400, False)
    assert "code=" not in response.text


def device(method: str, path: str) -> Check:
    """Who cannot prove enough for this device signs in anew before anything is asked or said."""

    def check(house: House) -> None:
        scene: Given = house.once(rule_tightened)
        fields = {"csrf_token": scene.device.form_token(), "answer": "allow", "user_code": scene.user_code}
        target = path or scene.device.url
        response = scene.visitor.get(target) if method == "GET" else scene.visitor.post(target, fields)
        assert response.headers["Location"].startswith("/signin/")
        form = {"grant_type": DEVICE_CODE, "device_code": scene.device_codes["device_code"]}
        assert house.call("/token", scene.client_id, form).json()["error"] in ("authorization_pending", "slow_down")

    return check


def arrival_from_provider(house: House) -> None:
    """The rule of the moment counts, not that of the beginning."""
    scene: Given = house.once(rule_tightened)
    page = scene.away.walk(scene.away.come_back(scene.returned))
    assert isinstance(page, Page)
    assert (page.status, page.meta("reason")) == (403, "too_weak")
    assert scene.away.get("/account").status_code == 303


def own_page(method: str, path: str) -> Check:
    """With a proof that has aged, a session opens nothing."""

    def check(house: House) -> None:
        aged: Given = house.once(proof_aged)
        before = everything(house)
        house.world.clock.move(EIGHT_HOURS)
        response = _own(aged, method, path)
        if path == "/account/email/confirm":
            assert response.status_code == 403
        else:
            assert (response.status_code, response.headers.get("Location")) == (303, "/signin")
        assert everything(house) == before

    return check


def room(method: str, path: str) -> Check:
    """As :func:`own_page`, for the pages of admins and operators, which are come back to."""

    def check(house: House) -> None:
        aged: Given = house.once(proof_aged)
        before = everything(house)
        house.world.clock.move(EIGHT_HOURS)
        signed_out(_own(aged, method, path), method)
        assert everything(house) == before

    return check


def signed_out(response: requests.Response, method: str) -> None:
    """Hold an answer to what those pages answer to somebody whose sign-in does not hold."""
    if method == "GET":
        assert response.status_code == 303
        assert response.headers["Location"].startswith(("/signin?next=", "/signin?fresh=no&next="))
    else:
        assert (response.status_code, "Sign in first" in response.text) == (403, True)


def fresh_page(path: str) -> Check:
    """What decides who can get in takes a proof of the last minutes."""

    def check(house: House) -> None:
        own_page("POST", path)(house)
        aged: Given = house.once(proof_aged)
        house.world.clock.offset = NO_MORE_FRESH
        before = everything(house)
        response = _own(aged, "POST", path)
        assert response.status_code == 403
        assert "/signin?fresh=yes" in response.text
        assert everything(house) == before

    return check


def _own(given: Given, method: str, path: str) -> requests.Response:
    fields = {"csrf_token": given.form_token, "confirm": "erase", "email": "new@elsewhere.example", "name": "New"}
    fields |= {"action": "take", "kind": "read_only"}
    return given.visitor.get(path) if method == "GET" else given.visitor.post(path, fields)


def empty_post(path: str) -> Check:
    """Neither from somebody who is signed in, with a good form token or without, nor from nobody."""

    def check(house: House) -> None:
        token = house.once(_form_token)
        before = everything(house)
        for fields in ({}, {"csrf_token": ""}, {"extra": "foobar"}):
            response = house.person.post(path, fields)
            assert response.status_code in (303, 400, 401, 404), response.text
        for fields in ({}, {"extra": "foobar"}):
            assert house.send("POST", path, data=fields).status_code in (303, 400, 401)
        if path not in ONE_BUTTON:
            assert house.person.post(path, {"csrf_token": token}).status_code in (303, 400, 401, 404)
        assert everything(house) == before
        assert house.person.get("/account").status_code == 200

    return check


# A form of one button says all it has to say by being sent with its token.
ONE_BUTTON = {
    "/signout",
    "/logout/confirm",
    "/account/link/github",
    "/account/sessions/end-others",
    "/account/sign-out-everywhere",
}


def _form_token(house: House) -> object:
    return house.person.page(house.person.get("/account")).form_token()


def everything(house: House) -> Mapping[str, list[Any]]:
    """Return all that the database keeps, but for the audit."""
    tables: MetaData = house.once(_tables)
    with house.world.parts.database.read() as connection:
        return {
            name: sorted(map(str, connection.execute(select(table))))
            for name, table in tables.tables.items()
            if not name.startswith("audit")
        }


def _tables(house: House) -> object:
    found = MetaData()
    with house.world.parts.database.read() as connection:
        found.reflect(connection)
    return found
