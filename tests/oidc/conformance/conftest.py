"""One broker over TLS for all plans of a worker, with the clients that the suite's instructions ask for."""

import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest

from providers.standins import Standins
from tests.clients.tls import Authority, running_over_tls
from tests.oidc.conformance.fapi import fapi_clients
from tests.oidc.conformance.op import CALLBACK, SIGNED_OUT, Suite
from tests.providers.loopback import Handler, serve

OFFLINE = {
    "grant_types": ["authorization_code", "refresh_token"],
    "scopes": ["openid", "profile", "email", "offline_access"],
}


def basic_client(**changes: Any) -> dict[str, Any]:
    """Return a client of the Basic plan: confidential, without PKCE, nobody is asked for consent."""
    return {
        "name": "Conformance suite",
        "secret": token_urlsafe(32),
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [SIGNED_OUT],
        "first_party": True,
        "insecure_pkce_optional": True,
        **OFFLINE,
        **changes,
    }


def _heard(handler: Handler) -> None:
    handler.reply(b"", Cache_Control="no-store")


@pytest.fixture(scope="session")
def shared_suite(
    tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path
) -> Iterator[Suite]:
    folder = tmp_path_factory.mktemp("conformance")
    shutil.copy(migrated_sqlite, folder / "vestibule.db")
    authority = Authority.make(folder)
    with serve(_heard) as listener:
        clients = {
            "suite": basic_client(),
            "suite-2": basic_client(),
            "suite-post": basic_client(auth_method="client_secret_post"),
            "listening": basic_client(
                backchannel_logout_uri=f"{listener.url}/backchannel_logout", backchannel_logout_session_required=True
            ),
            **fapi_clients(OFFLINE),
        }
        with running_over_tls(
            folder,
            standins=standins,
            authority=authority,
            clients=clients,
            insecure_allow_private_addresses=True,  # where the listener is
        ) as world:
            yield Suite(world=world, ca_file=authority.ca_file, listener=listener)


@pytest.fixture
def suite(shared_suite: Suite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    """The suite, with both clocks set right again after each module: the broker's, and that of its store."""
    offset = shared_suite.world.clock
    monkeypatch.setattr(
        shared_suite.world.parts.store, "_clock", lambda: time.monotonic() + offset.offset.total_seconds()
    )
    yield shared_suite
    shared_suite.world.clock.offset = timedelta(0)
    shared_suite.listener.seen.clear()
