"""The old world for tests: rows as a registry exports them, imported by the real importer.

``running(folder, change=with_campaign)`` is a broker with an old world. ``legacy(world, "42", ...)`` imports an account
into it; :func:`imported` any rows. Both take whatever has ``settings`` and ``database``: a world's parts, too.
"""

import hashlib
import json
import secrets
import struct
import tempfile
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from broker.settings import Settings
from broker.storage.database import Database
from migrations.accounts.importing.importer import Importer, Summary
from tests.world import World

PASSWORD = "correct horse battery staple"


class Holds(Protocol):
    """What an import needs: ``broker.app.Parts`` and ``Foundation`` have it."""

    @property
    def settings(self) -> Settings: ...
    @property
    def database(self) -> Database: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """Settings and a database, without a broker around them."""

    settings: Settings
    database: Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Legacy:
    """What its owner knows of an imported account."""

    registry_id: str
    name: str
    email: str | None
    password: str | None


def campaign(today: date | None = None, **changes: Any) -> dict[str, Any]:
    """Return the table ``[migration]`` of a campaign in its second phase, with a cheap wrapping of weak hashes."""
    day = today or datetime.now(UTC).date()
    return {
        "registry": "Example Registry",
        "announced": (day - timedelta(days=60)).isoformat(),
        "encouraged": (day - timedelta(days=30)).isoformat(),
        "required": (day + timedelta(days=60)).isoformat(),
        "closed": (day + timedelta(days=120)).isoformat(),
        "rewrap_memory": 1024,
        **changes,
    }


def with_campaign(raw: dict[str, Any], **changes: Any) -> None:
    """Give raw settings a campaign: for ``change`` of :func:`tests.world.running`."""
    raw["migration"] = campaign(**changes)


def aspnet_v3(password: str, *, iterations: int = 1000) -> str:
    """Return ASP.NET Core Identity's hash, version 3, HMAC-SHA-256: cheap to make and to verify."""
    salt = secrets.token_bytes(16)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations, 32)
    return b64encode(b"\x01" + struct.pack(">III", 1, iterations, len(salt)) + salt + digest).decode()


def package(name: str, *, role: str = "owner", downloads: int = 100, repository: str | None = None) -> dict[str, Any]:
    """Return a package as a row has it."""
    return {"name": name, "role": role, "downloads": downloads, **({"repository": repository} if repository else {})}


def imported(into: World | Holds, rows: Sequence[Mapping[str, Any]], *, now: datetime | None = None) -> Summary:
    """Import rows, by name of column, and return what came of them."""
    parts: Holds = into.parts if isinstance(into, World) else into
    at = now or (into.clock() if isinstance(into, World) else datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return Importer.build(parts.settings, parts.database).run(path, lambda: at)


def legacy(
    into: World | Holds,
    registry_id: str,
    *,
    name: str | None = None,
    email: str | None = "",
    email_confirmed: bool = True,
    password: str | None = PASSWORD,
    kind: str = "person",
    packages: Sequence[Mapping[str, Any]] = (),
    keys: int = 0,
    identities: Sequence[Mapping[str, str]] = (),
    last_sign_in: datetime | None = None,
    now: datetime | None = None,
) -> Legacy:
    """Import one account and return what its owner knows. ``email``: none for an account without an address.

    It fails the test if the row, or anything of it, was not taken.
    """
    called = name or f"user{registry_id}"
    address = f"{called}@old.example" if email == "" else email
    row: dict[str, Any] = {
        "registry_id": registry_id,
        "name": called,
        "email": address,
        "email_confirmed": email_confirmed and address is not None,
        "password_hash": aspnet_v3(password) if password is not None else None,
        "kind": kind,
        "last_sign_in": last_sign_in.isoformat() if last_sign_in is not None else None,
        "packages": list(packages),
        "keys": keys,
        "identities": list(identities),
    }
    done = imported(into, [row], now=now)
    assert done.added + done.changed + done.unchanged == 1, done
    assert not done.codes, done
    return Legacy(registry_id=registry_id, name=called, email=address, password=password)
