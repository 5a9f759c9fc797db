"""``vestibule migrate import``: what the registry exported of its old world."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import monotonic
from typing import TextIO

import click

from broker.commands.context import Refusal, opened, table, utc_now, with_path
from broker.settings.migration import MigrationSettings
from migrations.accounts.importing.importer import Importer, Progress, Summary
from migrations.accounts.importing.place import Overtaken
from migrations.accounts.importing.report import SENTENCES, NoReport
from migrations.accounts.importing.source import BadFile, Format

_STEP = 10  # percent, between two lines where there is no terminal


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format", "form", type=click.Choice([each.value for each in Format]), help="If the file's name does not tell."
)
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and write nothing but the report.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write each row that was not taken, or not whole, and why: .csv, or else JSON Lines.",
)
@with_path
def import_rows(path: Path, file: Path, form: str | None, *, dry_run: bool, report: Path | None) -> None:
    """Import the accounts of the registry's old world: JSON Lines or CSV, one account a row.

    The same file can be imported again: what has not changed is not written. After an interruption, the same command
    goes on where it was. Ends with 1 when there were rows that were not taken.
    """
    with opened(path) as (settings, database):
        now = utc_now()
        _check(settings.migration, now.date())
        try:
            with _shown(sys.stdout, file.stat().st_size) as progress:
                summary = Importer.build(settings, database).run(
                    file,
                    utc_now,
                    form=Format(form) if form is not None else None,
                    dry_run=dry_run,
                    report=report,
                    progress=progress,
                )
        except BadFile as error:
            raise Refusal(str(error)) from None
        except NoReport:
            raise Refusal(
                f"{report} is there, and is no report of an import. It was not touched; name another."
            ) from None
        except Overtaken:
            raise Refusal("Another import of this file is under way. Let it come to its end.") from None
        except KeyboardInterrupt:
            click.echo("\nInterrupted. The same command goes on where it was.", err=True)
            raise click.Abort from None
    _tell(summary, report, dry_run=dry_run)
    if summary.refused:
        raise click.exceptions.Exit(1)


def _check(migration: MigrationSettings | None, today: date) -> None:
    if migration is None:
        raise Refusal("No campaign is configured. Add the table [migration] with the registry's name and its dates.")
    if today >= migration.closed:
        raise Refusal(f"The old world is closed since {migration.closed} (migration.closed). Nothing enters it now.")


@contextmanager
def _shown(stream: TextIO, size: int) -> Iterator[Progress]:
    """Yield what shows how far it is: a bar in a terminal, a line now and then elsewhere."""
    if not stream.isatty():
        yield _lines(size)
        return
    with click.progressbar(
        length=size, label="Importing", file=stream, item_show_func=lambda rate: rate, update_min_steps=1
    ) as bar:
        speed = _Speed()
        yield lambda done, rows: bar.update(done - bar.pos, speed.after(rows))


def _lines(size: int) -> Progress:
    speed = _Speed()
    told = 0

    def tell(done: int, rows: int) -> None:
        nonlocal told
        percent, rate = 100 * done // max(size, 1), speed.after(rows)
        if percent >= told + _STEP:
            told = percent - percent % _STEP
            click.echo(f"{percent:3} %  {rows} rows, {rate}")

    return tell


class _Speed:
    """Rows a second, since the first that was told."""

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def after(self, rows: int) -> str:
        now = monotonic()
        since, before = self._first = self._first or (now, rows)
        return f"{(rows - before) / (now - since):.0f} rows/s" if now > since else "- rows/s"


def _tell(summary: Summary, report: Path | None, *, dry_run: bool) -> None:
    if dry_run:
        click.echo("A dry run: nothing was written.")
    elif summary.resumed_at:
        click.echo(f"Taken up again after {summary.resumed_at} rows, which an earlier run had done.")
    counts = {
        "rows": summary.rows,
        "new": summary.added,
        "changed": summary.changed,
        "unchanged": summary.unchanged,
        "not taken": summary.refused,
        "share an address": summary.shared,
    }
    click.echo(table([(name, str(count)) for name, count in counts.items()]))
    if not summary.codes:
        return
    click.echo()
    found = sorted(summary.codes.items(), key=lambda item: (item[0].taken, -item[1], item[0]))
    rows = [(code.value, str(count), SENTENCES[code]) for code, count in found]
    click.echo(table([("CODE", "ROWS", "WHAT IT MEANS"), *rows]))
    click.echo(f"Each of them: {report}" if report is not None else "For each of them: --report FILE")
