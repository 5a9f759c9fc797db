"""A process that was told to end answers what comes, and lets go of every connection with its answer."""

from http.client import HTTPConnection
from pathlib import Path

import pytest

from providers.standins import Standins
from tests.reliability import served
from tests.servers import free_port
from tests.world import raw_settings


@pytest.fixture
def config(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> tuple[Path, int]:
    port = free_port()
    database = tmp_path / "vestibule.db"
    database.write_bytes(migrated_sqlite.read_bytes())
    raw = raw_settings(
        base=f"http://localhost:{port}",
        folder=tmp_path,
        standins=standins,
        database_url=f"sqlite:///{database}",
        store_url="memory://",
    )
    raw["listen"] = {"port": port, "drain": 60}
    path = tmp_path / "vestibule.toml"
    served.write_toml(path, raw)
    return path, port


def test_the_last_answer_on_a_connection_says_so(config: tuple[Path, int], tmp_path: Path) -> None:
    """Whoever keeps connections sends nothing on one that is about to be closed, which nobody may send again."""
    path, port = config

    def asked(connection: HTTPConnection, target: str) -> tuple[int, str | None]:
        connection.request("GET", target, headers={"Host": f"localhost:{port}"})
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("Connection")

    with served.serving(path, port, tmp_path / "log") as process:
        kept = HTTPConnection("127.0.0.1", port, timeout=20)
        assert asked(kept, "/jwks") == (200, None)
        process.terminate()
        said = None
        while said is None:
            _, said = asked(kept, "/readyz")
        assert said == "close"
        assert asked(kept, "/readyz") == (503, "close")  # on another connection: the client opens one
        assert asked(kept, "/signin")[1] == "close"
        process.terminate()  # a second time: the rest of the wait is spared
        assert process.wait(timeout=60) == 0
