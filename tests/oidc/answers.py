"""Every answer that docs/openapi.yaml describes, provoked; but for 503: tests/security/table/test_storage.py."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests

from broker.events.security import EventKind, SecurityEvents
from broker.oidc.registration.initial import InitialTokens
from broker.settings.clients import DEVICE_CODE
from tests.oidc.kinds import API
from tests.security.table import dpop
from tests.security.table.house import EVERY_GRANT, MANAGEMENT_TOKEN, House

Answers = Callable[[House], list[requests.Response]]


def documents(path: str) -> Answers:
    def answers(house: House) -> list[requests.Response]:
        first = house.send("GET", path)
        return [first, house.send("GET", path, headers={"If-None-Match": first.headers["ETag"]})]

    return answers


def pushed(house: House) -> list[requests.Response]:
    good = house.request("basic").parameters
    return [
        house.call("/par", "basic", good),
        house.call("/par", "bound", house.request("bound").parameters, _proven(house, "/par")),
        house.call("/par", "basic", {**good, "response_type": "token"}),
        house.call("/par", "basic", {**good, "redirect_uri": "https://elsewhere.example/"}),
        house.call("/par", "basic", {**good, "request_uri": "https://elsewhere.example/"}),
        house.call("/par", "basic", {**good, "request": "x.y.z"}),
        house.call("/par", "basic", {**good, "resource": "https://elsewhere.example/"}),
        house.call("/par", "basic", good, {"DPoP": "x.y.z"}),
        *_refusals(house, "/par"),
    ]


def devices(house: House) -> list[requests.Response]:
    return [
        house.call("/device_authorization", "public", {"scope": "openid", "acr_values": "phr"}),
        house.call("/device_authorization", "public", {"scope": "profile"}),
        house.call("/device_authorization", "public", {"scope": "openid", "resource": API}),
        house.call("/device_authorization", "api", {"scope": "openid"}),
        *_refusals(house, "/device_authorization"),
    ]


def tokens(house: House) -> list[requests.Response]:
    codes = house.device("public")
    waiting = {"grant_type": DEVICE_CODE, "device_code": codes["device_code"]}
    denied = house.question(house.device("public"))
    house.person.post(denied.url, {"answer": "deny", "csrf_token": denied.form_token()})
    return [
        *(house.call("/token", "signer", house.grant_form(grant, "signer")) for grant in EVERY_GRANT),
        house.call("/token", "for-api", house.code_form("for-api", resource=API)),
        house.call("/token", "bound", house.code_form("bound"), _proven(house, "/token")),
        *(house.call("/token", "basic", {"grant_type": grant}) for grant in (*EVERY_GRANT[:2], DEVICE_CODE)),
        house.call("/token", "public", waiting),
        house.call("/token", "public", waiting),
        house.call("/token", "basic", {"grant_type": "password"}),
        house.call("/token", "basic", {"grant_type": "client_credentials", "scope": "openid"}),
        house.call("/token", "basic", {"grant_type": "client_credentials", "resource": API}),
        house.call("/token", "basic", {"grant_type": "client_credentials"}, {"DPoP": "x.y.z"}),
        house.call("/token", "api", {"grant_type": "refresh_token", "refresh_token": "x"}),
        *_refusals(house, "/token"),
    ]


def introspected(house: House) -> list[requests.Response]:
    whole = house.tokens("signer")
    signed = {"Accept": "application/token-introspection+jwt"}
    service = house.call("/token", "basic", {"grant_type": "client_credentials"}).json()["access_token"]
    bearer = {"Authorization": f"Bearer {service}"}
    bound = house.call("/token", "bound", house.code_form("bound"), _proven(house, "/token")).json()
    return [
        house.call("/introspect", "signer", {"token": whole["access_token"]}),
        house.call("/introspect", "signer", {"token": whole["refresh_token"]}),
        house.call("/introspect", "bound", {"token": bound["access_token"]}),
        house.call("/introspect", "signer", {"token": "x"}),
        house.call("/introspect", "signer", {"token": "x"}, signed),
        house.send("POST", "/introspect", data={"token": service}, headers=bearer),
        house.send("POST", "/introspect", data={"token": "x"}, headers={"Authorization": "Bearer x"}),
        house.send("POST", "/introspect", data={"token": "x"}, headers={"Authorization": "Bearer"}),
        house.send("POST", "/introspect", data={"token": "x"}, headers={"Authorization": "DPoP x", "DPoP": "x"}),
        house.call("/introspect", "signer"),
        *_refusals(house, "/introspect"),
    ]


def revoked(house: House) -> list[requests.Response]:
    whole = house.tokens("basic")
    return [
        house.call("/revoke", "basic", {"token": whole["access_token"]}),
        house.call("/revoke", "basic", {"token": whole["refresh_token"]}),
        house.call("/revoke", "basic", {"token": "x"}),
        house.call("/revoke", "basic", {"token": ""}),
        *_refusals(house, "/revoke"),
    ]


def userinfo(method: str) -> Answers:
    def answers(house: House) -> list[requests.Response]:
        good = {"Authorization": f"Bearer {house.tokens('basic')['access_token']}"}
        few = {"Authorization": f"Bearer {house.tokens('basic', scope='openid')['access_token']}"}
        service = house.call("/token", "basic", {"grant_type": "client_credentials"}).json()["access_token"]
        bound = house.call("/token", "bound", house.code_form("bound"), _proven(house, "/token")).json()["access_token"]
        proof = dpop.proof(house, method, "/userinfo", bound)

        def asked(headers: dict[str, str], **sent: str) -> requests.Response:
            return house.send(method, "/userinfo", headers=headers, **sent)

        return [
            asked(good),
            asked(few),
            asked({"Authorization": f"DPoP {bound}", "DPoP": proof}),
            asked({"Authorization": f"DPoP {bound}", "DPoP": "x.y.z"}),
            asked({"Authorization": f"DPoP {bound}"}),
            asked({"Authorization": f"Bearer {service}"}),
            asked({"Authorization": "Bearer x"}),
            asked({}),
            house.send(method, "/userinfo", params={"access_token": "x"}),
            *([house.send(method, "/userinfo", data={"access_token": "x" * 70_000})] if method == "POST" else []),
        ]

    return answers


def registered(house: House) -> list[requests.Response]:
    parts, now = house.world.parts, house.world.clock()
    with parts.database.begin() as connection:
        initial = InitialTokens(parts.audit).create(connection, now + timedelta(days=1), now)
    good = {"Authorization": f"Bearer {initial}"}
    whole = {
        "redirect_uris": ["http://localhost/cb"],
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token", DEVICE_CODE],
        "jwks": house.clients["signer"]["jwks"],
        "default_max_age": 600,
    }
    return [
        house.send("POST", "/register", json={"redirect_uris": ["https://registry.example/cb"]}, headers=good),
        house.send("POST", "/register", json=whole, headers=good),
        house.send("POST", "/register", json={"redirect_uris": ["https://registry.example/#"]}, headers=good),
        house.send("POST", "/register", json={"redirect_uris": ["http://localhost/cb"]}, headers=good),
        *_documents_refused(house, "POST", "/register", good),
    ]


def managed(method: str) -> Answers:
    def answers(house: House) -> list[requests.Response]:
        client_id = house.add_client()
        path, good = f"/register/{client_id}", {"Authorization": f"Bearer {MANAGEMENT_TOKEN}"}
        document = {"client_id": client_id, "redirect_uris": ["https://registry.example/cb"]}
        refused = _documents_refused(house, method, path, good) if method == "PUT" else []
        return [
            house.send(method, path, params={"x": "y"}, json=document, headers=good),
            house.send(method, path, json=document),
            house.send(method, path, json=document, headers={"Authorization": "Bearer x"}),
            *refused,
            house.send(method, path, json=document, headers=good),
        ]

    return answers


def polled(house: House) -> list[requests.Response]:
    happened(house)
    good = {"Authorization": f"Bearer {_service_token(house, 'basic')}"}
    bound = house.call("/token", "bound", {"grant_type": "client_credentials"}, _proven(house, "/token")).json()
    proof = dpop.proof(house, "POST", "/events/poll", bound["access_token"])
    elsewhere = {"Authorization": f"Bearer {_service_token(house, 'post')}"}

    def asked(headers: dict[str, str], **sent: Any) -> requests.Response:
        return house.send("POST", "/events/poll", headers=headers, **{"json": {}, **sent})

    first = asked(good)
    return [
        first,
        asked(good, json={"ack": list(first.json()["sets"]), "maxEvents": 1}),
        asked({"Authorization": f"DPoP {bound['access_token']}", "DPoP": proof}),
        asked({"Authorization": f"DPoP {bound['access_token']}", "DPoP": "x.y.z"}),
        asked(elsewhere),
        asked({}),
        asked({"Authorization": "Bearer x"}),
        asked(good, params={"access_token": "x"}),
        asked(good, json={"maxEvents": -1}),
        asked(good, json=None, data={"x": "y"}),
        asked(good, json={"x": "y" * 70_000}),
    ]


def happened(house: House) -> None:
    """Have something happen to an account, for every client that is told."""
    parts = house.world.parts
    with parts.database.begin() as connection:
        events = SecurityEvents(parts.settings.streams)
        events.write(connection, EventKind.CLAIMED, "ada", {"by": "claim"}, house.world.clock())


def _service_token(house: House, client_id: str) -> str:
    given = house.call("/token", client_id, {"grant_type": "client_credentials"})
    return str(given.json()["access_token"])


def downloaded(house: House) -> list[requests.Response]:
    return [house.person.get("/account/data.json"), house.send("GET", "/account/data.json")]


def _proven(house: House, path: str) -> dict[str, str]:
    return {"DPoP": dpop.proof(house, "POST", path)}


def _refusals(house: House, path: str) -> list[requests.Response]:
    """Return what every form endpoint says to clients that are nobody, and to forms that are none."""
    headers = {"Authorization": "Basic !"}
    return [
        house.send("POST", path, data={"client_id": "nobody"}),
        house.send("POST", path, data={"client_id": "nobody"}, headers={"DPoP": "x.y.z"}),
        house.send("POST", path, data={"client_id": "x"}, headers=headers),
        house.send("POST", path, json={}),
        house.send("POST", path, data={"x": ["a", "b"]}),
        house.send("POST", path, params={"x": "y"}, data={"x": "y"}),
        house.send("POST", path, data=b"x=%ff", headers={"Content-Type": "application/x-www-form-urlencoded"}),
        house.send("POST", path, data={"x": "y" * 20_000}),
        house.send("POST", path, data={"x": "y" * 70_000}),
    ]


def _documents_refused(house: House, method: str, path: str, good: dict[str, str]) -> list[requests.Response]:
    return [
        house.send(method, path, json={"redirect_uris": []}, headers=good),
        house.send(method, path, json=[], headers=good),
        house.send(method, path, data={"x": "y"}, headers=good),
        house.send(method, path, data=b'{"x": 1, "x": 2}', headers={**good, "Content-Type": "application/json"}),
        house.send(method, path, json={"x": "y" * 20_000}, headers=good),
        house.send(method, path, json={}),
        house.send(method, path, json={}, headers={"Authorization": "Bearer x"}),
    ]


ANSWERS: dict[str, Answers] = {
    "GET /.well-known/openid-configuration": documents("/.well-known/openid-configuration"),
    "GET /.well-known/oauth-authorization-server": documents("/.well-known/oauth-authorization-server"),
    "GET /jwks": documents("/jwks"),
    "POST /par": pushed,
    "POST /device_authorization": devices,
    "POST /token": tokens,
    "POST /introspect": introspected,
    "POST /revoke": revoked,
    "GET /userinfo": userinfo("GET"),
    "POST /userinfo": userinfo("POST"),
    "POST /register": registered,
    "GET /register/{client_id}": managed("GET"),
    "PUT /register/{client_id}": managed("PUT"),
    "DELETE /register/{client_id}": managed("DELETE"),
    "POST /events/poll": polled,
    "GET /account/data.json": downloaded,
}
