"""The single values of the settings: what each must look like. A ``ValueError`` never quotes the value."""

import base64
import binascii
import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, SecretStr

from claims.profile import Profile

KEY_BYTES = 32
_MIN_DISTINCT_BYTES = 16  # 32 random bytes have about 30; fewer than 16 is a placeholder
_MIN_DISTINCT_CHARACTERS = 8
_MIN_CLIENT_SECRET = 32
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_loopback(host: str | None) -> bool:
    """Return whether ``host`` names this machine (RFC 6761 6.3, RFC 8252 7.3); nothing is resolved."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def decode_key(secret: SecretStr) -> bytes:
    """Return the 32 bytes of a base64url key. Raises ``ValueError`` when they are not, or can be guessed."""
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("is not base64url") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"is {len(key)} bytes long")
    if len(set(key)) < _MIN_DISTINCT_BYTES:
        raise ValueError("is a placeholder, not a random key")
    return key


def _key(secret: SecretStr) -> SecretStr:
    decode_key(secret)
    return secret


def client_secret(secret: SecretStr) -> SecretStr:
    """Return a client's secret if it can be one. Raises ``ValueError``."""
    text = secret.get_secret_value()
    if len(text) < _MIN_CLIENT_SECRET:
        raise ValueError(f"is only {len(text)} characters long")
    if not (text.isascii() and text.isprintable()):
        raise ValueError("has characters outside printable ASCII")
    if len(set(text)) < _MIN_DISTINCT_CHARACTERS:
        raise ValueError("is a placeholder, not a random secret")
    return secret


def _parts(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("has spaces, line breaks or characters outside ASCII")
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it checks it
    except ValueError:
        raise ValueError("is not a URL") from None
    return parts


def _web(url: str) -> SplitResult:
    parts = _parts(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("is not an https URL")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("uses http for a host that is not this machine")
    if parts.username is not None or parts.password is not None:
        raise ValueError("carries a user name or password")
    if parts.fragment or "#" in url:
        raise ValueError("has a fragment")
    # The library reads "[::1].example.org" as "::1", and more that browsers read in another way.
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.netloc not in (host, f"{host}:{parts.port}"):
        raise ValueError("is written in an unusual way")
    return parts


def issuer_url(url: str) -> str:
    """Return an issuer identifier (OpenID Connect Discovery 1.0, section 3) that is an origin and no more."""
    parts = _web(url)
    if parts.path or parts.query or "?" in url:
        raise ValueError("has a path, a trailing slash or a query")
    if url != url.lower():
        raise ValueError("has capital letters")
    return url


def display_name(name: str) -> str:
    """Return a name of which people see everything, in its order. Raises ``ValueError``."""
    if not name.isprintable() or name != name.strip():
        raise ValueError("has characters that cannot be seen")
    return name


def redirect_uri(url: str) -> str:
    """Return a redirect URI that can be compared as an exact string (RFC 9700 2.1, RFC 6749 3.1.2).

    A public client on the user's own machine may use http on loopback (RFC 8252 7.3). Raises ``ValueError``.
    """
    parts = _web(url)
    if "*" in url:
        raise ValueError("has a wildcard")
    if "\\" in url or not url.startswith(f"{parts.scheme}://") or not _is_host(parts.hostname or ""):
        raise ValueError("is written in an unusual way")
    return url


def _is_host(host: str) -> bool:
    """Return whether a host is an address or a name as they are written, and nothing that browsers make one of.

    They decode ``%``, and read ``127.1`` and ``0x7f000001`` as addresses (WHATWG URL, "host parsing").
    """
    try:
        ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None and not _NUMBER.fullmatch(host.rpartition(".")[2])
    return "%" not in host


def web_url(url: str) -> str:
    """Return an https URL that we may fetch from; http only for this machine. Raises ``ValueError``."""
    _web(url)
    return url


def resource(uri: str) -> str:
    """Return a resource indicator: an absolute URI without a fragment (RFC 8707 section 2). Raises ``ValueError``."""
    parts = _parts(uri)
    if not parts.scheme or not (parts.netloc or parts.path) or "#" in uri:
        raise ValueError("is not an absolute URI without a fragment")
    return uri


def database_url(url: str) -> str:
    """Return the URL of an SQLite file or of a PostgreSQL database. Raises ``ValueError``."""
    parts = _parts(url)
    if parts.scheme == "sqlite":
        if not url.startswith("sqlite:///") or not parts.path.strip("/") or ":memory:" in url:
            raise ValueError("names no file")
    elif parts.scheme != "postgresql" or not parts.path.strip("/"):
        raise ValueError("is not the URL of a database")
    return url


def replica_url(url: str) -> str:
    """Return the URL of a PostgreSQL database. Raises ``ValueError``."""
    if not database_url(url).startswith("postgresql:"):
        raise ValueError("is not the URL of a PostgreSQL database")
    return url


# redis+sentinel://[[user]:password@]host[:port][,…]/service[/database]; a cluster has neither of the two.
_SEVERAL = re.compile(
    r"rediss?\+(?:sentinel://(?:[^@/]*@)?{hosts}/[A-Za-z0-9._-]+(?:/[0-9]{{1,2}})?|cluster://(?:[^@/]*@)?{hosts}/?)".format(
        hosts=r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:,[A-Za-z0-9.-]+(?::[0-9]{1,5})?)*"
    )
)


def store_url(url: str) -> str:
    """Return the URL of a Redis, of Sentinels or of a Cluster, or ``memory://``. Raises ``ValueError``."""
    if url == "memory://" or _SEVERAL.fullmatch(url):
        return url
    if _parts(url).scheme not in {"redis", "rediss"}:
        raise ValueError("is not the URL of a store")
    return url


def mail_url(url: str) -> str:
    """Return where mail goes: an SMTP server, or a folder. Raises ``ValueError``."""
    if url.startswith("directory:"):
        if url == "directory:":
            raise ValueError("names no folder")
        return url
    parts = _parts(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("is not a place mail can go to")
    if parts.scheme == "smtp" and parts.password is not None and not is_loopback(parts.hostname):
        raise ValueError("would send a password unencrypted")
    return url


def address(text: str) -> str:
    """Return an email address to send from. Raises ``ValueError``."""
    if Profile.read(None, text, None).email is None:
        raise ValueError("is not an email address")
    return text


Key = Annotated[
    SecretStr,
    AfterValidator(_key),
    Field(description="32 random bytes in base64url, as `vestibule init` writes them"),
]
KeyVersion = Annotated[str, Field(pattern=r"^v[1-9][0-9]{0,3}$")]
ClientId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{1,128}$")]
