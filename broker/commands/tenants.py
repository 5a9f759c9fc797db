"""``vestibule tenants``: the Entra tenants that organisations have mapped."""

from collections.abc import Callable
from pathlib import Path

import click
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import Shell
from broker.commands.context import Refusal, gathered, moment, table, utc_now, with_path
from broker.composition.people import People
from broker.tenants.domains import domains_of
from broker.tenants.errors import Conflict, NotFound
from broker.tenants.mapping_records import Mapping, find
from broker.tenants.rules import as_json

_Verb = Callable[[People, Connection, Shell], object]


@click.group()
def tenants() -> None:
    """The Entra tenants of organisations, by the id of the mapping.

    Approving one is not done here, but by an operator who signs in, at the broker's page /operator: nobody approves
    what they asked for, and a command does not say who gives it.
    """


@tenants.command("list")
@click.option("--waiting", is_flag=True, help="Only those that wait for an operator, with all who claim the tenant.")
@with_path
def list_tenants(path: Path, waiting: bool) -> None:
    """Show every mapping, the tenants that two claim side by side."""
    with gathered(path) as (base, people), base.database.read() as connection:
        names = {each.id: each.name for each in people.organizations.all(connection)}
        if waiting:
            found = [each for claims in people.mappings.to_decide(connection) for each in claims.mappings]
        else:
            found = [
                each for organization in names for each in people.mappings.of_organization(connection, organization)
            ]
            found.sort(key=lambda each: (each.tid, each.requested_at))
    if not found:
        click.echo("Nothing waits for an operator." if waiting else "No organisation has asked for a tenant yet.")
        return
    rows = [(each.id, each.tid, each.name, names[each.organization_id], each.state.value) for each in found]
    click.echo(table([("MAPPING", "TENANT", "NAME", "ORGANISATION", "STATE"), *rows]))


@tenants.command()
@click.argument("mapping_id", metavar="MAPPING")
@with_path
def show(path: Path, mapping_id: str) -> None:
    """Show a mapping, the domains that lead to it, its rule and its attestations."""
    with gathered(path) as (base, people), base.database.read() as connection:
        found = _find(connection, mapping_id)
        domains = domains_of(connection, mapping_id)
        attested = people.attestations.of_mapping(connection, mapping_id)
        organization = people.organizations.get(connection, found.organization_id)
    rule = {name: value for name, value in as_json(found.rule).items() if value is not None}
    rows: list[tuple[str, ...]] = [
        ("id", found.id),
        ("tenant", found.tid),
        ("name", found.name),
        ("organisation", f"{organization.name} ({organization.id})"),
        ("provider", found.provider_id),
        ("state", found.state.value),
        ("suspended by", found.suspended_by.value if found.suspended_by else "-"),
        ("asked for", f"{moment(found.requested_at)} by {found.requested_by}"),
        ("proven", moment(found.proven_at)),
        ("may speak for the tenant", "yes" if found.speaks else "not proven"),
        ("decided", moment(found.decided_at)),
        ("domains", ", ".join(domains) or "-"),
        ("rule", str(rule)),
    ]
    for each in attested:
        reviewed = f"{each.strength.label}, to be reviewed by {moment(each.review_by)}"
        rows.append((f"attested {each.context}", reviewed))
    click.echo(table(rows))


@tenants.command()
@click.argument("mapping_id", metavar="MAPPING")
@with_path
def suspend(path: Path, mapping_id: str) -> None:
    """Admit nobody of a tenant, at once, until an operator resumes it. Its organisation's admins are told by mail."""
    _do(path, mapping_id, lambda people, connection, shell: people.mappings.suspend(connection, shell, mapping_id))
    click.echo(f"{mapping_id} is suspended. Only an operator, or vestibule tenants resume, takes that back.")


@tenants.command()
@click.argument("mapping_id", metavar="MAPPING")
@with_path
def resume(path: Path, mapping_id: str) -> None:
    """Admit the people of a suspended tenant again, at once, whoever suspended it."""
    _do(path, mapping_id, lambda people, connection, shell: people.mappings.resume(connection, shell, mapping_id))
    click.echo(f"{mapping_id} is active.")


@tenants.command()
@click.argument("mapping_id", metavar="MAPPING")
@with_path
def release(path: Path, mapping_id: str) -> None:
    """Take a tenant from its organisation, at once, with its rule, domains, attestations and exceptions."""
    _do(path, mapping_id, lambda people, connection, shell: people.mappings.release(connection, shell, mapping_id))
    click.echo(f"{mapping_id} is released. Nobody can have the tenant again without an operator.")


@tenants.command("reset-rule")
@click.argument("mapping_id", metavar="MAPPING")
@with_path
def reset_rule(path: Path, mapping_id: str) -> None:
    """Set the rule of a tenant back to that of a new one, at once: for admins who cannot meet it, and so not change it.

    Make sure who asks for it. The organisation's admins are told by mail.
    """
    _do(path, mapping_id, lambda people, connection, shell: people.rule_changes.reset(connection, shell, mapping_id))
    click.echo(f"{mapping_id} has the rule of a new tenant. The organisation's own rule is as it was.")


def _do(path: Path, mapping_id: str, verb: _Verb) -> None:
    with gathered(path) as (base, people):
        try:
            with base.database.begin() as connection:
                verb(people, connection, Shell(now=utc_now()))
        except NotFound:
            raise _unknown(mapping_id) from None
        except Conflict:
            raise Refusal(
                f"{mapping_id} is not in a state that allows it. See: vestibule tenants show {mapping_id}"
            ) from None


def _find(connection: Connection, mapping_id: str) -> Mapping:
    try:
        return find(connection, mapping_id)
    except NotFound:
        raise _unknown(mapping_id) from None


def _unknown(mapping_id: str) -> Refusal:
    return Refusal(f"There is no mapping {mapping_id}. See: vestibule tenants list")
