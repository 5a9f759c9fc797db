"""Requests to where someone else points: guarded against what they could reach, and how long they could take.

What always holds: https only, to an address that is globally reachable and was looked up once; no redirect; the time
and the size of an answer are limited, whatever the server does.
"""

import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlencode, urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from providers.connection import ResponseTooLarge
from providers.wire import TOTAL_SECONDS, USER_AGENT, Timeout

Resolver = Callable[[str, int], Sequence[str]]
"""Host name and port -> the IP addresses behind it. Raises ``OSError`` when there are none."""

Said = TypeVar("Said")


class AddressRefused(requests.RequestException):
    """The URL leads to where no guarded request goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An answer: the HTTP status, the lower-case media type without parameters, and the body."""

    status: int
    media_type: str
    body: bytes


def resolve(host: str, port: int) -> tuple[str, ...]:
    """Return every address the system's resolver knows for ``host``. Raises ``OSError`` when there is none."""
    return tuple(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def guarded_get(
    url: str,
    *,
    max_bytes: int,
    insecure_allow_private: bool = False,
    ca_bundle: Path | None = None,
    timeout: Timeout = (3.05, 10),
    total: float = TOTAL_SECONDS,
    resolver: Resolver = resolve,
) -> Fetched:
    """Return what is at a URL that someone else steers, such as a client's JWKS.

    The host is resolved once, and the connection goes to an address that was checked: what the name means a
    moment later is of no matter. Raises :class:`AddressRefused` for anything but https, for an address that is
    not globally reachable, and for a redirect; other ``requests.RequestException`` as :func:`providers.http.outbound`.
    ``insecure_allow_private`` takes http and any address.
    """

    def get(connection: HTTPConnection, path: str) -> Fetched:
        connection.request("GET", path, headers=_HEADERS)
        with _answered(connection) as response:
            return _fetched(response, max_bytes)

    return _visit(url, get, insecure_allow_private, ca_bundle, timeout, total, resolver)


def guarded_post(
    url: str,
    form: Mapping[str, str],
    *,
    insecure_allow_private: bool = False,
    ca_bundle: Path | None = None,
    timeout: Timeout = (3.05, 10),
    total: float = TOTAL_SECONDS,
    resolver: Resolver = resolve,
) -> int:
    """Send a form to a URL that someone else steers, and return the HTTP status; what else is answered is not read.

    Guarded as :func:`guarded_get`, and raises the same.
    """

    def post(connection: HTTPConnection, path: str) -> int:
        headers = {**_HEADERS, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", path, body=urlencode(form), headers=headers)
        with _answered(connection) as response:
            return response.status

    return _visit(url, post, insecure_allow_private, ca_bundle, timeout, total, resolver)


def guarded_send(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    max_bytes: int,
    insecure_allow_private: bool = False,
    ca_bundle: Path | None = None,
    timeout: Timeout = (3.05, 10),
    total: float = TOTAL_SECONDS,
    resolver: Resolver = resolve,
) -> Fetched:
    """POST ``body`` to a URL that someone else steers, and return the answer.

    Of its body there is only that of an error (a status from 400), cut at ``max_bytes``: another is not read. Guarded
    as :func:`guarded_get`, and raises the same, but never for the length of an answer.
    """

    def send(connection: HTTPConnection, path: str) -> Fetched:
        connection.request("POST", path, body=body, headers={**_HEADERS, **headers})
        with _answered(connection) as response:
            said = response.read(max_bytes) if response.status >= 400 else b""
            return Fetched(status=response.status, media_type=_media_type(response), body=said)

    return _visit(url, send, insecure_allow_private, ca_bundle, timeout, total, resolver)


_HEADERS = {"User-Agent": USER_AGENT, "Connection": "close"}


def _visit(
    url: str,
    exchange: Callable[[HTTPConnection, str], Said],
    insecure_allow_private: bool,
    ca_bundle: Path | None,
    timeout: Timeout,
    total: float,
    resolver: Resolver,
) -> Said:
    """Return what ``exchange`` makes of a connection to the URL's host and the path to ask it for."""
    parts, host, port = _target(url, plain_allowed=insecure_allow_private)
    addresses = _resolved(resolver, host, port, timeout[0])
    if not addresses or not (insecure_allow_private or all(map(_is_global, addresses))):
        raise AddressRefused("the host has an address that is not globally reachable")
    deadline = time.monotonic() + total
    try:
        with socket.create_connection((addresses[0], port), timeout=timeout[0]) as wire, wire.dup() as line:
            # A second handle on the connection, to hang up with: an answer that drips, byte by byte, would never
            # meet the limit between two reads.
            watchdog = threading.Timer(total, _hang_up, (line,))
            watchdog.start()
            try:
                secured = _secured(wire, host, ca_bundle) if parts.scheme == "https" else wire
                secured.settimeout(timeout[1])
                connection = HTTPConnection(parts.netloc)
                connection.sock = secured  # so it resolves nothing itself
                with secured:
                    answer = exchange(connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
            finally:
                watchdog.cancel()
    except requests.RequestException:  # which is an OSError
        raise
    except (OSError, HTTPException, ValueError) as error:
        raise requests.ConnectionError(f"no answer: {type(error).__name__}") from error
    if time.monotonic() >= deadline:
        # It was hung up on, and what came until then may look whole.
        raise requests.ReadTimeout("the answer takes too long")
    return answer


def _resolved(resolver: Resolver, host: str, port: int, seconds: float) -> tuple[str, ...]:
    """Return the addresses of a host. Its name server is somebody else's too, and is not waited for any longer."""
    found: list[tuple[str, ...]] = []

    def ask() -> None:
        # A name that means nothing is one without addresses.
        with suppress(OSError, UnicodeError):
            found.append(tuple(resolver(host, port)))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    if not found:
        raise requests.ConnectionError("the host name does not resolve")
    return found[0]


_PLAIN = re.compile(r"[!-~]+")  # printable ASCII without blanks


def _target(url: str, *, plain_allowed: bool) -> tuple[SplitResult, str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise AddressRefused("not a URL") from error
    if parts.scheme not in ({"https", "http"} if plain_allowed else {"https"}):
        raise AddressRefused("not an https URL")
    if not host or host.startswith(".") or "@" in parts.netloc or not _PLAIN.fullmatch(url):
        raise AddressRefused("not a plain URL")
    return parts, host, port or (443 if parts.scheme == "https" else 80)


# Python 3.11 calls these global: special blocks, and the ways to write an IPv4 address as an IPv6 one, behind which a
# translator may reach any private address (RFC 6052, RFC 8215, RFC 3056, RFC 6890).
_NOT_GLOBAL = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fec0::/10"))
)


def _is_global(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_GLOBAL)


def _secured(wire: socket.socket, host: str, ca_bundle: Path | None) -> socket.socket:
    authorities = DEFAULT_CA_BUNDLE_PATH if ca_bundle is None else str(ca_bundle)
    return ssl.create_default_context(cafile=authorities).wrap_socket(wire, server_hostname=host)


def _hang_up(line: socket.socket) -> None:
    with suppress(OSError):  # it is over already
        line.shutdown(socket.SHUT_RDWR)


def _answered(connection: HTTPConnection) -> HTTPResponse:
    response = connection.getresponse()
    if 300 <= response.status < 400:
        response.close()
        raise AddressRefused("the URL redirects")
    return response


def _fetched(response: HTTPResponse, max_bytes: int) -> Fetched:
    body = response.read(max_bytes + 1)
    if len(body) > max_bytes:
        raise ResponseTooLarge(f"more than {max_bytes} bytes")
    if response.length:
        raise requests.ReadTimeout("the answer ended early")
    return Fetched(status=response.status, media_type=_media_type(response), body=body)


def _media_type(response: HTTPResponse) -> str:
    return response.headers.get_content_type() if "Content-Type" in response.headers else ""
