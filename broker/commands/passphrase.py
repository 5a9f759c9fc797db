"""A passphrase: typed, from a file, or from the environment. Never an argument, which every user of a machine sees."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from stat import S_IRWXG, S_IRWXO
from typing import Any

import click

from broker.commands.context import Refusal

SHORTEST = 12
"""Characters. Whoever has the file can try as many passphrases as they like."""

_FILE = click.option(
    "--passphrase-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PATH",
    help="A file with the passphrase, which its owner alone can read.",
)
_VARIABLE = click.option("--passphrase-variable", metavar="NAME", help="The environment variable with the passphrase.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passphrase:
    """Where it comes from; none of the two: somebody types it."""

    file: Path | None
    variable: str | None

    def given(self) -> str:
        """Return the passphrase of a backup that there is. Raises :class:`Refusal`."""
        return self._read(confirmed=False)

    def chosen(self) -> str:
        """Return the passphrase of a new backup, typed twice, and long enough. Raises :class:`Refusal`."""
        passphrase = self._read(confirmed=True)
        if len(passphrase) < SHORTEST:
            raise Refusal(f"The passphrase has fewer than {SHORTEST} characters. Choose a longer one.")
        return passphrase

    def _read(self, *, confirmed: bool) -> str:
        if self.file is not None and self.variable is not None:
            raise Refusal("Give the passphrase in one way: --passphrase-file or --passphrase-variable.")
        if self.file is not None:
            return _or_refuse(_of_file(self.file), f"{self.file} is empty.")
        if self.variable is not None:
            kept = os.environ.get(self.variable, "")
            return _or_refuse(kept, f"The environment variable {self.variable} is empty or not set.")
        if not sys.stdin.isatty():
            raise Refusal(
                "Nobody is here to type the passphrase. Give it by --passphrase-file or --passphrase-variable."
            )
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirmed, err=True))


def with_passphrase(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options, and hand it its ``passphrase``, which is not read yet."""

    @wraps(command)
    def with_it(*arguments: Any, passphrase_file: Path | None, passphrase_variable: str | None, **options: Any) -> Any:
        return command(*arguments, passphrase=Passphrase(file=passphrase_file, variable=passphrase_variable), **options)

    return _FILE(_VARIABLE(with_it))


def _of_file(file: Path) -> str:
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_mode & (S_IRWXG | S_IRWXO):
            raise Refusal(f"{file} can be used by others than its owner. Run: chmod 600 {file}")
        return opened.read().decode("utf-8", "surrogateescape").rstrip("\r\n")


def _or_refuse(passphrase: str, sentence: str) -> str:
    if not passphrase:
        raise Refusal(sentence)
    return passphrase
