"""T10 and T5: nobody is signed out by somebody else, sent where they did not mean to go, or left signed in."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from broker.settings.clients import ClientMetadata
from providers.standins import Standins
from tests.world import CALLBACK, TIMEOUT, Arrival, Visitor, World, running

RETURN = "http://127.0.0.1:1/signed-out"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, standins: Standins) -> Iterator[World]:
    def change(raw: dict[str, Any]) -> None:
        raw["clients"]["registry"]["post_logout_redirect_uris"] = [RETURN]

    with running(tmp_path_factory.mktemp("logout"), standins=standins, change=change) as world:
        yield world


def signed_in(world: World) -> tuple[Visitor, str]:
    visitor = world.visitor()
    arrived = visitor.sign_in("2fa-true", "github")
    tokens = world.registry().redeem(arrived, visitor.last_request)
    return visitor, tokens.response["id_token"]


def silently(world: World, visitor: Visitor) -> str:
    """Return what a registry hears that asks without a word: a code, or an error."""
    arrived = visitor.walk(visitor.authorize(world.registry().request(prompt="none")))
    assert isinstance(arrived, Arrival)
    return arrived.parameters.get("error", "code")


def test_t10_no_other_site_can_sign_somebody_out(known: World) -> None:
    visitor, _ = signed_in(known)
    attacker, stolen = signed_in(known)
    # What a picture or a link on another site can ask for: nothing, our names, and a token of the attacker's own.
    for parameters in ({}, {"client_id": "registry"}, {"id_token_hint": stolen}):
        shown = visitor.get(f"/logout?{urlencode(parameters)}")
        assert shown.status_code == 200
        assert "frame-ancestors 'none'" in shown.headers["Content-Security-Policy"]
        assert shown.headers["Cache-Control"] == "no-store"
    # And what a form there can post.
    foreign = attacker.page(attacker.get("/account")).form_token()
    for path in ("/logout", "/logout/confirm"):
        for fields in ({}, {"csrf_token": ""}, {"csrf_token": foreign}, {"client_id": "registry"}):
            assert visitor.post(path, fields).status_code in (303, 400)
    assert visitor.get("/logout/confirm").status_code == 405
    assert silently(known, visitor) == "code"


def test_t10_the_form_of_a_session_is_worth_nothing_in_the_next(known: World) -> None:
    visitor, _ = signed_in(known)
    before = visitor.page(visitor.get("/logout")).form_token()
    assert visitor.post("/logout/confirm", {"csrf_token": before}).status_code == 200
    visitor.sign_in("2fa-true", "github")
    assert visitor.post("/logout/confirm", {"csrf_token": before}).status_code == 400
    assert silently(known, visitor) == "code"


def test_t10_after_signing_out_nothing_of_the_session_is_left(known: World) -> None:
    visitor, id_token = signed_in(known)
    cookies = dict(visitor.http.cookies)
    request = known.registry().request()
    in_flight = visitor.walk(visitor.authorize(request))
    assert isinstance(in_flight, Arrival)
    gone = visitor.get(f"/logout?{urlencode({'id_token_hint': id_token, 'post_logout_redirect_uri': RETURN})}")
    assert gone.headers["Location"] == RETURN
    visitor.http.cookies.update(cookies)
    assert silently(known, visitor) == "login_required"
    assert visitor.get("/account").status_code == 303
    assert known.registry().token_response(in_flight.code, request.verifier).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Referer", "Origin"])
def test_t10_no_header_says_where_it_goes_afterwards(known: World, header: str) -> None:
    visitor, id_token = signed_in(known)
    value = "https://evil.example/" if header in ("Referer", "Origin") else "evil.example"
    for path in ("/logout", f"/logout?{urlencode({'id_token_hint': id_token})}"):
        response = visitor.get(path, headers={header: value})
        assert "evil.example" not in response.text + str(response.headers)
    url, headers = f"{known.base}/logout", {header: value}
    posted = requests.post(url, {"state": "s"}, headers=headers, allow_redirects=False, timeout=TIMEOUT)
    # A place of ours, with what was posted sealed in it, and nothing of what the header says.
    assert posted.headers["Location"].startswith("/logout?relay=")
    assert "evil.example" not in visitor.get(posted.headers["Location"]).text


def test_t5_a_client_that_is_switched_off_ends_no_session_and_gets_nobody_back(known: World) -> None:
    parts = known.parts
    metadata = ClientMetadata(
        name="Off", auth_method="none", redirect_uris=(CALLBACK,), post_logout_redirect_uris=(RETURN,), first_party=True
    )
    with parts.database.begin() as connection:
        parts.clients.add(connection, "off", metadata, parts.audit, known.clock(), secret=None)
    registry, visitor = known.registry("off"), known.visitor()
    request = registry.request(provider="github")
    tokens = registry.redeem(visitor.walk(visitor.authorize(request), "2fa-true"), request)
    with parts.database.begin() as connection:
        parts.clients.set_status(connection, "off", "disabled", parts.audit, known.clock())
    for parameters in ({"id_token_hint": tokens.response["id_token"]}, {"client_id": "off"}):
        response = visitor.get(f"/logout?{urlencode({**parameters, 'post_logout_redirect_uri': RETURN})}")
        assert response.status_code == 400
        assert RETURN not in response.text
    assert silently(known, visitor) == "code"
