"""What was found by attacking how the broker is run: backups, connections that are kept, what stands in front of it."""

import fnmatch
import secrets
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import trustme
from redis import Redis
from sqlalchemy import Connection, update

from broker.accounts.organizations.changes import WAIT, Change, ChangeKind
from broker.accounts.organizations.model import organizations
from broker.backup.restoring import restore
from broker.backup.sealed import Derivation, Sealed
from broker.backup.taking import as_configured, take
from broker.commands.backup import _new
from broker.commands.context import Refusal
from broker.events.worker import Worker
from broker.oidc.consent.service import Consents
from broker.settings.fresh import fresh_keys
from broker.settings.model import SecretSettings
from broker.storage.database import Database
from broker.storage.store import RedisStore, StoreUnavailable
from migrations.accounts.cases import CaseState
from migrations.accounts.due import Due
from migrations.accounts.periods import HOLD
from providers.circuit import FAILURES, Circuit, State
from providers.connection import ResponseTooLarge
from providers.wire import MAX_BYTES, Wire
from tests.accounts.organizations.rooms import NOW, stopper
from tests.migrations.claiming.rooms import WIDELY_USED, ClaimRoom
from tests.providers.loopback import Handler, serve, trust
from tests.servers import redis as redis_server

ROOT = Path(__file__).parents[2]
PASSPHRASE = "correct horse battery staple"
QUICK = Derivation(memory_kib=64, passes=1, lanes=1)
MOMENT = timedelta(seconds=1)


@pytest.fixture
def opened(tmp_path: Path, migrated_sqlite: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'vestibule.db')}")
    yield database
    database.dispose()


# The way out: connections to providers that are used again


