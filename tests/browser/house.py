"""A broker and its registries, running; and a person's browser, which remembers all it asked for and heard."""

import email
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from threading import Thread
from typing import Any
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Response, expect
from werkzeug.serving import make_server

from broker.demo.registry import create_registry
from broker.signin.sessions import COOKIE
from providers.standins import Standins
from tests.browser.receiver import Receiver, receiving
from tests.chromium import DESK, PHONE, Scheme, check_page, complaints
from tests.world import AuthRequest, Tokens, World, _Quiet, running

OFFLINE = {
    "grant_types": ["authorization_code", "refresh_token"],
    "scopes": ["openid", "profile", "email", "offline_access"],
}
# What Chromium says of any answer of 400 or more; the tests say which those are.
_STATUS = "error: Failed to load resource: the server responded with a status of"


@dataclass(frozen=True, kw_only=True)
class House:
    """``registry`` is the demo registry's address: the broker's site. The stand-ins are another site, 127.0.0.1.

    ``receiver`` is the callback of all ``guests``, registries besides; ``elsewhere`` is another site of theirs.
    """

    world: World
    registry: str
    folder: Path
    receiver: Receiver
    elsewhere: Receiver

    @property
    def origins(self) -> set[str]:
        ours = {self.world.base, self.registry, self.world.standins.browser_url}
        return ours | {self.receiver.url, self.elsewhere.url}

    def mailed_link(self, to: str, start: str = "") -> str:
        """Deliver what is waiting, and return the one link in the mails to ``to`` whose path starts so."""
        self.world.parts.worker.run_once()
        mails = [email.message_from_bytes(path.read_bytes()) for path in (self.folder / "mail").glob("*.eml")]
        bodies = [each.get_payload(decode=True) for each in mails if each["To"] == to]
        link = re.compile(rb"http://[^/\s]+" + re.escape(start).encode() + rb"\S+")
        (found,) = [each for body in bodies if isinstance(body, bytes) for each in link.findall(body)]
        return str(found.decode())


@contextmanager
def furnished(
    folder: Path,
    standins: Standins,
    guests: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    more: Callable[[dict[str, Any]], None] | None = None,
) -> Iterator[House]:
    """Yield a house whose broker knows the demo registry, and the guests: what sets each apart from it.

    ``more`` may edit the raw settings besides.
    """
    with (
        socket.create_server(("127.0.0.1", 0), backlog=128) as listener,
        receiving() as receiver,
        receiving() as elsewhere,
    ):
        port = listener.getsockname()[1]
        url = f"http://localhost:{port}"

        def change(raw: dict[str, Any]) -> None:
            demo: dict[str, Any] = raw["clients"]["registry"]
            for client_id, changes in (guests or {}).items():
                changed = {"redirect_uris": [receiver.callback], "secret": token_urlsafe(32), **changes}
                raw["clients"][client_id] = {**demo, **changed}
            demo["redirect_uris"], demo["post_logout_redirect_uris"] = [f"{url}/callback"], [f"{url}/goodbye"]
            demo |= OFFLINE
            if more is not None:
                more(raw)

        with running(folder, standins=standins, change=change) as world:
            app = create_registry(
                url=url, issuer=world.base, client_id="registry", client_secret=world.secrets["registry"]
            )
            server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet, fd=listener.fileno())
            thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield House(world=world, registry=url, folder=folder, receiver=receiver, elsewhere=elsewhere)
            finally:
                server.shutdown()
                thread.join()
                server.server_close()


