"""Everything a registry and its command line can do with the broker, right and wrong, each once."""

import hashlib
import json
from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

import requests
from joserfc.jwk import ECKey

from broker.oidc.api.introspection import SIGNED
from broker.settings.clients import DEVICE_CODE
from tests.oidc.device.command_line import answered, confirmation, started, typed
from tests.oidc.jose.samples import base64url, public
from tests.oidc.jose.samples import jwt as signed
from tests.oidc.kinds import API, clients_of_every_kind, consent, introspect, post, refresh, sign_in
from tests.oidc.registration.test_flow import register
from tests.world import CALLBACK, TIMEOUT, Arrival, AuthRequest, Page, Registry, Visitor, World

OFFLINE = "openid profile email offline_access"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = ECKey.generate_key("P-256")


def settings(one: Mapping[str, Any], listener: str) -> dict[str, dict[str, Any]]:
    """Return the clients that the flows need; those whose names say so hear logouts at ``listener``."""
    every = clients_of_every_kind(one)
    for client_id in ("jwt", "third-party"):
        every[client_id]["backchannel_logout_uri"] = listener
    keys = {"auth_method": "private_key_jwt", "jwks": {"keys": [public(KEY)]}}
    bound = {"dpop_bound_access_tokens": True, "require_pushed_authorization_requests": True}
    every["bound"] = {**every["offline"], **keys, **bound}
    every["cli"] = {**every["public-offline"], "grant_types": [DEVICE_CODE, "refresh_token"], "redirect_uris": []}
    for client_id in ("bound", "cli"):
        every[client_id].pop("secret", None)
    return every


def drive(world: World, persona: str, provider: str, typed_in: str) -> None:
    """Drive all flows as one person. ``typed_in`` is in everything that is wrong. Some of each is left unfinished."""
    visitor = world.visitor()
    _tokens(world, visitor, persona, provider)
    _asked_for_consent(world, visitor)
    _bound_to_a_key(world, visitor, typed_in)
    _device(world, visitor, typed_in)
    _registered(world, visitor, typed_in)
    _wrong(world, visitor, typed_in)
    _logout(world, visitor)


def _tokens(world: World, visitor: Visitor, persona: str, provider: str) -> None:
    """Opaque tokens and JWTs: used, refreshed, read by others, taken back, and come again."""

    def signed_in(client_id: str, **extra: str) -> Mapping[str, Any]:
        who = {"persona": persona, "provider": provider, "scope": OFFLINE}
        return sign_in(world, client_id, visitor=visitor, **who, **extra).response

    ways: tuple[tuple[str, dict[str, str]], ...] = (
        ("third-party", {}),
        ("jwt", {"resource": API}),
        ("jwt", {}),
        ("pairwise", {}),
    )
    for client_id, extra in ways:
        first = signed_in(client_id, **extra)
        second = refresh(world, client_id, first["refresh_token"]).json()
        for body in (first, second):
            world.registry(client_id).userinfo(body["access_token"])
            for name in ("access_token", "refresh_token"):
                introspect(world, "service", body[name])
                introspect(world, client_id, body[name])
        accept = {"Accept": SIGNED}
        assert post(world, "/introspect", client_id, accept, token=second["access_token"]).status_code == 200
        assert post(world, "/revoke", client_id, token=second["access_token"]).status_code == 200
        world.registry(client_id).userinfo(second["access_token"])
        refresh(world, client_id, first["refresh_token"])
        signed_in(client_id, **extra)  # and leave it open
    own = post(world, "/token", "service", grant_type="client_credentials", scope="introspection").json()
    bearer = {"Authorization": f"Bearer {own['access_token']}"}
    assert post(world, "/introspect", None, bearer, token=own["access_token"]).status_code == 200
    ended = signed_in("jwt")["refresh_token"]
    assert post(world, "/revoke", "jwt", token=ended, token_type_hint="refresh_token").status_code == 200


