"""``vestibule migrate events`` and ``replay``: what registries are still to be told, and what they are told again."""

from datetime import UTC, datetime
from pathlib import Path

import click

from broker.audit.service import Audit
from broker.commands.context import Refusal, moment, opened, table, utc_now, with_path
from broker.events.replay import backlogs
from broker.events.replay import replay as tell_again
from broker.oidc.clients import Clients
from broker.settings.migration import StreamSettings


@click.command()
@with_path
def events(path: Path) -> None:
    """Show what each registry is still to be told: how many events, since when, and why not yet."""
    with opened(path) as (settings, database):
        clients = Clients(settings, database)
        with database.read() as connection:
            waiting = {each.client_id: each for each in backlogs(connection)}
        rows = []
        for client_id in sorted({*settings.streams, *waiting}):
            backlog, stream = waiting.get(client_id), settings.streams.get(client_id)
            rows.append(
                (
                    client_id,
                    _way(stream, there=clients.get(client_id) is not None),
                    str(backlog.count if backlog else 0),
                    moment(backlog.since if backlog else None),
                    (backlog.last_error if backlog else None) or "",
                )
            )
    if not rows:
        click.echo("No registry is told of anything: there is no [streams.CLIENT] in the configuration.")
        return
    click.echo(table([("CLIENT", "HOW", "WAITING", "OLDEST", "LAST ERROR"), *rows]))


@click.command()
@click.option("--client", "client_id", metavar="ID", help="Only this client.")
@click.option("--account", "registry_id", metavar="REGISTRY_ID", help="Only what happened to this registry account.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Only what happened on this day (UTC) or later.",
)
@with_path
def replay(path: Path, client_id: str | None, registry_id: str | None, since: datetime | None) -> None:
    """Tell registries of events once more, in their order, as if they never had been told."""
    now, begin = utc_now(), since.replace(tzinfo=UTC) if since else None
    with opened(path) as (settings, database):
        if client_id is not None and client_id not in settings.streams:
            raise Refusal(f"There is no [streams.{client_id}] in the configuration. See: vestibule migrate events")
        audit = Audit(database, settings.secrets.audit_key())
        counts = {}
        with database.begin() as connection:
            for each in sorted(settings.streams) if client_id is None else [client_id]:
                counts[each] = tell_again(connection, each, audit, now, subject=registry_id, since=begin)
    if not counts:
        raise Refusal("No registry is told of anything: there is no [streams.CLIENT] in the configuration.")
    for name, count in counts.items():
        click.echo(f"{name} is told of {count} event{'' if count == 1 else 's'} once more.")


def _way(stream: StreamSettings | None, *, there: bool) -> str:
    if stream is None:
        return "not configured any more"
    if not there:
        return "no such client, or switched off"
    return "poll" if stream.url is None else "push"
