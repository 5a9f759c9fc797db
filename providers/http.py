"""The one way out: every outgoing HTTP request is made by a session from here, or guarded.

What always holds: time to connect, between reads and in total is limited, and so is the size of the answer; TLS is
verified; no redirect is followed; no cookie is kept; nothing of the environment (proxies, CA bundles, ``.netrc``)
is believed.
"""

import io
import ipaddress
import json
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlencode, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.retry import Retry

# At DEBUG it logs the path and query of every request.
logging.getLogger("urllib3").setLevel(logging.WARNING)

USER_AGENT = "vestibule"
MAX_BYTES = 262144
TOTAL_SECONDS = 20.0
_CHUNK = 16384  # bytes

Timeout = tuple[float, float]
"""Seconds to connect, and seconds between two reads."""

Resolver = Callable[[str, int], Sequence[str]]
"""Host name and port -> the IP addresses behind it. Raises ``OSError`` when there are none."""

SessionT = TypeVar("SessionT", bound=requests.Session)
Answer = TypeVar("Answer")


class ResponseTooLarge(requests.RequestException):
    """The answer has more bytes than were allowed for it."""


class AddressRefused(requests.RequestException):
    """The URL leads to where no guarded request goes."""


def is_loopback(host: str) -> bool:
    """Return whether ``host``, the lower-case host of a URL, is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def outbound(
    ca_bundle: Path | None = None,
    timeout: Timeout = (3.05, 10),
    max_bytes: int = MAX_BYTES,
    total: float = TOTAL_SECONDS,
) -> requests.Session:
    """Return a session with all the limits of this file.

    ``total`` limits an answer in seconds, from the request to the last byte. A GET that is answered 502, 503 or
    504 is tried up to twice more. Any trouble is a ``requests.RequestException``; a redirect is trouble, whatever
    the call says of it.
    """
    return harden(requests.Session(), ca_bundle, timeout, max_bytes, total)


def harden(
    session: SessionT,
    ca_bundle: Path | None = None,
    timeout: Timeout = (3.05, 10),
    max_bytes: int = MAX_BYTES,
    total: float = TOTAL_SECONDS,
) -> SessionT:
    """Return a library's own kind of session with the limits of :func:`outbound`."""
    session.trust_env = False
    session.proxies = {}
    session.verify = True if ca_bundle is None else str(ca_bundle)
    session.max_redirects = 0  # requests then raises TooManyRedirects at the first, even where none is followed
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
    adapter = _Adapter(timeout=timeout, max_bytes=max_bytes, total=total)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


def json_of(response: requests.Response) -> object:
    """Return the JSON value of an answer (RFC 8259: always UTF-8), or none if it is not JSON."""
    try:
        value: object = json.loads(response.content.decode())
    except (ValueError, RecursionError):
        return None
    return value


class _Adapter(HTTPAdapter):
    """Reads the whole answer before it is handed on, within the limits."""

    def __init__(self, *, timeout: Timeout, max_bytes: int, total: float) -> None:
        # Only a GET, and only after an answer: whatever else was sent may have had its effect. Retry-After is not
        # obeyed, because it could hold a sign-in for an hour.
        retries = Retry(
            total=2,
            connect=0,
            read=False,
            redirect=0,
            other=0,
            allowed_methods=frozenset({"GET"}),
            status_forcelist=frozenset({502, 503, 504}),
            backoff_factor=0.1,
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        super().__init__(max_retries=retries)
        self._timeout, self._max_bytes, self._total = timeout, max_bytes, total

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - never: what streams has no limits
        timeout: Any = None,  # Any, here and below: what requests declares, and its stubs do not export
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        deadline = time.monotonic() + self._total
        response = super().send(
            request, stream=True, timeout=timeout or self._timeout, verify=verify, cert=cert, proxies=proxies
        )
        raw = response.raw
        try:
            # The buffer that takes its place has neither a connection nor cookies to give away.
            response.raw = io.BytesIO(_read(raw, self._max_bytes, deadline))
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error, request=request) from error
        finally:
            # What is left unread must not be taken for the answer to a later request.
            raw.close()
        return response


def _read(raw: urllib3.BaseHTTPResponse, max_bytes: int, deadline: float) -> bytes:
    body = bytearray()
    while chunk := raw.read1(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise ResponseTooLarge(f"more than {max_bytes} bytes")
        if time.monotonic() > deadline:
            raise requests.ReadTimeout("the answer takes too long")
    return bytes(body)


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
    not globally reachable, and for a redirect; other ``requests.RequestException`` as :func:`outbound`.
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
    exchange: Callable[[HTTPConnection, str], Answer],
    insecure_allow_private: bool,
    ca_bundle: Path | None,
    timeout: Timeout,
    total: float,
    resolver: Resolver,
) -> Answer:
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
