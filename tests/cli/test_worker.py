"""worker: real processes, several at a time."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from broker.events.mail import enqueue_mail
from broker.events.model import outbox as table
from broker.events.model import security_deliveries
from broker.events.security import EventKind, SecurityEvents
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.settings import Settings
from broker.storage.database import Database
from providers.standins import Standins
from tests.cli.conftest import Run
from tests.cli.test_serve import wait_for
from tests.events.smtp import smtp_server
from tests.oidc.events.transmitter import Receiver
from tests.providers.loopback import serve
from tests.reliability.served import ROOT, command, environ, write_toml
from tests.world import raw_settings

MAILS, SUBJECTS, EVENTS = 40, 6, 5


@contextmanager
def working(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command(config, "worker"), cwd=ROOT, env=environ(), stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_several_workers_send_each_mail_once_and_each_event_in_order_and_end_when_they_are_told(
    tmp_path: Path, standins: Standins, fresh_postgres_url: str, fresh_redis_url: str
) -> None:
    receiver = Receiver()
    with ExitStack() as stack:
        mail, receiver.server = stack.enter_context(smtp_server()), stack.enter_context(serve(receiver))
        raw = raw_settings(
            base="https://login.example.org",
            folder=tmp_path,
            standins=standins,
            database_url=fresh_postgres_url,
            store_url=fresh_redis_url,
        )
        raw["mail"]["url"] = f"smtp://127.0.0.1:{mail.port}"
        raw["streams"] = {"registry": {"url": receiver.url, "authorization": "Bearer " + "x" * 32}}
        raw["insecure_allow_private_addresses"] = True
        write_toml(tmp_path / "vestibule.toml", raw)
        database = Database(fresh_postgres_url)
        stack.callback(database.dispose)
        _fill(database, raw)
        _keys(raw)

        workers = [
            stack.enter_context(working(tmp_path / "vestibule.toml", tmp_path / f"{number}.log")) for number in range(2)
        ]
        wait_for(lambda: _left(database) == 0 or any(each.poll() is not None for each in workers))

        for each in workers:
            each.send_signal(signal.SIGTERM)
        logs = [(tmp_path / f"{number}.log").read_text() for number in range(2)]
        assert [each.wait(timeout=60) for each in workers] == [0, 0], logs
        assert sorted(to for (to,) in mail.recipients) == sorted(f"person-{each}@example.org" for each in range(MAILS))
        assert receiver.accepted == {f"account-{each}": list(range(1, EVENTS + 1)) for each in range(SUBJECTS)}
        assert receiver.early == []
        assert all("sent, attempt 1" in log for log in logs)  # each of them did some of it


def _fill(database: Database, raw: dict[str, Any]) -> None:
    """Have mail and events wait."""
    now = datetime.now(UTC)
    settings = Settings.model_validate(raw)
    outbox, events = Outbox(FieldCipher(settings.secrets.encryption_keys())), SecurityEvents(["registry"])
    with database.begin() as connection:
        for number in range(MAILS):
            enqueue_mail(
                outbox,
                connection,
                to=f"person-{number}@example.org",
                subject="Subject",
                text="Text",
                now=now,
                expires_at=now + timedelta(hours=1),
            )
        for number in range(EVENTS):
            for subject in range(SUBJECTS):
                events.write(connection, EventKind.CLAIMED, f"account-{subject}", {"number": number + 1}, now)


def _keys(raw: dict[str, Any]) -> None:
    """Have keys that sign, as a host that serves makes them."""
    from broker.composition.foundation import lay

    base = lay(Settings.model_validate(raw), lambda: datetime.now(UTC))
    base.keys.ensure(base.clock())
    base.store.close()
    base.database.dispose()


def _left(database: Database) -> int:
    with database.read() as connection:
        mails = select(func.count()).select_from(table)
        untold = select(func.count()).where(security_deliveries.c.delivered_at.is_(None))
        return int(connection.execute(mails).scalar_one() + connection.execute(untold).scalar_one())


def test_with_the_store_of_one_process_that_process_does_the_work(ready: Run) -> None:
    done = ready("worker")
    assert done.exit_code == 2
    assert "`vestibule serve` does this work itself" in done.output
    assert "redis://" in done.output


def test_a_database_of_no_version_is_told(vestibule: Run) -> None:
    done = vestibule("worker")
    assert done.exit_code == 2
    assert "vestibule db upgrade" in done.output
