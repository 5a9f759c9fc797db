"""``vestibule db upgrade``."""

from pathlib import Path

import click
from alembic.util import CommandError

from broker.commands.context import Refusal, with_path
from broker.settings import load
from broker.storage.schema import upgrade


@click.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
@with_path
def upgrade_command(path: Path) -> None:
    """Bring the database to the schema of this version; make it if it is not there."""
    settings = load(path)
    try:
        upgrade(settings.database.url)
    except CommandError:
        raise Refusal("The database is of a newer version than this one. Run the newer vestibule.") from None
    click.echo("The database is of this version.")
