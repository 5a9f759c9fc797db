"""A broker on a Redis and a PostgreSQL of its own, which a test may kill."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from broker.storage import patience
from providers.standins import Standins
from tests.oidc.device.command_line import METADATA
from tests.oidc.kinds import CODE_AND_REFRESH, OFFLINE
from tests.reliability import parts
from tests.reliability.parts import Part
from tests.world import World, running

CLIENTS: Mapping[str, Mapping[str, Any]] = {
    "offline": {"grant_types": CODE_AND_REFRESH, "scopes": OFFLINE},
    "third-party": {"first_party": False, "name": "Third Party"},
}


def with_clients(raw: dict[str, Any]) -> None:
    """Add the registries that these tests need."""
    one = raw["clients"]["registry"]
    raw["clients"] |= {name: {**one, **changes} for name, changes in CLIENTS.items()}
    raw["clients"]["cli"] = {**METADATA, "first_party": True}


@dataclass(frozen=True, kw_only=True)
class Estate:
    """A broker and what it stands on."""

    world: World
    redis: Part
    postgresql: Part

    def part(self, name: str) -> Part:
        return {"redis": self.redis, "postgresql": self.postgresql}[name]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory, standins: Standins) -> Iterator[Estate]:
    """Every test leaves the parts running."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(patience, "SECONDS", 1.0)  # nothing takes so long here, and a test waits for it
        redis = stack.enter_context(parts.redis())
        postgresql = stack.enter_context(parts.postgres(settings=("fsync=off",)))
        world = stack.enter_context(
            running(
                tmp_path_factory.mktemp("estate"),
                standins=standins,
                database_url=postgresql.url,
                store_url=redis.url,
                change=with_clients,
            )
        )
        yield Estate(world=world, redis=redis, postgresql=postgresql)
