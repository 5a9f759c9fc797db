"""Where a request comes from, as limits count it: one text for every way to write an address. It is never kept."""

import re
from collections.abc import Callable
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from flask import has_request_context, request

UNKNOWN = "unknown"
"""Of everybody whose address cannot be read: they count together."""

# Some proxies put the port behind, which is another at every connection.
_WITH_PORT = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[0-9.]+)):[0-9]{1,5}", re.ASCII)
_PREFIX = 64
_TRANSLATORS = IPv6Network("64:ff9b::/96")  # RFC 6052 section 2.1: the IPv4 address is at the end
# RFC 8215: where the IPv4 address is in it, each network decides; each address is of one, in any case.
_LOCAL_TRANSLATORS = IPv6Network("64:ff9b:1::/48")

_KEYED = "vestibule.address"
_environ: ContextVar[dict[str, Any] | None] = ContextVar("environ", default=None)


def come_from(environ: dict[str, Any] | None) -> None:
    """Take what comes next for part of the request with this WSGI environment, which Flask does not have."""
    _environ.set(environ)


def current() -> dict[str, Any] | None:
    """Return the WSGI environment of the current request, in Flask or below; none outside a request."""
    return request.environ if has_request_context() else _environ.get()


def keyed(key: Callable[[str], str]) -> str | None:
    """Return what ``key`` makes of the :func:`canonical` address of the client of the current request.

    It is asked once in a request. None outside a request.
    """
    environ = current()
    if environ is None:
        return None
    found: str | None = environ.get(_KEYED)
    if found is None:
        found = environ[_KEYED] = key(canonical(environ.get("REMOTE_ADDR")))
    return found


def canonical(text: str | None) -> str:
    """Return an IPv4 address, or the /64 of an IPv6 one: whoever has one address of it has them all (RFC 6177).

    An IPv4 address mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address, and so is one that a translator or
    a tunnel has put into an IPv6 one: or everybody who comes that way would be one, or many.
    """
    found = _parsed(text or "")
    if found is None:
        return UNKNOWN
    if isinstance(found, IPv4Address) or found in _LOCAL_TRANSLATORS:
        return str(found)
    return str(IPv6Network((int(found) >> _PREFIX << _PREFIX, _PREFIX)))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    with_port = _WITH_PORT.fullmatch(text)
    try:
        found = ip_address((with_port["v6"] or with_port["v4"]) if with_port else text)
    except ValueError:
        return None
    return (_embedded(found) or found) if isinstance(found, IPv6Address) else found


def _embedded(found: IPv6Address) -> IPv4Address | None:
    if found in _TRANSLATORS:
        return IPv4Address(found.packed[-4:])
    return found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo is not None else None)
