"""``vestibule accounts``: people, by account id."""

from pathlib import Path

import click

from broker.accounts.end_access import ask_to_end_access
from broker.audit.service import Audit
from broker.commands.context import Refusal, opened, utc_now, with_path
from broker.events.service import Outbox
from broker.keys.cipher import FieldCipher


@click.group()
def accounts() -> None:
    """The accounts of people."""


@accounts.command("end-access")
@click.argument("account_id")
@with_path
def end_access(path: Path, account_id: str) -> None:
    """End every session of an account, and whatever registries may do in its name."""
    with opened(path) as (settings, database):
        cipher = FieldCipher(settings.secrets.encryption_keys(), settings.secrets.encryption_writes)
        audit = Audit(database, settings.secrets.audit_key())
        try:
            with database.begin() as connection:
                ask_to_end_access(connection, Outbox(cipher), audit, account_id, utc_now())
        except LookupError:
            raise Refusal(f"There is no account {account_id}.") from None
    click.echo("The running broker ends it within seconds. Until then it is shown by: vestibule outbox list")
