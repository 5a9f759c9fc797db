"""The way out to providers: sessions for libraries, and what reads answers.

What always holds: time to connect, between reads and in total is limited, and so is the size of the answer; TLS is
verified; no redirect is followed; no cookie is kept; nothing of the environment (proxies, CA bundles, ``.netrc``)
is believed. What is steered by somebody else goes by :mod:`providers.guarded` instead.
"""

import io
import ipaddress
import json
import logging
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, Protocol, TypeVar

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from providers.circuit import Circuit
from providers.wire import MAX_BYTES, TOTAL_SECONDS, USER_AGENT, Timeout, Wire

# At DEBUG it logs the path and query of every request.
logging.getLogger("urllib3").setLevel(logging.WARNING)

HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}

SessionT = TypeVar("SessionT", bound=requests.Session)


class Content(Protocol):
    """An answer, as far as its body goes."""

    @property
    def content(self) -> bytes: ...


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
    *,
    circuit: Circuit | None = None,
) -> requests.Session:
    """Return a session with all the limits of this file, and connections of its own.

    ``total`` limits an answer in seconds, from the request to the last byte. A GET that is answered 502, 503 or
    504 is tried up to twice more. Any trouble is a ``requests.RequestException``; a redirect is trouble, whatever
    the call says of it. ``circuit`` is asked before each request, and raises ``ProviderError``.
    """
    wire = Wire(ca_bundle, timeout, max_bytes, total, circuit=circuit)
    return _restrain(requests.Session(), _Adapter(wire, close=True))


def harden(session: SessionT, wire: Wire) -> SessionT:
    """Return a library's own kind of session, held to the limits of ``wire``, whose connections outlive it."""
    return _restrain(session, _Adapter(wire, close=False))


def json_of(answer: Content) -> object:
    """Return the JSON value of an answer (RFC 8259: always UTF-8), or none if it is not JSON."""
    try:
        value: object = json.loads(answer.content.decode())
    except (ValueError, RecursionError):
        return None
    return value


def _restrain(session: SessionT, adapter: BaseAdapter) -> SessionT:
    session.trust_env = False
    session.proxies = {}
    session.max_redirects = 0  # requests then raises TooManyRedirects at the first, even where none is followed
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update(HEADERS)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


class _Adapter(BaseAdapter):
    """Lets requests speak over our wire. What a call says of times and verification counts for nothing."""

    def __init__(self, wire: Wire, *, close: bool) -> None:
        super().__init__()
        self._wire = wire
        self._close = close

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - never: what streams has no limits
        timeout: Any = None,  # noqa: ARG002 - Any, here and below: what requests declares, and its stubs do not export
        verify: Any = True,  # noqa: ARG002 - always
        cert: Any = None,  # noqa: ARG002 - we have none
        proxies: Any = None,  # noqa: ARG002 - nor a proxy
    ) -> requests.Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        answer = self._wire.exchange(str(request.method), str(request.url), request.headers, body)
        response = requests.Response()
        response.status_code, response.reason = answer.status, answer.reason
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        # A buffer, which has neither a connection nor cookies to give away.
        response.raw = io.BytesIO(answer.body)
        response.url, response.request = str(request.url), request
        return response

    def close(self) -> None:
        """Hang up, if the connections are this session's own."""
        if self._close:
            self._wire.close()
