"""``vestibule orgs``: the organisations."""

from pathlib import Path

import click

from broker.accounts.organizations.capabilities import Shell
from broker.accounts.organizations.records import LastAdmin, NameTaken
from broker.accounts.service import AccountClosed
from broker.commands.context import Refusal, gathered, moment, table, utc_now, with_path
from broker.tenants.rules import as_json


@click.group()
def orgs() -> None:
    """The organisations that publish packages. What their admins change, they change in the broker's pages."""


@orgs.command("list")
@with_path
def list_organizations(path: Path) -> None:
    """Show every organisation."""
    with gathered(path) as (base, people), base.database.read() as connection:
        found = people.organizations.all(connection)
        counts = [len(people.organizations.members(connection, each.id)) for each in found]
    if not found:
        click.echo("There is no organisation yet. Make one: vestibule orgs create NAME --admin ACCOUNT")
        return
    rows = [(each.id, each.name, each.status, str(count)) for each, count in zip(found, counts, strict=True)]
    click.echo(table([("ORGANISATION", "NAME", "STATE", "MEMBERS"), *rows]))


@orgs.command()
@click.argument("organization_id", metavar="ORGANISATION")
@with_path
def show(path: Path, organization_id: str) -> None:
    """Show an organisation: its members by account id, its tenants, its rule, and what waits to change."""
    with gathered(path) as (base, people), base.database.read() as connection:
        try:
            found = people.organizations.get(connection, organization_id)
        except LookupError:
            raise _unknown(organization_id) from None
        members = people.organizations.members(connection, organization_id)
        tenants = people.mappings.of_organization(connection, organization_id)
        waiting = people.changes.waiting(connection, organization_id)
    rule = {name: value for name, value in as_json(found.rule).items() if value not in (None, True)}
    click.echo(table([("id", found.id), ("name", found.name), ("state", found.status), ("rule", str(rule or "-"))]))
    _section(
        ("MEMBER", "ROLE", "SINCE", "SUSPENDED SINCE"),
        [(each.account_id, each.role.value, moment(each.joined_at), moment(each.suspended_at)) for each in members],
    )
    _section(
        ("MAPPING", "TENANT", "NAME", "STATE"),
        [(each.id, each.tid, each.name, each.state.value) for each in tenants],
    )
    _section(
        ("WAITS", "TARGET", "TAKES EFFECT"),
        [(each.kind.value, each.target or "-", moment(each.effective_at)) for each in waiting],
    )


@orgs.command()
@click.argument("name")
@click.option("--admin", "account_id", required=True, metavar="ACCOUNT", help="The id of its first admin's account.")
@with_path
def create(path: Path, name: str, account_id: str) -> None:
    """Make an organisation. Its admin signs in first, and finds the id on the account page."""
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                organization_id = people.organizations.create_for(connection, account_id, name, utc_now())
        except ValueError:
            raise Refusal(
                "That is no name for an organisation: it takes 2 to 80 characters that can be seen."
            ) from None
        except NameTaken:
            raise Refusal("An organisation has this name, or one that reads the same. Choose another.") from None
        except (LookupError, AccountClosed):
            raise Refusal(
                f"There is no active account of a person with the id {account_id}. "
                "Whoever it is signs in first; their account page shows the id."
            ) from None
    click.echo(f"organisation  {organization_id}")
    click.echo(f"its page      {base.settings.issuer}/organizations/{organization_id}")


@orgs.command()
@click.argument("organization_id", metavar="ORGANISATION")
@with_path
def disable(path: Path, organization_id: str) -> None:
    """Switch an organisation off: nobody is a member of it, and nobody comes by its tenants."""
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                people.organizations.disable(connection, organization_id, utc_now())
        except LookupError:
            raise _unknown(organization_id) from None
    click.echo(f"{organization_id} is switched off, with its tenants. What waited to change in it goes on waiting.")


@orgs.command()
@click.argument("organization_id", metavar="ORGANISATION")
@with_path
def enable(path: Path, organization_id: str) -> None:
    """Switch an organisation on again. What waits to change in it waits another day."""
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                people.organizations.enable(connection, organization_id, utc_now())
        except LookupError:
            raise _unknown(organization_id) from None
        except LastAdmin:
            raise Refusal(
                "None of its admins has an active account any more, and an organisation needs one. "
                "Make another organisation: vestibule orgs create"
            ) from None
    click.echo(f"{organization_id} is active.")


@orgs.command("remove-admin")
@click.argument("organization_id", metavar="ORGANISATION")
@click.argument("account_id", metavar="ACCOUNT")
@with_path
def remove_admin(path: Path, organization_id: str, account_id: str) -> None:
    """End the membership of an admin, at once. All admins are told.

    For an admin whose account is in other hands, or who is lost, where the other admins cannot wait a day, or are
    stopped each time. What this admin asked for does not take effect, and their invitations end.
    """
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                people.rescue.remove_admin(connection, Shell(now=utc_now()), organization_id, account_id)
        except LookupError:
            raise Refusal(
                f"{account_id} is no admin of {organization_id}. See: vestibule orgs show {organization_id}"
            ) from None
        except LastAdmin:
            raise Refusal(
                "An organisation needs an admin with an active account, and there would be none left. "
                f"Make a member one first: vestibule orgs add-admin {organization_id} ACCOUNT"
            ) from None
    click.echo(f"{account_id} is no member of {organization_id} any more.")


@orgs.command("add-admin")
@click.argument("organization_id", metavar="ORGANISATION")
@click.argument("account_id", metavar="ACCOUNT")
@with_path
def add_admin(path: Path, organization_id: str, account_id: str) -> None:
    """Make a member an admin, at once. All admins are told.

    For an organisation whose admins are all lost, or before the last one is removed. Make sure of who asks you.
    """
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                people.rescue.add_admin(connection, Shell(now=utc_now()), organization_id, account_id)
        except (LookupError, AccountClosed):
            raise Refusal(
                f"{account_id} is no member of {organization_id} with an active account. "
                f"See: vestibule orgs show {organization_id}"
            ) from None
    click.echo(f"{account_id} is an admin of {organization_id}.")


@orgs.command("reset-rule")
@click.argument("organization_id", metavar="ORGANISATION")
@with_path
def reset_rule(path: Path, organization_id: str) -> None:
    """Have the organisation's own rule ask for nothing more, at once. All admins are told.

    For an organisation whose admins cannot meet its rule, and so cannot change it. The rules of its tenants stay.
    """
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                people.rescue.reset_rule(connection, Shell(now=utc_now()), organization_id)
        except LookupError:
            raise _unknown(organization_id) from None
    click.echo(f"The rule of {organization_id} asks for nothing more than what is asked of everybody here.")


def _section(heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if rows:
        click.echo()
        click.echo(table([heading, *rows]))


def _unknown(organization_id: str) -> Refusal:
    return Refusal(f"There is no organisation {organization_id}. See: vestibule orgs list")
