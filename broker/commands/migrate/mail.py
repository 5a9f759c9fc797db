"""``vestibule migrate mail``: the campaign's mails, in waves."""

from pathlib import Path

import click

from broker.accounts.organizations.capabilities import Shell
from broker.commands.context import Refusal, moment, table, utc_now, with_path
from broker.commands.migrate.old_world import old_world_of
from migrations.accounts.campaign.templates import TemplateName
from migrations.accounts.campaign.waves import AlreadyRunning, Audience, NotSo

_RUNNING = "Another wave is running, and one runs at a time. See: vestibule migrate mail list"


@click.group()
def mail() -> None:
    """Mails in waves. What they say is edited at the broker's page /operator/migration/mails."""


@mail.command("list")
@with_path
def list_waves(path: Path) -> None:
    """Show every wave, the newest first."""
    with old_world_of(path) as (base, old_world), base.database.read() as connection:
        waves = old_world.campaign.waves.all(connection)
    if not waves:
        click.echo("There is no wave yet. Start one: vestibule migrate mail start TEMPLATE")
        return
    rows = [
        (
            each.id,
            each.template.value,
            each.audience.value,
            each.state.value,
            str(each.sent) if each.most is None else f"{each.sent}/{each.most}",
            str(each.per_hour),
            moment(each.started_at),
            moment(each.ended_at),
        )
        for each in waves
    ]
    click.echo(table([("WAVE", "TEMPLATE", "TO", "STATE", "SENT", "AN HOUR", "BEGUN", "DONE"), *rows]))


@mail.command()
@click.argument("template", type=click.Choice([each.value for each in TemplateName]))
@click.option(
    "--to",
    "audience",
    type=click.Choice([each.value for each in Audience]),
    default=Audience.PEOPLE.value,
    show_default=True,
    help="Whom it goes to, of those who are pending.",
)
@click.option("--per-hour", type=click.IntRange(min=1), help="How fast. None: migration.mails_per_hour.")
@click.option("--most", type=click.IntRange(min=1), help="How many at most. None: all.")
@click.option("--dry-run", is_flag=True, help="Say how many it would reach, and send nothing.")
@with_path
def start(path: Path, template: str, audience: str, per_hour: int | None, most: int | None, *, dry_run: bool) -> None:
    """Start a wave: the running broker sends it. Nobody gets the same template twice."""
    name, to = TemplateName(template), Audience(audience)
    with old_world_of(path) as (base, old_world):
        waves = old_world.campaign.waves
        with base.database.read() as connection:
            reach = waves.reach(connection, name, to)
        reached = f"{reach if most is None else min(reach, most)} account(s)"
        if dry_run:
            click.echo(f"It would go to {reached}. Nothing was sent.")
            return
        try:
            with base.database.begin() as connection:
                wave = waves.start(connection, Shell(now=utc_now()), name, to, per_hour=per_hour, most=most)
        except ValueError:
            largest = old_world.settings.mails_per_hour
            raise Refusal(f"At most {largest} mails go in an hour (migration.mails_per_hour).") from None
        except AlreadyRunning:
            raise Refusal(_RUNNING) from None
    click.echo(f"wave  {wave.id}")
    click.echo(f"It goes to {reached}. Stop it: vestibule migrate mail stop {wave.id}")


@mail.command()
@click.argument("wave_id", metavar="WAVE")
@with_path
def stop(path: Path, wave_id: str) -> None:
    """Send no more of a wave, for now. What waits in the outbox still goes."""
    _change(path, wave_id, resume=False)
    click.echo(f"{wave_id} is stopped.")


@mail.command()
@click.argument("wave_id", metavar="WAVE")
@with_path
def resume(path: Path, wave_id: str) -> None:
    """Go on with a wave where it was stopped."""
    _change(path, wave_id, resume=True)
    click.echo(f"{wave_id} goes on.")


def _change(path: Path, wave_id: str, *, resume: bool) -> None:
    with old_world_of(path) as (base, old_world):
        waves = old_world.campaign.waves
        try:
            with base.database.begin() as connection:
                (waves.resume if resume else waves.stop)(connection, Shell(now=utc_now()), wave_id)
        except LookupError:
            raise Refusal(f"There is no wave {wave_id}. See: vestibule migrate mail list") from None
        except NotSo:
            raise Refusal(f"It is not {'stopped' if resume else 'running'}. See: vestibule migrate mail list") from None
        except AlreadyRunning:
            raise Refusal(_RUNNING) from None
