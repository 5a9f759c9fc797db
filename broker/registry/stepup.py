"""Step-up: a resource says that a token is not enough, and how the next one could be (RFC 9470).

A registry that guards a resource asks :func:`satisfies` of the claims of a token that it has validated (or of an
introspection answer), and answers :func:`challenge` with status 401 if they do not. Whoever gets that reads it with
:func:`parse`, and begins an authorization request with :meth:`Challenge.parameters` in it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

ERROR = "insufficient_user_authentication"
MAX_HEADER = 8192  # characters
AHEAD = 60  # seconds by which the clock of who issued a token may be ahead of ours

_SCHEMES = ("bearer", "dpop")
_MAX_AGE_DIGITS = 9
_FOREVER = 10**12  # seconds since 1970; what is beyond is no number to reckon with

# RFC 9110 sections 5.6.2, 5.6.4 and 11.2. No two alternatives begin alike, so none is ever tried again.
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?P<quoted>(?:[^"\\]|\\.)*)"'
_PARAMETER = re.compile(rf"(?P<name>{_WORD})[ \t]*=[ \t]*(?:(?P<token>{_WORD})|{_QUOTED})")
_BEGUN = re.compile(rf"(?P<scheme>{_WORD})(?: +(?P<rest>.+))?")
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What a resource asks for: one of these ``acr_values``, and an authentication within ``max_age`` seconds."""

    acr_values: tuple[str, ...] = ()
    max_age: int | None = None

    def parameters(self, *, essential: bool = False) -> dict[str, str]:
        """Return what to add to the authorization request (RFC 9470 section 4).

        ``acr_values`` are a wish (OpenID Connect Core section 3.1.2.1): a user who cannot meet it comes back with less,
        and would be challenged again. ``essential`` makes it a demand by the ``claims`` parameter (section 5.5.1.1), so
        that they are told; it takes the place of a ``claims`` parameter of your own.
        """
        asked = {"acr_values": " ".join(self.acr_values)} if self.acr_values else {}
        if self.max_age is not None:
            asked["max_age"] = str(self.max_age)
        if essential and self.acr_values:
            acr = {"essential": True, "values": list(self.acr_values)}
            asked["claims"] = json.dumps({"id_token": {"acr": acr}}, separators=(",", ":"))
        return asked


def challenge(acr_values: Sequence[str] = (), max_age: int | None = None) -> str:
    """Return the value of ``WWW-Authenticate`` for an answer with status 401 (RFC 9470 section 3).

    ``acr_values`` in the order of preference; ``max_age`` in seconds. Raises ``ValueError`` for what cannot be said so,
    and for nothing at all.
    """
    _check(acr_values, max_age)
    if not acr_values and max_age is None:
        raise ValueError("a challenge asks for something")
    said = [f'error="{ERROR}"', 'error_description="The user has to authenticate in a stronger way or anew."']
    if acr_values:
        said.append(f'acr_values="{" ".join(acr_values)}"')
    if max_age is not None:
        said.append(f'max_age="{max_age}"')
    return "Bearer " + ", ".join(said)


def satisfies(
    claims: Mapping[str, object], *, acr_values: Sequence[str] = (), max_age: int | None = None, now: datetime
) -> bool:
    """Return whether the ``acr`` and ``auth_time`` of a validated token are enough (RFC 9470 section 6).

    A claim that is missing, or of another type than it should be, proves nothing. No ``acr`` stands for a stronger one:
    name all that will do. Raises ``ValueError`` as :func:`challenge`, and for a ``now`` without a time zone.
    """
    _check(acr_values, max_age)
    if now.tzinfo is None:
        raise ValueError("now has no time zone")
    if acr_values and claims.get("acr") not in tuple(acr_values):
        return False
    if max_age is None:
        return True
    auth_time = claims.get("auth_time")
    if isinstance(auth_time, bool) or not isinstance(auth_time, int | float) or not 0 <= auth_time < _FOREVER:
        return False
    return -AHEAD <= now.timestamp() - auth_time <= max_age


def parse(header: str) -> Challenge | None:
    """Return what a ``WWW-Authenticate`` header asks for, or none if it is no such challenge, or cannot be read.

    A header may have several challenges (RFC 9110 section 11.6.1); of those of this kind there must be one.
    """
    try:
        found = [
            said for scheme, said in _challenges(header) if scheme in _SCHEMES and said and said.get("error") == ERROR
        ]
        return _read(found[0]) if len(found) == 1 else None
    except ValueError:
        return None


def _check(acr_values: Sequence[str], max_age: int | None) -> None:
    if isinstance(acr_values, str) or not all(map(_is_acr, acr_values)):
        raise ValueError("acr_values are a sequence of words of printable ASCII, without quotes and backslashes")
    if max_age is not None and (isinstance(max_age, bool) or not 0 <= max_age < 10**_MAX_AGE_DIGITS):
        raise ValueError("max_age is a number of seconds, 0 or more")


def _is_acr(value: object) -> bool:
    return isinstance(value, str) and value != "" and all("!" <= each <= "~" and each not in '"\\' for each in value)


def _read(said: Mapping[str, str]) -> Challenge:
    values, age = said.get("acr_values"), said.get("max_age")
    acr_values = () if values is None else tuple(values.split(" "))
    if age is not None and not (age.isascii() and age.isdigit() and len(age) <= _MAX_AGE_DIGITS):
        raise ValueError("max_age is no number")
    _check(acr_values, None)
    return Challenge(acr_values=acr_values, max_age=None if age is None else int(age))


def _challenges(header: str) -> list[tuple[str, dict[str, str] | None]]:
    """Return the challenges of a header: scheme and parameters, names in lower case; no parameters for a token68.

    The grammar of RFC 9110 section 11.6.1, element by element. Raises ``ValueError`` for whatever does not follow it.
    """
    challenges: list[tuple[str, dict[str, str] | None]] = []
    for element in filter(None, _elements(header)):
        parameter = _PARAMETER.fullmatch(element)
        if parameter is None:
            begun = _BEGUN.fullmatch(element)
            if begun is None:
                raise ValueError("neither a challenge nor a parameter")
            parameter = _PARAMETER.fullmatch(begun["rest"] or "")
            if parameter is None and begun["rest"] and not _TOKEN68.fullmatch(begun["rest"]):
                raise ValueError("neither a parameter nor a token68")
            challenges.append((begun["scheme"].lower(), None if parameter is None else {}))
        if parameter is not None:
            said = challenges[-1][1] if challenges else None
            name = parameter["name"].lower()
            if said is None or name in said:
                raise ValueError("a parameter of no challenge, or one that stands there twice")
            said[name] = parameter["token"] or _ESCAPED.sub(r"\1", parameter["quoted"] or "")
    return challenges


def _elements(header: str) -> Iterator[str]:
    """Yield what stands between the commas, but for those inside quotes."""
    if len(header) > MAX_HEADER or not header.replace("\t", " ").isprintable():
        raise ValueError("too long, or no header")
    start, quoted, escaped = 0, False, False
    for place, each in enumerate(header):
        if escaped:
            escaped = False
        elif each == '"':
            quoted = not quoted
        elif quoted:
            escaped = each == "\\"
        elif each == ",":
            yield header[start:place].strip(" \t")
            start = place + 1
    if quoted:
        raise ValueError("a quote that is not closed")
    yield header[start:].strip(" \t")
