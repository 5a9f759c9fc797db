"""A world with an organisation whose tenant is mapped, and what reuses a sign-in by it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from broker.oidc.scopes import READ
from providers.standins import Standins
from tests.oidc.kinds import refresh
from tests.organizations import Organization, SignedIn, organization, signed_in, tokens
from tests.world import TIMEOUT, Arrival, Page, Tokens, World, running

SCOPE = f"openid profile offline_access organizations {READ}"


def with_organizations(raw: dict[str, Any]) -> None:
    """Let the registry have organisations, refresh tokens, and what it can read of the management API."""
    raw["clients"]["registry"] |= {
        "scopes": ["openid", "profile", "email", "offline_access", "organizations", READ],
        "grant_types": ["authorization_code", "refresh_token"],
    }
    raw["clients"]["strict"] = {**raw["clients"]["registry"], "bindings": ["session"]}


@contextmanager
def mapped_world(folder: Path, standins: Standins) -> Iterator[tuple[World, Organization, str]]:
    """Yield a world, an organisation and its mapping of Northwind."""
    with running(folder, standins=standins, change=with_organizations) as world:
        owner = organization(world, signed_in(world, "entra-phr", "entra"), "Northwind Traders")
        yield world, owner, owner.map_tenant()


def refused(world: World, persona: str, provider: str = "entra") -> str:
    """Return the reason of a sign-in that has to be refused."""
    page = world.visitor().sign_in(persona, provider)
    assert isinstance(page, Page), page
    assert page.status == 403
    return str(page.meta("reason"))


@dataclass(frozen=True, kw_only=True)
class InUse:
    """Somebody who signed in, and everything a registry got of it."""

    person: SignedIn
    tokens: Tokens

    @classmethod
    def of(cls, world: World, persona: str, provider: str = "entra") -> "InUse":
        person = signed_in(world, persona, provider)
        return cls(person=person, tokens=tokens(person, scope=SCOPE))

    def stands(self) -> Mapping[str, bool]:
        """Return what can still be used, by what it is."""
        world, access = self.person.world, self.tokens.response["access_token"]
        silent = self.person.visitor.walk(
            self.person.visitor.authorize(world.registry().request(prompt="none", scope=SCOPE))
        )
        assert isinstance(silent, Arrival)
        refreshed = refresh(world, "registry", self.tokens.response["refresh_token"])
        if refreshed.ok:
            self.tokens.response["refresh_token"] = refreshed.json()["refresh_token"]  # type: ignore[index]
        return {
            "session": "code" in silent.parameters,
            "account page": self.person.visitor.get("/account").status_code == 200,
            "refresh token": refreshed.ok,
            "userinfo": world.registry().userinfo(access).status_code == 200,
            "management API": management(world, access).status_code == 200,
        }


def management(world: World, access_token: str) -> requests.Response:
    """Ask the management API where somebody belongs."""
    headers = {"Authorization": f"Bearer {access_token}"}
    return requests.get(f"{world.base}/api/organizations", headers=headers, timeout=TIMEOUT)


ALL = dict.fromkeys(("session", "account page", "refresh token", "userinfo", "management API"), True)
NOTHING = dict.fromkeys(ALL, False)
