"""Claims at a running broker: what people do in their browsers, and what their mailboxes get."""

import email
import email.policy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from migrations.accounts.visit import sign_in
from tests.migrations.legacy import PASSWORD
from tests.world import Page, Visitor, World

PERSONA, PROVIDER = "2fa-true", "github"


def mails(world: World) -> list[tuple[str, str]]:
    """Return address and text of all mails so far, once those that waited are sent."""
    world.parts.worker.run_once()
    folder = Path(world.raw["mail"]["url"].removeprefix("directory:"))
    read = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in folder.glob("*.eml")]
    return [(str(each["To"]), each.get_content()) for each in read]


def mailed(world: World, address: str, start: str) -> list[str]:
    """Return the paths of the links in mails to an address that begin so."""
    texts = [text for to, text in mails(world) if to == address]
    return [found for text in texts for found in re.findall(re.escape(world.base) + rf"({start}\S*)", text)]


@dataclass(kw_only=True)
class Claimant:
    """Somebody's browser, and the attempt that was begun in it."""

    world: World
    visitor: Visitor
    path: str = ""

    @staticmethod
    def of(world: World) -> "Claimant":
        return Claimant(world=world, visitor=world.visitor())

    def send(self, path: str, data: Mapping[str, str] | None = None, *, page: str = "/claim") -> requests.Response:
        return self.visitor.submit(path, data, page=page)

    def begin(self, typed: str) -> "Claimant":
        answer = self.send("/claim", {"account": typed})
        assert answer.status_code == 303, answer.text
        self.path = urlsplit(answer.headers["Location"]).path
        return self

    def page(self) -> Page:
        return self.visitor.page(self.visitor.get(self.path))

    def give_password(self, password: str = PASSWORD) -> requests.Response:
        return self.send(f"{self.path}/password", {"password": password})

    def ask_for_link(self, address: str) -> str:
        """Have the link sent, and return its path as the mail has it."""
        before = set(mailed(self.world, address, "/claim/link/"))
        assert self.send(f"{self.path}/mail").status_code == 303
        (new,) = set(mailed(self.world, address, "/claim/link/")) - before
        return new

    def prove_mailbox(self, address: str) -> None:
        link = self.ask_for_link(address)
        assert self.send(link, page=link).headers["Location"].endswith("?done=mailbox")

    def sign_in(self, persona: str = PERSONA, provider: str = PROVIDER) -> Page:
        """Sign in by the link that the page has, and come back to it."""
        chooser = self.visitor.walk(self.visitor.get(sign_in(self.path)))
        assert isinstance(chooser, Page)
        choice = next(each for each in chooser.links if each.endswith(f"/{provider}"))
        landed = self.visitor.walk(self.visitor.get(choice), persona)
        assert isinstance(landed, Page)
        return landed

    def finish(self) -> requests.Response:
        return self.send(f"{self.path}/finish")

    def claim(self, typed: str, address: str, *, persona: str = PERSONA, provider: str = PROVIDER) -> str:
        """Claim an account, and return the path of the case."""
        self.begin(typed).give_password()
        self.prove_mailbox(address)
        self.sign_in(persona, provider)
        answer = self.finish()
        assert answer.status_code == 303, answer.text
        return urlsplit(answer.headers["Location"]).path
