"""``vestibule backup``."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click

from broker.audit.service import Audit
from broker.backup.restoring import Contents, check
from broker.backup.sealed import DERIVATION, NotABackup, Sealed
from broker.backup.taking import NoSchema, take
from broker.commands.context import UPGRADE, Refusal, moment, utc_now, with_path
from broker.commands.passphrase import Passphrase, with_passphrase
from broker.settings import load
from broker.storage.database import Database
from broker.storage.schema import revision


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--check", "only_check", is_flag=True, help="Read a backup from end to end, and write nothing.")
@click.option("--with-configuration", is_flag=True, help="Put the configuration file in as well.")
@with_passphrase
@with_path
def backup(path: Path, file: Path, *, only_check: bool, with_configuration: bool, passphrase: Passphrase) -> None:
    """Write everything to FILE, sealed under a passphrase, while the broker goes on: all tables, and all secrets.

    Keep the file and the passphrase in two places: together they are everything there is.
    """
    if only_check:
        with file.open("rb") as opened:
            contents = checked(opened, passphrase.given())
        _describe(file, contents)
        return
    chosen = passphrase.chosen()
    settings, now = load(path), utc_now()
    database = Database(settings.database.url)
    audit, state = Audit(database, settings.secrets.audit_key()), "failed"
    try:
        with _new(file) as opened:
            counts = take(
                database,
                opened,
                chosen,
                issuer=settings.issuer,
                secrets=settings.secrets,
                configuration=path.read_text(encoding="utf-8") if with_configuration else None,
                audit=audit,
                progress=tell,
                now=now,
                derivation=DERIVATION,
            )
        state = "done"
    except NoSchema:
        raise Refusal(f"The database has nothing to take. Check database.url, or run: {UPGRADE}") from None
    finally:
        _tell_outcome(database, audit, state)
        database.dispose()
    click.echo(f"Wrote {file}: {sum(counts.values()):,} rows of {len(counts)} tables, as of {moment(now)}.")
    click.echo(f"Look at it once more, where it is kept: vestibule backup --check {file}")


def _tell_outcome(database: Database, audit: Audit, state: str) -> None:
    """Record how it ended: only now has the file its name, or is gone. Where nothing was taken there is no record."""
    with database.read() as connection:
        if revision(connection) is None:
            return
    with database.begin() as connection:
        audit.record(connection, action="backup.taken", detail={"state": state}, now=utc_now())


def tell(table: str, rows: int) -> None:
    """Say on the standard error how far it is."""
    click.echo(f"  {table}: {rows:,} rows", err=True)


def checked(opened: BinaryIO, passphrase: str) -> Contents:
    """Return what is in a backup, read from end to end. Raises :class:`Refusal`."""
    try:
        return check(Sealed(opened, passphrase), tell)
    except NotABackup as error:
        raise Refusal(f"{error} Nothing was written.") from None


def _describe(file: Path, contents: Contents) -> None:
    head, rows = contents.head, sum(contents.counts.values())
    click.echo(f"{file} is whole: {rows:,} rows of {len(contents.counts)} tables, as of {moment(head.made_at)}.")
    click.echo(f"  issuer         {head.issuer}")
    click.echo(f"  schema         {head.schema}")
    click.echo(f"  configuration  {'in it' if head.configuration is not None else 'not in it'}")


@contextmanager
def _new(file: Path) -> Iterator[BinaryIO]:
    """Yield a file for its owner's eyes only, which gets its name when it is whole, and never takes another's place."""
    part = file.with_name(f"{file.name}.part")
    if file.exists():
        raise _there_already(file)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise _there_already(part) from None  # it is another run's, which may go on: not ours to remove
    try:
        with os.fdopen(descriptor, "wb") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())
        # Unlike a rename, a link is refused where there is something of that name.
        os.link(part, file)
    except FileExistsError:
        raise _there_already(file) from None
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _there_already(file: Path) -> Refusal:
    return Refusal(f"{file} is there already. Choose another name, or move it away.")
