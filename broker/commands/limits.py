"""``vestibule limits``: how often something may be tried, and for whom more often for a time."""

from datetime import timedelta
from pathlib import Path

import click

from broker.commands.context import Refusal, gathered, moment, table, utc_now, with_path
from broker.limits.raises import KNOWN_WITHIN, LONGEST
from broker.limits.service import Limits, subject_of
from broker.limits.table import TABLE, Name
from broker.settings.limits import in_text

_NAME = click.Choice([name.value for name in Name])
_MOST_HOURS = int(LONGEST.total_seconds()) // 3600


@click.group()
def limits() -> None:
    """What may be tried how often. The numbers are in [limits] of the configuration."""


@limits.command("list")
@with_path
def list_limits(path: Path) -> None:
    """Show every limit, and which are raised for whom."""
    with gathered(path) as (base, _):
        now = utc_now()
        rows = [
            (name.value, in_text(getattr(base.settings.limits, name.value)), " and ".join(limit.by), limit.counts)
            for name, limit in TABLE.items()
        ]
        click.echo(table([("LIMIT", "AT MOST", "BY", "COUNTS"), *rows]))
        running = base.raises.running(now)
    if running:
        raised = [(each.limit, each.subject, str(each.size), moment(each.until)) for each in running]
        click.echo("\n" + table([("RAISED", "FOR", "TO", "UNTIL"), *raised]))


@limits.command("raise")
@click.argument("name", type=_NAME)
@click.argument("subject")
@click.argument("size", type=click.IntRange(1, 9_999_999))
@click.option("--for", "hours", type=click.IntRange(1, _MOST_HOURS), default=24, show_default=True, help="Hours.")
@with_path
def raise_limit(path: Path, name: str, subject: str, size: int, hours: int) -> None:
    """Let SUBJECT have SIZE in every window of a limit that holds less, for a time.

    SUBJECT is the id of an account, a client, a provider or an old account, or an address, of which a keyed hash is
    kept; "all" where everybody counts together.
    """
    limit = Name(name)
    with gathered(path) as (base, _):
        whom = _subject(limit, subject, base.limits)
        with base.database.begin() as connection:
            made = base.raises.put(connection, limit, whom, size, timedelta(hours=hours), utc_now())
    click.echo(f"{name} holds {size} for {whom} until {moment(made.until)}; on every host within {KNOWN_WITHIN} s.")


@limits.command()
@click.argument("name", type=_NAME)
@click.argument("subject")
@with_path
def drop(path: Path, name: str, subject: str) -> None:
    """End a raise before its time. SUBJECT as it was given, or as the list shows it."""
    limit = Name(name)
    with gathered(path) as (base, _):
        shown = {each.subject for each in base.raises.running(utc_now()) if each.limit == name}
        whom = subject if subject in shown else _subject(limit, subject, base.limits)
        try:
            with base.database.begin() as connection:
                base.raises.drop(connection, limit, whom, utc_now())
        except LookupError:
            raise Refusal(f"{name} is not raised for {whom}. See: vestibule limits list") from None
    click.echo(f"{name} is as the configuration has it for {whom}; on every host within {KNOWN_WITHIN} s.")


def _subject(limit: Name, given: str, counting: Limits) -> str:
    try:
        return subject_of(limit, given, counting)
    except ValueError:
        kind = TABLE[limit].by[0].value
        raise Refusal(f"{limit.value} counts by {kind}, and {given!r} is none.") from None
