"""The load: people who come at a steady pace, one after the other in many threads, and do what people do."""

import random
import ssl
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from json import loads
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from urllib.parse import parse_qs, urlsplit

from tests.soak.acts import Acts
from tests.soak.browser import Browser, Later, NoAnswer, Odd, Wire
from tests.soak.ledger import Ledger
from tests.soak.network import ADDRESSES
from tests.soak.registry import Keys, Registry, Tokens

THREADS = 24
BROKER_PORT = 8000
FRONT_PORT = 443
PROVIDER_PORT = 8443
LOGOUT_PORT = 9443


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Whom the load signs in where. ``rate``: visits a second; ``mail``: the folder that mail is put in."""

    issuer: str
    registries: Sequence[Registry]
    cli: Registry
    mail: Path
    rate: float


class Load:
    """Runs until it is stopped. Everybody comes from an address of their own."""

    def __init__(self, crowd: Crowd, ledger: Ledger) -> None:
        self._crowd = crowd
        self._ledger = ledger
        self.keys = Keys(ledger, crowd.issuer)
        self._stop = Event()
        self._lock = Lock()
        self._next = monotonic()
        self._numbers = count(1)
        self._pool = ThreadPoolExecutor(THREADS)
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(THREADS)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let everybody finish what they are at."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._pool.shutdown()

    def _work(self) -> None:
        while not self._stop.is_set():
            number, wait = self._turn()
            if self._stop.wait(wait):
                return
            phase, settled = self._ledger.phase, self._ledger.settled
            self._ledger.visited(self._visit(number), began=phase, settled=settled)

    def _turn(self) -> tuple[int, float]:
        """Return the number of the next visit, and how long until it begins."""
        with self._lock:
            # What could not begin in time is not made up for: the pace is steady.
            self._next = max(self._next + 1 / self._crowd.rate, monotonic() - 1)
            return next(self._numbers), max(0.0, self._next - monotonic())

    def _visit(self, number: int) -> str:
        """Return how it ended: done, later, no answer, or odd."""
        chance = random.Random(number)  # noqa: S311 - the same people in every run
        address = f"10.78.{number // 250 % 250}.{number % 250 + 1}"
        host = self._crowd.issuer.removeprefix("https://")
        front = Wire(self._ledger, ADDRESSES["front"], FRONT_PORT, name=host, client=address)
        racers = [
            Wire(self._ledger, ADDRESSES[each], BROKER_PORT, name=host, client=address, front=False)
            for each in ("broker-1", "broker-2")
        ]
        provider = Wire(
            self._ledger, ADDRESSES["provider"], PROVIDER_PORT, name=ADDRESSES["provider"], client=address, front=False
        )
        acts = Acts(
            ledger=self._ledger,
            issuer=self._crowd.issuer,
            racers=racers,
            provider=provider,
            mail=self._crowd.mail,
            pool=self._pool,
            keys=self.keys,
        )
        try:
            self.keys.renew(front)
            self._live(acts, Browser(front), number, chance)
        except Later as later:
            self._ledger.told_later(str(later))
            return "later"
        except NoAnswer:
            return "no answer"
        except Odd as odd:
            self._ledger.odd(str(odd))
            return "odd"
        finally:
            for wire in (front, provider, *racers):
                wire.close()
        return "done"

    def _live(self, acts: Acts, browser: Browser, number: int, chance: random.Random) -> None:
        # Some come back: their account is there, and their sign-in is another.
        person = number if chance.random() < 0.7 or number < 20 else chance.randrange(1, number)
        registries = self._crowd.registries
        tokens = [acts.sign_in(browser, person, chance.choice(registries), race=chance.random() < 0.2)]
        if tokens[0].contested:
            return
        acts.look(browser.wire, tokens[0])
        for _ in range(chance.randrange(3)):
            latest = acts.refresh(browser.wire, tokens[0], race=chance.random() < 0.3)
            if latest.contested:
                return
            tokens[0] = latest
        if chance.random() < 0.3:
            tokens.append(acts.sign_in(browser, person, chance.choice(registries), race=False))
        if chance.random() < 0.15:
            acts.device(browser, browser.wire, tokens[0].account_id, self._crowd.cli)
        # Whoever came back may have linked it before; and an address may be asked for a few times an hour.
        if person == number and chance.random() < 0.1:
            acts.link(browser, tokens[0].account_id, person)
        if person == number and chance.random() < 0.05:
            acts.change_email(browser, tokens[0].account_id, person)
        if chance.random() < 0.4:
            acts.sign_out(browser, _first_of_each(tokens))


def _first_of_each(tokens: Sequence[Tokens]) -> list[Tokens]:
    return list({each.registry.client_id: each for each in reversed(tokens)}.values())


class Logouts:
    """The registries' ends of back-channel logout, at one port."""

    def __init__(self, ledger: Ledger, certificate: Path, key: Path) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                payload = form["logout_token"][0].split(".")[1]
                claims = loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
                ledger.heard(urlsplit(self.path).path.rpartition("/")[2], claims["sid"])
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """An access log would be longer than the report."""

        self._server = ThreadingHTTPServer((ADDRESSES["people"], LOGOUT_PORT), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
