"""``vestibule keys``: the keys that sign our tokens."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from broker.audit.service import Audit
from broker.commands.context import opened, table, utc_now, with_path
from broker.keys.cipher import FieldCipher
from broker.keys.signing import SigningKeys
from broker.oidc.tokens import ALGORITHMS
from broker.settings import Settings
from broker.storage.database import Database

# Registries may keep our JWKS for long, and tokens live for an hour at most; a day covers both.
PUBLISH_FOR = timedelta(days=1)
OVERLAP = timedelta(days=1)


@click.group()
def keys() -> None:
    """The keys that sign tokens."""


@keys.command("list")
@with_path
def list_keys(path: Path) -> None:
    """Show every signing key and its state."""
    with opened(path) as (settings, database):
        now = utc_now()
        found = _keys(settings, database).list(now)
    if not found:
        click.echo("There is no key yet. vestibule serve makes the first.")
        return
    rows = [
        (key.kid, key.alg, key.state.value, _day(key.active_from), _day(key.retire_at), _day(key.gone_at))
        for key in found
    ]
    click.echo(table([("KEY", "ALG", "STATE", "SIGNS FROM", "RETIRES", "GONE"), *rows]))


@keys.command()
@click.option("--alg", type=click.Choice(ALGORITHMS), help="Only the key of this algorithm; all, if not given.")
@click.option("--at-once", is_flag=True, help="A key was stolen: no overlap, and tokens signed by it fail.")
@with_path
def rotate(path: Path, alg: str | None, at_once: bool) -> None:
    """Publish a new key today, sign with it from tomorrow, and let the old one go the day after."""
    publish_for, overlap = (timedelta(0), timedelta(0)) if at_once else (PUBLISH_FOR, OVERLAP)
    with opened(path) as (settings, database):
        now = utc_now()
        signing = _keys(settings, database)
        audit = Audit(database, settings.secrets.audit_key())
        for each in [alg] if alg else ALGORITHMS:
            kid = signing.rotate(each, now, publish_for, overlap)
            with database.begin() as connection:
                audit.record(connection, action="key.rotated", detail={"kid": kid, "kind": each}, now=now)
            click.echo(f"{each}: {kid} is published, and signs from {_day(now + publish_for)}.")


def _keys(settings: Settings, database: Database) -> SigningKeys:
    cipher = FieldCipher(settings.secrets.encryption_keys(), settings.secrets.encryption_writes)
    return SigningKeys(database, cipher, ALGORITHMS)


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else "-"
