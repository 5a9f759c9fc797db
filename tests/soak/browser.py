"""A browser and a program, as lean as they can be: kept connections, cookies, forms, and nothing that is retried."""

import re
import select
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import unescape
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlencode, urlsplit

from tests.soak.ledger import Ledger

SECONDS = 45
_LATER = frozenset({429, 502, 503, 504})
_TLS_PORTS = frozenset({443, 8443})


class NoAnswer(Exception):
    """The connection ended, or nothing came in time: nobody knows what was done."""


class Later(Exception):
    """A clear word that it does not work now."""


class Odd(Exception):
    """An answer that is neither what was asked for nor a clear refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``location`` is empty where there is none."""

    status: int
    text: str
    location: str
    headers: Mapping[str, str]
    cookies: tuple[str, ...]


class Wire:
    """A connection to one address, for one thread. ``front``: that of the broker, through nginx, as everybody goes.

    ``client`` is the address it comes from; past nginx, what nginx would say of that.
    """

    def __init__(self, ledger: Ledger, host: str, port: int, *, name: str, client: str, front: bool = True) -> None:
        self._ledger = ledger
        self.name = name
        self._front = front
        self._client = client
        source = (client, 0)
        self._connection = (
            HTTPSConnection(host, port, timeout=SECONDS, context=_tls(), source_address=source)
            if port in _TLS_PORTS
            else HTTPConnection(host, port, timeout=SECONDS, source_address=source)
        )

    def ask(
        self, method: str, path: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the answer. Raises :class:`NoAnswer`, and :class:`Later` where it is 429, 502, 503 or 504."""
        body = urlencode(form).encode() if form is not None else None
        given = {"Host": self.name, "X-Forwarded-For": self._client, "X-Forwarded-Proto": "https", **(headers or {})}
        if body is not None:
            given["Content-Type"] = "application/x-www-form-urlencoded"
        answer = self._sent(method, path, body, given)
        self._note(answer.status)
        if answer.status in _LATER:
            if answer.status in (429, 503) and "retry-after" not in answer.headers:
                self._ledger.odd(f"{answer.status} without Retry-After at {method} {_place(path)}")
            raise Later(str(answer.status))
        if answer.status >= 500:
            self._ledger.odd(f"{answer.status} at {method} {_place(path)}: {_reference(answer.text)}")
            raise Odd(str(answer.status))
        return answer

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _note(self, status: int) -> None:
        if self._front:
            self._ledger.answered(status)

    def _sent(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        if self._connection.sock is not None and _is_over(self._connection.sock):
            self._connection.close()
        try:
            self._connection.request(method, path, body, dict(headers))
            response = self._connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, HTTPException) as error:
            self._connection.close()
            self._note(0)
            raise NoAnswer(type(error).__name__) from error
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(
            status=response.status,
            text=text,
            location=found.get("location", ""),
            headers=found,
            cookies=tuple(response.msg.get_all("set-cookie", ())),
        )


class Browser:
    """One person's browser: one wire, cookies, and the path it is ``at``."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.cookies: dict[str, str] = {}
        self.at = "/"

    def ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> Answer:
        """Return the answer, and keep its cookies."""
        self.at = path
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies} if cookies else {}
        if method == "POST":
            headers["Referer"] = headers["Origin"] = f"https://{self.wire.name}"
        answer = self.wire.ask(method, path, form, headers)
        for each in answer.cookies:
            name, _, value = each.partition(";")[0].partition("=")
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer


def form_token(text: str) -> str:
    """Return the form token of a page. Raises :class:`Odd` where there is none."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', text)
    if found is None:
        raise Odd(f"a page without a form: {heading(text)}")
    return unescape(found[1])


def heading(text: str) -> str:
    """Return what a page says first."""
    found = re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", "", found[1])).strip() if found else text[:120]


def _reference(text: str) -> str:
    found = re.search(r'<dd class="code">(\w{10})</dd>|"reference": ?"(\w+)"', text)
    return (found[1] or found[2]) if found else heading(text)


def _place(path: str) -> str:
    """Return a path without what is secret in it."""
    return re.sub(r"/[\w-]{20,}", "/…", urlsplit(path).path)


@cache
def _tls() -> ssl.SSLContext:
    # Who is at the other end is not what is looked at here, and nobody else is on this network.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _is_over(sock: socket.socket) -> bool:
    """Return whether the other end has hung up on a kept connection: nothing else is to be read from an idle one."""
    readable, _, _ = select.select([sock], [], [], 0)
    return bool(readable)
