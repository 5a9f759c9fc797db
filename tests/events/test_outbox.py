import logging
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from broker.events.delivery import Deliveries
from broker.events.mail import MAIL, MailHandler, enqueue_mail
from broker.events.mailer import Mail, Mailer, open_mailer
from broker.events.model import outbox as table
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher
from broker.storage.database import Database
from tests.events.smtp import Server, smtp_server
from tests.storage.parallel import in_parallel

NOW = datetime(2026, 11, 22, 8, 30, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[Server]:
    with smtp_server() as running:
        yield running


@pytest.fixture(scope="module")
def cipher() -> FieldCipher:
    return FieldCipher({"v1": os.urandom(32)})


@pytest.fixture(scope="module")
def outbox(cipher: FieldCipher) -> Outbox:
    return Outbox(cipher)


@pytest.fixture
def deliveries(database: Database, cipher: FieldCipher, server: Server) -> Deliveries:
    mailer = open_mailer(f"smtp://127.0.0.1:{server.port}", "vestibule@example.org")
    return sending(database, cipher, mailer)


def sending(database: Database, cipher: FieldCipher, mailer: Mailer) -> Deliveries:
    return Deliveries(database, cipher, {MAIL: MailHandler(mailer=mailer)})


def enqueue(outbox: Outbox, database: Database, count: int = 1, lifetime: timedelta = 48 * HOUR) -> None:
    with database.begin() as connection:
        for number in range(count):
            enqueue_mail(
                outbox,
                connection,
                to=f"canary-{number}@example.org",
                subject="Canary subject",
                text="Canary text",
                now=NOW,
                expires_at=NOW + lifetime,
            )


def waiting(database: Database) -> int:
    with database.read() as connection:
        return len(connection.execute(select(table.c.id)).all())


def test_a_mail_is_sent_once_and_then_forgotten(
    outbox: Outbox, deliveries: Deliveries, database: Database, server: Server
) -> None:
    enqueue(outbox, database)
    assert deliveries.deliver(NOW) == 1
    assert deliveries.deliver(NOW + HOUR) == 0
    assert [mail["To"] for mail in server.mails] == ["canary-0@example.org"]
    assert waiting(database) == 0


def test_a_mail_goes_back_with_its_cause(outbox: Outbox, database: Database) -> None:
    def fail() -> None:
        with database.begin() as connection:
            enqueue_mail(outbox, connection, to="a@example.org", subject="", text="", now=NOW, expires_at=NOW + HOUR)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert waiting(database) == 0


@pytest.mark.parametrize("break_", ["\n", "\r", "\x00", "\x85", "\u2028"], ids=ascii)
def test_a_line_break_in_an_address_or_a_subject_is_refused_at_once(
    outbox: Outbox, database: Database, break_: str
) -> None:
    odd = f"a{break_}Bcc: eve@example.net"
    with database.begin() as connection:
        for to, subject in ((odd, "subject"), ("a@example.org", odd)):
            with pytest.raises(ValueError, match="printable"):
                enqueue_mail(outbox, connection, to=to, subject=subject, text="", now=NOW, expires_at=NOW + HOUR)
    assert waiting(database) == 0


def test_what_waits_is_sealed(outbox: Outbox, database: Database) -> None:
    enqueue(outbox, database)
    with database.read() as connection:
        row = connection.execute(select(table)).one()
    for text in (b"canary-0", b"example.org", b"Canary"):
        assert text not in row.payload_sealed
    assert "canary" not in f"{row.id} {row.kind}".casefold()


def test_a_mail_that_fails_is_tried_after_longer_and_longer_waits(
    outbox: Outbox, deliveries: Deliveries, database: Database, server: Server
) -> None:
    server.step, server.refusal = "RCPT", "451 try later"
    enqueue(outbox, database)
    two_hours_apart = [156 * MINUTE + number * 2 * HOUR for number in range(23)]
    due = [0 * MINUTE, MINUTE, 6 * MINUTE, 36 * MINUTE, *two_hours_apart]
    for tries, after in enumerate(due):
        deliveries.deliver(NOW + after - SECOND)
        assert len(server.names) == tries
        deliveries.deliver(NOW + after)
        assert len(server.names) == tries + 1
    assert waiting(database) == 1
    deliveries.deliver(NOW + 48 * HOUR)
    assert waiting(database) == 0
    assert server.mails == []


def test_a_mail_that_failed_arrives_when_the_server_is_well_again(
    outbox: Outbox, deliveries: Deliveries, database: Database, server: Server
) -> None:
    server.step, server.refusal = "DATA", "451 try later"
    enqueue(outbox, database)
    assert deliveries.deliver(NOW) == 0
    server.step = ""
    assert deliveries.deliver(NOW + MINUTE - SECOND) == 0
    assert deliveries.deliver(NOW + MINUTE) == 1
    assert len(server.mails) == 1


def test_a_server_that_is_away_for_an_hour_loses_no_mail_and_doubles_none(
    outbox: Outbox, deliveries: Deliveries, database: Database, server: Server
) -> None:
    """Nobody answers at all: what an organisation is told meanwhile waits, and goes out once."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    away = sending(database, deliveries._cipher, open_mailer(f"smtp://127.0.0.1:{port}", "vestibule@example.org"))
    enqueue(outbox, database, 3)
    assert sum(away.deliver(NOW + minute * MINUTE) for minute in range(61)) == 0
    assert waiting(database) == 3
    assert sum(deliveries.deliver(NOW + HOUR + minute * MINUTE) for minute in range(0, 180, 10)) == 3
    assert sorted(str(mail["To"]) for mail in server.mails) == [f"canary-{n}@example.org" for n in range(3)]
    assert waiting(database) == 0


def test_one_mail_that_fails_holds_up_no_other(
    outbox: Outbox, deliveries: Deliveries, database: Database, server: Server
) -> None:
    with database.begin() as connection:
        for to in ("not an address", "b@example.org"):
            enqueue_mail(outbox, connection, to=to, subject="", text="", now=NOW, expires_at=NOW + HOUR)
    assert deliveries.deliver(NOW) == 1
    assert waiting(database) == 1


def test_an_expired_mail_is_forgotten_unsent(
    outbox: Outbox, deliveries: Deliveries, database: Database, server: Server
) -> None:
    enqueue(outbox, database, lifetime=HOUR)
    assert deliveries.deliver(NOW + HOUR) == 0
    assert waiting(database) == 0
    assert server.mails == []


def test_no_more_than_the_limit_are_tried(outbox: Outbox, deliveries: Deliveries, database: Database) -> None:
    enqueue(outbox, database, 5)
    assert [deliveries.deliver(NOW, limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_several_workers_send_each_mail_once(
    outbox: Outbox, deliveries: Deliveries, database: Database, server: Server
) -> None:
    enqueue(outbox, database, 20)
    assert sum(in_parallel(4, lambda: deliveries.deliver(NOW))) == 20
    assert sorted(mail["To"] for mail in server.mails) == sorted(f"canary-{n}@example.org" for n in range(20))


class Dying:
    """Takes its worker along, with the mail in its hands."""

    def send(self, mail: Mail) -> None:
        raise KeyboardInterrupt


def test_the_mail_of_a_worker_that_died_is_sent_by_another(
    outbox: Outbox, deliveries: Deliveries, database: Database, cipher: FieldCipher
) -> None:
    enqueue(outbox, database)
    with pytest.raises(KeyboardInterrupt):
        sending(database, cipher, Dying()).deliver(NOW)
    assert deliveries.deliver(NOW + 10 * MINUTE - SECOND) == 0
    assert deliveries.deliver(NOW + 10 * MINUTE) == 1


def test_a_mail_moved_to_another_row_is_not_sent(
    outbox: Outbox, deliveries: Deliveries, database: Database, server: Server
) -> None:
    enqueue(outbox, database)
    with database.begin() as connection:
        connection.execute(update(table).values(id="another"))
    assert deliveries.deliver(NOW) == 0
    assert server.mails == []


def test_nothing_of_a_mail_is_logged(
    outbox: Outbox, deliveries: Deliveries, database: Database, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    enqueue(outbox, database)
    server.step, server.refusal = "RCPT", "550 5.1.1 <canary-0@example.org> unknown"
    deliveries.deliver(NOW)
    server.step = ""
    deliveries.deliver(NOW + HOUR)
    enqueue(outbox, database, lifetime=HOUR)
    deliveries.deliver(NOW + HOUR)
    told = [record.getMessage() for record in caplog.records if record.name == "broker.events.delivery"]
    assert [line.partition(" ")[2].partition(" ")[2] for line in told[:2]] == [
        "not sent, attempt 1: smtp_550",
        "sent, attempt 2",
    ]
    assert told[2:] == ["1 of kind mail for None expired undelivered"]
    ours = "".join(told)
    assert "anary" not in ours
    assert "example.org" not in ours
