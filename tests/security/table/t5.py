"""T5: disabled means disabled. With what was given out before, wherever it is shown afterwards."""

from datetime import timedelta

import requests

from broker.oidc.registration.initial import InitialTokens
from broker.settings.clients import DEVICE_CODE
from tests.oidc.kinds import API, introspect
from tests.security.table.house import AFTERWARDS, MANAGEMENT_TOKEN, House
from tests.security.table.places import Check
from tests.security.table.scenes import Given, account_closed, client_disabled, provider_dropped, provider_off
from tests.security.table.t1 import signed_out
from tests.security.table.t8 import told
from tests.world import Page, arrival

REFUSED = (401, "invalid_client")
WAYS_CLOSED = (account_closed, provider_off, provider_dropped)


def client(path: str, **given: str) -> Check:
    """A disabled client does not authenticate."""

    def check(house: House) -> None:
        scene: Given = house.once(client_disabled)
        assert told(house.call(path, scene.client_id, {"extra": "foobar", **given})) == REFUSED

    return check


def grant(name: str) -> Check:
    """Neither does it get tokens, nor anybody for an account or a provider that is closed."""

    def check(house: House) -> None:
        scene: Given = house.once(client_disabled)
        assert told(scene.house.call("/token", scene.client_id, scene.forms[name])) == REFUSED
        if name == "client_credentials":
            return
        for closed in map(house.once, WAYS_CLOSED):
            response = closed.house.call("/token", closed.client_id, closed.forms[name])
            assert told(response) == (400, "invalid_grant"), response.text

    return check


def access_token(method: str) -> Check:
    def check(house: House) -> None:
        for scene in map(house.once, (client_disabled, *WAYS_CLOSED)):
            headers = {"Authorization": f"Bearer {scene.tokens['access_token']}"}
            assert told(scene.house.send(method, "/userinfo", headers=headers)) == (401, "invalid_token")

    return check


def introspection(house: House) -> None:
    scene: Given = house.once(client_disabled)
    assert told(house.call("/introspect", scene.client_id, {"token": scene.tokens["access_token"]})) == REFUSED
    by_token = {"Authorization": f"Bearer {scene.service_token}"}
    assert house.send("POST", "/introspect", data={"token": "x"}, headers=by_token).status_code == 401
    assert introspect(house.world, "api", house.tokens("for-api", resource=API)["access_token"])["active"] is True
    for each in (scene, *map(house.once, WAYS_CLOSED)):
        assert introspect(each.house.world, "api", each.for_api) == {"active": False}
    for closed in map(house.once, WAYS_CLOSED):
        answer = closed.house.call("/introspect", closed.client_id, {"token": closed.tokens["access_token"]})
        assert answer.json() == {"active": False}


def polling(house: House) -> None:
    scene: Given = house.once(client_disabled)
    headers = {"Authorization": f"Bearer {scene.service_token}"}
    assert told(house.send("POST", "/events/poll", json={}, headers=headers)) == (401, "invalid_token")


def introspection_of_refresh_tokens(house: House) -> None:
    """What refreshes nothing is not active."""
    for closed in map(house.once, WAYS_CLOSED):
        answer = closed.house.call("/introspect", closed.client_id, {"token": closed.tokens["refresh_token"]})
        assert answer.json() == {"active": False}


def management(method: str) -> Check:
    def check(house: House) -> None:
        scene: Given = house.once(client_disabled)
        headers = {"Authorization": f"Bearer {MANAGEMENT_TOKEN}"}
        document = {"client_id": scene.client_id, "redirect_uris": ["https://registry.example/cb"]}
        path = f"/register/{scene.client_id}"
        assert told(house.send(method, path, json=document, headers=headers)) == (401, "invalid_token")
        assert house.send("GET", f"/register/{house.add_client()}", headers=headers).status_code == 200

    return check


def initial_token(house: House) -> None:
    """One that was revoked, or has ended, registers nobody."""
    parts, now = house.world.parts, house.world.clock()
    tokens = InitialTokens(parts.audit)
    with parts.database.begin() as connection:
        ended = tokens.create(connection, now + timedelta(minutes=5), now)
        revoked = tokens.create(connection, now + timedelta(days=1), now)
        revoked_id = tokens.find(connection, revoked, now)
        assert revoked_id is not None
        tokens.revoke(connection, revoked_id, now)
    document = {"redirect_uris": ["https://registry.example/cb"]}

    def register(token: str) -> int:
        return house.send("POST", "/register", json=document, headers={"Authorization": f"Bearer {token}"}).status_code

    assert (register(ended), register(revoked)) == (201, 401)
    house.world.clock.move(timedelta(minutes=6))
    assert register(ended) == 401


# Pages.


def _page(response: requests.Response, status: int = 400) -> None:
    assert response.status_code == status, response.text
    assert "Location" not in response.headers


def authorization(house: House) -> None:
    scene: Given = house.once(client_disabled)
    _page(scene.visitor.authorize(house.request(scene.client_id)))
    _page(scene.visitor.get("/authorize", params={"client_id": scene.client_id, "request_uri": scene.request_uri}))
    for closed in map(house.once, WAYS_CLOSED):
        for request in (
            closed.house.request(closed.client_id, prompt="none").parameters,
            {"client_id": closed.client_id, "request_uri": closed.request_uri},
        ):
            back = arrival(closed.visitor.get("/authorize", params=request).headers["Location"])
            assert back.parameters["error"] == "login_required"
    off: Given = house.once(provider_off)
    named = off.visitor.authorize(off.house.request(off.client_id, provider="github"))
    assert arrival(named.headers["Location"]).parameters["error"] == "invalid_request"


