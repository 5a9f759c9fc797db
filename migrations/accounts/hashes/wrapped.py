"""What is kept of an old hash: enough to know the password again, nothing that could be cracked without our key."""

import hmac
import json
import os
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from argon2.low_level import Type, hash_secret_raw

from migrations.accounts.hashes.formats import Parameters, Parsed, derive, usable
from migrations.accounts.hashes.parsed import to_base64

_KEY_BYTES = 32
_SALT_BYTES = 16
_PURPOSE = b"vestibule: a wrapped legacy password, version 1"

# What most of the old world had: ASP.NET Identity's third version, which is NuGet's last.
_USUAL: Parameters = {"prf": "sha256", "iterations": 10_000, "salt": to_base64(bytes(_SALT_BYTES)), "length": 32}


@dataclass(frozen=True, slots=True)
class Wrapper:
    """Wraps hashes, and holds passwords against what was wrapped.

    ``key``: 32 bytes that are not kept where the wrapped hashes are. ``memory_kib``: what a guess at a weak hash costs
    on top, in KiB, for whoever has stolen table and key. ``pepper``: Devise's.
    Raises :class:`ValueError` for a key of another size.
    """

    key: bytes = field(repr=False)
    memory_kib: int
    pepper: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != _KEY_BYTES:
            raise ValueError(f"the key of legacy passwords is {len(self.key)} bytes, not {_KEY_BYTES}")

    def wrap(self, parsed: Parsed) -> bytes:
        """Return a record of JSON. Of the digest it holds an HMAC only."""
        head: dict[str, Any] = {"format": parsed.format, "parameters": dict(parsed.parameters)}
        if parsed.weak:
            head["outer"] = {"memory": self.memory_kib, "salt": to_base64(os.urandom(_SALT_BYTES))}
        return _json(head | {"mac": to_base64(self._mac(head, parsed.digest))})

    def matches(self, wrapped: bytes, password: str) -> bool:
        """Return whether it is the password that was wrapped. Raises :class:`ValueError` for anything but a record.

        What nobody can have typed costs what any other guess costs, and is never it.
        """
        head, mac = _opened(wrapped)
        possible = usable(password)
        digest = derive(head["format"], head["parameters"], password if possible else "", self.pepper)
        return hmac.compare_digest(self._mac(head, digest), mac) and possible

    def decoy(self, password: str, like: bytes | None = None) -> None:
        """Cost what a verification costs: of the record ``like``, or of what most of the old world had."""
        if like is not None:
            self.matches(like, password)
            return
        digest = derive("aspnet_v3", _USUAL, password if usable(password) else "")
        self._mac({"outer": {"memory": self.memory_kib, "salt": to_base64(bytes(_SALT_BYTES))}}, digest)

    def _mac(self, head: Mapping[str, Any], digest: bytes) -> bytes:
        outer = head.get("outer")
        material = digest if outer is None else _slowed(digest, outer)
        # Lengths in front, so that no two heads and materials are one message.
        parts = (_PURPOSE, _json(head), material)
        return hmac.digest(self.key, b"".join(len(part).to_bytes(4) + part for part in parts), "sha256")


def _slowed(digest: bytes, outer: Mapping[str, str | int]) -> bytes:
    return hash_secret_raw(
        secret=digest,
        salt=b64decode(str(outer["salt"])),
        time_cost=1,
        memory_cost=int(outer["memory"]),
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )


def _opened(wrapped: bytes) -> tuple[dict[str, Any], bytes]:
    with suppress(ValueError, AttributeError, KeyError, TypeError):
        head = json.loads(wrapped)
        mac = b64decode(head.pop("mac"), validate=True)
        if {"format", "parameters"} <= head.keys():
            return head, mac
    raise ValueError("not a wrapped hash")


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
