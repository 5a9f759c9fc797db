"""``vestibule exceptions``: for whom MFA is waived, and until when."""

from pathlib import Path

import click

from broker.accounts.organizations.capabilities import Shell
from broker.commands.context import Refusal, gathered, moment, table, utc_now, with_path
from broker.tenants.errors import Conflict, NotFound


@click.group()
def exceptions() -> None:
    """Exceptions from MFA, asked for by organisations.

    Approving one is not done here, but by operators who sign in, at the broker's page /operator: nobody approves what
    they asked for, and more than 20 people take two of them. Their reasons are shown there alone.
    """


@exceptions.command("list")
@click.option("--all", "every", is_flag=True, help="Those that were refused or are over, too.")
@with_path
def list_exceptions(path: Path, every: bool) -> None:
    """Show what counts now, and what waits for operators."""
    now = utc_now()
    with gathered(path) as (base, people), base.database.read() as connection:
        names = {each.id: each.name for each in people.organizations.all(connection)}
        if every:
            found = [each for one in names for each in people.exceptions.of_organization(connection, one)]
        else:
            found = [*people.exceptions.current(connection, now), *people.exceptions.to_decide(connection)]
    if not found:
        click.echo("There is none." if every else "None counts now, and none waits.")
        return
    rows = [
        (
            each.id,
            names[each.organization_id],
            each.tid or "members by name",
            f"{len(each.places)}/{each.people}",
            each.state.value,
            f"{len(each.approvals)}/{each.approvals_needed}",
            moment(each.ends_at),
        )
        for each in found
    ]
    click.echo(table([("EXCEPTION", "ORGANISATION", "FOR", "PEOPLE", "STATE", "APPROVED BY", "ENDS"), *rows]))


@exceptions.command()
@click.argument("exception_id", metavar="EXCEPTION")
@with_path
def end(path: Path, exception_id: str) -> None:
    """End an exception at once, or take a request off the table. Its organisation's admins are told by mail."""
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                people.exceptions.end(connection, Shell(now=utc_now()), exception_id)
        except NotFound:
            raise Refusal(f"There is no exception {exception_id}. See: vestibule exceptions list --all") from None
        except Conflict:
            raise Refusal(f"{exception_id} is over already, or was refused.") from None
    click.echo(f"{exception_id} has ended. Whoever it covered signs in with MFA from now on.")
