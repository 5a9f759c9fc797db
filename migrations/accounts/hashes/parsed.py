"""What a hash says, once it was read, and the strict readers that all formats share."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Parameters = Mapping[str, str | int]
"""JSON: what :func:`~.formats.derive` needs besides the password. ``salt`` is base64 (RFC 4648, section 4)."""

NUMBER = "([1-9][0-9]{0,9})"
"""A decimal number above zero as one may write it in a pattern: ASCII digits, no sign, no zero in front."""

_STANDARD = re.compile(r"[A-Za-z0-9+/]*={0,2}")


class UnknownHash(ValueError):
    """A text that is not taken for a password hash. ``code`` is one of

    ``unknown`` (no format that we know), ``malformed``, ``truncated``, ``too_costly`` (its verification would take
    the machine) and ``unsupported`` (a format that we know and do not verify).
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A hash, taken apart. ``weak``: whoever steals it can guess quickly."""

    format: str
    parameters: Parameters = field(repr=False)
    digest: bytes = field(repr=False)
    weak: bool


def whole(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    """Return the match of the whole text. Raises :class:`UnknownHash`, ``malformed``."""
    match = pattern.fullmatch(text)
    if match is None:
        raise UnknownHash("malformed")
    return match


def require(condition: bool, code: str = "malformed") -> None:
    """Raise :class:`UnknownHash` unless the condition holds."""
    if not condition:
        raise UnknownHash(code)


def sized(digest: bytes, size: int) -> bytes:
    """Return the digest if it has ``size`` bytes. Raises :class:`UnknownHash`."""
    require(len(digest) >= size, "truncated")
    require(len(digest) == size)
    return digest


def from_base64(text: str) -> bytes:
    """Return the bytes of padded base64 in its one canonical spelling. Raises :class:`UnknownHash`, ``malformed``."""
    whole(_STANDARD, text)
    try:
        decoded = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise UnknownHash("malformed") from None
    # Bits that no byte uses may be set in another spelling of the same bytes.
    require(to_base64(decoded) == text)
    return decoded


def from_bare_base64(text: str, plus: str = "+") -> bytes:
    """Return the bytes of base64 without padding; ``plus`` is the sign for 62. Raises :class:`UnknownHash`."""
    require("=" not in text and (plus == "+" or "+" not in text))
    return from_base64(text.replace(plus, "+") + "=" * (-len(text) % 4))


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
