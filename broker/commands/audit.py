"""``vestibule audit verify``."""

from pathlib import Path

import click

from broker.audit.service import Audit
from broker.commands.context import Refusal, opened, with_path


@click.group()
def audit() -> None:
    """The append-only record."""


@audit.command()
@click.option("--head", help="What an earlier run showed as the head: also shows whether the end was cut off.")
@with_path
def verify(path: Path, head: str | None) -> None:
    """Seal what is pending, then check every entry and every seal."""
    with opened(path) as (settings, database):
        record = Audit(database, settings.secrets.audit_key())
        while record.seal():
            pass
        try:
            report = record.verify(head)
        except ValueError as error:
            raise Refusal(f"--head is not the head of a chain: {error}.") from None
    if report.first_bad is not None:
        click.echo(f"The record was changed: entry {report.first_bad} is not as it was written.")
    elif not report.ok:
        click.echo("The record was cut: the chain no longer leads through the head that was given.")
    else:
        click.echo(f"The record is whole: {report.sealed} entries.")
        click.echo(f"Its head, to be kept elsewhere: {report.head}")
    click.get_current_context().exit(0 if report.ok else 1)
