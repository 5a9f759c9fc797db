"""What the commands of the old world start from."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from broker.commands.context import Refusal, gathered, table
from broker.composition.foundation import Foundation
from broker.composition.old_world import OldWorld

_NO_CAMPAIGN = "No campaign is configured. Add the table [migration] with the registry's name and its dates."


@contextmanager
def old_world_of(path: Path) -> Iterator[tuple[Foundation, OldWorld]]:
    """Yield what they work with. Raises :class:`Refusal` where there is no campaign, and as ``gathered``."""
    with gathered(path) as (base, people):
        if people.old_world is None:
            raise Refusal(
                "No campaign is configured. Add the table [migration] with the registry's name and its dates."
            )
        yield base, people.old_world


def unknown(registry_id: str) -> Refusal:
    """Return the refusal for an account that is not there."""
    return Refusal(f"There is no account {registry_id} in the old world. Give its id at the registry.")


def section(heading: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Show a table below others, unless it is empty."""
    if rows:
        click.echo()
        click.echo(table([heading, *rows]))
