"""``vestibule outbox``: what waits to be sent."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click
from sqlalchemy import Connection

from broker.audit.service import Audit
from broker.commands.context import Refusal, opened, table, utc_now, with_path
from broker.events import waiting

Change = Callable[[Connection, str, Audit, datetime], None]


@click.group()
def outbox() -> None:
    """Mail and logouts that wait to be sent."""


@outbox.command("list")
@with_path
def list_waiting(path: Path) -> None:
    """Show what waits, the oldest first: for which client or account, and why it is not sent yet."""
    with opened(path) as (_, database), database.read() as connection:
        items = waiting.list_waiting(connection)
    if not items:
        click.echo("Nothing waits.")
        return
    rows = [
        (
            each.id,
            each.kind,
            each.subject or "",
            str(each.attempts),
            _stamp(each.due_at),
            _stamp(each.expires_at),
            each.last_error or "",
        )
        for each in items
    ]
    click.echo(table([("ID", "KIND", "FOR", "ATTEMPTS", "DUE", "EXPIRES", "LAST ERROR"), *rows]))


@outbox.command()
@click.argument("item_id", metavar="ID")
@with_path
def retry(path: Path, item_id: str) -> None:
    """Try an item again now, instead of when it is due."""
    _change(path, item_id, waiting.retry)
    click.echo(f"{item_id} is due now.")


@outbox.command()
@click.argument("item_id", metavar="ID")
@with_path
def drop(path: Path, item_id: str) -> None:
    """Forget an item: it is never sent."""
    _change(path, item_id, waiting.drop)
    click.echo(f"{item_id} is forgotten.")


def _change(path: Path, item_id: str, change: Change) -> None:
    with opened(path) as (settings, database):
        audit = Audit(database, settings.secrets.audit_key())
        try:
            with database.begin() as connection:
                change(connection, item_id, audit, utc_now())
        except LookupError:
            raise Refusal(f"Nothing with the id {item_id} waits. See: vestibule outbox list") from None


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"