def authorization_by_form(house: House) -> None:
    scene: Given = house.once(client_disabled)
    again = scene.visitor.post("/authorize", dict(house.request(scene.client_id).parameters))
    _page(scene.visitor.get(again.headers["Location"]))


def consent(method: str) -> Check:
    def check(house: House) -> None:
        for scene in (house.once(client_disabled), house.once(account_closed), house.once(provider_off)):
            path = scene.consent.url.removeprefix(house.base)
            if method == "GET":
                _page(scene.visitor.get(path))
            for answer in ("allow", "deny") if method == "POST" else ():
                _page(scene.visitor.post(path, {"answer": answer, "csrf_token": scene.consent.form_token()}))

    return check


def device_code(house: House) -> None:
    scene: Given = house.once(client_disabled)
    form = {"user_code": scene.user_code, "csrf_token": scene.device.form_token()}
    _page(scene.visitor.post("/device", form))
    for closed in (house.once(account_closed), house.once(provider_off)):
        form = {"user_code": closed.user_code, "csrf_token": closed.device.form_token()}
        assert closed.visitor.post("/device", form).headers["Location"].startswith("/signin/")


def device_question(method: str, after: str = "") -> Check:
    """Nobody is asked, nobody answers, and the device waits."""

    def check(house: House) -> None:
        for scene in (house.once(client_disabled), house.once(account_closed), house.once(provider_off)):
            path = scene.device.url.removeprefix(house.base) + after
            fields = {"answer": "allow", "csrf_token": scene.device.form_token()}
            response = scene.visitor.get(path) if method == "GET" else scene.visitor.post(path, fields)
            if scene is house.once(client_disabled):
                _page(response)
            else:
                assert response.headers["Location"].startswith("/signin/")
                form = {"grant_type": DEVICE_CODE, "device_code": scene.device_codes["device_code"]}
                waiting = scene.house.call("/token", scene.client_id, form)
                assert waiting.json()["error"] in ("authorization_pending", "slow_down")

    return check


def choice(house: House) -> None:
    off: Given = house.once(provider_off)
    page = off.away.page(off.away.get(off.transaction))
    assert page.status == 200
    assert not any(link.endswith("/github") for link in page.links)
    assert any(link.endswith("/entra") for link in page.links)


def departure(house: House) -> None:
    off: Given = house.once(provider_off)
    _page(off.away.get(f"{off.transaction}/github"))


def giving_up(house: House) -> None:
    """A browser is not sent to a client that is closed."""
    scene: Given = house.once(client_disabled)
    _page(scene.away.get(scene.transaction.replace("/signin/", "/leave/")))


def return_from(method: str) -> Check:
    """Whoever was away when something was closed comes back to it."""

    def check(house: House) -> None:
        scenes = {"GET": (provider_off,), "POST": (client_disabled, account_closed)}[method]
        for scene in map(house.once, scenes):
            assert scene.returned.method == method
            ended = scene.away.walk(scene.away.come_back(scene.returned))
            assert isinstance(ended, Page)
            assert ended.status in (400, 403)
            assert scene.away.get("/account").status_code == 303

    return check


def probing(house: House) -> None:
    off: Given = house.once(provider_off)
    _page(off.visitor.get(f"/probe/{off.probe}"), 404)


def own_page(method: str, path: str) -> Check:
    """An account that is closed, or came by a provider that is, has no pages."""

    def check(house: House) -> None:
        for scene in (house.once(account_closed), house.once(provider_off)):
            if method == "GET":
                response = scene.visitor.get(path)
            else:
                response = scene.visitor.post(path, {"csrf_token": scene.form_token, "confirm": "erase", "name": "x"})
            if path == "/account/email/confirm":
                _page(response, 403)
            else:
                assert (response.status_code, response.headers.get("Location")) == (303, "/signin")

    return check


def room(method: str, path: str) -> Check:
    """As :func:`own_page`, for the pages of admins and operators."""

    def check(house: House) -> None:
        for scene in (house.once(account_closed), house.once(provider_off)):
            response = (
                scene.visitor.get(path)
                if method == "GET"
                else scene.visitor.post(path, {"csrf_token": scene.form_token, "name": "x", "kind": "read_only"})
            )
            signed_out(response, method)

    return check


def resource(method: str, path: str) -> Check:
    """A token of the management API ends with its client, its account and the way it came."""

    def check(house: House) -> None:
        for scene in map(house.once, (client_disabled, *WAYS_CLOSED)):
            headers = {"Authorization": f"Bearer {scene.managing}"}
            response = scene.house.send(method, path, headers=headers)
            assert (response.status_code, response.json()["code"]) == (401, "invalid_token"), response.text

    return check


def logout(method: str, path: str) -> Check:
    """A client that is closed sends nobody anywhere, not with the best of hints."""

    def check(house: House) -> None:
        scene: Given = house.once(client_disabled)
        for who in ({"id_token_hint": scene.tokens["id_token"]}, {"client_id": scene.client_id}):
            fields = {**who, "post_logout_redirect_uri": AFTERWARDS}
            if method == "POST":
                response = scene.visitor.post(path, {**fields, "csrf_token": scene.form_token})
                if response.status_code == 303:
                    response = scene.visitor.get(response.headers["Location"])
            else:
                response = scene.visitor.get(path, params=fields)
            _page(response)
            assert scene.visitor.get("/account").status_code == 200, "and nobody is signed out"

    return check
