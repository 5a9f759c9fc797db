"""``vestibule migrate status`` and ``show``: how far the campaign is, and how one account stands."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from broker.commands.context import moment, table, utc_now, with_path
from broker.commands.migrate.old_world import old_world_of, section, unknown
from migrations.accounts.campaign import phases
from migrations.accounts.campaign.outlook import outlook
from migrations.accounts.campaign.progress import Counts, Progress, progress

_WEEKS = 12
"""How many weeks a table shows; programs get all."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_path
def status(path: Path, *, as_json: bool) -> None:
    """Show how far the campaign is. Nobody is named but by the registry's ids."""
    now = utc_now()
    with old_world_of(path) as (base, old_world), base.database.read() as connection:
        settings, found = old_world.settings, progress(connection, old_world.settings, now)
    phase, coming, closes = phases.phase(settings, now), phases.next_phase(settings, now), phases.closes_at(settings)
    if as_json:
        dates = {each.value: begins.isoformat() for each, begins in phases.calendar(settings)}
        click.echo(json.dumps({"phase": phase.value, "dates": dates, **_for_programs(found)}))
        return
    facts = [
        ("phase", phase.value),
        ("next", f"{coming[0].value}, {moment(coming[1])}" if coming is not None else "-"),
        ("days left", str(max(0, (closes - now).days))),
        ("cases to decide", str(found.to_decide)),
    ]
    click.echo(table([*facts]))
    widely = _counts(found.widely_used)
    section(
        ("ACCOUNTS", "ALL", "WIDELY USED"),
        [(name, str(count), str(widely[name])) for name, count in _counts(found.everyone).items()],
    )
    section(
        ("WEEK OF", "CLAIMED", "CONVERTED", "PENDING"),
        [
            (str(each.begin.date()), str(each.claimed), str(each.converted), str(each.pending))
            for each in found.weeks[-_WEEKS:]
        ],
    )
    section(
        ("WHO IS LEFT", "DOWNLOADS", "SHARED", "REACHABLE"),
        [
            (each.registry_id, str(each.downloads), _yes(shown=each.shared), _yes(shown=each.mailable))
            for each in found.left
        ],
    )


@click.command()
@click.argument("registry_id")
@with_path
def show(path: Path, registry_id: str) -> None:
    """Show an account: its state, its cases, and what will stop working for its owner, and when.

    Name and address are shown to operators who sign in, at the broker's page /operator/migration.
    """
    now = utc_now()
    with old_world_of(path) as (base, old_world), base.database.read() as connection:
        legacy = old_world.ledger.get(connection, registry_id)
        if legacy is None:
            raise unknown(registry_id)
        cases = old_world.effects.cases.of_registry_account(connection, registry_id)
    facts = [
        ("id", legacy.registry_id),
        ("state", legacy.state.value),
        ("shared", legacy.alias.value if legacy.alias is not None else "-"),
        ("carried by", legacy.account_id or "-"),
        ("mailbox", _yes(shown=legacy.mailbox is not None)),
        ("password", _yes(shown=legacy.hash_sealed is not None)),
        ("packages", str(len(legacy.packages))),
        ("downloads", str(legacy.downloads)),
        ("keys", str(legacy.keys)),
        ("last sign-in", moment(legacy.last_sign_in_at)),
        ("in effect", moment(legacy.effective_at)),
        ("closed", moment(legacy.closed_at)),
        ("lapsed", moment(legacy.lapsed_at)),
        ("unsubscribed", moment(legacy.unsubscribed_at)),
        ("excepted until", moment(legacy.excepted_until)),
    ]
    click.echo(table([*facts]))
    section(
        ("WHEN", "WHAT", "WHAT TO DO"),
        [(moment(each.when), each.what, each.todo) for each in outlook(legacy, old_world.settings, now)],
    )
    section(
        ("CASE", "KIND", "STATE", "BEGUN", "DUE"),
        [(each.id, each.kind.value, each.state.value, moment(each.started_at), moment(each.due_at)) for each in cases],
    )


def _counts(counts: Counts) -> dict[str, int]:
    return {
        "total": counts.total,
        **{state.value: count for state, count in counts.by_state.items()},
        "unreachable": counts.unreachable,
        "aliases_confirmed": counts.confirmed,
        "aliases_proposed": counts.proposed,
        "with_password": counts.with_password,
        "without_password": counts.without_password,
        "downloads_covered_percent": counts.covered,
    }


def _for_programs(found: Progress) -> dict[str, Any]:
    return {
        "everyone": _counts(found.everyone),
        "widely_used": _counts(found.widely_used),
        "cases_to_decide": found.to_decide,
        "weeks": [{**asdict(each), "begin": each.begin.date().isoformat()} for each in found.weeks],
        "left": [asdict(each) for each in found.left],
    }


def _yes(*, shown: bool) -> str:
    return "yes" if shown else "no"
