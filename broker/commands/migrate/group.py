"""``vestibule migrate``: the way out of the old world, for whoever runs the broker."""

import click

from broker.commands.migrate.accounts import alias, domains, lapsed, put_exception
from broker.commands.migrate.events import events, replay
from broker.commands.migrate.importing import import_rows
from broker.commands.migrate.mail import mail
from broker.commands.migrate.status import show, status


@click.group()
def migrate() -> None:
    """Out of the old world: password accounts and shared aliases become people and organisations."""


for command in (alias, domains, events, import_rows, lapsed, mail, put_exception, replay, show, status):
    migrate.add_command(command)
