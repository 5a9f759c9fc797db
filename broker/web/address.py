"""Where a request comes from, as limits count it: one text for every way to write an address. It is never kept."""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from flask import has_request_context, request

UNKNOWN = "unknown"
"""Of everybody whose address cannot be read: they count together."""

# Some proxies put the port behind, which is another at every connection.
_WITH_PORT = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[0-9.]+)):[0-9]{1,5}", re.ASCII)
_PREFIX = 64


_environ: ContextVar[Mapping[str, object] | None] = ContextVar("environ", default=None)


def come_from(environ: Mapping[str, object] | None) -> None:
    """Take what comes next for part of the request with this WSGI environment, which Flask does not have."""
    _environ.set(environ)


def current() -> str | None:
    """Return the address of the client of the current request, as :func:`canonical`; none outside a request."""
    if has_request_context():
        return canonical(request.remote_addr)
    environ = _environ.get()
    return canonical(str(environ.get("REMOTE_ADDR", ""))) if environ is not None else None


def canonical(text: str | None) -> str:
    """Return an IPv4 address, or the /64 of an IPv6 one: whoever has one address of it has them all (RFC 6177).

    An IPv4 address mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address.
    """
    found = _parsed(text or "")
    if found is None:
        return UNKNOWN
    if isinstance(found, IPv4Address):
        return str(found)
    return str(IPv6Network((int(found) >> _PREFIX << _PREFIX, _PREFIX)))


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    with_port = _WITH_PORT.fullmatch(text)
    try:
        found = ip_address((with_port["v6"] or with_port["v4"]) if with_port else text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
