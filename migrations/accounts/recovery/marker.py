"""A marker: a branch of a random name in the repository of a package. Who pushed it may push there today.

Looked for by the discovery of references of Git's smart HTTP protocol (gitprotocol-http(5), "Smart Clients"; the form
of a line is in gitprotocol-common(5)): one GET, no more, and of its answer only whether this one name is in it.
"""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import requests

from migrations.accounts.recovery.repositories import WELL_KNOWN
from providers.connection import ResponseTooLarge
from providers.guarded import AddressRefused, Fetched

# Repositories with many thousand branches and pull requests answer that much.
MAX_BYTES = 8 * 1024 * 1024
SECONDS = 5.0
"""How long all repositories of an account are waited for, in total."""

_MEDIA_TYPE = "application/x-git-upload-pack-advertisement"
_SERVICE = b"# service=git-upload-pack"
_LENGTH = re.compile(rb"[0-9a-f]{4}")
_LONGEST = 65520  # bytes of a line, with its length
_MOST_LINES = 200_000  # as many as fit, if each names a reference
_REFERENCE = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) (HEAD|refs/[!-~\x80-\xff]+|capabilities\^\{\})")
_SHALLOW = re.compile(rb"shallow ([0-9a-f]{40}|[0-9a-f]{64})")

Fetch = Callable[..., Fetched]
"""``providers.guarded.guarded_get``, with the operator's word on private addresses."""


class Malformed(ValueError):
    """It is no advertisement of references. Its text is a code."""


class Hosts(Protocol):
    """Remembers which hosts of repositories have just not answered."""

    def is_away(self, host: str) -> bool:
        """Return whether this one has not."""

    def is_gone(self, host: str) -> None:
        """Remember that it has not."""


def seen_in(
    repositories: Sequence[str],
    branch: str,
    fetch: Fetch,
    hosts: Hosts,
    clock: Callable[[], float] = time.monotonic,
) -> str | None:
    """Return the first of these repositories that has the branch, or none.

    One that does not answer, or answers something else, has not. All of them together get :data:`SECONDS`, and a host
    that has just not answered is not asked: whoever named the repository of a package may have it answer never.
    """
    ends = clock() + SECONDS
    for each in repositories:
        host, left = str(urlsplit(each).hostname), ends - clock()
        if left <= 0:
            return None
        if hosts.is_away(host):
            continue
        try:
            if _has(each, branch, fetch, left):
                return each
        except (requests.Timeout, requests.ConnectionError):
            # Of whom others ask, too, somebody's enormous repository must not say that they are away.
            if host not in WELL_KNOWN:
                hosts.is_gone(host)
    return None


def _has(repository: str, branch: str, fetch: Fetch, seconds: float) -> bool:
    patience = min(1.0, seconds / 4)  # for the name server, and again for the connection
    try:
        answer = fetch(
            f"{repository}/info/refs?service=git-upload-pack",
            max_bytes=MAX_BYTES,
            timeout=(patience, seconds - 2 * patience),
            total=seconds - 2 * patience,
        )
        return answer.status == 200 and answer.media_type == _MEDIA_TYPE and advertises(answer.body, branch)
    except (ResponseTooLarge, AddressRefused, Malformed):
        return False


def advertises(body: bytes, branch: str) -> bool:
    """Return whether an advertisement of version 0 or 1 has a branch. Raises :class:`Malformed` unless it is whole."""
    lines = list(_lines(body))
    if lines[:2] != [_SERVICE, None]:
        raise Malformed("service")
    match lines[3:] if lines[2:3] == [b"version 1"] else lines[2:]:
        case [bytes(first), *rest, None]:
            # Behind the first name, and always, there is what the server can do.
            name, able, _ = first.partition(b"\0")
            if not able:
                raise Malformed("capabilities")
            return b"refs/heads/" + branch.encode() in [_name(line) for line in (name, *rest)]
    raise Malformed("truncated")


def _name(line: bytes | None) -> bytes:
    """Return the name of a reference; empty for where a shallow history ends."""
    reference = _REFERENCE.fullmatch(line or b"")
    if reference is not None:
        return reference[2]
    if not _SHALLOW.fullmatch(line or b""):
        raise Malformed("reference")
    return b""


def _lines(body: bytes) -> Iterator[bytes | None]:
    """Yield each line without its length and line feed, and none for a flush. Raises :class:`Malformed`."""
    at = count = 0
    while at < len(body):
        count += 1
        if count > _MOST_LINES:
            raise Malformed("lines")
        said = body[at : at + 4]
        if not _LENGTH.fullmatch(said):
            raise Malformed("length")
        length = int(said, 16)
        if length == 0:
            at += 4
            yield None
            continue
        # From 1 to 3 are marks of version 2, which was not asked for; an empty line says nothing.
        if not 4 < length <= _LONGEST or at + length > len(body):
            raise Malformed("length")
        yield body[at + 4 : at + length].removesuffix(b"\n")
        at += length
