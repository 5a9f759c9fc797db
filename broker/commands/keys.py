"""``vestibule keys``: the keys that sign our tokens, and the ones they are sealed under."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click

from broker.accounts.organizations.contact import reseal_contacts
from broker.accounts.organizations.reseal import reseal_invitations, reseal_last_sign_ins
from broker.accounts.reseal import reseal_emails, reseal_names
from broker.audit.service import Audit
from broker.commands.context import Refusal, moment, opened, table, utc_now, with_path
from broker.keys.cipher import FieldCipher, Undecryptable
from broker.keys.records import KeyRecord, State, read_records
from broker.keys.reseal import Reseal, count_stale, reseal, reseal_signing_keys
from broker.keys.rotation import Rotation, destroy_gone
from broker.keys.signing import SigningKeys
from broker.oidc.reseal import reseal_families
from broker.settings import Settings
from broker.settings.clients import ALGORITHMS
from broker.signin.kept import reseal_proofs
from broker.storage.database import Database
from broker.tenants.reseal import reseal_reasons
from migrations.accounts import reseal as old_world

# Every room that seals what the database keeps has a line here.
RESEALED: Mapping[str, Reseal] = {
    "signing_keys.private_sealed": reseal_signing_keys,
    "people.name_sealed": reseal_names,
    "people.email_sealed": reseal_emails,
    "refresh_families.record_sealed": reseal_families,
    "invitations.email_sealed": reseal_invitations,
    "last_sign_ins.proof_sealed": reseal_last_sign_ins,
    "kept_proofs.proof_sealed": reseal_proofs,
    "exceptions.reason_sealed": reseal_reasons,
    "organizations.contact_sealed": reseal_contacts,
    **old_world.RESEALED,
}
_TOKEN_SECONDS = 3600  # the longest that settings let an access token live


@click.group()
def keys() -> None:
    """The keys that sign tokens."""


@keys.command("list")
@with_path
def list_keys(path: Path) -> None:
    """Show every signing key, its state, and what happens next."""
    with opened(path) as (settings, database):
        now = utc_now()
        with database.read() as connection:
            found = read_records(connection)
        rotation, cipher = _rotation(settings, database), _cipher(settings)
    if not found:
        click.echo("There is no key yet. vestibule serve makes the first.")
        return
    rows = [
        (
            *(key.kid, key.alg, key.state(now).value),
            *(moment(key.active_from), moment(key.retire_at), moment(key.gone_at)),
            key.version or "-",
        )
        for key in found
    ]
    click.echo(table([("KEY", "ALG", "STATE", "SIGNS FROM", "RETIRES", "GONE", "SEALED UNDER"), *rows]))
    click.echo()
    for alg in ALGORITHMS:
        for line in _next(alg, found, rotation, now):
            click.echo(line)
    older = sum(key.version not in (None, cipher.writes) for key in found)
    if older:
        click.echo(f"Sealed under another version than {cipher.writes}, which writes: {older}. vestibule keys reseal")


@keys.command()
@click.option("--alg", type=click.Choice(ALGORITHMS), help="Only the key of this algorithm; all, if not given.")
@click.option("--at-once", is_flag=True, help="A key was stolen: no overlap, and tokens signed by it fail.")
@with_path
def rotate(path: Path, alg: str | None, at_once: bool) -> None:
    """Publish a new key that signs when registries know it, and let the old one go after that."""
    with opened(path) as (settings, database):
        rotation = _rotation(settings, database)
        for each in [alg] if alg else ALGORITHMS:
            made = rotation.rotate(each, utc_now(), at_once=at_once)
            if at_once:
                click.echo(f"{each}: {made.kid} signs now. The others are gone, and tokens that they signed fail.")
            else:
                click.echo(f"{each}: {made.kid} is published, and signs from {moment(made.active_from)}.")
    told = "within a minute" if at_once else "by themselves; nothing is left to do"
    click.echo(f"Running processes learn of it {told}.")


@keys.command("reseal")
@with_path
def reseal_keys(path: Path) -> None:
    """Seal what is stored under the newest of secrets.encryption, so that older ones can be taken out."""
    with opened(path) as (settings, database):
        cipher, audit, now = _cipher(settings), Audit(database, settings.secrets.audit_key()), utc_now()
        try:
            with database.begin() as connection:
                destroy_gone(connection, audit, now)  # what is gone need not open
                done = reseal(connection, cipher, audit, RESEALED, now)
        except Undecryptable as error:
            raise Refusal(f"{error}. Nothing was changed. secrets.encryption needs that version.") from None
        with database.read() as connection:
            left = count_stale(connection, cipher)
    for name, count in done.items():
        click.echo(f"{name}: {count} sealed again, under {cipher.writes}.")
    older = [version for version in settings.secrets.encryption if version != cipher.writes]
    for line in _still_needed(left, older, cipher.writes, max(settings.session.lifetime, _TOKEN_SECONDS)):
        click.echo(line)


def _still_needed(left: Mapping[str, int], older: Sequence[str], writes: str, lifetime: int) -> Iterator[str]:
    versions = ", ".join(older)
    if left:
        yield table([("SEALED UNDER ANOTHER", "VALUES"), *((name, str(count)) for name, count in left.items())])
        yield f"Keep {versions or 'every version'} in secrets.encryption: these are sealed again when they change."
    elif older:
        yield f"Nothing in the database needs {versions} any more. Sessions and tokens under way may: take it out of"
        yield f"secrets.encryption {-(-lifetime // 3600)} hours after the last process has begun to write {writes}."
    else:
        yield f"There is no other version in secrets.encryption than {writes}."


def _next(alg: str, found: Sequence[KeyRecord], rotation: Rotation, now: datetime) -> Iterator[str]:
    ours = [key for key in found if key.alg == alg]
    coming = [key for key in ours if key.state(now) is State.PUBLISHED]
    planned = rotation.next_change(alg, ours, now)
    if coming:
        yield f"{alg}: {coming[-1].kid} signs from {moment(coming[-1].active_from)}."
    elif planned is not None:
        yield f"{alg}: the next key is published from {moment(max(planned, now))} on, by plan."
    elif ours:
        yield f"{alg}: no next key is planned (keys.rotate_after). vestibule keys rotate --alg {alg}"


def _cipher(settings: Settings) -> FieldCipher:
    return FieldCipher(settings.secrets.encryption_keys(), settings.secrets.encryption_writes)


def _rotation(settings: Settings, database: Database) -> Rotation:
    cipher = _cipher(settings)
    keys_here = SigningKeys(database, cipher, ALGORITHMS)
    audit = Audit(database, settings.secrets.audit_key())
    return Rotation(database, cipher, keys_here, audit, settings.keys)
