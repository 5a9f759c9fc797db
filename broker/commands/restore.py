"""``vestibule restore``."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from broker.backup.document import Head
from broker.backup.restoring import NewerSchema, NotEmpty, NotRestored, OtherSecrets, restore
from broker.backup.sealed import NotABackup, Sealed
from broker.backup.taking import as_configured
from broker.commands.backup import checked, tell
from broker.commands.context import Refusal, moment, utc_now, with_path
from broker.commands.passphrase import Passphrase, with_passphrase
from broker.settings import Settings, load
from broker.settings.fresh import write_private
from broker.storage.database import Database
from broker.storage.store import StoreUnavailable, open_store

_NEW_FILE = click.Path(dir_okay=False, path_type=Path)
# What lives in the store, and lets somebody in.
_LET_IN = ("session", "code", "device")


@click.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--secrets-to", type=_NEW_FILE, help="Write the secrets to a new file of yours, and nothing else.")
@click.option("--configuration-to", type=_NEW_FILE, help="Write the configuration to a new file, and nothing else.")
@click.option("--keep-grants", is_flag=True, help="Let sessions, refresh tokens and consents from before go on.")
@with_passphrase
@with_path
def restore_command(
    path: Path,
    file: Path,
    *,
    secrets_to: Path | None,
    configuration_to: Path | None,
    keep_grants: bool,
    passphrase: Passphrase,
) -> None:
    """Put a backup into a new, empty database: all of it, or nothing.

    The configuration must have the secrets of the backup; --secrets-to writes them where you can copy them from.
    Everybody signs in anew: whoever took something back after the backup took it back for good.
    """
    if secrets_to is not None or configuration_to is not None:
        _write(file, passphrase.given(), secrets_to, configuration_to)
        return
    settings = load(path)
    database = Database(settings.database.url)
    try:
        with file.open("rb") as opened:
            contents = restore(
                Sealed(opened, passphrase.given()),
                database,
                configured=as_configured(settings.secrets),
                audit_key=settings.secrets.audit_key(),
                keep_grants=keep_grants,
                end_sessions=lambda: _end_sessions(settings),
                progress=tell,
                now=utc_now(),
            )
    except NotABackup as error:
        raise Refusal(f"{error} Nothing was written.") from None
    except OtherSecrets as error:
        raise Refusal(
            f"The configuration has other secrets than the backup: {', '.join(error.keys)}. Nothing was written. "
            f"See them with: vestibule restore {file} --secrets-to secrets.toml"
        ) from None
    except NewerSchema:
        raise Refusal("A newer version made this backup. Run that version of vestibule. Nothing was written.") from None
    except NotEmpty:
        raise Refusal("The database is not empty. Name a new one in database.url. Nothing was written.") from None
    except NotRestored as error:
        raise Refusal(f"{error} Nothing was kept: the database is as empty as before.") from None
    finally:
        database.dispose()
    rows = sum(contents.counts.values())
    click.echo(f"Restored {rows:,} rows of {len(contents.counts)} tables, as of {moment(contents.head.made_at)}.")
    click.echo("The audit record verifies, and no row is missing.")
    click.echo(
        "Sessions, refresh tokens and consents go on."
        if keep_grants
        else "Sessions, refresh tokens and consents have ended: everybody signs in anew."
    )
    click.echo("What waited then waits as long again from now on; invitations and new addresses are asked for anew.")


def _end_sessions(settings: Settings) -> None:
    store = open_store(settings.store.url)
    try:
        for kind in _LET_IN:
            store.forget(kind)
    except StoreUnavailable:
        raise Refusal(
            "The short-lived store (store.url) does not answer, and sessions from before may be in it. "
            "Start it, or name an empty one. Nothing was kept: the database is as empty as before."
        ) from None
    finally:
        store.close()


def _write(file: Path, passphrase: str, secrets_to: Path | None, configuration_to: Path | None) -> None:
    with file.open("rb") as opened:
        head = checked(opened, passphrase).head
    texts = []
    if secrets_to is not None:
        texts.append((secrets_to, secrets_text(head)))
    if configuration_to is not None:
        if head.configuration is None:
            raise Refusal("The backup was taken without its configuration. Nothing was written.")
        texts.append((configuration_to, head.configuration))
    for where, _ in texts:
        if where.exists():
            raise _there_already(where)
    if len({where.resolve() for where, _ in texts}) < len(texts):
        raise Refusal(f"Both would go to {texts[0][0]}. Name two files. Nothing was written.")
    for where, text in texts:
        try:
            write_private(where, text)
        except FileExistsError:
            raise _there_already(where) from None
        click.echo(f"Wrote {where}, readable by you alone.")
    click.echo(f"Once the configuration has these secrets: vestibule restore {file}")


def _there_already(where: Path) -> Refusal:
    return Refusal(f"{where} is there already. Choose another name, or move it away. Nothing was written.")


def secrets_text(head: Head) -> str:
    """Return the secrets as sections of a configuration file."""
    tables = {name: value for name, value in head.secrets.items() if isinstance(value, Mapping)}
    # A version, a key and a name are of letters, digits, - and _: a JSON string of them is one of TOML, too.
    lines = [
        "[secrets]",
        *(f"{name} = {json.dumps(value)}" for name, value in head.secrets.items() if name not in tables),
    ]
    for name, versions in tables.items():
        lines += ["", f"[secrets.{name}]", *(f"{version} = {json.dumps(key)}" for version, key in versions.items())]
    return "\n".join(lines) + "\n"