def _asked_for_consent(world: World, visitor: Visitor) -> None:
    """A no, a yes that comes by form, what was given taken back, and a question left open. A code left unredeemed."""
    for answer in ("deny", "allow"):
        consent(world, visitor, _question(world, visitor), answer)
    assert visitor.submit("/account/registries/withdraw", {"client_id": "third-party"}).status_code == 303
    _question(world, visitor)
    assert isinstance(visitor.walk(visitor.authorize(world.registry().request())), Arrival)


def _question(world: World, visitor: Visitor) -> Page:
    request = world.registry("third-party").request(prompt="consent", response_mode="form_post")
    page = visitor.walk(visitor.authorize(request))
    assert isinstance(page, Page)
    assert "/consent/" in page.url
    return page


def _bound_to_a_key(world: World, visitor: Visitor, typed_in: str) -> None:
    """Client assertions, pushed requests and DPoP: each used, used twice, wrong, and left unused."""
    registry = world.registry("bound")
    for finish in (True, False):
        request = registry.request(scope=OFFLINE)
        pushed = requests.post(f"{world.base}/par", data={**request.parameters, **_assertion(world)}, timeout=TIMEOUT)
        assert pushed.status_code == 201, pushed.text
        query = {"client_id": "bound", "request_uri": pushed.json()["request_uri"]}
        come = visitor.authorize(AuthRequest(parameters=query, verifier="", nonce="", state=""))
        if finish:
            arrived = visitor.walk(come)
            assert isinstance(arrived, Arrival), arrived
            tokens = _redeemed(world, arrived, request)
            headers = {"Authorization": f"DPoP {tokens['access_token']}"}
            for token in (tokens["access_token"], typed_in):
                headers["DPoP"] = _proof(world, "/userinfo", token, method="GET")
                for _ in range(2):
                    requests.get(f"{world.base}/userinfo", headers=headers, timeout=TIMEOUT)
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **_assertion(world)}
            proof = {"DPoP": _proof(world, "/token")}
            refreshed = requests.post(f"{world.base}/token", data=form, headers=proof, timeout=TIMEOUT)
            assert refreshed.status_code == 200, refreshed.text
    used = _assertion(world)
    for form in (used, used, _assertion(world, iss=typed_in), _assertion(world, aud=typed_in)):
        post(world, "/revoke", None, token=typed_in, **form)


def _redeemed(world: World, arrived: Arrival, request: AuthRequest) -> dict[str, Any]:
    grant = {"grant_type": "authorization_code", "code": arrived.code, "code_verifier": request.verifier}

    def asked(proof: str) -> requests.Response:
        form = {**grant, "redirect_uri": CALLBACK, **_assertion(world)}
        return requests.post(f"{world.base}/token", data=form, headers={"DPoP": proof}, timeout=TIMEOUT)

    assert asked(_proof(world, "/token", nonce="none of ours")).json()["error"] == "use_dpop_nonce"
    response = asked(_proof(world, "/token"))
    assert response.status_code == 200, response.text
    tokens: dict[str, Any] = response.json()
    return tokens


def _assertion(world: World, **changes: str) -> dict[str, str]:
    now = int(world.clock().timestamp())
    who = {"iss": "bound", "sub": "bound", "aud": world.base, "jti": token_urlsafe(16)}
    made = signed({**who, "iat": now, "exp": now + 60, **changes}, key=KEY)
    return {"client_assertion_type": ASSERTION, "client_assertion": made}


def _proof(
    world: World, path: str, access_token: str | None = None, *, method: str = "POST", nonce: str | None = None
) -> str:
    if nonce is None:
        asked = post(world, "/token", "service", {"DPoP": "x.y.z"}, grant_type="client_credentials")
        nonce = asked.headers["DPoP-Nonce"]
    said = {"jti": token_urlsafe(16), "htm": method, "htu": f"{world.base}{path}", "nonce": nonce}
    bound = {"ath": base64url(hashlib.sha256(access_token.encode()).digest())} if access_token is not None else {}
    claims = {**said, **bound, "iat": int(world.clock().timestamp())}
    return signed(claims, key=KEY, typ="dpop+jwt", jwk=public(KEY, kid=...), kid=...)


