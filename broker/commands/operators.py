"""``vestibule operators``: whose accounts run the broker."""

from pathlib import Path

import click

from broker.accounts.service import AccountClosed
from broker.commands.context import Refusal, gathered, moment, table, utc_now, with_path


@click.group()
def operators() -> None:
    """Who decides on tenants and exceptions, in the broker's own pages.

    An operator signs in by a tenant of operators.tenants in the configuration, or with a phishing-resistant proof.
    """


@operators.command("list")
@with_path
def list_operators(path: Path) -> None:
    """Show the accounts of the operators."""
    with gathered(path) as (base, people):
        with base.database.read() as connection:
            found = people.operators.all(connection)
        if not found:
            click.echo("There is no operator yet. Add one: vestibule operators add ACCOUNT")
            return
        click.echo(table([("ACCOUNT", "SINCE"), *((each.account_id, moment(each.added_at)) for each in found)]))


@operators.command()
@click.argument("account_id", metavar="ACCOUNT")
@with_path
def add(path: Path, account_id: str) -> None:
    """Make an account an operator's. Its owner signs in first, and finds the id on the account page."""
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                people.accounts.hold(connection, account_id)
                people.accounts.person(connection, account_id)
                people.operators.add(connection, account_id, utc_now())
        except (LookupError, AccountClosed):
            raise Refusal(
                f"There is no active account of a person with the id {account_id}. "
                "Whoever it is signs in first; their account page shows the id."
            ) from None
        tenants = ", ".join(base.settings.operators.tenants)
    click.echo(f"{account_id} is an operator's account.")
    by = f"by one of the tenants {tenants}, or with a phishing-resistant proof" if tenants else "phishing-resistantly"
    click.echo(f"They sign in {by}, and go to {base.settings.issuer}/operator.")


@operators.command()
@click.argument("account_id", metavar="ACCOUNT")
@with_path
def remove(path: Path, account_id: str) -> None:
    """Take that back, at once. The account stays; what it decided stays."""
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                people.operators.remove(connection, account_id, utc_now())
        except LookupError:
            raise Refusal(f"{account_id} is no operator's account. See: vestibule operators list") from None
    click.echo(f"{account_id} is no operator's account any more.")
