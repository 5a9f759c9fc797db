"""Secrets that are kept elsewhere: in a file of their own, or behind a command.

Wherever the settings take a secret, ``{ file = "path" }`` or ``{ command = ["program", "argument"] }`` may stand in
place of the text. What a mistake tells is the key: never what was read, or printed.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from stat import S_IRWXG, S_IRWXO, filemode
from typing import Any

from broker.settings.problem import Problem

PLACES = (
    "secrets.index",
    "secrets.audit",
    "secrets.cookies",
    "secrets.encryption.*",
    "secrets.pseudonym.*",
    "clients.*.secret",
    "providers.*.client_secret",
)
COMMAND_SECONDS = 10
MAX_BYTES = 4096

_RIGHT = 'the secret itself, { file = "path" } or { command = ["program", "argument"] }'
_RIGHT_FILE = "a file with the secret in it, which its owner alone can read (chmod 600)"
_RIGHT_COMMAND = f"a program that prints the secret within {COMMAND_SECONDS} seconds and ends with 0"


class _Unread(Exception):
    """What is wrong with a source, and what would be right."""


def secret_tables(raw: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield where a table stands in place of a secret: the dotted key, what it is in, and its key in there."""
    for place in PLACES:
        yield from _tables_at(raw, place.split("."), ())


def take_in(raw: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[Problem]:
    """Put the secret in the place of each such table, and yield a mistake where there is none to be had.

    Commands run one after the other, without a shell, in ``environ``.
    """
    for dotted, table, key in list(secret_tables(raw)):
        try:
            table[key] = _read(table[key], environ)
        except _Unread as error:
            wrong, right = error.args
            yield Problem(key=dotted, wrong=wrong, right=right)


def _tables_at(here: object, place: list[str], above: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any], str]]:
    if not isinstance(here, dict):
        return
    segment, *rest = place
    for key in list(here) if segment == "*" else [segment]:
        if rest:
            yield from _tables_at(here.get(key), rest, (*above, key))
        elif isinstance(here.get(key), dict):
            yield ".".join((*above, key)), here, key


def _read(source: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    match source:
        case {"file": str(path), **rest} if path and not rest:
            text = _from_file(Path(path))
        case {"command": [str(), *_] as command, **rest} if not rest and all(isinstance(each, str) for each in command):
            text = _from_command(command, environ)
        case _:
            raise _Unread("is a table that names neither a file nor a command, or more than one of them", _RIGHT)
    return text


def _from_file(path: Path) -> str:
    try:
        if not path.is_file():  # a pipe could keep us waiting
            raise _Unread("names no file", _RIGHT_FILE)
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (S_IRWXG | S_IRWXO):
                raise _Unread(f"names a file that others than its owner may use ({filemode(mode)})", _RIGHT_FILE)
            return _text(file.read(MAX_BYTES + 1), _RIGHT_FILE)
    except OSError as error:
        raise _Unread(f"names a file that cannot be read ({error.strerror})", _RIGHT_FILE) from None


def _from_command(command: list[str], environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # the operator's own command, without a shell
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _Unread(f"names a command that did not end within {COMMAND_SECONDS} seconds", _RIGHT_COMMAND) from None
    except OSError as error:
        raise _Unread(f"names a command that cannot be run ({error.strerror})", _RIGHT_COMMAND) from None
    except ValueError:
        raise _Unread("names a command that cannot be run", _RIGHT_COMMAND) from None
    if done.returncode != 0:
        raise _Unread(f"names a command that ended with {done.returncode}", _RIGHT_COMMAND)
    return _text(done.stdout, _RIGHT_COMMAND)


def _text(content: bytes, right: str) -> str:
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        raise _Unread("leads to something that is not UTF-8", right) from None
    if not text:
        raise _Unread("leads to nothing", right)
    if len(content) > MAX_BYTES:
        raise _Unread(f"leads to more than {MAX_BYTES} bytes", right)
    return text
