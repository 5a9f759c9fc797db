"""An old world of its own for each test: settings without a broker, rows as a registry exports them, what is kept."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from broker.keys.cipher import FieldCipher
from broker.settings import Settings
from broker.storage.database import Database
from migrations.accounts.importing.importer import Importer, Summary
from migrations.accounts.importing.report import Code
from migrations.accounts.model import imports, legacy_accounts, legacy_identities
from migrations.accounts.records import sealing_context
from tests.migrations.legacy import Bare, campaign, imported
from tests.world import key

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TENANT = "4b5b2c4e-1d0f-4a3b-9c8d-7e6f5a4b3c2d"
PERSON = "0f8fad5b-d9cb-469f-a165-70867728950e"
GITHUB = {"provider": "github", "id": "583231"}

_COMMON = {"client_id": "vestibule", "client_secret": "opens nothing"}
_ENTRA = {"kind": "entra", "evidence_scope": "api://vestibule/prove", "evidence_audience": "vestibule", **_COMMON}


def raw_settings(url: str) -> dict[str, Any]:
    """Return settings of a broker that knows a provider of each kind, two of them of Entra."""
    return {
        "issuer": "https://login.example",
        "database": {"url": url},
        "secrets": {
            "encryption": {"v1": key()},
            "pseudonym": {"v1": key()},
            "index": key(),
            "audit": key(),
            "cookies": key(),
        },
        "mail": {"url": "smtp://127.0.0.1:25", "sender": "vestibule@login.example"},
        "providers": {
            "msa": {"kind": "microsoft_account", "name": "Microsoft", **_COMMON},
            "work": {"name": "Work account", **_ENTRA},
            "ours": {"name": "Ours", **_ENTRA, "authority": TENANT},
            "github": {"kind": "github", "name": "GitHub", **_COMMON},
            "example-id": {"kind": "oidc", "name": "Example ID", "issuer": "https://id.example", **_COMMON},
        },
        "migration": campaign(NOW.date()),
    }


def bare(database: Database, raw: Mapping[str, Any] | None = None) -> Bare:
    """Return an old world that is empty."""
    url = database.engine.url.set(drivername=database.engine.dialect.name).render_as_string(hide_password=False)
    return Bare(settings=Settings.model_validate(raw or raw_settings(url)), database=database)


def row(registry_id: str, **members: Any) -> dict[str, Any]:
    """Return a good row."""
    name = f"user{registry_id}"
    return {"registry_id": registry_id, "name": name, "email": f"{name}@old.example", "email_confirmed": True} | members


def jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return path


def as_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write the same as CSV: what is nested as JSON, truths as ``true`` and ``false``, nothing as nothing."""
    columns = list(dict.fromkeys(name for each in rows for name in each))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([_cell(each.get(name)) for name in columns] for each in rows)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    return path


def _cell(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def run(world: Bare, path: Path, *, clock: Callable[[], datetime] = lambda: NOW, **options: Any) -> Summary:
    return Importer.build(world.settings, world.database).run(path, clock, **options)


def kept(world: Bare) -> dict[str, list[dict[str, Any]]]:
    """Return all that an import wrote, opened: of wrapped hashes what is the same each time they are wrapped."""
    secrets = world.settings.secrets
    cipher = FieldCipher(secrets.encryption_keys(), secrets.encryption_writes)
    with world.database.read() as connection:
        accounts = [
            dict(each)
            for each in connection.execute(select(legacy_accounts).order_by(legacy_accounts.c.registry_id)).mappings()
        ]
        linked = [
            dict(each)
            for each in connection.execute(select(legacy_identities).order_by(legacy_identities.c.pseudonym)).mappings()
        ]
        files = [dict(each) for each in connection.execute(select(imports).order_by(imports.c.id)).mappings()]
    for account in accounts:
        for field in ("name", "email", "hash"):
            sealed = account[f"{field}_sealed"]
            if sealed is not None:
                opened = cipher.open(sealed, sealing_context(field, account["registry_id"])).decode()
                account[f"{field}_sealed"] = _same_each_time(opened) if field == "hash" else opened
        account["packages"] = json.loads(account["packages"])
    return {"accounts": accounts, "identities": linked, "imports": files}


def account(world: Bare, registry_id: str) -> dict[str, Any]:
    return next(each for each in kept(world)["accounts"] if each["registry_id"] == registry_id)


def ids(world: Bare) -> list[str]:
    return [each["registry_id"] for each in kept(world)["accounts"]]


def set_columns(world: Bare, registry_id: str, **values: Any) -> None:
    """Do to an account what others do who do not import."""
    with world.database.begin() as connection:
        connection.execute(update(legacy_accounts).where(legacy_accounts.c.registry_id == registry_id).values(**values))


def codes(world: Bare, *rows: Mapping[str, Any]) -> dict[Code, int]:
    """Import rows, and return what was not taken of them."""
    return dict(imported(world, rows, now=NOW).codes)


def wrapped(world: Bare, registry_id: str) -> bytes:
    """Return what is kept of a password."""
    secrets = world.settings.secrets
    with world.database.read() as connection:
        sealed = connection.execute(
            select(legacy_accounts.c.hash_sealed).where(legacy_accounts.c.registry_id == registry_id)
        ).scalar_one()
    cipher = FieldCipher(secrets.encryption_keys(), secrets.encryption_writes)
    return cipher.open(sealed, sealing_context("hash", registry_id))


def _same_each_time(opened: str) -> dict[str, Any]:
    record = json.loads(opened)
    record.pop("mac")
    record.get("outer", {}).pop("salt", None)
    return dict(record)


def raw_secrets(settings: Settings) -> dict[str, Any]:
    """Return secrets as they were written."""
    secrets = settings.secrets
    return {
        **{name: getattr(secrets, name).get_secret_value() for name in ("index", "audit", "cookies")},
        "encryption": {version: each.get_secret_value() for version, each in secrets.encryption.items()},
        "pseudonym": {version: each.get_secret_value() for version, each in secrets.pseudonym.items()},
    }
