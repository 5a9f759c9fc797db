"""A Redis that forgot its last second, as one does that is not made to keep it: what the database then still refuses.

It brings back a code that was used. docs/reliability.md says what that means, and how not to come there.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.standins import Standins
from tests.oidc.device.command_line import answered, confirmation, started
from tests.oidc.kinds import refresh
from tests.reliability.conftest import with_clients
from tests.world import Arrival, World, running


@pytest.fixture
def world(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> Iterator[World]:
    (tmp_path / "vestibule.db").write_bytes(migrated_sqlite.read_bytes())
    with running(tmp_path, standins=standins, change=with_clients) as this:
        yield this


def everything(world: World, kind: str) -> dict[str, bytes]:
    """Return what the short-lived store has of a kind, as it keeps it."""
    kept: dict[str, tuple[bytes, float]] = world.parts.store._values  # type: ignore[attr-defined]  # a MemoryStore
    return {key: value for key, (value, _) in kept.items() if key.startswith(f"{kind}:")}


def bring_back(world: World, lost: dict[str, bytes]) -> None:
    for key, value in lost.items():
        world.parts.store.put(key, value, 60)


def test_t7_a_code_that_came_back_starts_no_second_family_of_refresh_tokens(world: World) -> None:
    visitor, registry = world.visitor(), world.registry("offline")
    request = registry.request(provider="generic", scope="openid offline_access")
    arrived = visitor.walk(visitor.authorize(request), "oidc-phr")
    assert isinstance(arrived, Arrival)
    codes = everything(world, "code")
    first = registry.token_response(arrived.code, request.verifier)
    assert first.status_code == 200

    bring_back(world, codes)
    again = registry.token_response(arrived.code, request.verifier)

    assert again.status_code == 400, again.text
    assert again.json()["error"] == "invalid_grant"
    # Somebody has had the code twice, whoever it was.
    assert refresh(world, "offline", first.json()["refresh_token"]).json()["error"] == "invalid_grant"
    assert registry.userinfo(first.json()["access_token"]).status_code == 401


def test_t7_a_device_code_that_came_back_starts_no_second_family_of_refresh_tokens(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("oidc-phr", "generic")
    device = started(world, scope="openid offline_access")
    answered(visitor, confirmation(visitor, device), "allow")
    devices = everything(world, "device")
    assert device.poll().status_code == 200

    bring_back(world, devices)
    again = device.poll()

    assert again.status_code == 400, again.text
    assert again.json()["error"] == "invalid_grant"
