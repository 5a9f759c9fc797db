"""What somebody at the command line decides about accounts of the old world, and about their addresses' domains."""

from datetime import datetime
from pathlib import Path

import click

from broker.accounts.organizations.capabilities import Shell
from broker.commands.context import Refusal, utc_now, with_path
from broker.commands.migrate.old_world import old_world_of, unknown
from broker.tenants.domains import domain_of
from migrations.accounts.effects import TooLate


@click.group()
def alias() -> None:
    """Accounts that several people seem to share. Those proposed are at the broker's page /operator/migration."""


@alias.command()
@click.argument("registry_id")
@with_path
def confirm(path: Path, registry_id: str) -> None:
    """Say that an account is shared: it becomes an organisation, and nobody alone can claim it."""
    _decide(path, registry_id, shared=True)
    click.echo(f"{registry_id} is shared.")


@alias.command()
@click.argument("registry_id")
@with_path
def reject(path: Path, registry_id: str) -> None:
    """Say that an account is one person's."""
    _decide(path, registry_id, shared=False)
    click.echo(f"{registry_id} is one person's.")


@click.command("except")
@click.argument("registry_id")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="A day; it ends at 00:00 UTC. None: it ends now.")
@with_path
def put_exception(path: Path, registry_id: str, until: datetime | None) -> None:
    """Have closing pass an account by until a day, or end that."""
    with old_world_of(path) as (base, old_world):
        exceptions, shell = old_world.campaign.exceptions, Shell(now=utc_now())
        try:
            with base.database.begin() as connection:
                if until is None:
                    exceptions.end(connection, shell, registry_id)
                else:
                    exceptions.give(connection, shell, registry_id, until.date())
        except LookupError:
            raise unknown(registry_id) from None
        except ValueError:
            raise Refusal(f"An exception ends on a day to come, and not after {exceptions.latest}.") from None
        except TooLate:
            raise _too_late(registry_id) from None
    if until is None:
        click.echo(f"Closing treats {registry_id} as any other account.")
    else:
        click.echo(f"Closing passes {registry_id} by until {until.date()}, 00:00 UTC.")


@click.command()
@with_path
def domains(path: Path) -> None:
    """Show the domains of pending accounts' addresses, and how many each has: to find out which have lapsed."""
    with old_world_of(path) as (_, old_world):
        found = old_world.campaign.lapsed.domains()
    for name, count in sorted(found.items(), key=lambda each: (-each[1], each[0])):
        click.echo(f"{count:>8}  {name}")


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--restore", metavar="DOMAIN", help="Take back what was said of a domain, and of all below it.")
@with_path
def lapsed(path: Path, file: Path | None, restore: str | None) -> None:
    """Say which domains have lapsed, by a FILE with one a line.

    Addresses there, and below, prove nothing any more, and nothing is sent to them. Their owners ask for a recovery.
    """
    if (file is None) == (restore is None):
        raise Refusal("Give a FILE with one domain a line, or --restore DOMAIN.")
    with old_world_of(path) as (_, old_world):
        if restore is not None:
            count = old_world.campaign.lapsed.restore(_domain(restore), utc_now())
        else:
            lines = file.read_text(encoding="utf-8").splitlines() if file is not None else []
            wanted = {_domain(line) for line in lines if line.strip()}
            count = old_world.campaign.lapsed.lapse(wanted, utc_now())
    addresses = f"{count} address{'' if count == 1 else 'es'}"
    click.echo(f"{addresses} marked as lapsed." if restore is None else f"{addresses} no longer marked as lapsed.")


def _decide(path: Path, registry_id: str, *, shared: bool) -> None:
    with old_world_of(path) as (base, old_world):
        try:
            with base.database.begin() as connection:
                old_world.campaign.aliases.decide(connection, Shell(now=utc_now()), registry_id, shared=shared)
        except LookupError:
            raise unknown(registry_id) from None
        except TooLate:
            raise _too_late(registry_id) from None


def _domain(text: str) -> str:
    found = domain_of(text)
    if found is None:
        raise Refusal(f"{text.strip()} is no domain. Nothing was changed.")
    return found


def _too_late(registry_id: str) -> Refusal:
    return Refusal(f"It is too late for that. See: vestibule migrate show {registry_id}")
