"""What a call brings with it, read strictly: what is not known is refused, so that nothing is left out unseen."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import request

from broker.oidc.jose.strict_json import json_object
from broker.web.problems import FieldError, Problem

MOST = 100
"""How many entries of a list are on a page at most."""

_PAGE = frozenset({"cursor", "limit"})
_LIMIT = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_SHAPES = {"context": re.compile(r"c[1-9][0-9]?", re.ASCII), "verb": re.compile(r"[a-z]+", re.ASCII)}
# RFC 3339 section 5.6. Python reads more than that.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list: what comes after the entry with the id ``cursor``, ``limit`` entries at most."""

    cursor: str
    limit: int


def check_type(sent: bytes) -> None:
    """Raise :class:`Problem` for a body that is no JSON."""
    if sent and request.mimetype != "application/json":
        raise Problem(
            status=415,
            code="unsupported_media_type",
            title="Not JSON",
            detail="The body must be application/json.",
        )


def check_ids() -> None:
    """Raise :class:`Problem` where the address cannot be one of ours, before anything is looked up by it."""
    for name, value in (request.view_args or {}).items():
        if not _SHAPES.get(name, _UUID).fullmatch(value):
            raise not_found()


def query(*, paged: bool) -> Page:
    """Return which part of a list is wanted. Raises :class:`Problem` for parameters that are not known, or not so."""
    unknown = set(request.args) - (_PAGE if paged else frozenset())
    if unknown or any(len(values) > 1 for _, values in request.args.lists()):
        raise malformed("A parameter of the URL is not known here, or is there twice.")
    limit = request.args.get("limit", str(MOST))
    if not _LIMIT.fullmatch(limit) or int(limit) > MOST:
        raise invalid("limit", "out_of_range", f"A page has 1 to {MOST} entries.")
    return Page(cursor=request.args.get("cursor", ""), limit=int(limit))


def nothing(sent: bytes) -> None:
    """Raise :class:`Problem` if anything is wanted where there is nothing to choose."""
    if sent:
        Document(sent, ())


def members_of(sent: bytes) -> dict[str, object]:
    """Return the members of the JSON object that was sent. Raises :class:`Problem` where it is none."""
    try:
        return json_object(sent)
    except ValueError as error:
        raise malformed("The body is not one JSON object with each member once.") from error


class Document:
    """A JSON object with no other members than those of ``known``. Raises :class:`Problem`, and so do its readers.

    A member that is null is one that is not there.
    """

    def __init__(self, sent: bytes, known: Collection[str]) -> None:
        members = members_of(sent)
        if not set(members) <= set(known):
            # Not quoted: it can be anything.
            raise malformed("The body has a member that is not known here.")
        self._members = {name: value for name, value in members.items() if value is not None}

    def has(self, name: str) -> bool:
        """Return whether the member is there."""
        return name in self._members

    def text(self, name: str) -> str:
        """Return a string."""
        value = self._required(name)
        if not _is_text(value):
            raise invalid(name, "not_a_string", "This is a string.")
        return str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings."""
        value = self._required(name)
        if not isinstance(value, list) or not all(map(_is_text, value)):
            raise invalid(name, "not_a_list", "This is a list of strings.")
        return tuple(value)

    def number(self, name: str) -> int:
        """Return a whole number."""
        value = self._required(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(name, "not_a_number", "This is a whole number.")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self._required(name)
        if not isinstance(value, bool):
            raise invalid(name, "not_a_boolean", "This is true or false.")
        return value

    def time(self, name: str) -> datetime:
        """Return a time (RFC 3339 section 5.6), in UTC."""
        value = self.text(name)
        try:
            if not _TIME.fullmatch(value):
                raise ValueError("not of RFC 3339")
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise invalid(name, "not_a_time", "This is a time such as 2030-01-31T18:00:00Z.") from error

    def _required(self, name: str) -> object:
        if name not in self._members:
            raise invalid(name, "missing", "This is needed.")
        return self._members[name]


def _is_text(value: object) -> bool:
    # PostgreSQL has no place for NUL.
    return isinstance(value, str) and "\0" not in value


def malformed(detail: str) -> Problem:
    """Return the refusal of a request that cannot be read."""
    return Problem(status=400, code="invalid_request", title="The request cannot be read", detail=detail)


def invalid(field: str, code: str, detail: str) -> Problem:
    """Return the refusal of one member."""
    return Problem(
        status=400,
        code="invalid_input",
        title="Something in the request cannot be",
        detail=detail,
        errors=[FieldError(field=field, code=code, detail=detail)],
    )


def not_found() -> Problem:
    """Return the one answer to whatever is not there, or not for them."""
    return Problem(
        status=404, code="not_found", title="There is nothing here", detail="There is no such thing, or not for you."
    )
