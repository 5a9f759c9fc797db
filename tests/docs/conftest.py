"""A broker over TLS that knows the registries of the guide."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe

import pytest
from joserfc.jwk import ECKey

from providers.standins import Standins
from tests.clients.tls import Authority, running_over_tls
from tests.world import CALLBACK, World

API = "https://registry.example.org/api"
WITH_REFRESH = {
    "grant_types": ["authorization_code", "refresh_token"],
    "scopes": ["openid", "profile", "email", "offline_access"],
}


@dataclass(frozen=True, kw_only=True)
class Readers:
    """What a reader of the guide has: a broker, and ports of their own, which are taken but not listened on."""

    world: World
    authority: Authority
    flask: socket.socket
    node: socket.socket
    key: ECKey

    def environ(self, client_id: str) -> dict[str, str]:
        """Return the environment that the examples are started in."""
        secret = self.world.raw["clients"][client_id].get("secret", "")
        return {"ISSUER": self.world.base, "CLIENT_ID": client_id, "CLIENT_SECRET": secret}


def site(taken: socket.socket) -> str:
    """Return the address of a registry on a port."""
    return f"http://127.0.0.1:{taken.getsockname()[1]}"


def _taken(stack: ExitStack) -> socket.socket:
    taken = stack.enter_context(socket.socket())
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", 0))
    return taken


@pytest.fixture(scope="session")
def readers(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[Readers]:
    folder = tmp_path_factory.mktemp("readers")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    authority = Authority.make(folder)
    key = ECKey.generate_key("P-256", {"kid": "registry"})
    signs = {"auth_method": "private_key_jwt", "jwks": {"keys": [key.as_dict(private=False)]}}
    with ExitStack() as stack:
        flask, node = _taken(stack), _taken(stack)

        def registry(name: str, taken: socket.socket, goodbye: str) -> dict[str, object]:
            return {
                "name": name,
                "redirect_uris": [f"{site(taken)}/callback"],
                "secret": token_urlsafe(32),
                "first_party": True,
                "post_logout_redirect_uris": [f"{site(taken)}{goodbye}"],
                "backchannel_logout_uri": f"{site(taken)}/backchannel-logout",
                **WITH_REFRESH,
            }

        clients: dict[str, dict[str, object]] = {
            "flask": registry("Flask", flask, "/goodbye"),
            "node": registry("Node", node, "/"),
            "api": {
                "name": "API",
                "grant_types": ["client_credentials"],
                "scopes": ["introspection"],
                "secret": token_urlsafe(32),
                "serves": [API],
            },
            "caller": {
                "name": "Caller",
                "redirect_uris": [CALLBACK],
                "secret": token_urlsafe(32),
                "first_party": True,
                "resources": [API],
            },
            "fapi": {
                **signs,
                "name": "FAPI",
                "redirect_uris": [CALLBACK],
                "first_party": True,
                "id_token_signed_response_alg": "PS256",
                "require_pushed_authorization_requests": True,
                "dpop_bound_access_tokens": True,
            },
            "signing": {
                **signs,
                "name": "Signing",
                "grant_types": ["client_credentials"],
                "scopes": ["introspection"],
            },
        }
        world = stack.enter_context(
            running_over_tls(
                folder,
                standins=standins,
                authority=authority,
                clients=clients,
                insecure_allow_private_addresses=True,
                # Libraries refresh what expires within a minute, so with these at each use.
                tokens={"access": 30},
            )
        )
        yield Readers(world=world, authority=authority, flask=flask, node=node, key=key)
