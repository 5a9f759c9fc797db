"""Keys that have versions, so that one can be replaced while what it made is still about."""

import re
from collections.abc import Mapping

KEY_BYTES = 32

_VERSION = re.compile(r"v([1-9][0-9]{0,5})")


def is_version(text: str) -> bool:
    """Return whether ``text`` can name a key version."""
    return _VERSION.fullmatch(text) is not None


def newest_first(keys: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return ``keys`` ordered by version, the highest number first.

    Raises :class:`ValueError` when there is none, a version is not ``v`` and a number, or a key not 32 bytes.
    """
    if not keys:
        raise ValueError("at least one key version is needed")
    numbered: dict[int, str] = {}
    for version, key in keys.items():
        match = _VERSION.fullmatch(version)
        if match is None:
            raise ValueError("a key version is v and a number: v1, v2, …")
        if len(key) != KEY_BYTES:
            raise ValueError(f"key {version} is {len(key)} bytes, not {KEY_BYTES}")
        numbered[int(match[1])] = version
    return {numbered[number]: keys[numbered[number]] for number in sorted(numbered, reverse=True)}


def writing_version(keys: Mapping[str, bytes], named: str | None) -> str:
    """Return the version to write under: the highest, unless another is named.

    A new key must be readable by every process before the first one writes under it, so for a time the old one is
    named. Raises :class:`ValueError` for a version that is not there.
    """
    if named is not None and named not in keys:
        raise ValueError("the key version to write under is not among the keys")
    return named or next(iter(newest_first(keys)))
