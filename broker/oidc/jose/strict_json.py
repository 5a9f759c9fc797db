"""JSON that somebody else wrote (RFC 8259), read so that no two readers can differ about it."""

import json
import math
from collections.abc import Iterable
from typing import NoReturn

MAX_DEPTH = 16


def json_object(data: bytes) -> dict[str, object]:
    """Return the JSON object in ``data``, which must be UTF-8. Raises ``ValueError`` for anything else.

    That includes a member that stands there twice, a number that is none (NaN, or too large for any), a string that
    is no Unicode text, and more than 16 levels.
    """
    try:
        value: object = json.loads(data.decode(), object_pairs_hook=_distinct, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    _check(value)
    return value


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands there twice")
    return members


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _check(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [part for each in level for part in _parts(each)]
        if not level:
            return
    raise ValueError("nested too deep")


def _parts(value: object) -> Iterable[object]:
    match value:
        case dict():
            return [*value, *value.values()]
        case list():
            return value
        case str():
            value.encode()  # raises for half of a surrogate pair, which JSON can escape and nobody can store
        case float() if not math.isfinite(value):
            raise ValueError("a number too large")
    return ()