def _device(world: World, visitor: Visitor, typed_in: str) -> None:
    """A device let in, one turned away, one that waits, one that is looked at; and codes of nobody's."""
    for answer in ("allow", "deny"):
        command_line = started(world, scope=OFFLINE)
        assert answered(visitor, confirmation(visitor, command_line), answer).status_code == 200
        polled = command_line.poll()
        if answer == "allow":
            assert refresh(world, "cli", polled.json()["refresh_token"]).status_code == 200
    started(world, scope=OFFLINE).poll()
    confirmation(visitor, started(world, scope=OFFLINE))
    for wrong in ("BCDF-GHJK", typed_in):
        typed(visitor, wrong)
    post(world, "/token", "cli", grant_type=DEVICE_CODE, device_code=typed_in)


def _registered(world: World, visitor: Visitor, typed_in: str) -> None:
    """A client that registers itself, is used and managed, and stays; one that goes; and what is refused."""
    for stays in (True, False):
        answer = register(world, contacts=[f"{typed_in}@personas.example"], policy_uri=f"https://{typed_in}.example")
        registry = Registry(world, answer["client_id"], answer["client_secret"])
        request = registry.request()
        page = visitor.walk(visitor.authorize(request))
        assert isinstance(page, Page)
        registry.redeem(consent(world, visitor, page), request)
        where, headers = answer["registration_client_uri"], _bearer(answer["registration_access_token"])
        changes = {"client_id": answer["client_id"], "redirect_uris": [CALLBACK], "application_type": "native"}
        for method, sent in (("GET", None), ("PUT", changes), ("PUT", {**changes, "client_secret": typed_in})):
            requests.request(method, where, json=sent, headers=headers, timeout=TIMEOUT)
        if not stays:
            assert requests.delete(where, headers=headers, timeout=TIMEOUT).status_code == 204
    for body in (json.dumps({"redirect_uris": [f"https://{typed_in}/*"]}), f"{{{typed_in}"):
        headers = {**_bearer(typed_in), "Content-Type": "application/json"}
        requests.post(f"{world.base}/register", data=body, headers=headers, timeout=TIMEOUT)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _wrong(world: World, visitor: Visitor, typed_in: str) -> None:
    """Whatever somebody may put where a token, a secret or a name belongs."""
    for path in ("/token", "/introspect", "/revoke", "/par", "/device_authorization"):
        for headers in ({}, {"Authorization": f"Basic {typed_in}"}, {"DPoP": typed_in}):
            names = ("token", "code", "refresh_token", "client_secret", "client_assertion", "login_hint", "scope")
            form = {**dict.fromkeys(names, typed_in), "client_id": "registry", "grant_type": "authorization_code"}
            requests.post(f"{world.base}{path}", data=form, headers=headers, timeout=TIMEOUT)
    for token in (typed_in, f"{typed_in}.{typed_in}.{typed_in}", f"vat_{typed_in}"):
        world.registry().userinfo(token)
    for name in ("request", "id_token_hint", "login_hint", "claims", "ui_locales", "state", "nonce", "acr_values"):
        visitor.authorize(world.registry().request(prompt="none", **{name: typed_in}))


def _logout(world: World, visitor: Visitor) -> None:
    """Signed out by a registry, by the page that asks, and on our own page. The registries are told, or would be."""
    tokens = sign_in(world, "jwt", visitor=visitor)
    visitor.get(f"/logout?{urlencode({'client_id': 'jwt', 'state': token_urlsafe(16)})}")
    assert visitor.get(f"/logout?{urlencode({'id_token_hint': tokens.response['id_token']})}").status_code == 200
    for leave in ("/logout/confirm", "/signout"):
        sign_in(world, "third-party", visitor=visitor)
        assert visitor.submit(leave, page="/account").status_code == 200
        world.parts.worker.run_once()