class Person:
    """Someone with a browser of their own. ``errands`` are the addresses elsewhere that they mean to open."""

    def __init__(self, browser: Browser, house: House, *, scripts: bool = True) -> None:
        self.house = house
        self.context: BrowserContext = browser.new_context(
            viewport=DESK, java_script_enabled=scripts, reduced_motion="reduce", locale="en-GB"
        )
        self.context.set_default_timeout(30_000)
        self.requests: list[Request] = []
        self.documents: list[Response] = []
        self.errands: set[str] = set()
        self._heard = complaints(self.context)
        self.context.on("request", lambda request: self.requests.append(request))
        self.context.on("response", self._note)
        self.page: Page = self.context.new_page()

    def _note(self, response: Response) -> None:
        if response.request.is_navigation_request():
            self.documents.append(response)

    def heard(self) -> list[str]:
        """Return what the browser refused or could not do, apart from telling of a status, and forget it."""
        heard = [each for each in self._heard if not each.startswith(_STATUS)]
        self._heard.clear()
        return heard

    def strangers(self) -> set[str]:
        """Return the addresses asked for that belong neither to the house nor to the errands."""
        urls = {request.url for request in self.requests if request.url not in self.errands}
        return {url for url in urls if origin(url) not in self.house.origins}

    def upstream_trips(self) -> list[str]:
        """Return the addresses at which the browser was sent to a provider to sign in."""
        return [
            request.url
            for request in self.requests
            if request.method == "GET" and urlsplit(request.url).path.endswith("/authorize") and self._away(request)
        ]

    def _away(self, request: Request) -> bool:
        return origin(request.url) == self.house.world.standins.browser_url

    def cookies(self) -> dict[str, Any]:
        """Return the browser's cookies by name."""
        return {cookie["name"]: cookie for cookie in self.context.cookies()}

    # Where to go, and what to press there

    def open(self, path: str) -> None:
        """Open a page of the broker."""
        self.page.goto(f"{self.house.world.base}{path}")

    def heading(self, text: str) -> None:
        """Wait for the page with this heading."""
        expect(self.page.get_by_role("heading", level=1, name=text, exact=True)).to_be_visible()

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def sign_out(self) -> None:
        """Sign out on the page that is open, and not everywhere."""
        self.page.get_by_role("button", name="Sign out", exact=True).click()

    def come_from(self, client_id: str, **extra: str) -> AuthRequest:
        """Come from one of the guests, and return what it asked."""
        world = self.house.world
        request = world.registry(client_id).request(redirect_uri=self.house.receiver.callback, **extra)
        # No longer than until it is there: a page that posts itself may never have loaded.
        self.page.goto(f"{world.base}/authorize?{urlencode(request.parameters)}", wait_until="commit")
        return request

    def back_at(self, client_id: str, request: AuthRequest) -> Tokens:
        """Wait until the browser is back at this guest, which redeems the code and verifies what it gets."""
        self.heading("Back at the registry")
        told = self.house.receiver.told()
        assert (told["state"], told["iss"]) == (request.state, self.house.world.base)
        guest, where = self.house.world.registry(client_id), {"redirect_uri": self.house.receiver.callback}
        response = guest.token_response(told["code"], request.verifier, where)
        assert response.status_code == 200, response.text
        return guest.verify(response.json(), request)

    def begin(self) -> None:
        """Go from the registry to the chooser."""
        self.page.goto(self.house.registry)
        self.page.get_by_role("link", name="Sign in", exact=True).click()
        self.heading("Sign in to Example Registry")

    def choose(self, provider: str) -> None:
        """Take the provider of this name in the chooser."""
        self.page.get_by_role("link", name=re.compile(rf"^{provider}\b")).click()

    def pick(self, persona: str) -> None:
        """Be this persona on a stand-in's page."""
        self.page.locator(f'button[name="persona"][value="{persona}"]').click()

    def approve(self) -> None:
        """Give the second factor on a stand-in's page."""
        self.page.locator('button[name="mfa"][value="approve"]').click()

    def arrive(self, persona: str) -> None:
        """Wait until the registry greets the persona."""
        self.heading(f"Welcome, {self.house.world.standins.persona(persona).name}")
        expect(self.page).to_have_url(f"{self.house.registry}/")

    def whoami(self) -> dict[str, Any]:
        """Return what the registry was told, as its own page says."""
        response = self.page.goto(f"{self.house.registry}/whoami")
        assert response is not None
        told: dict[str, Any] = response.json()
        return told

    def sign_in_with_github(self, name: str = "Canary 2fa-true") -> None:
        """Sign in at the registry, which names the provider, as the persona 2fa-true; the account has this name."""
        self.page.goto(f"{self.house.registry}/login?provider=github")
        self.pick("2fa-true")
        self.heading(f"Welcome, {name}")

    def check(self, *schemes: Scheme) -> None:
        """Hold the page that is open against axe: on a phone and on a desktop, light and dark."""
        for viewport in (PHONE, DESK):
            for scheme in schemes or ("light", "dark"):
                check_page(self.page, viewport, scheme)


def an_operator(person: Person) -> None:
    """Sign in with a passkey, and be made an operator by the command line."""
    person.open("/account")
    person.choose("Example ID")
    person.pick("oidc-phr")
    person.approve()
    person.heading("Your account")
    parts, now = person.house.world.parts, person.house.world.clock()
    session = parts.sessions.find(person.cookies()[COOKIE]["value"], now)
    assert session is not None
    with parts.database.begin() as connection:
        parts.people.operators.add(connection, session.account_id, now)
    person.open("/operator")
    person.heading("Operators")


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