@contextmanager
def speaking(answer: Any, *, authority: trustme.CA | None = None) -> Iterator[str]:
    """Have ``answer`` speak over each connection to a port of loopback, byte by byte as it likes; yield its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = Event()

    def speak(line: socket.socket) -> None:
        with suppress(OSError), line:
            if authority is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                authority.issue_cert("localhost").configure_cert(context)
                line = context.wrap_socket(line, server_side=True)
            with line:
                answer(line)

    def accept() -> None:
        while not over.is_set():
            with suppress(OSError):
                line, _ = listener.accept()
                Thread(target=speak, args=(line,), daemon=True).start()

    accepting = Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"{'http' if authority is None else 'https'}://localhost:{listener.getsockname()[1]}"
    finally:
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def asked(line: socket.socket, seconds: float | None = 10) -> str:
    """Return the path of the next request, which has no body; empty where none comes in time, or ever."""
    line.settimeout(seconds)
    said = b""
    with suppress(TimeoutError):
        while not said.endswith(b"\r\n\r\n"):
            more = line.recv(4096)
            if not more:
                return ""
            said += more
    return said.split(b" ")[1].decode() if said else ""


def told(path: str) -> bytes:
    """Return a whole answer, whose body says what was asked for."""
    body = f'{{"of": "{path}"}}'.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_t11_after_a_word_ahead_of_an_answer_nobody_is_given_the_answer_of_the_one_before() -> None:
    """A provider's proxy sends 103 (Early Hints, RFC 8297) ahead of the answer about Ada.

    That is taken for the answer, and the connection for free. Who comes next is given the answer about Ada.
    RFC 9110, section 15.2: a client must be able to parse one or more 1xx responses before the final one.
    """

    def answer(line: socket.socket) -> None:
        path = asked(line)
        while path:
            line.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
            # Whoever does not wait for the answer asks the next thing meanwhile.
            after = asked(line, 0.3)
            line.sendall(told(path))
            path = after or asked(line)

    wire = Wire()
    with speaking(answer) as url:
        found = [wire.exchange("GET", f"{url}/{name}", {}).body for name in ("ada", "bob")]
        wire.close()
    assert found == [b'{"of": "/ada"}', b'{"of": "/bob"}']


def test_t11_what_is_left_of_an_answer_in_the_tls_layer_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    """Whoever can add to an answer of a provider (a split response) puts a whole answer of their own behind it.

    In one TLS record with the end of the first, it was read off the socket already, where nothing is to be seen of it,
    and is taken for the answer to whoever comes next. Without TLS such a connection is hung up.
    """
    authority = trustme.CA()

    def answer(line: socket.socket) -> None:
        while path := asked(line):
            body = told(path).partition(b"\r\n\r\n")[2]
            line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            said = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            # As much as is read at a time: what is behind stays in the TLS layer.
            line.sendall(said + b" " * (8192 - len(said)) + told("/mallory") if path == "/ada" else said)

    wire = Wire(trust(authority, tmp_path))
    with speaking(answer, authority=authority) as url:
        found = [wire.exchange("GET", f"{url}/{name}", {}).body for name in ("ada", "bob")]
        wire.close()
    assert found == [b'{"of": "/ada"}', b'{"of": "/bob"}']


def test_t12_what_a_provider_says_of_a_few_people_shuts_nobody_else_out() -> None:
    """Mallory has so much said of herself, in claims that a provider lets people write, that it is too large to read.

    Five such answers open the circuit, and nobody signs in by that provider: for 15 seconds, and as long as she goes
    on, as her next sign-in is the probe. A circuit is never to open for what a provider says of a user.
    """

    def answer(handler: Handler) -> None:
        handler.reply(b'{"of": "' + b"x" * (MAX_BYTES if handler.path == "/mallory" else 1) + b'"}')

    circuit = Circuit("example")
    wire = Wire(circuit=circuit)
    with serve(answer) as server:
        for _ in range(FAILURES):
            with pytest.raises(ResponseTooLarge):
                wire.exchange("GET", f"{server.url}/mallory", {})
        state = circuit.state
        wire.close()
    assert state is State.CLOSED


def test_t11_what_a_provider_publishes_that_is_no_address_is_its_fault_and_not_ours() -> None:
    """A discovery document names ``https://login.example:99999/token``, which is let through.

    Whoever comes back then meets a crash, in place of a word about the provider: callers only know trouble on the way.
    """
    with pytest.raises(requests.RequestException):
        Wire().exchange("POST", "https://localhost:99999/token", {}, b"")


# The store


@contextmanager
def switchboard(port: int) -> Iterator[tuple[int, list[int]]]:
    """Yield a port that leads to whichever port the list names when somebody connects."""
    leads, lines, listener = [port], list[socket.socket](), socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                here, _ = listener.accept()
                there = socket.create_connection(("127.0.0.1", leads[0]))
                lines.extend((here, there))
                for ends in ((here, there), (there, here)):
                    Thread(target=copy, args=ends, daemon=True).start()

    accepting = Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield listener.getsockname()[1], leads
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        for each in (listener, *lines):
            each.close()
        accepting.join()


def test_t5_a_store_that_is_no_longer_the_one_that_takes_writes_is_let_go_of() -> None:
    """One address leads to the master of the day (a name, a virtual address); yesterday's has become a replica.

    Its connections stay open and are used for ever: no code is redeemed and nobody signs out until every process was
    started again, and what is read of sessions and of revocations is as old as the replica is. Of PostgreSQL the same
    is taken for a server that is away (broker/storage/patience.py).
    """
    with redis_server() as old, redis_server() as new:
        ports = [urlsplit(each).port or 0 for each in (old, new)]
        password = secrets.token_hex(16)
        for url in (old, new):
            with Redis.from_url(url) as client:
                client.config_set("requirepass", password)
        with switchboard(ports[0]) as (port, leads):
            store = RedisStore(f"redis://:{password}@127.0.0.1:{port}/0")
            store.put("session:a", b"1", 60)
            leads[0] = ports[1]
            with Redis(port=ports[0], password=password) as client:
                client.replicaof("127.0.0.1", ports[1])
            done = 0
            for _ in range(3):
                with suppress(StoreUnavailable):
                    store.put("revoked:a", b"1", 60)
                    done += 1
            store.close()
    assert done > 0


def test_t12_of_all_who_find_a_cluster_silent_one_asks_where_our_slot_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Cluster's nodes take connections and say nothing (a paused host, a firewall that drops).

    Each request waits until all before it have asked every node in vain, one after the other, and then asks itself: so
    each thread waits as long as there are threads times nodes times two seconds, in place of two. Not even /livez is
    answered meanwhile, and hosts are restarted for it.
    """
    monkeypatch.setattr("broker.storage.redis_addresses._TIMEOUT_SECONDS", 0.2)
    met: list[socket.socket] = []

    def silent(line: socket.socket) -> None:
        met.append(line)
        while line.recv(4096):
            pass

    def met_by(callers: int) -> int:
        met.clear()
        store = RedisStore(url.replace("http://localhost", "redis+cluster://127.0.0.1"))

        def call() -> None:
            with suppress(StoreUnavailable):
                store.get("session:a")

        threads = [Thread(target=call) for _ in range(callers)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        store.close()
        return len(met)

    with speaking(silent) as url:
        assert met_by(6) < 6 * met_by(1)


# Backups


class BackedUp:
    """A backup of a room as it is now, to be put into another database."""

    def __init__(self, room: ClaimRoom, folder: Path) -> None:
        self._folder, self._file = folder, BytesIO()
        self._secrets = SecretSettings.model_validate(_keys())
        take(
            room.database,
            self._file,
            PASSPHRASE,
            issuer="https://login.example",
            secrets=self._secrets,
            configuration=None,
            audit=room.audit,
            progress=lambda *_: None,
            now=NOW,
            derivation=QUICK,
        )
        self._audit_key = room.audit._key

    def restored(self, now: datetime) -> Database:
        """Return a new database with what was in the other one, restored at that time."""
        database = Database(f"sqlite:///{self._folder / 'restored.db'}")
        restore(
            Sealed(self._file, PASSPHRASE),
            database,
            configured=as_configured(self._secrets),
            audit_key=self._audit_key,
            keep_grants=False,
            end_sessions=lambda: None,
            progress=lambda *_: None,
            now=now,
        )
        return database


def _keys() -> dict[str, Any]:
    keys: dict[str, Any] = fresh_keys()
    return {**keys, **{each: {"v1": keys[each]} for each in ("encryption", "pseudonym")}}


@pytest.fixture
def room(opened: Database) -> ClaimRoom:
    return ClaimRoom(opened)


def test_t3_a_claim_that_its_owner_stopped_after_the_backup_does_not_take_effect_by_restoring_it(
    room: ClaimRoom, tmp_path: Path
) -> None:
    """Mallory claims an account that many use, with a stolen password and an old mailbox. It waits 72 hours.

    Its owner stops it on the second day. A database that is lost on the fourth is restored from the backup of the first
    night: the claim waits again, is overdue, and the first turn of the worker gives Mallory the account. Nobody could
    have stopped it, as until then nobody could come; nobody was told.
    """
    room.password_account(downloads=WIDELY_USED)
    room.operator("otto")
    case = room.claim("mallory")
    backup = BackedUp(room, tmp_path)
    with room.database.begin() as connection:
        room.effects.stop(connection, case, NOW)
    database = backup.restored(NOW + HOLD)
    Due(database=database, effects=room.effects).run(NOW + HOLD + MOMENT)
    with database.read() as connection:
        state = room.cases.get(connection, case.id).state
    database.dispose()
    assert state is not CaseState.EFFECTIVE


def test_t4_a_change_that_an_admin_stopped_after_the_backup_does_not_take_effect_by_restoring_it(
    room: ClaimRoom, tmp_path: Path
) -> None:
    """An admin whose session was stolen asks for looser rules; it waits a day, and another admin stops it in time.

    Restored from a backup of the hours between, two days later, it takes effect at once: the day in which everybody
    could stop it does not begin anew (as ``Changes.postpone`` has it, where nobody could stop it for some time).
    """

    def loosen(connection: Connection, change: Change, _: datetime) -> None:
        which = organizations.c.id == change.organization_id
        connection.execute(update(organizations).where(which).values(name="loosened"))

    organization_id, (ada, bob) = room.admins("ada", "bob")
    with room.database.begin() as connection:
        change = room.changes.propose(connection, ada, ChangeKind.RULE, "", {})
    backup = BackedUp(room, tmp_path)
    with room.database.begin() as connection:
        room.changes.stop(connection, stopper(bob, organization_id), change.id)
    database = backup.restored(NOW + WAIT)
    applied = room.changes.apply_due(database, NOW + WAIT + MOMENT, {ChangeKind.RULE: loosen})
    database.dispose()
    assert applied == 0


def test_t5_consent_that_was_withdrawn_after_the_backup_does_not_come_back_by_restoring_it(
    room: ClaimRoom, tmp_path: Path
) -> None:
    """Somebody lets a third party know them, thinks better of it after the backup, and withdraws.

    Refresh tokens are left out of a restore, "so that what somebody took back after the backup does not come back"; the
    consent is back all the same, and with it the third party gets new ones by ``prompt=none``, without a question.
    """
    person, consents = room.account("ada"), Consents(room.audit)
    with room.database.begin() as connection:
        consents.give(connection, person, "third", ["openid", "offline_access"], NOW)
    backup = BackedUp(room, tmp_path)
    with room.database.begin() as connection:
        assert consents.withdraw(connection, person, "third", NOW)
    database = backup.restored(NOW + WAIT)
    with database.read() as connection:
        covered = consents.covers(connection, person, "third", ["openid", "offline_access"])
    database.dispose()
    assert not covered


def test_a_second_backup_of_the_same_name_takes_nothing_from_the_first(tmp_path: Path) -> None:
    """Two backups to one name, such as a timer's that is not through yet and somebody's by hand.

    The second is refused, "move it away", and removes what the first has written so far on its way out: the first ends
    with an error after all its work, and there is no backup.
    """
    file = tmp_path / "all.backup"
    with _new(file) as first:
        first.write(b"everything")
        with pytest.raises(Refusal), _new(file):
            pass
    assert file.read_bytes() == b"everything"


# The worker


class Blind:
    """Cannot tell what waits: its one look at all of it takes too long, or has no right to."""

    names = ("outbox: end_access",)

    def look(self, now: datetime) -> list[str]:
        del now
        raise TimeoutError


def test_t5_where_nobody_can_tell_what_waits_it_is_looked_for_and_not_called_done() -> None:
    """A look that fails is taken for one that finds nothing: no end of access, no sign-out, no event is delivered.

    Each turn says of all of it that it was done, so that neither the alert for chores that fail nor the one for a
    worker that is gone tells anybody.
    """
    done: list[datetime] = []
    Worker({"outbox: end_access": done.append}, lambda: NOW, glance=Blind()).turn()
    assert done == [NOW]


# What stands in front


def test_t10_a_header_with_underscores_is_dropped_by_the_proxy_of_our_example() -> None:
    """Whoever guesses sends ``X_Forwarded_For``, which in WSGI is another writing of ``X-Forwarded-For``.

    The server keeps the last of both, so the proxy has to drop such names: ours says so, and the guide asks for it.
    """
    assert "underscores_in_headers off;" in (ROOT / "config" / "nginx.conf").read_text()
    assert "headers whose names have an underscore" in (ROOT / "docs" / "deployment.md").read_text()


@pytest.mark.parametrize("secret", ["config/vestibule.toml", ".git/config"])
def test_t11_what_holds_keys_does_not_get_into_a_layer_of_an_image(secret: str) -> None:
    """``COPY . .`` takes what ``vestibule init`` wrote, with every key, and the clone, into a layer of the build.

    Such layers are kept, and pushed where a cache is shared (``--cache-to``). Nothing says what to leave out.
    """
    names = (".containerignore", ".dockerignore", "config/Containerfile.dockerignore")
    lines = [line for name in names if (ROOT / name).exists() for line in (ROOT / name).read_text().splitlines()]
    patterns = [line.strip().strip("/") for line in lines if line.strip() and not line.startswith("#")]
    assert any(fnmatch.fnmatch(secret, each) or secret.startswith(f"{each}/") for each in patterns)


def test_t10_in_a_cluster_only_the_proxy_that_is_believed_reaches_those_who_believe_it() -> None:
    """``VESTIBULE__TRUSTED_PROXIES`` is 1, and every pod of the cluster reaches port 8000 past the proxy.

    Each of them says what address it comes from, and gets around all limits by address, or has somebody locked out.
    """
    said = (ROOT / "config/kubernetes.yaml").read_text()
    assert "VESTIBULE__TRUSTED_PROXIES" not in said or "kind: NetworkPolicy" in said
