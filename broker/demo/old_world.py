"""The demo's old world: two accounts with passwords, imported as a registry's export would be."""

import hashlib
import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from broker.settings import Settings
from broker.settings.fresh import write_private
from broker.storage.database import Database
from migrations.accounts.importing.importer import Importer

PASSWORDS = "old-passwords.json"
_EXPORT = "old-accounts.jsonl"
_ITERATIONS = 1000  # of a weak hash, as old worlds have them
PERSON, TEAM = "ada.lovelace", "engine-team"


def import_accounts(folder: Path, settings: Settings, clock: Callable[[], datetime]) -> Mapping[str, str]:
    """Import the accounts, once, and return their passwords by name; none where no old world is configured."""
    if settings.migration is None:
        return {}
    passwords, export = folder / PASSWORDS, folder / _EXPORT
    if not (passwords.exists() and export.exists()):
        chosen = {name: f"{secrets.token_hex(4)} {secrets.token_hex(4)}" for name in (PERSON, TEAM)}
        export.unlink(missing_ok=True)
        passwords.unlink(missing_ok=True)
        write_private(export, "".join(f"{json.dumps(_row(*each))}\n" for each in chosen.items()))
        write_private(passwords, json.dumps(chosen, indent=2))
    database = Database(settings.database.url)
    try:
        Importer.build(settings, database).run(export, clock)
    finally:
        database.dispose()
    known: dict[str, str] = json.loads(passwords.read_text(encoding="utf-8"))
    return known


def _row(name: str, password: str) -> dict[str, object]:
    shared = name == TEAM
    return {
        "registry_id": "1002" if shared else "1001",
        "name": name,
        "email": f"{name}@old.example",
        "email_confirmed": True,
        "password_hash": _hash(password),
        "kind": "alias" if shared else "person",
        "last_sign_in": "2025-06-01T12:00:00Z",
        "packages": [{"name": f"{name.partition('-')[0].partition('.')[0]}-core", "role": "owner", "downloads": 4711}],
        "keys": 2 if shared else 1,
        "identities": [],
    }


def _hash(password: str) -> str:
    """Return the password as Django keeps it."""
    salt = secrets.token_hex(11)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ITERATIONS)
    return f"pbkdf2_sha256${_ITERATIONS}${salt}${b64encode(digest).decode()}"
