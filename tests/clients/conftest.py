"""What every client's tests need: an authority to trust, and a broker over TLS with that client."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from providers.standins import Standins
from tests.clients.tls import Authority, Start, running_over_tls
from tests.world import World


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def start(
    authority: Authority, standins: Standins, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Start brokers, each with the clients and other settings given, that run until the module's last test."""
    with ExitStack() as stack:

        def started(clients: Mapping[str, Mapping[str, Any]], **settings: Any) -> World:
            folder = tmp_path_factory.mktemp("broker")
            shutil.copy(migrated_sqlite, folder / "vestibule.db")
            running = running_over_tls(folder, standins=standins, authority=authority, clients=clients, **settings)
            return stack.enter_context(running)

        yield started
