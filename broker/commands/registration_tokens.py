"""``vestibule clients registration-token`` and its like: who may register clients from outside."""

from datetime import timedelta
from pathlib import Path

import click

from broker.audit.service import Audit
from broker.commands.context import Refusal, opened, table, utc_now, with_path
from broker.oidc.registration.initial import InitialTokens
from broker.settings import Settings
from broker.storage.database import Database

_DAY = "%Y-%m-%d %H:%M UTC"


@click.command("registration-token")
@click.option(
    "--expires", "days", type=click.IntRange(1, 365), default=7, show_default=True, help="Days it is good for."
)
@with_path
def create(path: Path, days: int) -> None:
    """Make an initial access token, with which clients register themselves (RFC 7591), and show it: this once."""
    now = utc_now()
    with opened(path) as (settings, database):
        tokens, expires_at = _tokens(settings, database), now + timedelta(days=days)
        with database.begin() as connection:
            text = tokens.create(connection, expires_at, now)
    click.echo(f"token     {text}")
    click.echo(f"expires   {expires_at.strftime(_DAY)}")
    click.echo(f"endpoint  {settings.issuer}/register")
    click.echo(
        "\nIt is shown this once, and kept here only as a hash. Whoever has it can register any number of clients."
    )


@click.command("registration-tokens")
@with_path
def show(path: Path) -> None:
    """Show the initial access tokens there are."""
    with opened(path) as (settings, database), database.read() as connection:
        found = _tokens(settings, database).all(connection)
    if not found:
        click.echo("There is none: no client can register itself. Make one: vestibule clients registration-token")
        return
    now = utc_now()
    rows = [
        (
            each.id,
            each.created_at.strftime(_DAY),
            each.expires_at.strftime(_DAY),
            "active" if each.expires_at > now else "expired",
        )
        for each in found
    ]
    click.echo(table([("ID", "MADE", "EXPIRES", "STATE"), *rows]))


@click.command("revoke-registration-token")
@click.argument("token_id")
@with_path
def revoke(path: Path, token_id: str) -> None:
    """End an initial access token. Clients that registered with it stay."""
    with opened(path) as (settings, database):
        try:
            with database.begin() as connection:
                _tokens(settings, database).revoke(connection, token_id, utc_now())
        except LookupError:
            raise Refusal(f"There is no token {token_id}. See: vestibule clients registration-tokens") from None
    click.echo(f"{token_id} is revoked.")


COMMANDS = (create, show, revoke)


def _tokens(settings: Settings, database: Database) -> InitialTokens:
    return InitialTokens(Audit(database, settings.secrets.audit_key()))
