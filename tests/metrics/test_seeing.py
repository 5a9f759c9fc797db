"""How a process begins to be seen: as the settings want it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broker import metrics
from broker.composition import foundation, seeing
from broker.metrics import counting, exposed, tracing
from broker.settings import Settings, load
from broker.version import release
from tests.metrics.reading import samples, shown
from tests.settings.test_settings import minimal, write

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which somebody else serves numbers; who counts nothing."""
    served = exposed.expose(("127.0.0.1", 0))
    metrics.off()
    yield served.port
    served.close()
    metrics.off()


def settings(folder: Path, more: str) -> Settings:
    return load(write(folder, minimal(), more), {})


def test_who_cannot_serve_their_numbers_does_not_serve_and_a_worker_works_all_the_same(
    tmp_path: Path, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = settings(
        tmp_path, f'[metrics]\naddress = "127.0.0.1:{taken}"\n[tracing]\nendpoint = "http://127.0.0.1:9/v1/traces"\n'
    )
    with pytest.raises(exposed.AddressTaken):
        seeing.begin(wanted)
    assert not tracing.is_on()
    wanted = settings(tmp_path, f'[metrics]\nworker_address = "127.0.0.1:{taken}"\n')
    seeing.begin(wanted, serving=False)
    assert "the address is taken" in capsys.readouterr().out


def test_spans_are_made_where_an_endpoint_is_set(tmp_path: Path) -> None:
    seeing.begin(settings(tmp_path, '[tracing]\nendpoint = "http://127.0.0.1:9/v1/traces"\n'))
    assert tracing.is_on()
    assert counting.current() is None
    tracing.off()


def test_every_process_tells_its_version(tmp_path: Path) -> None:
    numbers = metrics.on(strict=True)
    base = foundation.lay(settings(tmp_path, ""), lambda: NOW)
    seeing.look_at(base)
    assert samples(shown(numbers))["vestibule_build_info", (release(),)] == 1
    metrics.off()
    seeing.look_at(base)
    base.database.dispose()
    base.store.close()
