"""A registry's command line, and what its user does in a browser."""

import re
from dataclasses import dataclass
from typing import Any

import requests

from broker.settings import ClientMetadata
from broker.settings.clients import DEVICE_CODE
from tests.world import TIMEOUT, Page, Visitor, World

METADATA: dict[str, Any] = {
    "name": "Example CLI",
    "grant_types": [DEVICE_CODE, "refresh_token"],
    "auth_method": "none",
    "scopes": ["openid", "profile", "email", "offline_access"],
    "id_token_signed_response_alg": "ES256",
    "resources": ["https://packages.example"],
}


def add_client(world: World, client_id: str = "cli", **changes: Any) -> None:
    """Add a client to the database, where it can be changed."""
    parts = world.parts
    metadata = ClientMetadata.model_validate({**METADATA, **changes})
    with parts.database.begin() as connection:
        parts.clients.add(connection, client_id, metadata, parts.audit, world.clock(), secret=None)


def change_client(world: World, client_id: str = "cli", **changes: Any) -> None:
    parts = world.parts
    metadata = ClientMetadata.model_validate({**METADATA, **changes})
    with parts.database.begin() as connection:
        parts.clients.replace(connection, client_id, metadata, parts.audit, world.clock(), secret_sha256=None)


def set_status(world: World, status: str, client_id: str = "cli") -> None:
    parts = world.parts
    with parts.database.begin() as connection:
        parts.clients.set_status(connection, client_id, status, parts.audit, world.clock())


@dataclass
class CommandLine:
    """A device that has asked for its codes."""

    world: World
    client_id: str
    codes: dict[str, Any]

    @property
    def user_code(self) -> str:
        return str(self.codes["user_code"])

    def poll(self, **changes: str) -> requests.Response:
        form = {
            "grant_type": DEVICE_CODE,
            "device_code": self.codes["device_code"],
            "client_id": self.client_id,
            **changes,
        }
        return requests.post(f"{self.world.base}/token", data=form, timeout=TIMEOUT)

    def told(self) -> str:
        """Poll once, and return the error."""
        response = self.poll()
        assert response.status_code == 400, response.text
        return str(response.json()["error"])


def ask(world: World, client_id: str = "cli", **form: str) -> requests.Response:
    """Ask for codes."""
    asked = {"client_id": client_id, "scope": "openid profile", **form}
    return requests.post(f"{world.base}/device_authorization", data=asked, timeout=TIMEOUT)


def started(world: World, client_id: str = "cli", **form: str) -> CommandLine:
    response = ask(world, client_id, **form)
    assert response.status_code == 200, response.text
    return CommandLine(world, client_id, response.json())


def typed(visitor: Visitor, user_code: str) -> requests.Response:
    """Type a code into the form."""
    return visitor.submit("/device", {"user_code": user_code}, page="/device")


def confirmation(visitor: Visitor, command_line: CommandLine) -> Page:
    """Type the code, signed in already, and return the page that asks."""
    page = visitor.walk(typed(visitor, command_line.user_code))
    assert isinstance(page, Page)
    assert "/device/confirm/" in page.url, page.text
    return page


def signing_in(visitor: Visitor, command_line: CommandLine, persona: str, provider: str) -> Page:
    """Type the code, sign in, and return the page that asks."""
    chooser = visitor.walk(typed(visitor, command_line.user_code))
    assert isinstance(chooser, Page)
    link = next(each for each in chooser.links if each.endswith(f"/{provider}"))
    page = visitor.walk(visitor.get(link), persona)
    assert isinstance(page, Page)
    return page


def answered(visitor: Visitor, page: Page, answer: str) -> requests.Response:
    """Press a button of the page that asks."""
    return visitor.post(page.url, {"answer": answer, "csrf_token": page.form_token()})


def heading(page: Page) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page.text)
    assert found, page.text
    return re.sub(r"<[^>]+>", "", found[1])
