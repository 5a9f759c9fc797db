"""What every command starts from: the settings, the database, the clock, and how it gives up."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from broker.settings import Settings, load
from broker.storage.database import Database
from broker.storage.schema import is_usable

if TYPE_CHECKING:
    from broker.composition.foundation import Foundation
    from broker.composition.people import People

CONFIG_VARIABLE = "VESTIBULE_CONFIG"
"""The environment's word for where the configuration file is."""
UPGRADE = "vestibule db upgrade"

with_path: Callable[..., Callable[..., object]] = click.make_pass_decorator(Path)
"""Hands a command the path of the configuration file."""


class Refusal(click.ClickException):
    """What stands in the way, and the next step, in a sentence or two. Nothing was changed."""

    exit_code = 2


def utc_now() -> datetime:
    """Return the time, for the logic that takes it as ``now``."""
    return datetime.now(UTC)


@contextmanager
def opened(path: Path, environ: Mapping[str, str] = os.environ) -> Iterator[tuple[Settings, Database]]:
    """Yield the settings and the database, which this version can be used with. Raises :class:`Refusal`."""
    settings = load(path, environ)
    database = Database(settings.database.url)
    try:
        if not is_usable(database):
            raise Refusal(f"The database is not of this version. Run: {UPGRADE}")
        yield settings, database
    finally:
        database.dispose()


@contextmanager
def gathered(path: Path) -> Iterator[tuple["Foundation", "People"]]:
    """Yield what organisations, tenants and operators are changed with. Raises :class:`Refusal` as :func:`opened`."""
    from broker.composition.foundation import lay
    from broker.composition.people import gather

    with opened(path) as (settings, _):
        base = lay(settings, utc_now)
        try:
            yield base, gather(base)
        finally:
            base.store.close()
            base.database.dispose()


def moment(at: datetime | None) -> str:
    """Return a time as it is shown in a table."""
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else "-"


def table(rows: list[tuple[str, ...]]) -> str:
    """Return ``rows`` in aligned columns, the first of them the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
