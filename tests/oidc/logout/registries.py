"""A broker with registries that listen for logouts, and what they hear."""

import re
import shutil
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlencode

import requests
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import delete

from broker.events.model import outbox
from broker.events.waiting import Waiting, list_waiting
from providers.standins import Standins
from tests.providers.loopback import Handler, Server, serve
from tests.world import CALLBACK, TIMEOUT, Page, Tokens, Visitor, World, running

SIGNED_OUT = "http://127.0.0.1:1/signed-out"
SIGNED_OUT_QUERY = "http://127.0.0.1:1/signed-out?from=vestibule"
ELSEWHERE = "http://127.0.0.1:1/of-another"
PERSONA = ("2fa-true", "github")


class Listener:
    """The logout endpoint of a registry: answers with ``status``, or hangs up while ``down``."""

    def __init__(self) -> None:
        self.status = 200
        self.down = False
        self.server: Server | None = None

    def __call__(self, handler: Handler) -> None:
        if self.down:
            handler.close_connection = True
            return
        handler.reply(b"" if self.status == 204 else b"{}", status=self.status, Cache_Control="no-store")

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"{self.server.url}/backchannel"

    def heard(self) -> list[Mapping[str, list[str]]]:
        """Return the forms that came."""
        assert self.server is not None
        return [parse_qs(seen.body.decode(), strict_parsing=True) for seen in self.server.seen]


@dataclass(kw_only=True)
class House:
    """``first`` listens, and so does ``second``, with pairwise subjects; ``deaf`` is a registry that does not."""

    world: World
    first: Listener
    second: Listener

    def tidy(self) -> None:
        """Leave nothing of a test to the next."""
        self.world.clock.offset = timedelta(0)
        with self.world.parts.database.begin() as connection:
            connection.execute(delete(outbox))
        for listener in (self.first, self.second):
            listener.status, listener.down = 200, False
            assert listener.server is not None
            listener.server.seen.clear()

    def sign_in(self, visitor: Visitor, client_id: str = "first", **extra: str) -> Tokens:
        """Return what a registry gets when the visitor comes from it."""
        registry = self.world.registry(client_id)
        request = registry.request(provider=PERSONA[1], **extra)
        return registry.redeem(visitor.walk(visitor.authorize(request), PERSONA[0]), request)

    def refresh(self, tokens: Tokens) -> requests.Response:
        """Return the answer to the refresh token that the first registry has."""
        form = {"grant_type": "refresh_token", "refresh_token": tokens.response["refresh_token"]}
        secret = ("first", self.world.secrets["first"])
        return requests.post(f"{self.world.base}/token", data=form, auth=secret, timeout=TIMEOUT)

    def logout(self, visitor: Visitor, **parameters: str | list[str]) -> requests.Response:
        return visitor.get("/logout?" + urlencode(parameters, doseq=True))

    def confirm(self, visitor: Visitor, page: requests.Response, **changes: str) -> requests.Response:
        """Press the button of the page."""
        return visitor.post("/logout/confirm", {**hidden(visitor.page(page)), **changes})

    def deliver(self) -> None:
        """Let the worker do its work once."""
        assert self.world.parts.worker.run_once() == []

    def waiting(self) -> list[Waiting]:
        with self.world.parts.database.read() as connection:
            return [item for item in list_waiting(connection) if item.kind == "backchannel_logout"]

    def verified(self, form: Mapping[str, list[str]]) -> jwt.Token:
        """Return the logout token of a form that came, its signature checked."""
        assert list(form) == ["logout_token"]
        (token,) = form["logout_token"]
        keys = KeySet.import_key_set(requests.get(f"{self.world.base}/jwks", timeout=TIMEOUT).json())
        return jwt.decode(token, keys, algorithms=["ES256", "RS256"])

    def told(self, listener: Listener) -> dict[str, dict[str, Any]]:
        """Return the claims that came, by the session that they say is over."""
        return {token.claims["sid"]: token.claims for token in map(self.verified, listener.heard())}

    def is_signed_in(self, visitor: Visitor, client_id: str = "first") -> bool:
        """Ask without a word whether a session is there (OpenID Connect Core 3.1.2.6)."""
        response = visitor.authorize(self.world.registry(client_id).request(prompt="none"))
        location = response.headers["Location"]
        assert location.startswith(CALLBACK)
        if "error=" in location:
            assert "error=login_required" in location
        return "code=" in location


@contextmanager
def furnished(folder: Path, standins: Standins, migrated: Path, *, private: bool = True) -> Iterator[House]:
    """Yield a house. ``private``: whether logout tokens may go to private addresses, which is where it listens."""
    with ExitStack() as stack:
        listeners = Listener(), Listener()
        for listener in listeners:
            listener.server = stack.enter_context(serve(listener))

        def change(raw: dict[str, Any]) -> None:
            base = raw["clients"].pop("registry")
            raw["insecure_allow_private_addresses"] = private
            raw["clients"] = {
                client_id: {**base, "name": name, "secret": token_urlsafe(32), **more}
                for client_id, name, more in (
                    (
                        "first",
                        "First Registry",
                        {
                            "backchannel_logout_uri": listeners[0].url,
                            "post_logout_redirect_uris": [SIGNED_OUT, SIGNED_OUT_QUERY],
                            "grant_types": ["authorization_code", "refresh_token"],
                            "scopes": ["openid", "profile", "email", "offline_access"],
                        },
                    ),
                    (
                        "second",
                        "Second Registry",
                        {
                            "backchannel_logout_uri": listeners[1].url,
                            "post_logout_redirect_uris": [ELSEWHERE],
                            "subject_type": "pairwise",
                            "id_token_signed_response_alg": "RS256",
                        },
                    ),
                    ("deaf", "Deaf Registry", {}),
                )
            }

        shutil.copy(migrated, folder / "vestibule.db")
        world = stack.enter_context(running(folder, standins=standins, change=change))
        yield House(world=world, first=listeners[0], second=listeners[1])


def hidden(page: Page) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    fields: dict[str, str] = {}

    class Inputs(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = dict(attrs)
            if tag == "input" and given.get("type") == "hidden":
                fields[str(given["name"])] = str(given["value"])

    Inputs().feed(page.text)
    return fields


def goes_on_to(response: requests.Response) -> str:
    """Return where the page that answers a form sends the browser."""
    assert response.status_code == 200
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]*)"', response.text)
    assert found, response.text
    return unescape(found[1])


def clears_session(response: requests.Response) -> bool:
    """Return whether an answer takes the session cookie away."""
    cookies = SimpleCookie(response.headers.get("Set-Cookie", ""))
    return "vestibule" in cookies and cookies["vestibule"].value == ""


def part(token: str, index: int) -> bytes:
    """Return one part of a JWT, decoded."""
    text = token.split(".")[index]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
