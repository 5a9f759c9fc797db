"""The broker's own cookies: host-only, out of reach of scripts, Secure wherever there is TLS."""

import ipaddress
import re
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from werkzeug.http import dump_cookie
from werkzeug.wrappers import Response

SameSite = Literal["Lax", "Strict"]
# What needs no quoting in a cookie: all that we make ourselves (RFC 4648, section 5).
_PLAIN = re.compile(r"[A-Za-z0-9_-]*")


class Cookies:
    """Names and attributes of cookies at one issuer.

    Over https a cookie is ``__Host-`` and Secure (RFC 6265bis, section 4.1.3.2). Over http it can be neither,
    which only a loopback issuer may ask for: constructing for any other http issuer raises ValueError.
    """

    def __init__(self, issuer: str) -> None:
        parts = urlsplit(issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
            raise ValueError("the issuer must be https, or http on a loopback address")
        self.secure = parts.scheme == "https"

    def name(self, base: str) -> str:
        """Return the name under which the browser knows the cookie ``base``."""
        return f"__Host-{base}" if self.secure else base

    def set(
        self,
        response: Response,
        base: str,
        value: str,
        *,
        max_age: int | None = None,
        samesite: SameSite = "Lax",
    ) -> None:
        """Set a cookie for ``max_age`` seconds, or until the browser closes."""
        response.headers.add("Set-Cookie", self.line(base, value, max_age=max_age, samesite=samesite))

    def line(self, base: str, value: str, *, max_age: int | None = None, samesite: SameSite = "Lax") -> str:
        """Return the header that sets a cookie; with ``max_age`` 0 one that clears it."""
        name = self.name(base)
        if _PLAIN.fullmatch(value):
            return f"{name}={value}{_attributes(self.secure, max_age, samesite)}"
        return _dumped(name, value, self.secure, max_age, samesite)

    def clear(self, response: Response, base: str) -> None:
        """Make the browser forget a cookie."""
        response.headers.add("Set-Cookie", self.line(base, "", max_age=0))


@lru_cache(maxsize=64)
def _attributes(secure: bool, max_age: int | None, samesite: SameSite) -> str:
    """Return what follows the value of a cookie, on which werkzeug spends more than all else of a redirect takes."""
    return _dumped("a", "b", secure, max_age, samesite).removeprefix("a=b")


def _dumped(name: str, value: str, secure: bool, max_age: int | None, samesite: SameSite) -> str:
    return dump_cookie(
        name,
        value,
        max_age=max_age,
        expires=0 if max_age == 0 else None,
        path="/",
        secure=secure,
        httponly=True,
        samesite=samesite,
    )


def _is_loopback(host: str | None) -> bool:
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
